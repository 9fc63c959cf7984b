"""Building, editing, listing, searching and comparing, against plain dicts."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artcli.catalog.manifest import (
    DIRECTORY,
    Entry,
    Finder,
    Root,
    apply,
    build,
    diff,
    entries,
    find,
    layers,
    leaves,
    load_root,
)
from artcli.catalog.manifest.page import Inner, decode_page
from artcli.content import digest_of
from artcli.errors import UsageError
from tests.catalog.manifest.kit import DictPages, file_entry, make_entry, make_paths, some_digest, without_clashes

slow_enough = settings(deadline=None, max_examples=45, suppress_health_check=list(HealthCheck))


@pytest.fixture(params=[(2, 7), (3, 512), (1, 4)], ids=["bits2", "bits3", "bits1"])
def small_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts so frequent that a few hundred entries make many levels, and forced cuts are common."""
    bits, most = request.param
    monkeypatch.setattr(layers, "CUT_BITS", bits)
    monkeypatch.setattr(layers, "LEAF_MASK", (1 << bits) - 1)
    monkeypatch.setattr(layers, "COUNT_LIMIT", most)
    monkeypatch.setattr(layers, "WEIGHT_LIMIT", 1500)


def made(pages: DictPages, seed: int, count: int) -> dict[bytes, Entry]:
    return {path: make_entry(pages, path, seed + at) for at, path in enumerate(make_paths(seed, count))}


def built(pages: DictPages, model: dict[bytes, Entry]) -> Root:
    return build(pages, [model[path] for path in sorted(model)])


def edited(pages: DictPages, model: dict[bytes, Entry], seed: int, count: int) -> dict[bytes, Entry | None]:
    """Random edits of a model that keep names from clashing: changes, removals of one and of ranges, additions."""
    dice = random.Random(seed)
    after: dict[bytes, Entry | None] = dict(model)
    old = sorted(model)
    for at in range(count):
        what = dice.randrange(5)
        if what == 0 and old:
            after[dice.choice(old)] = None
        elif what == 1 and old:
            start = dice.randrange(len(old))
            after.update(dict.fromkeys(old[start : start + dice.randrange(40)]))
        elif what == 2 and old:
            path = dice.choice(old)
            after[path] = make_entry(pages, path, seed + at)
        elif what == 3:
            path = dice.choice(make_paths(dice.randrange(50), 30) or [b"x"])
            after[path] = make_entry(pages, path, seed + at)
        else:
            path = b"new/%d" % dice.randrange(1000)
            after[path] = make_entry(pages, path, seed + at)
    present = without_clashes(sorted(path for path, entry in after.items() if entry is not None))
    return {path: after[path] if path in set(present) else None for path in after}


@slow_enough
@given(st.integers(0, 10**6), st.integers(0, 400), st.integers(0, 30))
def test_edited_is_built(small_pages: None, seed: int, count: int, changes: int) -> None:
    pages = DictPages()
    model = made(pages, seed, count)
    root = built(pages, model)
    goal = edited(pages, model, seed + 1, changes)
    edits = [(path, goal[path]) for path in sorted(goal) if goal[path] is not model.get(path)]
    edits.append((b"\xff\xff never there", None))
    result = apply(pages, root, edits)
    wanted = {path: entry for path, entry in goal.items() if entry is not None}
    assert result == built(DictPages(), wanted)
    assert list(entries(pages, result)) == [wanted[path] for path in sorted(wanted)]
    assert list(diff(pages, root, result)) == expected_diff(model, wanted)
    assert list(diff(pages, result, root)) == expected_diff(wanted, model)


def expected_diff(a: dict[bytes, Entry], b: dict[bytes, Entry]) -> list[tuple[Entry | None, Entry | None]]:
    return [
        (a.get(path), b.get(path))
        for path in sorted(a.keys() | b.keys())
        if path not in a or path not in b or a[path][1:4] != b[path][1:4]
    ]


