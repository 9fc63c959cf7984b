"""`Run.log_code`: the program's files as an artifact, besides the script, commit and diff of every run."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artcli.sdk.draft import Artifact, readable_name
from artcli.sdk.voice import warn

if TYPE_CHECKING:
    from artcli.sdk.run import Run

OTHERS = (".art", "artifacts", "wandb")
"""Folders that are no code of anybody's."""

Judge = Callable[..., bool]


def log_code(run: Run, root: str | Path, name: str | None, include: Judge | None, exclude: Judge | None) -> Any:
    """A version of the files below `root` that `include` wants (Python's) and `exclude` does not; None without any.

    Both are asked with the path, or with path and `root` if they take two.
    """
    top = Path(root).absolute()
    wanted, unwanted = _asked(include or _is_python, top), _asked(exclude or _is_nothing, top)
    draft = Artifact(name or readable_name(f"source-{run.project}-{_program()}"), "code")
    paths = [path for path in _files(top) if wanted(path) and not unwanted(path)]
    for path in paths:
        draft.add_file(path, name=path.relative_to(top))
    if not paths:
        warn(f"no code was found below {top}")
        return None
    return run.log_artifact(draft)


def _is_python(path: str) -> bool:
    return path.endswith(".py")


def _is_nothing(path: str) -> bool:
    return False


def _program() -> str:
    return os.path.basename(sys.argv[0]) or "notebook"


def _files(top: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name not in OTHERS)
        for name in sorted(files):
            if os.path.isfile(os.path.join(folder, name)):
                yield Path(folder, name)


def _asked(judge: Judge, top: Path) -> Callable[[Path], bool]:
    takes_root = len(inspect.signature(judge).parameters) > 1
    return lambda path: bool(judge(str(path), str(top)) if takes_root else judge(str(path)))
