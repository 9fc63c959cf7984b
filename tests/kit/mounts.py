"""File systems of a kind that the tests' own may not be, mounted from a file for a while, where root may do that."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 320 << 20
"""Bytes of the image, which takes only the room that is written; XFS wants 300 MB."""


@contextmanager
def mounted(kind: str, directory: Path) -> Iterator[Path]:
    """A new file system of this kind; skips the test where that cannot be had."""
    make = shutil.which(f"mkfs.{kind}")
    if make is None or os.geteuid() != 0:
        pytest.skip(f"needs root and mkfs.{kind}")
    image, top = directory / f"{kind}.img", directory / kind
    image.touch()
    os.truncate(image, SIZE)
    top.mkdir()
    _run(make, "-q", str(image))
    _run("mount", "-o", "loop", str(image), str(top))
    try:
        yield top
    finally:
        _run("umount", "--lazy", str(top))
        image.unlink()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{command[0]}: {done.stderr.strip()}")
