"""What a command runs: its script, and the Python that reads it with the packages it has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SCRIPT_SIZE = 1024 * 1024
"""Bytes of the longest script that is kept."""
SECONDS = 10.0
"""How long a Python may take to say what it is."""

_PYTHON = re.compile(r"pypy\d?(\.\d+)?|python(\d(\.\d+)?)?w?")
_SHELL = re.compile(r"(bash|dash|zsh|ksh|sh|fish)(-?[\d.]+)?")
_INTERPRETER = re.compile(r"(perl|ruby|node|julia|Rscript|lua|octave)(-?[\d.]+)?")
_SOURCE = (".py", ".sh", ".bash", ".zsh", ".r", ".jl", ".pl", ".rb", ".js", ".lua", ".ipynb", ".m")
_MODULE = re.compile(r"-[bBdEhiIOPqsSuvx]*m(.*)")
_INLINE = (
    (_PYTHON, re.compile(r"-[bBdEhiIOPqsSuvx]*c.*", re.DOTALL)),
    (_SHELL, re.compile(r"-[A-Za-z]*c[A-Za-z]*")),
    (_INTERPRETER, re.compile(r"-[A-Za-z]*[eEp]|--(eval|print)(=.*)?", re.DOTALL)),
)
"""By interpreter, the option with which the program is a word of the command."""
_ASK = """
import sys
sys.path[:] = [place for place in sys.path if place]
import json
try:
    import importlib.metadata as m
    all = [(d.metadata.get("Name"), d.version) for d in m.distributions()]
except ImportError:
    all = []
found = sorted({"==".join(one) for one in all if one[0] and one[1]}, key=str.lower)
print("\\n" + json.dumps([sys.version.split()[0], sys.executable, found]))
"""
"""The working directory is not searched: a `json.py` that lies there is not what is asked."""


class Python(NamedTuple):
    """A Python: its version, where it is, and `name==version` of its packages."""

    version: str
    executable: str
    packages: Sequence[str]


def script(argv: Sequence[str], directory: Path) -> Path | None:
    """The file of source that a command runs, absolute; None if none can be told."""
    if not argv:
        return None
    name = Path(argv[0]).name
    inline = next((option for kind, option in _INLINE if kind.fullmatch(name)), None)
    if inline is not None:
        return _interpreted(argv[1:], directory, inline, is_python=bool(_PYTHON.fullmatch(name)))
    if "/" in argv[0] and _first_line(directory / argv[0]) is not None:
        return Path(os.path.abspath(directory / argv[0]))
    return next((path for path in _files(argv[1:], directory) if path.suffix.lower() in _SOURCE), None)


def _interpreted(words: Sequence[str], directory: Path, inline: re.Pattern[str], *, is_python: bool) -> Path | None:
    """The first word that is no option, if it is a text; of Python's modules, one that lies in the directory."""
    for index, word in enumerate(words):
        if is_python and (module := _MODULE.fullmatch(word)):
            return _module(module[1] or "".join(words[index + 1 : index + 2]), directory)
        if inline.fullmatch(word):
            return None
        path = Path(os.path.abspath(directory / word))
        if not word.startswith("-") and os.path.isfile(path):
            return path if _is_text(path) else None
    return None


def _module(name: str, directory: Path) -> Path | None:
    base = directory.joinpath(*name.split("."))
    found = (Path(os.path.abspath(path)) for path in (base / "__main__.py", base.with_name(base.name + ".py")))
    return next((path for path in found if os.path.isfile(path)), None) if name else None


def interpreter(argv: Sequence[str], directory: Path, environ: Mapping[str, str] = os.environ) -> str | None:
    """The Python that a command runs in: its own, or the one of an environment that is switched on; else None."""
    if argv and _PYTHON.fullmatch(Path(argv[0]).name):
        return shutil.which(argv[0], path=environ.get("PATH"))
    first = _executable(argv[0], directory) if argv else None
    if first is not None and (named := _shebang(first)):
        return named
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(variable):
            return shutil.which("python", path=os.path.join(environ[variable], "bin"))
    return None


def ask(executable: str) -> Python | None:
    """What the Python says of itself; None if it says nothing in time."""
    try:
        done = subprocess.run(
            [executable, "-c", _ASK], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=True
        )
        version, where, packages = json.loads(done.stdout.splitlines()[-1])  # what a sitecustomize prints comes first
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None  # no Python, or one that is broken or too old to answer
    return Python(str(version), str(where), [str(name) for name in packages])


def this_python() -> Python:
    """The Python that this process runs in.

    Its packages are found as `importlib.metadata` finds those that were installed, but that reads each description
    whole, as a mail, twice: a tenth of a second in which no other thread of the program goes on.
    """
    import sys

    names = {package for place in sys.path for package in _packages(place or ".")}
    return Python(sys.version.split()[0], sys.executable, sorted(names, key=str.lower))


def _packages(place: str) -> Iterator[str]:
    """`name==version` of what is installed in a directory of `sys.path`."""
    try:
        found = os.listdir(place)
    except OSError:
        return  # an archive, or a place that is not there
    for name in found:
        if name.endswith(".dist-info"):
            said = _described(os.path.join(place, name, "METADATA"))
        elif name.endswith(".egg-info"):
            path = os.path.join(place, name)
            said = _described(os.path.join(path, "PKG-INFO") if os.path.isdir(path) else path)
        else:
            continue
        if said:
            yield said


def _described(path: str) -> str | None:
    """What the head of a package's metadata says (core metadata specifications: a mail's headers); None if nothing."""
    name = version = ""
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip() or (name and version):
                    break
                field, _, value = line.partition(":")
                if field.lower() == "name":
                    name = value.strip()
                elif field.lower() == "version":
                    version = value.strip()
    except OSError:
        return None  # half removed
    return f"{name}=={version}" if name and version else None


def _executable(word: str, directory: Path) -> Path | None:
    path = directory / word if "/" in word else Path(shutil.which(word) or "")
    return Path(os.path.abspath(path)) if os.path.isfile(path) else None


def _files(words: Sequence[str], directory: Path) -> list[Path]:
    found = (Path(os.path.abspath(directory / word)) for word in words if not word.startswith("-"))
    return [path for path in found if os.path.isfile(path)]


def _is_text(path: Path) -> bool:
    try:
        if path.stat().st_size > SCRIPT_SIZE:
            return False
        with path.open("rb") as file:
            return b"\0" not in file.read(8192)
    except OSError:
        return False  # gone, or not to be read: what it is cannot be told


def _first_line(path: Path) -> str | None:
    """What stands behind `#!`."""
    try:
        with path.open("rb") as file:
            start = file.read(256)
    except OSError:
        return None  # no file, or none that we may read
    return os.fsdecode(start[2:].split(b"\n")[0]).strip() if start.startswith(b"#!") else None


def _shebang(path: Path) -> str | None:
    words = (_first_line(path) or "").split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-")]
    return shutil.which(words[0]) if words and _PYTHON.fullmatch(Path(words[0]).name) else None
