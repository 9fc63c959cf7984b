"""Where a repair puts what it takes out of the repository: `.art/lost+found/`, under the name it had."""

from __future__ import annotations

import os
from itertools import count

from artcli.buckets.disk import DiskBucket

FOLDER = "lost+found"


def move_away(bucket: DiskBucket, key: str) -> bool:
    """Move what stands at `key`, whatever it is; False if nothing does. Needs no room on the disk."""
    source = bucket.root / key
    if not os.path.lexists(source):
        return False
    target = bucket.root / FOLDER / key
    target.parent.mkdir(parents=True, exist_ok=True)
    free = next(n for n in count() if not os.path.lexists(f"{target}.{n}" if n else target))
    os.rename(source, f"{target}.{free}" if free else target)
    bucket.delete(key)  # which forgets the open file
    return True
