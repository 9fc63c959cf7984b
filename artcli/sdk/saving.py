"""Files of a run: `save`, and what lies in `run.dir` when it ends.

`save` puts each file into the run's directory, as a hard link where it can and as a copy else, and gives it to the run
at once, so that a crash does not cost it; what has changed in the directory when the run ends is given again. Policy
`now` keeps the file as it is, whatever becomes of it.
"""

from __future__ import annotations

import glob as globs
import os
import shutil
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from artcli.errors import ArtError
from artcli.sdk.voice import warn

if TYPE_CHECKING:
    from artcli.sdk.recording import Recording

POLICIES = ("live", "now", "end")


def save(recording: Recording, pattern: str | Path, base: str | Path | None, policy: str, glob: bool) -> list[str]:
    """`Run.save`; returns the paths in the run's directory."""
    if policy not in POLICIES:
        raise ValueError(f"policy is {', '.join(POLICIES)}, not {policy!r}")
    if isinstance(pattern, bytes):
        pattern = os.fsdecode(pattern)
    if "://" in str(pattern):
        warn(f"{pattern} is no file; a reference of an artifact keeps URLs")
        return []
    wanted = PurePath(os.path.abspath(pattern))
    above = PurePath(os.path.abspath(base)) if base is not None else _base(PurePath(pattern), wanted)
    if not wanted.is_relative_to(above):
        raise ValueError(f"{pattern} is not below {above}")
    found = sorted(globs.glob(str(wanted), recursive=True)) if glob else [str(wanted)]
    saved = []
    for path in map(Path, found):
        if glob and path.is_dir() and path != Path(wanted):
            continue  # `**` finds folders, too
        if path.exists():
            saved.append(_take(recording, path, path.relative_to(above), policy))
    return saved


def _base(given: PurePath, wanted: PurePath) -> PurePath:
    """Of a relative path the working directory; of another, as W&B has it, what leaves one folder in the name."""
    working = PurePath(os.getcwd())
    if not given.is_absolute() and wanted.is_relative_to(working):
        return working
    return wanted.parent if not given.is_absolute() else wanted.parent.parent


def _take(recording: Recording, path: Path, name: Path, policy: str) -> str:
    if path.is_dir():
        raise IsADirectoryError(f"save takes files; of a directory: save({str(path / '*')!r})")
    target = recording.directory() / name
    if not (target.exists() and path.samefile(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        _bring(path, target, link=policy != "now")
    _keep(recording, target, name.as_posix(), link=policy != "now")
    return str(target)


def keep_directory(recording: Recording, folder: Path) -> None:
    """Give the run what lies in its directory and was not given as it is now; its end."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                _keep(recording, path, path.relative_to(folder).as_posix(), link=True)
            except (ArtError, OSError) as error:
                warn(f"not kept: {path}: {error}")


def put(recording: Recording, name: str, content: bytes | Path, *, link: bool = False) -> None:
    """Give the run a file of this content, now; raises `SpaceError`, OSError.

    `link`: a file that is written to until the run is sealed may be kept as it is then.
    """
    finished = recording.incoming()
    try:
        if isinstance(content, bytes):
            finished.write_bytes(content)
        else:
            _bring(content, finished, link=link)
        recording.put_file(name, finished)
    finally:
        finished.unlink(missing_ok=True)


def _keep(recording: Recording, path: Path, name: str, *, link: bool) -> None:
    stat = path.stat()
    state = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if recording.kept.get(name) != state:
        put(recording, name, path, link=link)
        recording.kept[name] = state


def _bring(path: Path, target: Path, *, link: bool) -> None:
    try:
        if link:
            os.link(path.resolve(), target)
            return
    except OSError:
        pass  # another file system, or one without links
    shutil.copyfile(path, target)
