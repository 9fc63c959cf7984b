"""What is recorded of a run by itself when a process begins it or takes it up.

    argv          the words of the command, masked (`runs.mask`)
    program       its script, relative to the checkout or the working directory
    cwd host user os cpus memory (bytes) gpus       where, who, on what
    limits        {cpus?, memory?}: what of these a container or the like leaves to the run
    python        {version, executable}
    packages      code/requirements.txt: what that Python had installed
    git           {root, commit, branch, remote, dirty, diff?: code/diff.patch, diff_left_out?: true, untracked?}
    code          code/<path of the script>
    env           variables that an allow-list names, masked; no others are ever looked at
    art           the version of art
    asked         by `art run --`: {command, uses: {variable: pinned reference}, logs}, before places were filled in

Texts of some size are files of the run: the same requirements in a thousand runs are kept once.
"""

from __future__ import annotations

import fnmatch
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artcli import __version__
from artcli.catalog.facts import this_machine
from artcli.flows.runs import git, limits, mask, program
from artcli.flows.runs.program import Python

CODE = "code"
DIFF = "code/diff.patch"
REQUIREMENTS = "code/requirements.txt"


class Captured(NamedTuple):
    """What was found."""

    start: dict[str, Any]
    """The data of a record of kind `start`."""
    files: dict[str, bytes]
    """Files of the run, by path."""


def capture(
    argv: Sequence[str],
    directory: Path,
    *,
    use_git: bool = True,
    env_allow: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    notebook: Path | None = None,
) -> Captured:
    """What can be told of a command that runs in `directory`, but for its Python: `add_python` adds that.

    `env_allow`: globs of names of variables. `notebook`: what is the script, where the command is but its kernel.
    Nothing that cannot be found out raises.
    """
    start: dict[str, Any] = {
        "argv": mask.arguments(argv),
        "cwd": str(directory),
        "host": this_machine(),
        "user": _user(),
        "os": platform.platform(),
        "cpus": os.cpu_count(),
        "memory": limits.total_memory(),
        "art": __version__,
    }
    captured = Captured(start, {})
    found = git.checkout(directory) if use_git else None
    if found is not None:
        _add_git(captured, found)
    if (path := notebook or program.script(argv, directory)) is not None:
        _add_script(captured, path, [found.root, directory] if found else [directory])
    if less := limits.limits():
        start["limits"] = less
    if gpus := _gpus():
        start["gpus"] = gpus
    allowed = {name: value for name, value in sorted(environ.items()) if _fits(name, env_allow)}
    if allowed:
        start["env"] = mask.variables(allowed)
    return captured


def add_python(captured: Captured, python: Python) -> None:
    """Add what a Python says of itself."""
    captured.start["python"] = {"version": python.version, "executable": python.executable}
    captured.start["packages"] = REQUIREMENTS
    captured.files[REQUIREMENTS] = "".join(f"{name}\n" for name in python.packages).encode()


def _add_git(captured: Captured, found: git.Checkout) -> None:
    known = {"commit": found.commit, "branch": found.branch, "remote": found.remote}
    about: dict[str, Any] = {"root": str(found.root), **known, "dirty": found.dirty}
    if found.diff:
        about["diff"] = DIFF
        captured.files[DIFF] = found.diff
    elif found.left_out:
        about["diff_left_out"] = True
    if found.untracked:
        about["untracked"] = found.untracked
    captured.start["git"] = about


def _add_script(captured: Captured, path: Path, bases: Sequence[Path]) -> None:
    base = next((base for base in bases if base in path.parents), path.parent)
    name = path.relative_to(base).as_posix()
    captured.start["program"] = name
    try:
        if path.stat().st_size <= program.SCRIPT_SIZE and not mask.is_secret_file(name):
            captured.files[f"{CODE}/{name}"] = path.read_bytes()
            captured.start["code"] = f"{CODE}/{name}"
    except OSError:
        pass  # gone, or not to be read: its name is all there is


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"uid{os.getuid()}"  # a container without a passwd entry


def _gpus() -> list[str]:
    """The names of NVIDIA's devices, as the driver lists them; on a Jetson, the board."""
    found = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue  # a driver that is just being unloaded
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    if not found and Path("/etc/nv_tegra_release").exists():
        try:
            found.append(Path("/proc/device-tree/model").read_text().strip("\0\n "))
        except OSError:
            pass  # a container that hides the board's name
    return found


def _fits(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)
