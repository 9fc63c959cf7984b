"""Pages in a dict, and entries of every kind made from a few numbers."""

from __future__ import annotations

import random
from collections.abc import Sequence

from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, FILE, REFERENCE, SYMLINK, Entry, Pages, put_chunk_list
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import IntegrityError

WORDS = [b"a", b"a-b", b"a.txt", b"ab", b"b", "ü".encode(), b"\xff\x01", b"img", b"train", b"label 7", b"z" * 60]


class DictPages:
    """Keeps pages in memory and counts what is asked for."""

    def __init__(self) -> None:
        self.kept: dict[Digest, bytes] = {}
        self.gets = 0
        self.puts = 0

    def get(self, digest: Digest) -> bytes:
        self.gets += 1
        if digest not in self.kept:
            raise IntegrityError("missing-chunk", f"no page {digest.hex()}")
        return self.kept[digest]

    def read(self, digests: Sequence[Digest]) -> dict[Digest, bytes]:
        """Many at once."""
        return {digest: self.get(digest) for digest in digests}

    def put(self, page: Buffer) -> Digest:
        self.puts += 1
        name = digest_of(page)
        self.kept[name] = bytes(page)
        return name


def some_digest(*parts: object) -> Digest:
    return digest_of(repr(parts).encode())


def file_entry(path: bytes, text: bytes) -> Entry:
    return Entry(path, FILE, len(text), digest_of(text), text if len(text) <= 256 else None)


def make_entry(pages: Pages, path: bytes, seed: int) -> Entry:
    """An entry of a kind and content that `seed` decides."""
    dice = random.Random(seed)
    what = dice.randrange(9)
    if what == 0:
        return Entry(path, DIRECTORY, 0, digest_of(b""))
    if what == 1:
        target = b"../" * dice.randrange(4) + b"there%d" % seed
        return Entry(path, SYMLINK, 0, digest_of(target), target)
    if what == 2:
        text = b'{"url": "s3://bucket/%d"}' % seed
        return Entry(path, REFERENCE, dice.choice([0, 10**9]), digest_of(text), text)
    kind = dice.choice([FILE, EXECUTABLE])
    if what in (3, 4):
        data = dice.randbytes(dice.choice([0, 1, 20, 256]))
        return Entry(path, kind, len(data), digest_of(data), data)
    if what == 5:
        chunks = [(some_digest(seed, i), dice.randrange(1, 262145)) for i in range(dice.randrange(2, 60))]
        size = sum(length for _, length in chunks)
        if size > 256:
            packed, listed = put_chunk_list(pages, chunks)
            return Entry(path, kind, size, some_digest(seed), None, packed, listed)
    return Entry(path, kind, dice.randrange(257, 262145), some_digest(seed))


def make_paths(seed: int, count: int) -> list[bytes]:
    """Sorted paths, many with long common parts, none of which is the parent of another."""
    dice = random.Random(seed)
    names: set[bytes] = set()
    for _ in range(count):
        folders = [dice.choice(WORDS) for _ in range(dice.randrange(3))]
        names.add(b"/".join([*folders, b"%s%d" % (dice.choice(WORDS), dice.randrange(count))]))
    parents = {name[:at] for name in names for at in range(len(name)) if name[at : at + 1] == b"/"}
    return sorted(names - parents)


def without_clashes(paths: list[bytes]) -> list[bytes]:
    """`paths` without those that another has as its parent."""
    parents = {name[:at] for name in paths for at in range(len(name)) if name[at : at + 1] == b"/"}
    return [path for path in paths if path not in parents]
