"""Pages from a hostile or failing place: refused by name, or exactly what was written."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog.manifest import (
    DIRECTORY,
    EXECUTABLE,
    FILE,
    REFERENCE,
    SYMLINK,
    Entry,
    Root,
    apply,
    build,
    chunk_list,
    diff,
    entries,
    find,
    layers,
    load_root,
    path_fault,
    put_chunk_list,
    walk_pages,
)
from artcli.catalog.manifest import chunks as chunks_module
from artcli.catalog.manifest.chunks import ListPage, decode_list
from artcli.catalog.manifest.entry import Nesting, check_paths
from artcli.catalog.manifest.page import Inner, Leaf, Row, decode_page, encode_inner, encode_leaf
from artcli.content import Digest, digest_of
from artcli.errors import IntegrityError, UsageError
from tests.catalog.manifest import forge
from tests.catalog.manifest.kit import DictPages, file_entry, make_entry, make_paths, some_digest

T = TypeVar("T")

SLUGS = {"damaged-manifest", "unsafe-path", "file-and-directory", "missing-chunk"}

BAD_NAMES = {
    "empty": b"",
    "dot": b".",
    "dot dot": b"..",
    "dot first": b"./a",
    "dot inside": b"a/./b",
    "dot last": b"a/.",
    "parent first": b"../a",
    "parent inside": b"a/../b",
    "parent last": b"a/..",
    "parents": b"../../../../etc/passwd",
    "absolute": b"/etc/passwd",
    "slash": b"/",
    "slashes": b"//",
    "double slash": b"a//b",
    "trailing slash": b"a/",
    "three slashes": b"a///b",
    "NUL": b"\0",
    "NUL inside": b"a\0b",
    "NUL last": b"a\0",
    "NUL component": b"a/\0/b",
    "NUL before slash": b"a\0/b",
    "ours": b".art",
    "ours first": b".art/config",
    "ours inside": b"a/.art/config",
    "ours last": b"a/.art",
    "ours deep": b"a/b/c/.art/d/e",
    "long component": b"x" * 256,
    "long component inside": b"a/" + b"x" * 256 + b"/b",
    "long component last": b"a/" + b"x" * 300,
    "very long component": b"x" * 4096,
    "long path": b"/".join([b"abcdefg"] * 512) + b"h",
    "longer path": b"/".join([b"x" * 255] * 20),
    "deep": b"/".join([b"d"] * 257),
    "deeper": b"/".join([b"d"] * 2000),
    "long and parent": b"x" * 255 + b"/../y",
    "long and ours": b"x" * 255 + b"/.art/y",
    "long and NUL": b"x" * 255 + b"/a\0b",
    "long and dot": b"x" * 254 + b"/./" + b"y" * 255,
}
GOOD_NAMES = [
    b"a",
    b"...",
    b"..a",
    b"a..",
    b".arts",
    b".ART",
    b"a.art",
    b".art2/x",
    b".a/.b",
    b" ",
    b"\n",
    b"\x1b[31m",
    b"\\",
    b"C:\\x",
    b"con",
    b"a:b",
    b"-rf",
    b"~",
    b"\xff\xfe",
    "ü/é".encode(),
    b"x" * 255,
    b"/".join([b"x" * 255] * 16),
    b"/".join([b"d"] * 256),
    b"e" * 200 + b"/" + b"." * 3,
]


def refused(function: Callable[[], object]) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught:
        function()
    assert caught.value.slug in SLUGS
    assert caught.value.message.isprintable()
    return caught.value


def read_all(pages: DictPages, root: Root) -> list[Entry]:
    """Everything that a reader may come to see: entries, their chunks, what a walk reaches."""
    rows = list(entries(pages, root))
    for row in rows:
        list(chunk_list(pages, row))
    list(walk_pages(pages, root.page, lambda digest: False))
    return rows


class TestNames:
    @pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
    def test_bad(self, name: bytes) -> None:
        assert path_fault(name)
        pages = DictPages()
        one = Entry(name, FILE, 1, digest_of(b"1"), b"1")
        for rows in ([one], sorted([one, file_entry(b"b", b"1"), file_entry(b"A", b"1")])):
            if len(name) > 65535:
                continue
            root = forge.leaf_root(pages, rows)
            assert refused(lambda root=root: list(entries(pages, root))).slug in ("unsafe-path", "damaged-manifest")
            refused(lambda root=root: load_root(pages, root.page))
            refused(lambda root=root: find(pages, root, name))
            refused(lambda root=root: list(walk_pages(pages, root.page, lambda digest: False)))
            refused(lambda root=root: list(diff(pages, build(pages, []), root)))
            refused(lambda root=root: apply(pages, root, [(b"c", None)]))
            with pytest.raises(UsageError) as caught:
                build(pages, rows)
            assert caught.value.slug == "unsafe-path"
        with pytest.raises(UsageError) as caught:
            apply(pages, build(pages, []), [(name, one)])
        assert caught.value.slug == "unsafe-path"

    @pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
    def test_bad_last_path_of_a_row(self, name: bytes) -> None:
        pages = DictPages()
        row = (name, some_digest(1), some_digest(2), 3, 4)
        end = (b"zz", some_digest(5), some_digest(2), 3, 4)
        refused(lambda: decode_page(forge.inner(1, [row, end])))
        refused(lambda: load_root(pages, pages.put(forge.inner(1, [row, end]))))

    @pytest.mark.parametrize("name", GOOD_NAMES)
    def test_good(self, name: bytes) -> None:
        assert path_fault(name) is None
        pages = DictPages()
        root = build(pages, [file_entry(name, b"1")])
        assert root == forge.leaf_root(DictPages(), [file_entry(name, b"1")])
        assert [row.path for row in entries(pages, root)] == [name]

    @settings(deadline=None, max_examples=250)
    @given(st.lists(st.binary(max_size=12) | st.text("./ar\0t", max_size=8).map(str.encode), max_size=4))
    def test_many_are_judged_as_one_by_one(self, paths: list[bytes]) -> None:
        bad = any(path_fault(path) for path in paths)
        try:
            check_paths(paths, IntegrityError)
        except IntegrityError:
            assert bad
        else:
            assert not bad

    def test_names_in_messages_carry_no_control_characters(self) -> None:
        with pytest.raises(UsageError) as caught:
            build(DictPages(), [file_entry(b"\x1b[2Jx\n/..", b"1")])
        assert caught.value.message.isprintable()

    @pytest.mark.parametrize("between", [0, 2, 300, 900])
    def test_file_and_directory_of_one_name(self, between: int) -> None:
        pages = DictPages()
        names = [b"a", *(b"a-%03d" % at for at in range(between)), b"a/b"]
        rows = [[file_entry(name, b"1") for name in names[at : at + 200]] for at in range(0, len(names), 200)]
        below = [forge.leaf_row(pages, some) for some in rows]
        root = forge.root_of(forge.inner_row(pages, 1, below) if len(below) > 1 else below[0])
        assert refused(lambda: list(entries(pages, root))).slug == "file-and-directory"
        if between < 100:
            assert refused(lambda: find(pages, root, b"b")).slug == "file-and-directory"
            assert refused(lambda: list(diff(pages, build(pages, []), root))).slug == "file-and-directory"


class TestEntries:
    """Entries that contradict themselves, in a page whose digests are all right."""

    D = some_digest("d")
    FORGED: ClassVar = {
        "size and one chunk": Entry(b"a", FILE, 262145, D),
        "huge": Entry(b"a", FILE, 1 << 51, D, None, b"", D),
        "huge, no chunks": Entry(b"a", FILE, (1 << 64) - 1, D),
        "huge directory": Entry(b"a", DIRECTORY, (1 << 64) - 1, digest_of(b"")),
        "directory with size": Entry(b"a", DIRECTORY, 5, digest_of(b"")),
        "link with size": Entry(b"a", SYMLINK, 5, digest_of(b"there"), b"there"),
        "link to nothing": Entry(b"a", SYMLINK, 0, digest_of(b""), b""),
        "link with NUL": Entry(b"a", SYMLINK, 0, digest_of(b"a\0b"), b"a\0b"),
        "long link": Entry(b"a", SYMLINK, 0, digest_of(b"a" * 4097), b"a" * 4097),
        "empty reference": Entry(b"a", REFERENCE, 0, digest_of(b""), b""),
        "long reference": Entry(b"a", REFERENCE, 0, digest_of(b"a" * 65537), b"a" * 65537),
        "unknown kind": Entry(b"a", 5, 0, digest_of(b"")),
        "kind 255": Entry(b"a", 255, 1000, D),
        "one listed chunk": Entry(b"a", FILE, 1000, D, None, D + (1000).to_bytes(4, "little")),
        "17 chunks": Entry(b"a", FILE, 17 * 1000, D, None, 17 * (D + (1000).to_bytes(4, "little"))),
        "chunks too short": Entry(b"a", FILE, 1000, D, None, 2 * (D + (499).to_bytes(4, "little"))),
        "chunks too long": Entry(b"a", FILE, 1000, D, None, 2 * (D + (501).to_bytes(4, "little"))),
        "empty chunk": Entry(b"a", FILE, 1000, D, None, D + (1000).to_bytes(4, "little") + D + bytes(4)),
        "huge chunk": Entry(b"a", FILE, 262246, D, None, D + (262145).to_bytes(4, "little") + D + b"e\0\0\0"),
        "wrapping lengths": Entry(b"a", FILE, 1000, D, None, D + b"\xff" * 4 + D + (1001).to_bytes(4, "little")),
        "inline with chunks": Entry(b"a", FILE, 1, digest_of(b"1"), b"1", 2 * (D + b"\1\0\0\0")),
        "inline with list": Entry(b"a", EXECUTABLE, 1, digest_of(b"1"), b"1", b"", D),
        "directory with chunks": Entry(b"a", DIRECTORY, 0, digest_of(b""), None, 2 * (D + b"\1\0\0\0")),
        "link with list": Entry(b"a", SYMLINK, 0, digest_of(b"t"), b"t", b"", D),
    }

    @pytest.mark.parametrize("entry", FORGED.values(), ids=FORGED)
    def test_forged(self, entry: Entry) -> None:
        pages = DictPages()
        root = forge.leaf_root(pages, [entry, file_entry(b"b", b"1")])
        assert refused(lambda: list(entries(pages, root))).slug == "damaged-manifest"
        with pytest.raises(ValueError):
            build(DictPages(), [entry])

    def test_false_digest_of_inline_data_is_not_written(self) -> None:
        with pytest.raises(ValueError):
            build(DictPages(), [Entry(b"a", FILE, 1, digest_of(b"2"), b"1")])

    def test_the_forger_can_write_what_is_right(self) -> None:
        pages, ours = DictPages(), DictPages()
        rows = [make_entry(pages, path, at) for at, path in enumerate(make_paths(3, 60))]
        assert forge.leaf_root(pages, rows[:20]) == build(ours, rows[:20])


class TestOrder:
    def page_of(self, *names: bytes) -> bytes:
        return forge.leaf([file_entry(name, b"1") for name in names])

    @pytest.mark.parametrize(
        "names", [(b"b", b"a"), (b"a", b"a"), (b"ab", b"a"), (b"a", b"b", b"ab"), (b"x/b", b"x/a")]
    )
    def test_unsorted_or_twice(self, names: tuple[bytes, ...]) -> None:
        assert refused(lambda: decode_page(self.page_of(*names))).slug == "damaged-manifest"

    def test_prefix_not_used_as_far_as_it_goes(self) -> None:
        page = bytearray(self.page_of(b"aa", b"ab"))
        assert isinstance(decode_page(bytes(page)), Leaf)
        # the same two paths with nothing in common: shared 0, suffix "ab"
        page[9:11] = b"\0\0"
        page[13:15] = b"\2\0"
        at = page.index(b"aab")
        page[at : at + 3] = b"aaab"
        refused(lambda: decode_page(bytes(page)))

    def test_more_in_common_than_there_is(self) -> None:
        page = bytearray(self.page_of(b"a", b"b"))
        page[9:11] = b"\5\0"
        refused(lambda: decode_page(bytes(page)))
        page = bytearray(self.page_of(b"a"))
        page[7:9] = b"\1\0"
        refused(lambda: decode_page(bytes(page)))


class TestPages:
    """Trees whose pages are right each for itself, and wrong together."""

    def two(self, pages: DictPages) -> list[tuple[bytes, Digest, Digest, int, int]]:
        return [
            forge.leaf_row(pages, [file_entry(b"a", b"1"), file_entry(b"b", b"22")]),
            forge.leaf_row(pages, [file_entry(b"c", b"333"), file_entry(b"d", b"4444")]),
        ]

    def fails(self, pages: DictPages, rows: list[tuple[bytes, Digest, Digest, int, int]], level: int = 1) -> None:
        root = forge.root_of(forge.inner_row(pages, level, rows))
        refused(lambda: list(entries(pages, root)))
        refused(lambda: list(walk_pages(pages, root.page, lambda digest: False)))
        refused(lambda: list(diff(pages, root, build(pages, []))))
        refused(lambda: list(diff(pages, build(pages, [file_entry(b"b", b"x")]), root)))
        refused(lambda: apply(pages, root, [(b"a", None), (b"c", None), (b"e", file_entry(b"e", b"1"))]))
        refused(lambda: [find(pages, root, path) for path in (b"a", b"b", b"c", b"d")])

    def test_right(self) -> None:
        pages = DictPages()
        root = forge.root_of(forge.inner_row(pages, 1, self.two(pages)))
        assert [row.path for row in read_all(pages, root)] == [b"a", b"b", b"c", b"d"]
        assert load_root(pages, root.page) == root

    @pytest.mark.parametrize("field", range(5))
    @pytest.mark.parametrize("child", range(2))
    def test_row_and_page_disagree(self, field: int, child: int) -> None:
        pages = DictPages()
        rows = self.two(pages)
        false = list(rows[child])
        false[field] = [b"bb" if child == 0 else b"dd", rows[1 - child][1], some_digest("no"), 3, 8][field]
        rows[child] = (false[0], false[1], false[2], false[3], false[4])
        self.fails(pages, rows)

    @pytest.mark.parametrize("field", range(4))
    def test_root_and_page_disagree(self, field: int) -> None:
        pages = DictPages()
        root = forge.root_of(forge.inner_row(pages, 1, self.two(pages)))
        false = root._replace(**{root._fields[field]: [some_digest("no"), some_digest("no"), 5, 11][field]})
        refused(lambda: list(entries(pages, false)))
        refused(lambda: find(pages, false, b"a"))
        refused(lambda: list(diff(pages, false, build(pages, []))))
        refused(lambda: apply(pages, false, [(b"x", None)]))

    def test_pages_overlap(self) -> None:
        pages = DictPages()
        rows = [
            forge.leaf_row(pages, [file_entry(b"a", b"1"), file_entry(b"c", b"1")]),
            forge.leaf_row(pages, [file_entry(b"b", b"1"), file_entry(b"d", b"1")]),
        ]
        root = forge.root_of(forge.inner_row(pages, 1, rows))
        refused(lambda: list(entries(pages, root)))
        refused(lambda: find(pages, root, b"d"))

    def test_pages_overlap_across_branches(self) -> None:
        pages = DictPages()
        left = forge.inner_row(pages, 1, [forge.leaf_row(pages, [file_entry(b"m", b"1")])])
        right = forge.inner_row(pages, 1, [forge.leaf_row(pages, [file_entry(b"b", b"1"), file_entry(b"z", b"1")])])
        root = forge.root_of(forge.inner_row(pages, 2, [left, right]))
        refused(lambda: list(entries(pages, root)))
        refused(lambda: list(diff(pages, build(pages, []), root)))

    def test_same_page_twice(self) -> None:
        pages = DictPages()
        rows = self.two(pages)
        self.fails(pages, [rows[0], (b"c", *rows[0][1:])])

    @pytest.mark.parametrize("level", [2, 3, 15])
    def test_levels_skip(self, level: int) -> None:
        pages = DictPages()
        self.fails(pages, self.two(pages), level)

    def test_level_does_not_descend(self) -> None:
        pages = DictPages()
        below = forge.inner_row(pages, 1, self.two(pages))
        later = forge.leaf_row(pages, [file_entry(b"x", b"1")])
        self.fails(pages, [below, later])

    def test_empty_page_below(self) -> None:
        pages = DictPages()
        nothing = (b"a", pages.put(forge.leaf([])), forge.leaf_content([]), 0, 0)
        self.fails(pages, [nothing, self.two(pages)[1]])

    def test_root_of_a_single_row(self) -> None:
        pages = DictPages()
        self.fails(pages, self.two(pages)[:1])

    def test_list_page_as_manifest_and_the_other_way_round(self) -> None:
        pages = DictPages()
        listed = pages.put(forge.list_leaf([(some_digest(at), 10) for at in range(20)]))
        refused(lambda: load_root(pages, listed))
        root = build(pages, [file_entry(b"a", b"1")])
        refused(lambda: list(chunk_list(pages, Entry(b"x", FILE, 300, some_digest(1), None, b"", root.page))))

    def test_chain_of_single_rows_ends(self) -> None:
        pages = DictPages()
        left, right = self.two(pages)
        for level in range(1, 15):
            left, right = forge.inner_row(pages, level, [left]), forge.inner_row(pages, level, [right])
        root = forge.root_of(forge.inner_row(pages, 15, [left, right]))
        assert len(read_all(pages, root)) == 4
        refused(lambda: decode_page(forge.inner(16, [left, right])))


class TestCounts:
    """Numbers that promise more than there is cost nothing."""

    @pytest.mark.parametrize("level", [0, 1, 15, 16, 255])
    @pytest.mark.parametrize("count", [1, 512, 513, 65535])
    def test_counts_without_bytes(self, level: int, count: int) -> None:
        for magic, decode in ((b"amp1", decode_page), (b"acl1", decode_list)):
            for rest in (b"", bytes(5), bytes(12 * 512), b"\xff" * 12 * 512, bytes(50_000), b"\xff" * 50_000):
                refused(lambda d=decode, m=magic, r=rest: d(m + bytes([level]) + count.to_bytes(2, "little") + r))

    def test_513_entries(self) -> None:
        rows = [file_entry(b"%04d" % at, b"1") for at in range(513)]
        assert isinstance(decode_page(forge.leaf(rows[:512])), Leaf)
        refused(lambda: decode_page(forge.leaf(rows)))

    def test_long_page(self) -> None:
        rows = [Entry(b"%02d" % at, REFERENCE, 0, digest_of(b"x" * 65536), b"x" * 65536) for at in range(17)]
        assert isinstance(decode_page(forge.leaf(rows[:15])), Leaf)
        refused(lambda: decode_page(forge.leaf(rows)))

    def test_totals_beyond_all_measure(self) -> None:
        most = (1 << 64) - 1
        for entry_count, size in ((most, 1), (1, most), (1 << 62, 1 << 62)):
            rows = [(b"%d" % at, some_digest(at), some_digest(at), entry_count, size) for at in range(2)]
            refused(lambda r=rows: decode_page(forge.inner(1, r)))

    def test_empty_inputs(self) -> None:
        for decode in (decode_page, decode_list):
            for data in (b"", b"a", b"amp1", b"acl1", b"amp1\0\0", b"acl1\0\0\0", b"acl1\1\0\0", b"amp1\1\0\0"):
                refused(lambda d=decode, b=data: d(b))


class TestLists:
    CHUNKS: ClassVar = [(some_digest(at), 1000 + at) for at in range(40)]
    SIZE = sum(length for _, length in CHUNKS)

    def entry(self, page: Digest, size: int = SIZE) -> Entry:
        return Entry(b"some/big file", FILE, size, some_digest("whole"), None, b"", page)

    def rows(self, pages: DictPages) -> list[tuple[int, int, Digest]]:
        halves = (self.CHUNKS[:25], self.CHUNKS[25:])
        return [(len(half), sum(n for _, n in half), pages.put(forge.list_leaf(half))) for half in halves]

    def fails(self, pages: DictPages, page: Digest, size: int = SIZE) -> None:
        entry = self.entry(page, size)
        refused(lambda: list(chunk_list(pages, entry)))
        root = build(pages, [entry])
        refused(lambda: list(walk_pages(pages, root.page, lambda digest: False)))

    def test_right(self) -> None:
        pages = DictPages()
        page = pages.put(forge.list_inner(1, self.rows(pages)))
        assert list(chunk_list(pages, self.entry(page))) == self.CHUNKS

    def test_size_of_the_entry(self) -> None:
        pages = DictPages()
        page = pages.put(forge.list_inner(1, self.rows(pages)))
        self.fails(pages, page, self.SIZE + 1)
        self.fails(pages, page, self.SIZE - 1)

    @pytest.mark.parametrize("false", [(24, 0), (26, 0), (0, 1), (0, -1)])
    def test_row_and_page_disagree(self, false: tuple[int, int]) -> None:
        pages = DictPages()
        rows = self.rows(pages)
        rows[0] = (25 + false[0] if false[0] == 0 else false[0], rows[0][1] + false[1], rows[0][2])
        self.fails(pages, pages.put(forge.list_inner(1, rows)), sum(row[1] for row in rows))

    def test_levels(self) -> None:
        pages = DictPages()
        rows = self.rows(pages)
        self.fails(pages, pages.put(forge.list_inner(2, rows)))
        above = (40, self.SIZE, pages.put(forge.list_inner(1, rows)))
        self.fails(pages, above[2], self.SIZE + 5)
        self.fails(pages, pages.put(forge.list_inner(2, [above])))
        self.fails(pages, pages.put(forge.list_inner(1, [above, rows[0]])), self.SIZE + rows[0][1])
        refused(lambda: decode_list(forge.list_inner(16, rows)))

    def test_short_list(self) -> None:
        pages = DictPages()
        few = self.CHUNKS[:16]
        self.fails(pages, pages.put(forge.list_leaf(few)), sum(length for _, length in few))

    @pytest.mark.parametrize("length", [0, 262145, (1 << 32) - 1])
    def test_lengths(self, length: int) -> None:
        refused(lambda: decode_list(forge.list_leaf([*self.CHUNKS, (some_digest(1), length)])))

    def test_totals_beyond_all_measure(self) -> None:
        pages = DictPages()
        rows = [((1 << 64) - 1, (1 << 64) - 1, some_digest(at)) for at in range(512)]
        self.fails(pages, pages.put(forge.list_inner(15, rows)), 1 << 50)

    def test_list_of_another_length_of_digest(self) -> None:
        with pytest.raises(ValueError):
            build(DictPages(), [self.entry(b"short")])


def sample_pages(monkeypatch: pytest.MonkeyPatch, count: int = 20) -> tuple[DictPages, Root]:
    """A tree with every kind of entry, several levels, and chunk lists of two levels."""
    monkeypatch.setattr(layers, "CUT_BITS", 3)
    monkeypatch.setattr(layers, "LEAF_MASK", 7)
    monkeypatch.setattr(chunks_module, "CUT_MASK", 7)
    pages = DictPages()
    rows = [make_entry(pages, path, at) for at, path in enumerate(make_paths(5, count))]
    chunks = [(some_digest("c", at), 100 + at) for at in range(30)]
    listed = put_chunk_list(pages, chunks)
    rows.append(Entry(b"\xff\xff", FILE, sum(length for _, length in chunks), some_digest("w"), None, *listed))
    assert {row.kind for row in rows} == {FILE, EXECUTABLE, SYMLINK, DIRECTORY, REFERENCE}
    return pages, build(pages, rows)


def test_every_byte_flipped_and_every_truncation(monkeypatch: pytest.MonkeyPatch) -> None:
    pages, root = sample_pages(monkeypatch)
    wanted = read_all(pages, root)
    dice = random.Random(1)
    for name, page in list(pages.kept.items()):
        for at in range(len(page)):
            for damaged in (flipped(page, at, 1 << dice.randrange(8)), page[:at]):
                pages.kept[name] = damaged
                refused(lambda: read_all(pages, root))
        for damaged in (page + b"\0", b""):
            pages.kept[name] = damaged
            refused(lambda: read_all(pages, root))
        pages.kept[name] = page
    assert read_all(pages, root) == wanted


def test_flipped_pages_under_their_own_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that decodes at all is the only encoding of what it says: no byte is without meaning."""
    pages, _ = sample_pages(monkeypatch)
    dice = random.Random(2)
    alive = 0
    for page in list(pages.kept.values()):
        for at in range(len(page)):
            for damaged in (flipped(page, at, dice.randrange(1, 256)), page[:at]):
                alive += survives(damaged)
        alive += survives(page + b"\0") + survives(page + page)
    assert alive > 0


