"""Repositories from a hostile hand, every digest in them right: what is bad is refused by name, nothing is written
outside of the target, memory stays bounded, and what is good stays usable.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zstandard

from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, FILE, REFERENCE, SYMLINK, Entry, Root
from artcli.content import Digest, digest_of
from tests.catalog.manifest import forge
from tests.catalog.manifest.test_hostile import BAD_NAMES
from tests.kit import trees
from tests.kit.command_line import Art, Result
from tests.kit.forger import Forger, index_bytes, line, version_fact
from tests.kit.nursery import Nursery
from tests.kit.trees import Tree
from tests.store.material import noise

MIB = 1 << 20
GOOD: Tree = {"a": b"1", "b": noise(5000, "b"), "c/large": noise(400_000, "c")}

REFUSED = {2, 5, 7}
"""Exit codes of a command that would have to read what is bad: a name that no version can have, a version or path that
is not there, damage."""


class Place:
    """A repository with a good version `good:v0`, a forger in it, and things around it that must stay as they are."""

    def __init__(self, directory: Path) -> None:
        self.around = directory
        self.home = directory / "home"
        self.home.mkdir()
        trees.plant(directory / "canary", {"secret": b"untouched", "folder/file": b"untouched too"})
        self.art = Art(self.home)
        assert self.art("init").code == 0
        trees.plant(self.home / "data", GOOD)
        assert self.art("log-artifact", "good", "data").code == 0
        self.forger = Forger(self.home / ".art")
        self.outside = self._outside()

    def _outside(self) -> Tree:
        return trees.harvest(self.around, but={"home/.art", "home/used", "home/got"})

    def run(self, *arguments: object) -> Result:
        """Run a command, which must not show itself at a loss, nor touch what is around."""
        result = self.art(*arguments)
        check(result.err, arguments)
        assert self._outside() == self.outside, arguments
        return result

    def refuses(self, ref: str = "bad:v0") -> None:
        """Whatever has to read the whole of the version says that it cannot."""
        for arguments in commands(ref):
            result = self.run(*arguments)
            assert result.code in REFUSED, (arguments, result)
        for arguments in (["ls", ref], ["show", ref], ["cat", f"{ref}/a"], ["diff", "good:v0", ref]):
            self.run(*arguments)

    def survives(self) -> None:
        """What looks at the repository as a whole comes to an end, and the good version is there."""
        for arguments in (["ls"], ["ls", "bad"], ["log"], ["audit"], ["gc", "-n"], ["gc"], ["fsck", "--full"]):
            self.run(*arguments)
        assert self.run("use", "good:v0", "--root", "used/good", "--exact").code == 0
        assert trees.harvest(self.home / "used/good") == GOOD


def check(err: str, arguments: object) -> None:
    assert "a mistake in art itself" not in err, (arguments, err)
    assert "Traceback" not in err, (arguments, err)
    assert "\x1b" not in err, (arguments, err)


def commands(ref: str) -> list[list[str]]:
    return [
        ["use", ref, "--root", "used/bad"],
        ["get", ref, "got/bad"],
        ["verify", ref],
        ["export", ref, "-o", "got/bad.tar"],
        ["log-artifact", "new", "--base", ref, "--add", "data:x"],
    ]


@pytest.fixture
def place(swift: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    (swift / "home").parent.mkdir(exist_ok=True)
    place = Place(swift)
    yield place
    assert place._outside() == place.outside


def inline(path: bytes, data: bytes = b"1", kind: int = FILE) -> Entry:
    return Entry(path, kind, len(data), digest_of(data), data)


def link(path: bytes, target: bytes) -> Entry:
    return Entry(path, SYMLINK, 0, digest_of(target), target)


# --- names ---


def test_names_that_lead_elsewhere(place: Place) -> None:
    names = [name for name in BAD_NAMES.values() if len(name) < 65536]
    for name in names:
        place.forger.manifest("bad", sorted([inline(name), inline(b"honest")]))
    for number in range(len(names)):
        place.refuses(f"bad:v{number}")
    place.survives()


def test_a_link_and_a_file_through_it(place: Place) -> None:
    canary = bytes(place.around / "canary")
    for target in (canary, b"../../canary", b"/"):
        place.forger.manifest("bad", [link(b"a", target), inline(b"a/secret", b"overwritten")])
    for number in range(3):
        place.refuses(f"bad:v{number}")
    place.survives()


def test_a_link_in_one_version_and_a_folder_of_its_name_in_the_next(place: Place) -> None:
    """Used one after the other in the same directory; neither is bad by itself."""
    canary = bytes(place.around / "canary")
    place.forger.manifest("bad", [link(b"a", canary), link(b"secret", b"../../canary/secret")])
    place.forger.manifest("bad", [inline(b"a/secret", b"inside"), inline(b"secret", b"inside")])
    place.forger.manifest("bad", [link(b"a", canary), inline(b"secret", b"again")])
    for number in (0, 1, 0, 1, 2, 1, 2, 0):
        assert place.run("use", f"bad:v{number}", "--root", "used/bad").code == 0
        assert place.run("get", f"bad:v{number}", "got/bad", "--overwrite").code in (0, 6)
    place.survives()


def test_one_name_twice(place: Place) -> None:
    place.forger.manifest("bad", [inline(b"a", b"1"), inline(b"a", b"2")])
    place.forger.manifest("bad", [inline(b"b"), inline(b"a")])
    place.refuses("bad:v0")
    place.refuses("bad:v1")
    place.survives()


def test_names_that_differ_by_case(place: Place) -> None:
    """Two files here; where the file system takes them for one, the second is refused by name."""
    place.forger.manifest("bad", [inline(b"A", b"1"), inline(b"a", b"2")])
    result = place.run("use", "bad:v0", "--root", "used/bad")
    assert result.code == 0
    assert trees.harvest(place.home / "used/bad") == {"A": b"1", "a": b"2"}


def test_names_that_speak_to_a_terminal(place: Place) -> None:
    names = [b"\x1b]0;owned\x07", b"a\rb", b"c\nd", b"\x9b31m", b"e\xe2\x80\xaef"]
    place.forger.manifest("bad", [inline(name, name) for name in sorted(names)])
    assert place.run("use", "bad:v0", "--root", "used/bad").code == 0
    assert sorted(os.listdir(os.fsencode(place.home / "used/bad"))) == sorted(names)
    for arguments in (["ls", "bad:v0"], ["show", "bad:v0"], ["diff", "good:v0", "bad:v0"], ["verify", "bad:v0"]):
        place.run(*arguments)


# --- sizes, kinds, contents ---

BIG = noise(300, "big")


def stored(forger: Forger, path: bytes, data: bytes, **other: Any) -> Entry:
    """A file in one chunk."""
    return Entry(path, FILE, len(data), forger.put(data))._replace(**other)


def chunked(forger: Forger, path: bytes, lengths: Sequence[int], size: int, digest: Digest | None = None) -> Entry:
    """A file in chunks that are said to have these lengths."""
    chunks = [noise(300, f"{i}") for i in range(len(lengths))]
    packed = b"".join(
        forger.put(chunk) + struct.pack("<I", length) for chunk, length in zip(chunks, lengths, strict=True)
    )
    return Entry(path, FILE, size, digest or digest_of(b"".join(chunks)), None, packed)


ENTRIES: dict[str, Callable[[Forger], Entry]] = {
    "a size that is too small": lambda forger: stored(forger, b"a", BIG, size=299),
    "a size that is too large": lambda forger: stored(forger, b"a", BIG, size=301),
    "a size beyond a chunk": lambda forger: stored(forger, b"a", BIG, size=1 << 40),
    "a size beyond everything": lambda forger: stored(forger, b"a", BIG, size=(1 << 63) - 1024),
    "a digest that nobody has": lambda forger: stored(forger, b"a", BIG, digest=bytes(32)),
    "chunks that are shorter": lambda forger: chunked(forger, b"a", [400, 400], 800),
    "chunks that are longer": lambda forger: chunked(forger, b"a", [200, 200], 400),
    "chunks of another sum": lambda forger: chunked(forger, b"a", [300, 300], 700),
    "chunks of another file": lambda forger: chunked(forger, b"a", [300, 300], 600, digest_of(b"another")),
    "an empty chunk": lambda forger: chunked(forger, b"a", [300, 0], 300),
    "a chunk beyond the limit": lambda forger: chunked(forger, b"a", [300, 1 << 31], 300 + (1 << 31)),
    "a directory with content": lambda forger: Entry(b"a", DIRECTORY, 1, digest_of(b"1"), b"1"),
    "a link to nowhere": lambda forger: link(b"a", b""),
    "a link with NUL": lambda forger: link(b"a", b"b\0c"),
    "a link of 5,000 bytes": lambda forger: link(b"a", b"x" * 5000),
    "a kind that is none": lambda forger: Entry(b"a", 77, 1, digest_of(b"1"), b"1"),
    "a chunk list that is none": lambda forger: Entry(b"a", FILE, 9999, bytes(32), None, b"", forger.put(b"no page")),
    "a chunk list of another size": lambda forger: listed(forger, [300] * 20, 6001),
    "a chunk list of other lengths": lambda forger: listed(forger, [301] * 20, 6020),
    "a chunk list of few": lambda forger: listed(forger, [300] * 3, 900),
    "a chunk list that says more": lambda forger: deep_list(forger, 1 << 40, 300 << 40),
    "a chunk list that says less": lambda forger: deep_list(forger, 17, 300),
}


def listed(forger: Forger, lengths: Sequence[int], size: int) -> Entry:
    page = forge.list_leaf([(forger.put(noise(300, f"{i}")), length) for i, length in enumerate(lengths)])
    return Entry(b"a", FILE, size, bytes(32), None, b"", forger.put(page))


def deep_list(forger: Forger, chunks: int, size: int) -> Entry:
    leaf = forger.put(forge.list_leaf([(forger.put(noise(300, f"{i}")), 300) for i in range(20)]))
    top = forger.put(forge.list_inner(1, [(20, 6000, leaf), (chunks, size, leaf)]))
    return Entry(b"a", FILE, 6000 + size, bytes(32), None, b"", top)


@pytest.mark.parametrize("what", ENTRIES)
def test_an_entry_that_lies(what: str, place: Place) -> None:
    place.forger.manifest("bad", [ENTRIES[what](place.forger), inline(b"honest")])
    results = [place.run(*arguments) for arguments in commands("bad:v0")[:4]]
    assert [result.code for result in results] == [7] * 4, results
    place.survives()


def test_a_reference_is_not_fetched(place: Place) -> None:
    for text in (b'{"url":"file:///etc/passwd"}', b"[" * 60_000, b"no json", b'{"url":"http://127.0.0.1:1/x"}'):
        place.forger.manifest("bad", [Entry(b"a", REFERENCE, 10, digest_of(text), text)])
    for number in range(4):
        for arguments in (*commands(f"bad:v{number}"), ["ls", f"bad:v{number}"], ["cat", f"bad:v{number}/a"]):
            place.run(*arguments)
    assert not any((place.home / "used/bad").glob("**/a"))
    place.survives()


def test_an_executable_gets_no_more_than_that(place: Place) -> None:
    place.forger.manifest("bad", [inline(b"a", kind=EXECUTABLE)])
    assert place.run("use", "bad:v0", "--root", "used/bad").code == 0
    assert (place.home / "used/bad/a").stat().st_mode & 0o7022 == 0


def test_a_version_that_lies_about_its_manifest(place: Place) -> None:
    forger = place.forger
    row = inline(b"a")
    root = forge.leaf_root(forger, [row])  # type: ignore[arg-type]
    chunk = Root(forger.put(noise(300, "no page")), root.content, 1, 1)
    listing = Root(forger.put(forge.list_leaf([(root.page, 300)])), root.content, 1, 1)
    for number, lie in enumerate([
        root._replace(content=digest_of(b"another")), root._replace(entries=10**9), root._replace(size=1 << 60),
        root._replace(page=digest_of(b"nowhere")), chunk, listing,
    ]):  # fmt: skip
        forger.version("bad", lie)
        place.refuses(f"bad:v{number}")
    place.survives()


def test_pages_that_lie_about_those_below(place: Place) -> None:
    forger = place.forger
    first = forge.leaf_row(forger, [inline(b"a"), inline(b"b")])  # type: ignore[arg-type]
    second = forge.leaf_row(forger, [inline(b"c"), inline(b"d")])  # type: ignore[arg-type]
    lies = [
        [first, (b"e", *second[1:])],
        [first, (*second[:3], 10**9, 2)],
        [first, (*second[:4], 1 << 62)],
        [first, (*second[:2], bytes(32), *second[3:])],
        [first, (b"z", *first[1:])],
        [second, (b"z", *first[1:])],
        [first],
    ]
    for number, rows in enumerate(lies):
        forger.version("bad", forge.root_of(forge.inner_row(forger, 1, rows)))  # type: ignore[arg-type]
        place.refuses(f"bad:v{number}")
    for level in (2, 9, 15, 16, 255):
        forger.version("bad", forge.root_of(forge.inner_row(forger, level, [first, second])))  # type: ignore[arg-type]
    for number in range(len(lies), len(lies) + 5):
        place.refuses(f"bad:v{number}")
    place.survives()


# --- packs and indexes ---


@cache
def bomb(size: int, *, told: bool = True) -> bytes:
    """A frame that decompresses to so many zeros."""
    compressor = zstandard.ZstdCompressor(level=1, write_content_size=told).compressobj(size if told else -1)
    block = bytes(MIB)
    parts = [compressor.compress(block) for _ in range(size // MIB)]
    return b"".join([*parts, compressor.flush()])


def wide() -> bytes:
    """A frame whose decompressor would have to look back 2 GiB."""
    # magic, then no single segment, no content size; window descriptor: exponent 21, mantissa 0 → 2^31 bytes
    return b"\x28\xb5\x2f\xfd" + bytes([0x00, 21 << 3]) + bytes([0x01, 0x00, 0x00])


FRAMES: dict[str, Callable[[], tuple[int, bytes, int]]] = {
    "a bomb that says so": lambda: (1, bomb(1 << 30), 1000),
    "a bomb that does not": lambda: (1, bomb(1 << 30, told=False), 1000),
    "a bomb of the greatest length": lambda: (1, bomb(1 << 30), MIB),
    "a window of 2 GiB": lambda: (1, wide(), 1000),
    "bombs in a row": lambda: (1, bomb(MIB) * 1000, MIB),
    "no frame": lambda: (1, b"nothing", 1000),
    "a raw chunk that is shorter": lambda: (0, bytes(999), 1000),
    "planes of bombs": lambda: (3, struct.pack("<4I", *[len(bomb(1 << 30))] * 4) + bomb(1 << 30) * 4, MIB),
    "planes that say more": lambda: (3, struct.pack("<4I", 1 << 31, 1 << 31, 1 << 31, 1 << 31), MIB),
    "planes that are cut short": lambda: (2, b"\1\0\0", 1000),
    "a codec that is none": lambda: (77, bytes(1000), 1000),
}


@pytest.mark.parametrize("what", FRAMES)
def test_a_chunk_that_is_not_what_it_says(what: str, swift: Path, nursery: Nursery) -> None:
    """Read with 192 MiB of memory to spare."""
    place = Place(swift)
    forger = place.forger
    codec, data, length = FRAMES[what]()
    digest = forger.frame(digest_of(what.encode()), codec, data, length)
    forger.manifest("bad", [Entry(b"a", FILE, min(length, 256 * 1024), digest), inline(b"honest")])
    for arguments in [*commands("bad:v0")[:4], ["cat", "bad:v0/a"]]:
        ended = nursery.run(arguments, place.home, memory=192 * MIB)
        check(ended.err, arguments)
        assert ended.code == 7, (arguments, ended)
    for arguments in (["fsck", "--full"], ["gc"]):
        ended = nursery.run(arguments, place.home, memory=192 * MIB)
        check(ended.err, arguments)
    place.survives()


PLACES = {
    "past the end": (1 << 31, 100, 100, 0),
    "across the end": (16, 4000, 4000, 0),
    "in the random bytes": (0, 16, 16, 0),
    "stored longer than it is": (16, 200, 100, 0),
    "longer than any": (16, 100, 1 << 31, 1),
    "at the end of the numbers": ((1 << 32) - 1, (1 << 32) - 1, (1 << 32) - 1, 0),
    "somewhere else": (17, 100, 100, 0),
}


@pytest.mark.parametrize("where", PLACES)
def test_an_index_that_leads_elsewhere(where: str, place: Place) -> None:
    forger = place.forger
    chunk = noise(300, where)
    rows = {row.digest: row for row in _packed(forger, chunk)}
    pack = rows[digest_of(chunk)].pack
    forger.commit(forger.raw_index(index_bytes(digest_of(chunk), pack, PLACES[where])))
    forger.manifest("bad", [Entry(b"a", FILE, 300, digest_of(chunk)), inline(b"honest")])
    results = [place.run(*arguments) for arguments in commands("bad:v0")[:4]]
    assert [result.code for result in results] == [7] * 4, results
    assert place.run("log-artifact", "new", "data").code == 0
    place.survives()


def _packed(forger: Forger, *chunks: bytes) -> list[Any]:
    for chunk in chunks:
        forger.put(chunk)
    return forger.pack()


def test_an_index_that_claims_what_nobody_has(place: Place) -> None:
    """The poison of deduplication: a chunk that is believed to be there is not stored when it comes."""
    data = noise(300, "poison")
    place.forger.commit(place.forger.raw_index(index_bytes(digest_of(data), digest_of(b"no pack"), (16, 300, 300, 0))))
    trees.plant(place.home / "data2", {"a": data})
    place.outside = place._outside()
    result = place.run("log-artifact", "poisoned", "data2")
    if result.code == 0:
        assert place.run("use", "poisoned:v0", "--root", "used/poisoned").code == 0
    place.survives()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"art-idx\1",
        noise(500, "index"),
        index_bytes(bytes(32), bytes(32), (16, 1, 1, 0), rows=1 << 31),
        index_bytes(bytes(32), bytes(32), (16, 1, 1, 0), bits=16),
        index_bytes(bytes(32), bytes(32), (16, 1, 1, 0), bits=255),
        index_bytes(bytes(32), bytes(32), (16, 1, 1, 0))[:-1],
    ],
    ids=["empty", "head", "noise", "rows", "bits", "more bits", "cut"],
)
def test_an_index_that_is_none(data: bytes, place: Place) -> None:
    place.forger.commit(place.forger.raw_index(data))
    assert place.run("fsck").code == 7
    place.survives()


# --- the log ---

DEEP = b"[" * 100_000 + b"]" * 100_000
ROOT = Root(bytes(32), bytes(32), 1, 1)

FACTS: dict[str, Any] = {
    "a negative size": version_fact("bad", ROOT, size=-1),
    "a negative count": version_fact("bad", ROOT, entries=-(10**9)),
    "a size beyond the numbers": version_fact("bad", ROOT, size=1 << 70),
    "a size that is a float": version_fact("bad", ROOT, size=1e300),
    "a size that is true": version_fact("bad", ROOT, size=True),
    "a size that is a text": version_fact("bad", ROOT, size="1"),
    "a size that is a list": version_fact("bad", ROOT, size=[1]),
    "a name with a path": version_fact("../../bad", ROOT),
    "a name of dots": version_fact("..", ROOT),
    "a name that is none": version_fact("", ROOT),
    "a name that is long": version_fact("x" * 100_000, ROOT),
    "a name for terminals": version_fact("\x1b[31mbad", ROOT),
    "a name that is a number": version_fact(7, ROOT),  # type: ignore[arg-type]
    "a project with a path": version_fact("bad", ROOT, project="../.."),
    "a type for terminals": version_fact("bad", ROOT, type="\x1b[31m"),
    "a page that is no digest": version_fact("bad", ROOT, page="../../../etc/passwd"),
    "a digest in capitals": version_fact("bad", ROOT, digest="AA" * 32),
    "metadata that is a list": version_fact("bad", ROOT, metadata=[1]),
    "a description that is a list": version_fact("bad", ROOT, description=[1]),
    "no data": {"kind": "version", "data": {}},
    "an alias of nothing": {"kind": "alias", "data": {"version": "ff" * 16, "alias": "best", "from": None}},
    "an alias with a path": {"kind": "alias", "data": {"version": "ff" * 16, "alias": "../x", "from": None}},
    "an index with a path": {"kind": "index", "data": {"add": ["../../config"], "remove": []}},
    "an index that is no text": {"kind": "index", "data": {"add": [7, None, {}]}},
    "a pack with a path": {"kind": "condemn", "data": {"packs": ["../../../canary/secret"]}},
    "a purge of nothing": {"kind": "purge", "data": {"version": {}}},
    "an edit of a table": {"kind": "edit", "data": {"version": "ff" * 16, "field": "state", "to": "purged"}},
    "a rename to a path": {"kind": "rename", "data": {"project": "uncategorized", "from": "good", "to": "../x"}},
    "a kind with NUL": {"kind": "\0", "data": {}},
    "a time that is none": {**version_fact("bad", ROOT), "time": "\x1b[31mnoon"},
    "an actor for terminals": {**version_fact("bad", ROOT), "actor": "\x1b[31m" * 100, "reason": "\x1b[2J\n"},
    "an unpaired surrogate": line(version_fact("bad", ROOT, description="x")).replace(b'"x"', b'"\\ud800"'),
    "numbers that are none": line(version_fact("bad", ROOT, size=7)).replace(b":7,", b":NaN,"),
}


@pytest.mark.parametrize("what", FACTS)
def test_a_fact_that_cannot_be(what: str, place: Place) -> None:
    """It is carried along and has no effect; the facts beside it have."""
    place.forger.commit(FACTS[what], {"kind": "tag", "data": {"version": "ff" * 16, "tag": "x"}})
    for arguments in (
        ["ls"],
        ["ls", "bad"],
        ["show", "bad"],
        ["log"],
        ["audit"],
        ["undo", "-n"],
        ["fsck"],
        *commands("bad:v0"),
    ):
        place.run(*arguments)
    place.survives()
    assert place.run("alias", "good:v0", "best").code == 0


@pytest.mark.parametrize(
    "fact",
    [
        DEEP,
        b'{"kind":"version","data":' + DEEP + b"}",
        b"{}",
        b"",
        b"\0",
        b"[]",
        b"7",
        b'"x"',
        b"\xff\xfe",
        b"x" * 200_000,
        line(version_fact("bad", ROOT, size=7)).replace(b":7,", b":" + b"9" * 100_000 + b","),
    ],
    ids=["deep", "deep data", "object", "empty", "NUL", "list", "number", "text", "no UTF-8", "noise", "endless"],
)
def test_a_line_that_is_no_fact(fact: bytes, place: Place) -> None:
    place.forger.commit(fact)
    for arguments in (["ls"], ["use", "good:v0", "--root", "used/good"], ["log-artifact", "good", "data"], ["gc"]):
        assert place.run(*arguments).code == 7, arguments
    assert place.run("fsck").code == 7


HEADERS = {
    "no JSON": b"nothing",
    "deep": DEEP,
    "a list": b"[1]",
    "another number": {"n": 7},
    "a negative number": {"n": -1},
    "another place": {"place": "0" * 32},
    "a place that is none": {"place": ["x"]},
    "another chain": {"previous": "0" * 64},
    "a newer format": {"format": 2},
    "a format that is none": {"format": "\x1b[31m"},
}


@pytest.mark.parametrize("what", HEADERS)
def test_an_entry_that_is_none(what: str, place: Place) -> None:
    place.forger.entry(HEADERS[what])
    for arguments in (["ls"], ["use", "good:v0", "--root", "used/good"], ["log-artifact", "good", "data"], ["gc"]):
        assert place.run(*arguments).code == 7, arguments
    assert place.run("fsck").code == 7


def test_a_fact_that_this_program_must_know(place: Place) -> None:
    place.forger.commit({"kind": "encrypt", "required": "write", "data": {}})
    assert place.run("use", "good:v0", "--root", "used/good").code == 0
    result = place.run("alias", "good:v0", "best")
    assert (result.code, "needed" in result.err or "must know" in result.err) == (1, True)
    place.forger.commit({"kind": "encrypt2", "required": "read", "data": {}})
    assert place.run("use", "good:v0", "--root", "used/good").code == 1


def test_facts_about_what_others_own(place: Place) -> None:
    """They are facts as any other: what they do is seen, can be undone, and destroys nothing."""
    shown = json.loads(place.run("show", "good:v0", "--json").out)
    id = shown["id"] if "id" in shown else place.run("log", "good", "--field", "id").lines[0]
    place.forger.commit({"kind": "delete", "data": {"version": id}}, {"kind": "purge", "data": {"version": id}})
    assert place.run("use", "good:v0", "--root", "used/good").code == 5
    assert place.run("log-artifact", "good", "data").code == 0
    assert place.run("use", "good:v1", "--root", "used/good").code == 0
    assert trees.harvest(place.home / "used/good") == GOOD
