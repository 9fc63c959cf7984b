"""The doorway of `art serve` before bare buckets: each folder of a directory is one, and any key may be kept.

`python -m tests.kit.doorway DIRECTORY` serves at a free port, whose number it prints; `… serve --stdio DIRECTORY` over
standard input and output.
"""

from __future__ import annotations

import atexit
import itertools
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from artcli.buckets.disk import DiskBucket
from artcli.web import serving
from artcli.web.app import App, Options
from artcli.web.guard import Open
from artcli.web.routes import ROUTES
from artcli.web.served import Places, Served, Several

_numbers = itertools.count()


class Bare(Served):
    """A bucket of which nothing is made."""

    def __init__(self, path: Path) -> None:
        self.bucket = DiskBucket(path)
        self.path = path
        self.place = "0" * 32


class Folders(Several):
    def find(self, name: str) -> Served | None:
        path = self._directory / name
        return Bare(path) if path.is_dir() else None


def application(places: Places) -> App:
    return App(places, Open(), ROUTES, Options(judged=False))


@lru_cache(maxsize=1)
def server() -> tuple[str, Path]:
    """The address of one, and its directory; it ends with this process."""
    directory = tempfile.TemporaryDirectory()
    process = subprocess.Popen([sys.executable, "-m", __name__, directory.name], stdout=subprocess.PIPE)
    assert process.stdout

    def end() -> None:
        process.kill()
        process.wait()
        directory.cleanup()

    atexit.register(end)
    return f"http://127.0.0.1:{int(process.stdout.readline())}", Path(directory.name)


def new_bucket() -> tuple[str, Path]:
    """The address of an empty bucket, and its folder."""
    url, directory = server()
    name = f"b{next(_numbers)}"
    (directory / name).mkdir()
    return f"{url}/{name}", directory / name


def main(words: list[str]) -> None:
    directory = Path(words[-1])
    if words[:-1] == ["serve", "--stdio"]:
        serving.serve_stdio(application(Folders(directory)))
        return
    listener = serving.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving.serve(application(Folders(directory)), listener, ready=lambda: print(port, flush=True))


if __name__ == "__main__":
    main(sys.argv[1:])
