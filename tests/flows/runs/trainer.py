"""A process of its own with a run: `python -m tests.flows.runs.trainer REPOSITORY RUN ROWS SEAL_SIZE`.

It logs `ROWS` rows, each durable, and says on stdout after each how many there are; then it waits for a line, and ends
the run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from artcli.catalog.repository import Repository
from artcli.catalog.runs.spool import this_process
from artcli.flows.runs import recorder
from artcli.flows.runs.recorder import Beginning, Recorder


def main() -> None:
    folder, run, rows, seal_size = sys.argv[1:]
    setattr(recorder, "SEAL_SIZE", int(seal_size))  # noqa: B010 - not exported
    repository = Repository(Path(folder))
    run_of = Recorder.begin(repository, Beginning("home", id=run, owner=this_process(), config={"rows": int(rows)}))
    for number in range(int(rows)):
        files = {}
        if number % 5 == 0:
            picture = run_of.spool.incoming()
            picture.write_bytes(os.urandom(3000))
            files[f"media/{number}.png"] = picture
        run_of.log({"number": number})
        run_of.say([], files=files)
        print(number + 1, flush=True)
    sys.stdin.readline()
    run_of.finish()


if __name__ == "__main__":
    main()
