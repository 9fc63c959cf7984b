from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.errors import ArtError, ConflictError, IntegrityError, SpaceError, UsageError
from artcli.files import writer as writer_module
from artcli.files.ignore import Rules
from artcli.files.seen import DIRECTORY, EXECUTABLE, FILE, SYMLINK
from artcli.files.writer import Writer

from .conftest import Clock
from .trees import source, whole


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside"
    path.mkdir()
    (path / "precious").write_text("mine")
    return path


def snapshot(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def temporaries(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.name.startswith(".art-")]


# --- what it makes ---


def test_a_round_trip(root: Path, later: Clock) -> None:
    names = [b"\xff\xfe", b"a\nb", b"\x1b[31m", b"deep/er/and/deeper", b" ", b"-rf"]
    with Writer(root / "new" / "target") as writer:
        for name in names:
            writer.create(name, name)
        writer.create(b"run", (b"#!", bytearray(b"/bin/"), memoryview(b"sh")), executable=True)
        writer.create(b"nothing", ())
        writer.create(b"stream", (bytes([n]) * 3 for n in range(3)), mtime=10**18 + 7)
        writer.symlink(b"links/dangling", b"../\xff/nowhere")
        writer.symlink(b"links/absolute", b"/etc")
        writer.directory(b"empty/inner")
        writer.directory(b"deep/er")
    assert (root / "new/target/stream").stat().st_mtime_ns == 10**18 + 7
    assert whole(source(root / "new/target"), rules=Rules.everything()) == {
        **{name: (FILE, name) for name in names},
        b"run": (EXECUTABLE, b"#!/bin/sh"),
        b"nothing": (FILE, b""),
        b"stream": (FILE, b"\0\0\0\1\1\1\2\2\2"),
        b"links/dangling": (SYMLINK, b"../\xff/nowhere"),
        b"links/absolute": (SYMLINK, b"/etc"),
        b"empty/inner": (DIRECTORY, b""),
    }


def test_the_umask_holds(root: Path) -> None:
    before = os.umask(0o027)
    try:
        with Writer(root) as writer:
            writer.create(b"a", b"")
            writer.create(b"b", b"", executable=True)
            writer.create(b"c", b"")
            writer.create(b"c", b"", replace=True)
    finally:
        os.umask(before)
    assert [(root / name).stat().st_mode & 0o777 for name in "abc"] == [0o640, 0o750, 0o640]


def test_two_threads(root: Path) -> None:
    errors: list[BaseException] = []

    def work(mine: int) -> None:
        try:
            for i in range(600):
                writer.create(b"d%d/e%d/%d-%d" % (i % 40, i % 3, mine, i), b"%d" % i)
                if i % 5 == 0:
                    writer.create(b"gone%d/x%d" % (i, mine), b"")
                    writer.remove(b"gone%d/x%d" % (i, mine))
        except BaseException as error:
            errors.append(error)

    with Writer(root) as writer:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(snapshot(root)) == 1800
    assert not list(root.glob("gone*"))


def test_descriptors_are_closed(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with Writer(root) as writer:
        for i in range(100):
            writer.create(b"d%d/a/b/c" % i, b"")
            writer.create(b"d%d/a/b/c" % i, b"", replace=True)
        assert len(os.listdir("/proc/self/fd")) - before < 40
    assert len(os.listdir("/proc/self/fd")) == before


# --- what stands there already ---


def test_replacing_is_atomic_and_leaves_other_links_alone(root: Path) -> None:
    (root / "a").write_text("old")
    os.link(root / "a", root / "other")
    reader = (root / "a").open("rb")
    with Writer(root) as writer:
        writer.create(b"a", b"new", replace=True)
        writer.create(b"a", (b"new", b"er"), replace=True)
    assert reader.read() == b"old"
    reader.close()
    assert snapshot(root) == {"a": b"newer", "other": b"old"}


def test_an_existing_name_is_not_replaced_unasked(root: Path) -> None:
    (root / "a").write_text("mine")
    with Writer(root) as writer:
        for content in (b"new", iter([b"new"])):
            with pytest.raises(ConflictError) as caught:
                writer.create(b"a", content)
            assert caught.value.slug == "in-the-way"
        with pytest.raises(ConflictError):
            writer.symlink(b"a", b"x")
    assert snapshot(root) == {"a": b"mine"}


class Safe:
    """Moves what is in the way beside the root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.place = root.with_name("rescued")
        self.place.mkdir()
        self.paths: list[bytes] = []

    def __call__(self, path: bytes) -> None:
        self.paths.append(path)
        os.rename(self.root / os.fsdecode(path), self.place / str(len(self.paths)))


def test_what_is_in_the_way_is_rescued(root: Path) -> None:
    (root / "a").write_text("1")
    (root / "full/x").parent.mkdir()
    (root / "full/x").write_text("2")
    (root / "void").mkdir()
    (root / "folder").write_text("3")
    safe = Safe(root)
    with Writer(root, rescue=safe) as writer:
        writer.create(b"a", b"A")
        writer.create(b"full", b"F", replace=True)
        writer.create(b"void", b"V")
        writer.create(b"folder/inner", b"I")
        writer.symlink(b"folder/link", b"inner")
    assert snapshot(root) == {"a": b"A", "full": b"F", "void": b"V", "folder/inner": b"I", "folder/link": b"I"}
    assert safe.paths == [b"a", b"full", b"folder"]
    assert snapshot(safe.place) == {"1": b"1", "2/x": b"2", "3": b"3"}


def test_what_changed_since_is_rescued(root: Path) -> None:
    (root / "old").write_text("old")
    (root / "new").write_text("old")
    (root / "old2").write_text("old")
    (root / "new2").write_text("old")
    time.sleep(0.05)
    since = time.time_ns()
    (root / "new").write_text("edited")
    (root / "new2").write_text("edited")
    safe = Safe(root)
    with Writer(root, since=since, rescue=safe) as writer:
        for name in (b"old", b"new"):
            writer.create(name, b"version", replace=True)
        for name in (b"old2", b"new2"):
            assert writer.remove(name)
    assert safe.paths == [b"new", b"new2"]
    assert snapshot(root) == {"old": b"version", "new": b"version"}
    assert snapshot(safe.place) == {"1": b"edited", "2": b"edited"}
    (root / "old").write_text("edited")
    with Writer(root, since=since) as writer, pytest.raises(ConflictError):
        writer.remove(b"old")
    assert (root / "old").read_text() == "edited"


def test_a_rescue_that_does_not_make_room(root: Path) -> None:
    (root / "a").write_text("mine")
    (root / "b").write_text("mine")
    with Writer(root, rescue=lambda path: None) as writer:
        for path in (b"a", b"b/c"):
            with pytest.raises(ConflictError) as caught:
                writer.create(path, b"new")
            assert caught.value.slug == "in-the-way"
    assert snapshot(root) == {"a": b"mine", "b": b"mine"}


def test_two_names_that_the_file_system_takes_for_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a").write_text("mine")
    monkeypatch.setattr(writer_module.os, "listdir", lambda fd: ["A"])
    with Writer(root, rescue=Safe(root)) as writer, pytest.raises(ConflictError) as caught:
        writer.create(b"a", b"new")
    assert caught.value.slug == "name-collision"


# --- removing ---


def test_removing_prunes(root: Path) -> None:
    with Writer(root) as writer:
        for name in (b"a/b/c/d", b"a/x", b"y"):
            writer.create(name, name)
        writer.symlink(b"link", b"a")
        assert writer.remove(b"a/b/c/d")
        assert not (root / "a/b").exists()
        assert (root / "a/x").exists()
        assert not writer.remove(b"a/b/c/d")
        assert not writer.remove(b"y/z")
        assert not writer.remove(b"no")
        assert writer.remove(b"link")
        assert writer.remove(b"a/x")
        assert writer.remove(b"y")
        writer.directory(b"d")
        assert writer.remove(b"d")
        writer.create(b"d/e", b"")
        assert not writer.remove(b"d")
        assert writer.remove(b"d/e")
        writer.create(b"a/b/c/d", b"again")
    assert snapshot(root) == {"a/b/c/d": b"again"}


def test_pruning_leaves_the_root(root: Path) -> None:
    with Writer(root) as writer:
        writer.create(b"a", b"")
        writer.remove(b"a")
        writer.prune(b"no/such")
        writer.directory(b"b/c")
        writer.prune(b"b/c")
    assert root.is_dir()
    assert not any(root.iterdir())


# --- attacks ---


def test_planted_links_at_every_component(root: Path, outside: Path) -> None:
    before = snapshot(outside)
    safe = Safe(root)
    for depth in range(4):
        parts = ["p", "q", "r", "s"]
        top = root / str(depth)
        top.joinpath(*parts[:depth]).mkdir(parents=True)
        top.joinpath(*parts[: depth + 1]).symlink_to(outside)
        path = f"{depth}/p/q/r/s/precious".encode()
        with Writer(root, rescue=safe) as writer:
            for action in (
                lambda writer=writer, path=path: writer.create(path, b"evil"),
                lambda writer=writer, path=path: writer.create(path, iter([b"evil"]), replace=True),
                lambda writer=writer, path=path: writer.symlink(path, b"evil"),
                lambda writer=writer, path=path: writer.directory(path),
                lambda writer=writer, path=path: writer.remove(path),
            ):
                with pytest.raises(ConflictError) as caught:
                    action()
                assert caught.value.slug == "escapes-target"
    assert snapshot(outside) == before
    assert safe.paths == []


def test_a_link_in_the_place_of_a_file_is_replaced(root: Path, outside: Path) -> None:
    for name in ("a", "b", "c"):
        (root / name).symlink_to(outside / "precious")
    (root / "d").symlink_to(outside)
    with Writer(root) as writer:
        with pytest.raises(ConflictError):
            writer.create(b"a", b"evil")
        writer.create(b"a", b"new", replace=True)
        writer.create(b"b", iter([b"new"]), replace=True)
        writer.symlink(b"c", b"elsewhere", replace=True)
        writer.remove(b"d")
    assert snapshot(outside) == {"precious": b"mine"}
    assert (root / "a").read_text() == "new"
    assert os.readlink(root / "c") == "elsewhere"


def test_a_file_through_a_link_of_the_version_itself(root: Path, outside: Path) -> None:
    with Writer(root) as writer:
        writer.symlink(b"way", os.fsencode(outside))
        with pytest.raises(ConflictError) as caught:
            writer.create(b"way/precious", b"evil", replace=True)
    assert caught.value.slug == "escapes-target"
    assert snapshot(outside) == {"precious": b"mine"}


def test_a_folder_swapped_for_a_link_while_it_is_open(root: Path, outside: Path) -> None:
    with Writer(root) as writer:
        writer.create(b"d/one", b"1")
        (root / "d").rename(root / "moved")
        (root / "d").symlink_to(outside)
        writer.create(b"d/precious", b"evil")
    assert snapshot(outside) == {"precious": b"mine"}
    assert (root / "moved/precious").read_bytes() == b"evil"


# fmt: off
BAD = [
    b"", b"/", b"..", b".", b"../x", b"a/../../x", b"/etc/x", b"/x", b"a//b", b"a/", b"./a", b"a/.",
    b".art/x", b"a/.art",
    b"a\0b", b"a\0/b",
    b"d/" + b"x" * 256, b"x" * 256 + b"/d",
]
# fmt: on


@pytest.mark.parametrize("path", BAD)
def test_bad_paths(root: Path, outside: Path, path: bytes) -> None:
    with Writer(root) as writer:
        for action in (writer.remove, lambda p: writer.create(p, b""), lambda p: writer.symlink(p, b"x")):
            with pytest.raises((IntegrityError, UsageError)) as caught:
                action(path)
            assert caught.value.slug in ("unsafe-path", "impossible-name")
        if path not in (b"", b"a/"):
            with pytest.raises(IntegrityError):
                writer.directory(path)
    assert snapshot(root) == {}
    assert snapshot(outside) == {"precious": b"mine"}


# --- failures ---


class Bad(Exception):
    pass


def bad_content() -> Iterator[bytes]:
    yield b"some"
    raise Bad


def test_content_that_turns_out_bad(root: Path) -> None:
    (root / "old").write_text("old")
    with Writer(root) as writer:
        for path, replace in ((b"new", False), (b"old", True), (b"deep/new", True)):
            with pytest.raises(Bad):
                writer.create(path, bad_content(), replace=replace)
    assert snapshot(root) == {"old": b"old"}


@pytest.mark.parametrize(
    ("number", "kind", "slug"),
    [
        (errno.ENOSPC, SpaceError, "disk-full"),
        (errno.EDQUOT, SpaceError, "disk-full"),
        (errno.EROFS, ArtError, "cannot-write"),
        (errno.EFBIG, ArtError, "cannot-write"),
        (errno.EIO, OSError, None),
    ],
)
@pytest.mark.parametrize("replace", [False, True])
def test_errors_of_the_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception], slug: str | None, replace: bool
) -> None:
    if replace:
        (root / "a").write_text("old")
    real = os.write

    def short(fd: int, data: bytes) -> int:
        if len(data) > 4:
            return real(fd, memoryview(data)[:4])
        raise OSError(number, os.strerror(number))

    with Writer(root) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(writer_module.os, "write", short)
            for content in (b"12345678", iter([b"12345678"])):
                with pytest.raises(kind) as caught:
                    writer.create(b"a", content, replace=replace)
                assert getattr(caught.value, "slug", None) == slug
                if slug is not None:
                    assert str(root / "a") in str(caught.value)
        assert snapshot(root) == ({"a": b"old"} if replace else {})
        writer.create(b"a", b"good", replace=replace)
    assert snapshot(root) == {"a": b"good"}


def test_short_writes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(writer_module.os, "write", lambda fd, data: real(fd, memoryview(data)[:3]))
    with Writer(root) as writer:
        writer.create(b"a", (b"0123456789", memoryview(b"abc"), b""))
    assert (root / "a").read_bytes() == b"0123456789abc"


@pytest.mark.parametrize("there", [False, True])
def test_a_file_system_without_hard_links(root: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(writer_module.os, "link", refuse)
    if there:
        (root / "a").write_text("old")
    with Writer(root) as writer:
        writer.create(b"a", iter([b"new"]), replace=there)
        writer.symlink(b"b", b"a")
    assert snapshot(root) == {"a": b"new", "b": b"new"}
    assert temporaries(root) == []


def test_a_name_that_the_file_system_refuses(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: object, *args: object, **named: object) -> int:
        if path == b"con:":
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(path, *args, **named)  # type: ignore[arg-type]

    with Writer(root) as writer:
        monkeypatch.setattr(writer_module.os, "open", refuse)
        with pytest.raises(UsageError) as caught:
            writer.create(b"con:", b"")
    assert caught.value.slug == "impossible-name"
