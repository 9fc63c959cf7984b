from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artcli.errors import NotFoundError, UsageError
from artcli.files import listing as listing_module
from artcli.files.ignore import Rules
from artcli.files.seen import DIRECTORY, EXECUTABLE, FILE, SYMLINK, Gone, LeftOut, Seen, Special, Unreadable
from artcli.files.sources import Source
from artcli.files.walk import Scan

from .conftest import Clock
from .trees import Tree, apply, source, whole


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def tree(tmp_path: Path, data: Path) -> Tree:
    return Tree(tmp_path / "cache", source(data))


def fill(data: Path, *names: str) -> None:
    for name in names:
        path = data / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)


# --- what becomes an entry ---


def test_every_kind_of_entry(data: Path) -> None:
    fill(data, "plain", "empty-folder/", "deep/er/file")
    (data / "nothing").write_bytes(b"")
    (data / "run").write_text("#!")
    (data / "run").chmod(0o755)
    (data / "to-file").symlink_to("plain")
    (data / "to-folder").symlink_to("deep")
    (data / "dangling").symlink_to("no/such")
    (data / "absolute").symlink_to("/etc")
    assert whole(source(data)) == {
        b"absolute": (SYMLINK, b"/etc"),
        b"dangling": (SYMLINK, b"no/such"),
        b"deep/er/file": (FILE, b"deep/er/file"),
        b"empty-folder": (DIRECTORY, b""),
        b"nothing": (FILE, b""),
        b"plain": (FILE, b"plain"),
        b"run": (EXECUTABLE, b"#!"),
        b"to-file": (SYMLINK, b"plain"),
        b"to-folder": (SYMLINK, b"deep"),
    }


HOSTILE = [
    b"\xff\xfe",
    b"a\nb",
    b"tab\there",
    b"\x1b[31mred",
    b" ",
    b"-rf",
    b"*",
    b"caf\xc3\xa9",
    b"cafe\xcc\x81",
    b"\x01",
]


def test_names_are_bytes(data: Path, later: Clock, tree: Tree) -> None:
    for name in HOSTILE:
        (data / os.fsdecode(name)).write_bytes(name)
        folder = data / os.fsdecode(name + b".d")
        folder.mkdir()
        (folder / os.fsdecode(name)).write_bytes(name)
    expected = {name: (FILE, name) for name in HOSTILE} | {name + b".d/" + name: (FILE, name) for name in HOSTILE}
    tree.walk()
    assert tree.model == expected
    assert tree.walk() == []


def test_special_files_are_told_and_left(data: Path, tree: Tree, later: Clock) -> None:
    os.mkfifo(data / "pipe")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(data / "plug"))
    for _ in range(2):
        changes = tree.walk()
        assert {(c.path, c.what) for c in changes if isinstance(c, Special)} == {(b"pipe", "FIFO"), (b"plug", "socket")}
        assert tree.model == {}


def test_a_special_file_in_the_place_of_a_file(data: Path, tree: Tree, later: Clock) -> None:
    fill(data, "x")
    tree.walk()
    (data / "x").unlink()
    os.mkfifo(data / "x")
    assert {type(change) for change in tree.walk()} == {Special, Gone}
    (data / "x").unlink()
    fill(data, "x")
    assert [type(change) for change in tree.walk()] == [Seen]


def test_a_folder_of_special_files_is_empty(data: Path, tree: Tree) -> None:
    (data / "d").mkdir()
    os.mkfifo(data / "d" / "pipe")
    tree.walk()
    assert tree.model == {b"d": (DIRECTORY, b"")}


def test_what_is_never_part(data: Path, tree: Tree) -> None:
    fill(
        data, ".art/log/1", "sub/.art/x", "sub/deep/.art", ".article", "sub/a", "x/artifacts/kept", "artifacts/ds:v0/a"
    )
    fill(data, ".art-0123456789abcdef.tmp", ".art-notours.tmp", "sub/deep/b")
    changes = tree.walk()
    assert set(tree.model) == {b".article", b"sub/a", b"x/artifacts/kept", b".art-notours.tmp", b"sub/deep/b"}
    assert {c.path for c in changes if isinstance(c, LeftOut)} == {b"artifacts", b".art-0123456789abcdef.tmp"}


