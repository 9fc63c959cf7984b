"""The bytes of files: all of them, parts of them, and never a wrong one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artcli.catalog import manifest
from artcli.catalog.manifest import Entry
from artcli.content import Digest, digest_of
from artcli.errors import ArtError, IntegrityError
from artcli.flows import cat, contents
from artcli.store.ranges import Range
from artcli.store.store import Store
from tests.flows.shelf import LARGE, MIXED, Shelf
from tests.flows.workshop import PROJECT
from tests.kit.trees import Link, Program
from tests.store.material import noise


def data_of(path: str) -> bytes:
    leaf = MIXED[path]
    return leaf.data if isinstance(leaf, Program) else leaf if isinstance(leaf, bytes) else b""


FILES = sorted(path for path, leaf in MIXED.items() if isinstance(leaf, (bytes, Program)))


def read(shelf: Shelf, ref: str, span: str | None = None) -> bytes:
    (opened,) = cat.find(shelf.repository, [ref], PROJECT, cat.span(span) if span else None)
    return b"".join(cat.read(shelf.repository, opened, workers=2))


def test_files_come_out_as_they_went_in(shelf: Shelf) -> None:
    shelf.log(MIXED)
    for path in FILES:
        assert read(shelf, f"data/{path}") == data_of(path), path


def test_spans_are_those_of_http(shelf: Shelf) -> None:
    shelf.log(MIXED)
    for path in ("a.txt", "sub/one", "sub/medium", "large"):
        data = data_of(path)
        for span in ("0-0", "1-3", "2-", "-1", "-3", "4-4", "0-99999999", "-99999999"):
            first, _, last = span.partition("-")
            expected = data[int(first) : int(last or len(data)) + 1] if first else data[-int(last) :]
            assert read(shelf, f"data/{path}", span) == expected, (path, span)


@pytest.mark.parametrize(
    ("text", "wanted"), [("0-499", (0, 500)), ("500-", (500, 1000)), ("-500", (500, 1000)), ("9-9", (9, 10))]
)
def test_spans(text: str, wanted: tuple[int, int]) -> None:
    assert cat.span(text).of(1000) == wanted


@pytest.mark.parametrize("text", ["", "-", "5", "a-b", "5-4", "1-2-3", "0x1-2", "1_0-20", "-5-6", "9" * 30 + "-"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ArtError) as caught:
        cat.span(text)
    assert caught.value.slug == "bad-range"


def test_a_span_begins_inside_the_file(shelf: Shelf) -> None:
    shelf.log({"a": b"abc", "empty": b""})
    for ref, span in (("data/a", "3-"), ("data/empty", "0-")):
        with pytest.raises(ArtError) as caught:
            read(shelf, ref, span)
        assert caught.value.slug == "bad-range"
    assert read(shelf, "data/empty", "-5") == b""


# --- long chunk lists ---


class Pages(dict[Digest, bytes]):
    """Pages in memory that count how often they are read."""

    def __init__(self) -> None:
        self.read: list[Digest] = []

    def put(self, page: bytes) -> Digest:
        digest = digest_of(page)
        self[digest] = bytes(page)
        return digest

    def get(self, digest: Digest) -> bytes:  # type: ignore[override]
        self.read.append(digest)
        return self[digest]


class Chunks(Store):
    """A store of chunks that are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.all = [noise(50 + i % 7, str(i)) for i in range(count)]
        self.by_digest = {digest_of(chunk): chunk for chunk in self.all}
        self.fetched: list[Digest] = []

    def find(self, digest: Digest) -> None:
        return None

    def prepare(self, digests: Sequence[Digest]) -> None:
        pass

    def fetch_range(  # type: ignore[override]
        self, part: Range, *, proven: bool = True
    ) -> list[tuple[Digest, bytes | IntegrityError]]:
        self.fetched += [digest for digest, _ in part.chunks]
        return [(digest, self.by_digest[digest]) for digest, _ in part.chunks]


@pytest.fixture(scope="module")
def long_file() -> tuple[Chunks, Pages, Entry, bytes]:
    """A file whose chunk list has three levels."""
    chunks, pages = Chunks(30_000), Pages()
    packed, listed = manifest.put_chunk_list(pages, ((digest_of(chunk), len(chunk)) for chunk in chunks.all))
    data = b"".join(chunks.all)
    return chunks, pages, Entry(b"long", 0, len(data), digest_of(data), None, packed, listed), data


@given(st.integers(0, 30_000 * 56), st.integers(0, 3000))
def test_a_part_of_a_long_file_reads_a_part(
    long_file: tuple[Chunks, Pages, Entry, bytes], start: int, length: int
) -> None:
    chunks, pages, entry, data = long_file
    chunks.fetched.clear()
    pages.read.clear()
    parts = contents.file(chunks, pages, entry, workers=1, start=start, end=start + length)
    assert b"".join(parts) == data[start : start + length]
    assert len(chunks.fetched) <= length // 50 + 2
    assert len(pages.read) <= 16


