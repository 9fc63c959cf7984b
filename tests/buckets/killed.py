"""Kill a writer before every single call that it makes to the system, and look at what is left.

`python -m tests.buckets.killed ROOT RUNG` prints the number of calls, or fails with what was wrong.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from artcli.buckets.bucket import Missing
from artcli.buckets.disk import DiskBucket
from tests.buckets.rungs import climb_to

CALLS = ("open", "mkdir", "writev", "fsync", "link", "rename", "unlink", "stat", "fstat", "scandir", "close")
KEYS = {"log/0000000/0000000000": b"entry", "packs/ab/cd": b"a pack " * 1000, "config": b""}


def write(root: Path, last_call: int) -> None:
    """Add the objects, and die before the call with this number (from 1), if there are so many."""
    calls = 0

    def dying(call: Any) -> Any:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == last_call:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted

    for name in CALLS:
        setattr(os, name, dying(getattr(os, name)))
    bucket = DiskBucket(root, create=True)
    for key, data in KEYS.items():
        assert bucket.add(key, [data[:3], data[3:]])


def check(root: Path) -> None:
    bucket = DiskBucket(root, create=True)
    absent = 0
    for key, data in KEYS.items():
        try:
            assert bucket.get(key) == data, f"{key} is there in part"
            assert not absent, f"{key} is there, though one added before it is not"
        except Missing:
            absent += 1
    for key, data in KEYS.items():
        bucket.add(key, data)
        assert bucket.get(key) == data
    assert [item.key for item in bucket.list("")] == sorted(KEYS)
    bucket.sweep_temporary(0)
    left = set(os.listdir(root / "tmp")) - {"add.lock"}
    assert not left, f"left over: {left}"


def main(root: Path, rung: str) -> None:
    climb_to(rung)
    last_call = 0
    while True:
        last_call += 1
        place = root / str(last_call)
        child = os.fork()
        if child == 0:
            write(place, last_call)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            break
        check(place)
    assert os.WEXITSTATUS(status) == 0
    check(place)
    print(last_call - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
