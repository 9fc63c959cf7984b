"""Commands in a process of its own that may fork, which say at last how many processes they began."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.kit.command_line import Art

OWN = """
import os, sys
from artcli import processes
from artcli.cli.main import run
processes.allow()
fork, forked = os.fork, []
def counted():
    forked.append(fork())
    return forked[-1]
os.fork = counted
{more}
code = run(sys.argv[1:])
print(len(forked), "processes", file=sys.stderr)
sys.exit(code)
"""


def only(allowed: int) -> str:
    """More of the command's code: the system lets it begin so many processes."""
    return f"""
def limited():
    if len(forked) == {allowed}:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return counted()
os.fork = limited
"""


def owned(art: Art, *arguments: object, more: str = "") -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, which says at last how many others it began."""
    return subprocess.run(
        [sys.executable, "-c", OWN.format(more=more), *map(str, arguments)],
        cwd=art.directory, env={**os.environ, "ART_JOBS": "2"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
