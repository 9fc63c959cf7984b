"""A process that cuts: what is still viewed when it ends tells nobody of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import os, sys
from artcli.files.seen import stat_of
from artcli.flows.cutting import Cutter
source = os.fsencode(sys.argv[1])
cutter = Cutter(4)
kept = list(cutter.cuts(source, stat_of(source)))
cutter.close()
others = [os.open(f"{sys.argv[1]}.{number}", os.O_RDWR | os.O_CREAT) for number in range(8)]
del kept
print([os.fstat(other).st_size for other in others])
"""


def test_a_view_that_outlives_it_writes_to_no_other_file(tmp_path: Path) -> None:
    """The number of the pipe to the process may be another file's by then."""
    (tmp_path / "large").write_bytes(bytes(5 << 20))
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "large")], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == (f"{[0] * 8}\n", "")