def test_a_whole_long_file(long_file: tuple[Chunks, Pages, Entry, bytes]) -> None:
    chunks, pages, entry, data = long_file
    assert b"".join(contents.file(chunks, pages, entry, workers=2)) == data
    with pytest.raises(IntegrityError) as caught:
        list(contents.file(chunks, pages, entry._replace(digest=digest_of(b"other")), workers=2))
    assert caught.value.slug == "damaged-file"


def test_a_chunk_of_another_length_is_refused(shelf: Shelf) -> None:
    """A list of chunks may lie about lengths; offsets would then be wrong though each chunk is right."""
    version = shelf.log({"large": LARGE})
    store = shelf.repository.store
    entry = manifest.find(store, version.root, b"large")
    assert entry is not None
    (first, one), (second, two), *rest = manifest.chunk_list(store, entry)
    pages = Pages()
    forged = manifest.put_chunk_list(pages, [(first, one + 1), (second, two - 1), *rest])
    with pytest.raises(IntegrityError) as caught:
        list(contents.file(store, pages, entry._replace(list=forged[1]), workers=1, start=one + 1, end=one + 10))
    assert caught.value.slug == "damaged-manifest"


# --- many files ---


def test_many_files_come_in_order(shelf: Shelf) -> None:
    tree = {f"{i:03}": noise(i * 7 % 900 + 1, str(i)) for i in range(700)} | MIXED
    version = shelf.log(tree)
    store = shelf.repository.store
    opened = contents.files(store, store, manifest.entries(store, version.root), workers=2)
    found = {item.entry.path.decode(): b"".join(item.parts) for item in opened}
    assert list(found) == sorted(found)
    for path, leaf in tree.items():
        if isinstance(leaf, Link):
            assert found[path] == leaf.target.encode()
        elif isinstance(leaf, (bytes, Program)):
            assert found[path] == (leaf.data if isinstance(leaf, Program) else leaf)


# --- damage ---


def whatever_comes(blocks: Iterator[bytes | bytearray | memoryview]) -> tuple[bytes, str]:
    """What is given before an error, and its slug."""
    given = b""
    try:
        for block in blocks:
            given += block
    except IntegrityError as error:
        return given, error.slug
    return given, ""


def test_no_wrong_byte_comes_out_of_a_damaged_store(shelf: Shelf) -> None:
    shelf.log(MIXED)
    told = set()
    for _ in shelf.damages(40):
        repository = shelf.repository
        for opened in cat.find(repository, [f"data/{path}" for path in FILES], PROJECT):
            data = data_of(opened.entry.path.decode())
            given, slug = whatever_comes(cat.read(repository, opened, workers=2))
            told.add(slug)
            assert data.startswith(given)
            assert slug or given == data
            middle = opened._replace(start=len(data) // 3, end=len(data) // 2)
            given, slug = whatever_comes(cat.read(repository, middle, workers=2))
            assert data[middle.start : middle.end].startswith(given)
            assert slug or len(given) == middle.size
    assert "damaged-chunk" in told


# --- which file ---


@pytest.fixture
def odd(shelf: Shelf) -> Shelf:
    shelf.log(
        {
            "dir/real.txt": b"real", "dir/up": Link("../top"), "top": b"top", "abs": Link("/etc/passwd"),
            "out": Link("../outside"), "a": Link("b"), "b": Link("a"), "chain": Link("dir/up"), "folder": Link("dir"),
            "same": Link("./dir/../dir/real.txt"),
        }
    )  # fmt: skip
    return shelf


@pytest.mark.parametrize(("path", "data"), [("dir/up", b"top"), ("chain", b"top"), ("same", b"real")])
def test_links_are_followed_within_the_version(odd: Shelf, path: str, data: bytes) -> None:
    assert read(odd, f"data/{path}") == data


@pytest.mark.parametrize("path", ["abs", "out", "a"])
def test_links_lead_nowhere_else(odd: Shelf, path: str) -> None:
    with pytest.raises(ArtError) as caught:
        read(odd, f"data/{path}")
    assert caught.value.slug == "no-such-path"


@pytest.mark.parametrize(
    ("ref", "slug", "hint"),
    [
        ("data", "which-file", "art ls data:v0"),
        ("data/dir", "which-file", "art ls data:v0/dir"),
        ("data/folder", "which-file", "art ls data:v0/folder"),
        ("data/dir/reel.txt", "no-such-path", "art show data:v0/dir/real.txt"),
        ("data/topp", "no-such-path", "art show data:v0/top"),
        ("data/no/such/path", "no-such-path", "art ls data:v0"),
        ("data/dir/zzz", "no-such-path", "art ls data:v0/dir"),
    ],
)
def test_what_is_no_file(odd: Shelf, ref: str, slug: str, hint: str) -> None:
    with pytest.raises(ArtError) as caught:
        read(odd, ref)
    assert (caught.value.slug, caught.value.hint) == (slug, hint)


def test_a_reference_that_nothing_here_can_bring(shelf: Shelf) -> None:
    shelf.log_reference()
    with pytest.raises(ArtError) as caught:
        read(shelf, "elsewhere/big")
    assert (caught.value.slug, caught.value.facts) == ("unknown-source", ("tape://archive/big",))
