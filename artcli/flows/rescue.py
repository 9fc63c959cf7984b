"""Files of the user's that had to make room, and whose bytes no version holds: they are moved, never destroyed."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path


class Rescued:
    """Moves files below `root` into a new folder of `.art/local/rescued/`, made when the first one comes."""

    def __init__(self, repository: Path, root: Path) -> None:
        self._root = root
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(4).hex()}"
        self.folder = repository / "local" / "rescued" / stamp
        self.paths: list[bytes] = []
        """What was moved, below `root` before, below `folder` now."""

    def take(self, path: bytes) -> None:
        """Move what lies at `path` below the root; a folder goes with all that is in it."""
        name = os.fsdecode(path)
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            target = target.with_name(f"{target.name}.{os.urandom(4).hex()}")
        shutil.move(self._root / name, target)
        self.paths.append(path)
