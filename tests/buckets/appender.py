"""One of several processes that append to one log: `python -m tests.buckets.appender URL PLACE NAME ENTRIES`.

It says "ready", waits for a line, appends its entries, each after whatever is there by then, and prints their numbers.
"""

from __future__ import annotations

import sys

from artcli.buckets.urls import Access, open_bucket
from artcli.catalog import facts
from artcli.catalog.facts import Draft
from artcli.catalog.log import GENESIS, Log


def main(url: str, place: str, name: str, entries: int) -> None:
    log = Log(open_bucket(url, access=Access(patience=120)), place)
    print("ready", flush=True)
    sys.stdin.readline()
    won: list[int] = []
    n, digest = -1, GENESIS
    for number in range(entries):
        made = [facts.make(Draft("trial", {"name": name, "number": number}), name, "machine")]
        while True:
            for entry in log.after(n, digest):
                n, digest = entry.n, entry.digest
            added = log.append(n + 1, digest, made)
            if added is not None:
                won.append(added.n)
                break
    print(*won, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
