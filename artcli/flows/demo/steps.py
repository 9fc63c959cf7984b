"""What a story is made of: steps that change a folder, and the truth about every version they lead to.

The surprise: a step's `change` returns what the coming versions must hold, so that whoever runs the
commands can check the program against something that the program did not compute.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

Tree = dict[str, str]
"""Path in a version to the BLAKE3 (hex) of the file; of the target for a symbolic link; of nothing for an
empty directory.
"""


class Step(NamedTuple):
    """One step of a story.

    `title` is one sentence for a reader. `change()` writes, renames or removes files below the story's
    folder and returns the exact content of each version that the commands make, by its ref (`{"dataset:v1":
    {...}}`). `commands` are the words after `art`, to be run in the story's folder, in this order, once
    `change` has returned.
    """

    title: str
    change: Callable[[], dict[str, Tree]]
    commands: tuple[tuple[str, ...], ...]


def digest(data: bytes) -> str:
    """The BLAKE3 of `data` in hex, as `b3sum` prints it."""
    from blake3 import blake3

    return str(blake3(data).hexdigest())


def nothing() -> dict[str, Tree]:
    """The change of a step that only runs commands."""
    return {}


def write(path: Path, data: bytes) -> str:
    """Write a file and the folders above it; its digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return digest(data)