@slow_enough
@given(st.integers(0, 10**6), st.integers(0, 300), st.integers(0, 10**6))
def test_any_two_differ_as_dicts_do(small_pages: None, seed: int, count: int, other: int) -> None:
    pages = DictPages()
    a, b = made(pages, seed, count), made(pages, other, count // 2)
    assert list(diff(pages, built(pages, a), built(pages, b))) == expected_diff(a, b)


@slow_enough
@given(st.integers(0, 10**6), st.integers(0, 300))
def test_one_finder_finds_paths_in_any_order(small_pages: None, seed: int, count: int) -> None:
    pages = DictPages()
    model = made(pages, seed, count)
    finder = Finder(pages, built(pages, model))
    dice = random.Random(seed)
    asked = [*model, *(path + b"x" for path in model), *(path[:-1] for path in model), b"", b"\xff" * 9]
    dice.shuffle(asked)
    for path in [*asked[:100], *sorted(asked)]:
        assert finder.find(path) == model.get(path)


@slow_enough
@given(st.integers(0, 10**6), st.integers(0, 300))
def test_round_trip(small_pages: None, seed: int, count: int) -> None:
    pages = DictPages()
    model = made(pages, seed, count)
    root = built(pages, model)
    wanted = [model[path] for path in sorted(model)]
    assert list(entries(pages, root)) == wanted
    assert load_root(pages, root.page) == root
    assert (root.entries, root.size) == (len(wanted), sum(entry.size for entry in wanted))
    dice = random.Random(seed)
    some = dice.sample(sorted(model), min(6, len(model)))
    for path in [*some, b"", b"a/", b"\xff" * 9, *(path + b"x" for path in some)]:
        assert find(pages, root, path) == model.get(path)
    prefixes = [b"", b"a", b"a/", b"\xff", b"nowhere/"]
    prefixes += [path[: dice.randrange(len(path) + 1)] for path in some]
    for prefix in prefixes:
        assert list(entries(pages, root, prefix)) == [entry for entry in wanted if entry.path.startswith(prefix)]


@slow_enough
@given(st.integers(0, 10**6), st.integers(0, 200))
def test_layout_of_chunks_is_not_content(small_pages: None, seed: int, count: int) -> None:
    pages = DictPages()
    model = made(pages, seed, count)
    cut = some_digest("half")
    other = {
        path: entry._replace(
            chunks=b"".join(cut + length.to_bytes(4, "little") for length in (1, entry.size - 1)), list=b""
        )
        if entry.kind <= 1 and 256 < entry.size <= 262144
        else entry
        for path, entry in model.items()
    }
    a, b = built(pages, model), built(pages, other)
    assert a.content == b.content
    assert (a.page == b.page) == (model == other)
    assert list(diff(pages, a, b)) == []


def test_content_digest_follows_each_part() -> None:
    pages = DictPages()
    base = [file_entry(b"a", b"1"), file_entry(b"b", b"x" * 300)]
    seen = {build(pages, base).content, build(pages, []).content}
    variants = [
        [base[0]],
        [base[0], base[1]._replace(path=b"c")],
        [base[0], base[1]._replace(kind=1)],
        [base[0], base[1]._replace(size=301)],
        [base[0], base[1]._replace(digest=some_digest(1))],
        [file_entry(b"a", b"2"), base[1]],
    ]
    for variant in variants:
        seen.add(build(pages, variant).content)
    assert len(seen) == len(variants) + 2


def test_documented_content_digest() -> None:
    data = b"hello"
    big = some_digest("big")
    rows = [file_entry(b"a/b", data), Entry(b"a/c", 1, 1000, big), Entry(b"d", DIRECTORY, 0, digest_of(b""))]
    column = b"".join(
        [
            b"art content leaf\n\x03\0\0\0",
            b"\0\x01\x03",
            *((size).to_bytes(8, "little") for size in (5, 1000, 0)),
            digest_of(data) + big + digest_of(b""),
            b"\x03\0\x03\0\x01\0",
            b"a/ba/cd",
        ]
    )
    assert build(DictPages(), rows).content == digest_of(column)


def test_real_pages_make_levels_and_edits_touch_few() -> None:
    pages = DictPages()
    paths = [b"images/%05d.jpg" % number for number in range(20000)]
    model = {path: Entry(path, 0, 5000, some_digest(path)) for path in paths}
    root = built(pages, model)
    top = decode_page(pages.kept[root.page])
    assert isinstance(top, Inner)
    assert top.level >= 1
    pages.gets = pages.puts = 0
    change = model[paths[777]]._replace(digest=some_digest("changed"))
    result = apply(pages, root, [(change.path, change)])
    assert pages.puts <= 2 * (top.level + 1)
    assert pages.gets <= 2 * (top.level + 1) + 1
    pages.gets = 0
    assert list(diff(pages, root, result)) == [(model[paths[777]], change)]
    assert pages.gets <= 4 * (top.level + 1)
    pages.gets = 0
    assert find(pages, result, change.path) == change
    assert pages.gets == top.level + 1
    pages.gets = 0
    assert len(list(entries(pages, root, b"images/123"))) == 100
    assert pages.gets <= top.level + 4


def test_inserted_range_is_not_compared_entry_by_entry() -> None:
    pages = DictPages()
    old = {b"k%05d" % n: Entry(b"k%05d" % n, 0, 5000, some_digest(n)) for n in range(10000)}
    new = old | {b"k00500/%05d" % n: Entry(b"k00500/%05d" % n, 0, 5000, some_digest(n)) for n in range(10000)}
    del new[b"k00500"]
    a, b = built(pages, old), built(pages, new)
    pages.gets = 0
    assert len(list(diff(pages, a, b))) == 10001
    assert pages.gets < 110
    pages.gets = 0
    assert len(list(diff(pages, b, a))) == 10001
    assert pages.gets < 110


def test_nothing_to_do_reads_nothing() -> None:
    pages = DictPages()
    root = build(pages, [file_entry(b"a", b"1")])
    pages.gets = 0
    assert apply(pages, root, []) == root
    assert list(diff(pages, root, root)) == []
    assert pages.gets == 0


def test_empty_manifest() -> None:
    pages = DictPages()
    root = build(pages, [])
    assert (root.entries, root.size) == (0, 0)
    assert list(entries(pages, root)) == []
    assert list(leaves(pages, root)) == []
    assert find(pages, root, b"a") is None
    one = file_entry(b"a", b"1")
    full = apply(pages, root, [(b"a", one)])
    assert full == build(pages, [one])
    assert list(diff(pages, root, full)) == [(None, one)]
    assert apply(pages, full, [(b"a", None)]) == root


class TestNames:
    """What no manifest may hold is refused by name, by `build` and by `apply` alike."""

    def clash(self, old: list[bytes], edits: dict[bytes, bool]) -> str | None:
        pages = DictPages()
        root = build(pages, [file_entry(path, b"1") for path in sorted(old)])
        steps = [(path, file_entry(path, b"2") if edits[path] else None) for path in sorted(edits)]
        try:
            apply(pages, root, steps)
        except UsageError as error:
            return error.slug
        return None

    def test_twice(self) -> None:
        with pytest.raises(UsageError) as caught:
            build(DictPages(), [file_entry(b"a", b"1"), file_entry(b"a", b"2")])
        assert caught.value.slug == "duplicate-path"

    def test_unsorted_is_a_mistake_of_the_caller(self) -> None:
        with pytest.raises(ValueError):
            build(DictPages(), [file_entry(b"b", b"1"), file_entry(b"a", b"2")])
        pages = DictPages()
        with pytest.raises(ValueError):
            apply(pages, build(pages, []), [(b"b", None), (b"a", None)])

    @pytest.mark.parametrize("between", [0, 1, 3, 700])
    def test_file_and_directory(self, between: int) -> None:
        rest = [b"a-%03d" % number for number in range(between)]
        rows = [file_entry(path, b"1") for path in [b"a", *rest, b"a/b"]]
        with pytest.raises(UsageError) as caught:
            build(DictPages(), rows)
        assert caught.value.slug == "file-and-directory"
        assert self.clash([b"a", *rest], {b"a/b": True}) == "file-and-directory"
        assert self.clash([*rest, b"a/b"], {b"a": True}) == "file-and-directory"
        assert self.clash(rest, {b"a": True, b"a/b": True}) == "file-and-directory"
        assert self.clash([b"a", *rest], {b"a": True, b"a/b": True}) == "file-and-directory"
        assert self.clash([b"a", *rest], {b"a": False, b"a/b": True}) is None
        assert self.clash([*rest, b"a/b"], {b"a": True, b"a/b": False}) is None
        assert self.clash([*rest, b"a/b", b"a/c"], {b"a": True, b"a/b": False}) == "file-and-directory"
        assert self.clash([*rest, b"a/b"], {b"a": False, b"a/c": True}) is None
        assert self.clash([b"a+", *rest, b"a/b"], {b"a": True, b"a+": False}) == "file-and-directory"

    def test_deep_parent(self) -> None:
        assert self.clash([b"a/b", b"c"], {b"a/b/c/d/e": True}) == "file-and-directory"
        assert self.clash([b"a/b/c/d/e", b"f"], {b"a": True}) == "file-and-directory"
        assert self.clash([b"a/b/c/d/e", b"f"], {b"a": True, b"a/b/c/d/e": False}) is None

    @settings(deadline=None, max_examples=300)
    @given(
        st.sets(st.text("ab/-", min_size=1, max_size=5).map(str.encode), max_size=8),
        st.dictionaries(st.text("ab/-", min_size=1, max_size=5).map(str.encode), st.booleans(), max_size=6),
    )
    def test_apply_judges_as_build_does(self, old: set[bytes], edits: dict[bytes, bool]) -> None:
        sane = [path for path in old if b"//" not in path and path.strip(b"/") == path]
        start = without_clashes(sorted(sane))
        edits = {path: on for path, on in edits.items() if b"//" not in path and path.strip(b"/") == path}
        goal = (set(start) | {path for path, on in edits.items() if on}) - {p for p, on in edits.items() if not on}
        fine = without_clashes(sorted(goal)) == sorted(goal)
        assert self.clash(start, edits) == (None if fine else "file-and-directory")


def test_format_1_stays_what_it_is() -> None:
    pages = DictPages()
    rows = [make_entry(pages, b"%04d/x" % at, at) for at in range(1000)]
    root = build(pages, rows)
    top = decode_page(pages.kept[root.page])
    assert isinstance(top, Inner)
    assert root.page.hex() == "483cf658df8f1f6b9b4e687d44861a48542dbaa08325ac7e67f009d14dbd2583"
    assert root.content.hex() == "6597624307b8a5f4202349a530c6e5c6c11b2bfb905e5d9483100b83158a1675"