@settings(deadline=None, max_examples=250)
@given(st.integers(0, 10**6), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_pages(seed: int, changes: list[tuple[int, int]]) -> None:
    pages = DictPages()
    rows = [make_entry(pages, path, seed + at) for at, path in enumerate(make_paths(seed, 8))]
    build(pages, rows)
    for page in list(pages.kept.values()):
        changed = bytearray(page)
        for at, value in changes:
            changed[at % len(changed)] = value
        survives(bytes(changed))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=600), st.sampled_from([b"", b"amp1\0", b"amp1\1", b"acl1\0", b"acl1\1"]))
def test_noise(noise: bytes, start: bytes) -> None:
    survives(start + noise)


def test_flipped_child_under_a_true_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a leaf and mends the page digests above cannot change the content that a digest names."""
    pages, root = sample_pages(monkeypatch, 60)
    top = decode_page(pages.kept[root.page])
    assert isinstance(top, Inner)
    while isinstance(decode_page(pages.kept[top.items[0].page]), Inner):
        top = decode_page(pages.kept[top.items[0].page])
        assert isinstance(top, Inner)
    rows = list(top.items)
    true = [row[:4] for row in entries(pages, Root(pages.put(encode_inner(1, rows)[0]), *whole(rows)))]
    page = pages.kept[rows[0].page]
    for at in range(len(page)):
        rows[0] = top.items[0]._replace(page=pages.put(flipped(page, at, 1)))
        forged = Root(pages.put(encode_inner(1, rows)[0]), *whole(rows))
        seen = outcome(lambda forged=forged: [row[:4] for row in entries(pages, forged)])
        assert seen in (None, true)


def whole(rows: list[Row]) -> tuple[Digest, int, int]:
    return encode_inner(1, rows)[1], sum(row.entries for row in rows), sum(row.size for row in rows)


def flipped(page: bytes, at: int, bits: int) -> bytes:
    return page[:at] + bytes([page[at] ^ bits]) + page[at + 1 :]


def survives(page: bytes) -> bool:
    """Whether a page decodes; if so it must encode to itself, and its chunks be read or refused."""
    said = outcome(lambda: decode_list(page) if page[:4] == b"acl1" else decode_page(page))
    if isinstance(said, Leaf):
        assert encode_leaf(said.items, Nesting(UsageError)) == (page, said.content)
    elif isinstance(said, Inner):
        assert encode_inner(said.level, said.items) == (page, said.content)
    elif isinstance(said, ListPage):
        assert page == (forge.list_inner(said.level, said.rows) if said.level else forge.list_leaf(said.chunks))
    return said is not None


def outcome(function: Callable[[], T]) -> T | None:
    """What the function gives, or None if it refused with one of the errors for damage; other errors pass."""
    try:
        return function()
    except IntegrityError as error:
        if error.slug not in SLUGS:
            raise
        return None
