"""One of several processes that add the same keys: `python -m tests.buckets.racer ROOT NAME KEYS RUNG`.

It says "ready", waits for a line, adds log/0000000/0 … in order, and prints the numbers it has won.
"""

from __future__ import annotations

import sys
from pathlib import Path

from artcli.buckets.disk import DiskBucket
from tests.buckets.rungs import climb_to


def key_of(number: int) -> str:
    return f"log/{number // 10:07}/{number:010}"


def main(root: Path, name: str, keys: int, rung: str) -> None:
    climb_to(rung)
    bucket = DiskBucket(root, create=True)
    print("ready", flush=True)
    sys.stdin.readline()
    won = []
    for number in range(keys):
        data = f"{name} {number} ".encode() * 500
        if bucket.add(key_of(number), data):
            won.append(number)
        else:
            assert len(bucket.get(key_of(number))) == len(data)
    print(*won, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