def test_artifacts_when_named(data: Path) -> None:
    fill(data, "artifacts/ds:v0/a")
    assert set(whole(source(data / "artifacts"))) == {b"ds:v0/a"}
    assert set(whole(source(data / "artifacts", b"artifacts"))) == {b"artifacts/ds:v0/a"}
    assert set(whole(source(data), rules=Rules.everything())) == {b"artifacts/ds:v0/a"}


def test_the_repository_is_no_source(data: Path) -> None:
    (data / ".art").mkdir()
    with pytest.raises(UsageError) as caught:
        Scan([source(data / ".art")], Rules())
    assert caught.value.slug == "unsafe-path"


# --- order and sources ---


def test_order_is_that_of_full_paths(data: Path) -> None:
    fill(data, "d/", "d-1", "d.txt", "d0", "e/x", "e-/y", "e/a-/b", "e/a", "f /", "f/", "f!/")
    paths = [change.path for change in Scan([source(data)], Rules())]
    assert paths == sorted(paths)
    assert len(paths) == 11


def test_several_sources_meet_in_one_version(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        fill(tmp_path, f"{name}/sub/{name}.txt", f"{name}/{name}.md")
    sources = [
        source(tmp_path / "one"),
        source(tmp_path / "two", b"sub/deep"),
        source(tmp_path / "three"),
        source(tmp_path / "one/one.md", b"sub/again.md"),
    ]
    assert sorted(whole(*sources)) == [
        b"one.md",
        b"sub/again.md",
        b"sub/deep/sub/two.txt",
        b"sub/deep/two.md",
        b"sub/one.txt",
        b"sub/three.txt",
        b"three.md",
    ]


def test_several_sources_are_believed_too(tmp_path: Path, later: Clock) -> None:
    fill(tmp_path, "one/sub/a", "one/b", "two/sub/c", "two/d", "f")
    one, two, single = source(tmp_path / "one"), source(tmp_path / "two"), source(tmp_path / "f", b"sub/f")
    tree = Tree(tmp_path / "cache", one, two, single)
    assert len(tree.walk()) == 5
    assert tree.walk() == []
    (tmp_path / "two/sub/c").write_text("new")
    (tmp_path / "f").write_text("new")
    assert tree.paths() == [b"sub/c", b"sub/f"]
    other = Tree(tmp_path / "cache", single, two, one)
    other.model = tree.model
    assert other.paths() == []


@pytest.mark.parametrize("second", ["a", "a/x"])
def test_two_sources_for_one_name(tmp_path: Path, second: str) -> None:
    fill(tmp_path, "one/a", f"two/{second}")
    for sources in (
        [source(tmp_path / "one"), source(tmp_path / "two")],
        [source(tmp_path / "two"), source(tmp_path / "one")],
    ):
        with pytest.raises(UsageError) as caught:
            whole(*sources)
        assert caught.value.slug == "two-sources"


def test_two_files_for_one_name(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b", "d/x")
    for sources in (
        [source(tmp_path / "a", b"n"), source(tmp_path / "b", b"n")],
        [source(tmp_path / "a", b"n"), source(tmp_path / "d", b"n/sub")],
        [source(tmp_path / "d", b"n"), source(tmp_path / "a", b"n")],
        [source(tmp_path / "d"), source(tmp_path / "a", b"x")],
    ):
        with pytest.raises(UsageError) as caught:
            whole(*sources)
        assert caught.value.slug == "two-sources"


@pytest.mark.parametrize(
    "dest", [b"../x", b"/x", b"a//b", b"a/../b", b".", b".art/x", b"a\0b", b"x" * 256, b"a/" * 300 + b"a"]
)
def test_unsafe_places(data: Path, dest: bytes) -> None:
    fill(data, "a")
    with pytest.raises(UsageError) as caught:
        Scan([source(data / "a", dest)], Rules())
    assert caught.value.slug == "unsafe-path"


def test_a_missing_source(data: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        Scan([source(data / "no")], Rules())
    assert caught.value.slug == "no-such-path"


def test_named_links_are_followed(tmp_path: Path, data: Path) -> None:
    fill(data, "a", "inner/b")
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "latest").symlink_to(data / "a")
    (data / "loop").symlink_to(".")
    model = whole(source(tmp_path / "link"), source(tmp_path / "latest", b"latest"))
    assert model == {
        b"a": (FILE, b"a"),
        b"inner/b": (FILE, b"inner/b"),
        b"latest": (FILE, b"a"),
        b"loop": (SYMLINK, b"."),
    }


def test_too_deep(data: Path) -> None:
    path = os.fsencode(data)
    cwd = os.open(path, os.O_RDONLY)
    try:
        for _ in range(257):
            os.mkdir(b"d", dir_fd=cwd)
            below = os.open(b"d", os.O_RDONLY, dir_fd=cwd)
            os.close(cwd)
            cwd = below
    finally:
        os.close(cwd)
    with pytest.raises(UsageError) as caught:
        list(Scan([Source(path)], Rules()))
    assert caught.value.slug == "too-deep"


def test_a_path_too_long(data: Path) -> None:
    cwd = os.open(data, os.O_RDONLY)
    try:
        for _ in range(20):
            os.mkdir(b"d" * 250, dir_fd=cwd)
            below = os.open(b"d" * 250, os.O_RDONLY, dir_fd=cwd)
            os.close(cwd)
            cwd = below
    finally:
        os.close(cwd)
    with pytest.raises(UsageError) as caught:
        list(Scan([source(data)], Rules()))
    assert caught.value.slug == "too-deep"


# --- what cannot be read ---


def test_an_unreadable_folder(data: Path, tree: Tree, later: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(data, "a", "shut/b", "shut/c/d", "z")
    tree.walk()
    real = os.open

    def refuse(path: bytes, flags: int, *args: int, **named: int) -> int:
        if isinstance(path, bytes) and path.endswith(b"/shut"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, flags, *args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(listing_module.os, "open", refuse)
        changes = tree.walk()
    assert [type(change) for change in changes] == [Unreadable, Gone, Gone]
    assert changes[0].path == b"shut"
    assert tree.paths() == [b"shut/b", b"shut/c/d"]


def test_an_unreadable_name(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(data, "a", "b")
    real = os.scandir

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name = entry.name
            self._entry = entry

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            if self.name == "a":
                raise PermissionError(errno.EACCES, "Permission denied", self.name)
            return self._entry.stat(follow_symlinks=follow_symlinks)

    class Entries:
        def __init__(self, fd: int) -> None:
            self._entries = real(fd)

        def __enter__(self) -> map[Entry]:
            return map(Entry, self._entries)

        def __exit__(self, *_: object) -> None:
            self._entries.close()

    monkeypatch.setattr(listing_module.os, "scandir", Entries)
    changes = list(Scan([source(data)], Rules()))
    assert [(type(change), change.path) for change in changes] == [(Unreadable, b"a"), (Seen, b"b")]


# --- what changed ---


def test_an_unchanged_tree_reports_nothing(data: Path, tree: Tree, later: Clock) -> None:
    fill(data, "a", "b/c", "b/d/e", "empty/", "b-/x")
    (data / "link").symlink_to("a")
    assert len(tree.walk()) == 6
    for _ in range(3):
        assert tree.walk() == []


def test_edits_are_found(data: Path, tree: Tree, later: Clock) -> None:
    fill(data, *(f"d{i}/f{j}" for i in range(3) for j in range(5)))
    tree.walk()
    (data / "d1/f2").write_text("changed")
    (data / "d1/f3").unlink()
    (data / "d2/new").write_text("new")
    (data / "d0/f0").rename(data / "d0/renamed")
    assert tree.paths() == [b"d0/f0", b"d0/renamed", b"d1/f2", b"d1/f3", b"d2/new"]
    assert tree.walk() == []


def test_same_size_and_mtime_moved_back(data: Path, tree: Tree, later: Clock) -> None:
    fill(data, "a", "b")
    before = (data / "a").stat()
    tree.walk()
    (data / "a").write_text("A")
    os.utime(data / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(data / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (data / "a").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert tree.paths() == [b"a"]


def test_two_files_swapped(data: Path, tree: Tree, later: Clock) -> None:
    fill(data, "a", "b")
    tree.walk()
    (data / "a").rename(data / "c")
    (data / "b").rename(data / "a")
    (data / "c").rename(data / "b")
    assert tree.paths() == [b"a", b"b"]


def test_the_executable_bit(data: Path, tree: Tree, later: Clock) -> None:
    fill(data, "a")
    tree.walk()
    (data / "a").chmod(0o755)
    assert tree.paths() == [b"a"]
    assert tree.model[b"a"][0] == EXECUTABLE


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("neighbours", [(), ("x-", "x.d/y", "x "), ("w", "y")])
def test_file_becomes_folder_and_back(
    data: Path, tree: Tree, later: Clock, empty: bool, neighbours: tuple[str, ...]
) -> None:
    fill(data, "x", *neighbours)
    tree.walk()
    (data / "x").unlink()
    fill(data, "x/" if empty else "x/y")
    tree.walk()
    assert tree.walk() == []
    if not empty:
        (data / "x/y").unlink()
        tree.walk()
        assert tree.model[b"x"] == (DIRECTORY, b"")
    (data / "x").rmdir()
    fill(data, "x")
    tree.walk()
    assert tree.walk() == []


def test_a_folder_vanishes_while_walking(data: Path, tree: Tree, later: Clock) -> None:
    fill(data, "a", "b/c/d", "b/e", "f")
    tree.walk()
    scan = iter(Scan(tree.sources, tree.rules))
    assert next(scan).path == b"a"
    for name in ("b/c/d", "b/e"):
        (data / name).unlink()
    (data / "b/c").rmdir()
    (data / "b").rmdir()
    assert [change.path for change in scan] == [b"f"]


def test_a_known_version_that_is_of_no_use(data: Path, tree: Tree, later: Clock) -> None:
    from artcli.files.statcache import StatCache

    fill(data, "a", "b/c")
    tree.walk()
    (data / "b/c").unlink()
    with StatCache(tree.cache) as cache:
        scan = Scan(tree.sources, tree.rules, cache, lambda root: None)
        assert scan.known_root is None
        model: dict[bytes, tuple[int, bytes]] = {}
        apply(model, scan)
        assert set(model) == {b"a", b"b"}
        assert scan.save(b"q" * 32)
    tree.model = model
    assert tree.walk() == []


def test_distrust(data: Path, tree: Tree, later: Clock) -> None:
    from artcli.files.statcache import StatCache

    fill(data, "a", "b/c", "b/d", "e")
    with StatCache(tree.cache) as cache:
        scan = Scan(tree.sources, tree.rules, cache, lambda root: root)
        apply(tree.model, scan)
        scan.distrust(b"b/d")
        scan.distrust(b"e")
        assert scan.save(b"p" * 32)
    assert tree.paths() == [b"b/d", b"e"]
    assert tree.walk() == []


def test_a_large_flat_folder(data: Path, tree: Tree, later: Clock) -> None:
    count = 5000
    for i in range(count):
        os.close(os.open(data / f"{i:05}", os.O_CREAT | os.O_WRONLY))
    assert len(tree.walk()) == count
    (data / "01234").write_text("x")
    (data / "00000").unlink()
    (data / "04999x").write_text("y")
    assert tree.paths() == [b"00000", b"01234", b"04999x"]


NAMES = st.sampled_from(["a", "b", "a-", "a.d", "b ", "é", "\udcff"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "remove", "folder", "link", "rename", "walk"]), NAMES, NAMES, st.integers(0, 2)
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_history(
    steps: list[tuple[str, str, str, int]], tmp_path_factory: pytest.TempPathFactory, later: Clock
) -> None:
    top = tmp_path_factory.mktemp("any")
    data = top / "data"
    data.mkdir()
    tree = Tree(top / "cache", source(data))
    for step, first, second, depth in steps:
        path = data.joinpath(*[first, second, first][: depth + 1])
        try:
            if step == "write":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(os.fsencode(step + first + second))
            elif step == "remove":
                path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()
            elif step == "folder":
                path.mkdir(parents=True)
            elif step == "link":
                path.symlink_to(second)
            elif step == "rename":
                path.rename(data / second)
            else:
                tree.walk()
        except OSError:
            pass  # a step that makes no sense here
    tree.walk()
    assert tree.walk() == []
