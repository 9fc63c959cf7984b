from __future__ import annotations

import errno
import fcntl
import gc
import os
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.buckets.bucket import Missing
from artcli.buckets.disk import DiskBucket
from artcli.buckets.folders import OpenFiles
from artcli.buckets.memory import MemoryBucket
from artcli.errors import ArtError, ConflictError, NotFoundError, SpaceError


@pytest.fixture
def bucket(tmp_path: Path) -> DiskBucket:
    return DiskBucket(tmp_path / "bucket", create=True)


def temporary_files(bucket: DiskBucket) -> list[str]:
    folder = bucket.root / "tmp"
    return os.listdir(folder) if folder.exists() else []


def failing(call: Callable[..., Any], number: int, nth: int = 1) -> Callable[..., Any]:
    """`call`, whose `nth` use raises the error with this number instead."""
    uses = 0

    def used(*arguments: Any, **options: Any) -> Any:
        nonlocal uses
        uses += 1
        if uses == nth:
            raise OSError(number, os.strerror(number))
        return call(*arguments, **options)

    return used


class Steps:
    """What is done to the disk, in order: "mkdir NAME", "write", "fsync file", "link", "fsync folder NAME", …"""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.seen: list[str] = []
        for name in ("mkdir", "writev", "fsync", "link", "rename", "unlink"):
            monkeypatch.setattr(os, name, self.spied(name, getattr(os, name)))

    def spied(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def spy(*arguments: Any, **options: Any) -> Any:
            what = name
            if name == "mkdir":
                what += " " + os.path.basename(arguments[0])
            if name == "fsync":
                status = os.fstat(arguments[0])
                what += " file" if stat.S_ISREG(status.st_mode) else " " + self.folder(status)
            self.seen.append(what)
            return call(*arguments, **options)

        return spy

    def folder(self, status: os.stat_result) -> str:
        for path in [self.root.parent.parent, self.root.parent, self.root, *self.root.rglob("*")]:
            if os.path.samestat(status, path.stat()):
                return f"{path.relative_to(self.root.parent)}/"
        raise AssertionError("an unknown folder")

    def take(self) -> list[str]:
        seen, self.seen[:] = list(self.seen), []
        return seen


@pytest.fixture
def steps(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(bucket.root, monkeypatch)


WRITE = ["writev", "fsync file", "link", "unlink"]


def test_data_is_durable_before_the_name_and_the_name_before_the_return(bucket: DiskBucket, steps: Steps) -> None:
    bucket.add("packs/ab/0", b"x")
    steps.take()
    bucket.add("packs/ab/1", b"x")
    assert steps.take() == [*WRITE, "fsync bucket/packs/ab/"]


def test_a_folder_made_is_durable_before_it_is_used(bucket: DiskBucket, steps: Steps) -> None:
    bucket.add("log/7/0", b"x")
    made = ["mkdir log", "fsync bucket/", "mkdir 7", "fsync bucket/log/"]
    assert steps.take() == [*made, "mkdir tmp", *WRITE, "fsync bucket/log/7/"]
    bucket.add("log/8/0", b"x")
    assert steps.take() == ["mkdir 8", "fsync bucket/log/", *WRITE, "fsync bucket/log/8/"]
    bucket.add("config", b"x")
    assert steps.take() == [*WRITE, "fsync bucket/"]


def test_a_folder_found_empty_is_made_durable(bucket: DiskBucket, steps: Steps) -> None:
    """Its maker may have been killed before it could see to that."""
    (bucket.root / "tmp").mkdir()
    (bucket.root / "log/7").mkdir(parents=True)
    steps.take()
    bucket.add("log/7/0", b"x")
    assert steps.take() == ["fsync bucket/log/", *WRITE, "fsync bucket/log/7/"]
    another = DiskBucket(bucket.root)
    another.add("log/7/1", b"x")
    assert steps.take() == [*WRITE, "fsync bucket/log/7/"]


def test_what_is_taken_is_durable_too(bucket: DiskBucket, steps: Steps) -> None:
    """Its writer may be between the link and the fsync of the folder; the loser counts on the object."""
    bucket.add("log/7/0", b"x")
    steps.take()
    assert bucket.add("log/7/0", b"y") is False
    assert steps.take() == ["fsync bucket/log/7/"]


def test_making_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").mkdir()
    steps = Steps(tmp_path / "x/bucket", monkeypatch)
    DiskBucket(tmp_path / "x/bucket", create=True)
    assert steps.take() == ["mkdir bucket", "fsync ./"]
    DiskBucket(tmp_path / "x/bucket", create=True)
    assert steps.take() == ["mkdir bucket"]
    DiskBucket(tmp_path / "x/bucket/a/b/c", create=True)
    mkdirs = [step for step in steps.take() if step.startswith("mkdir")]
    assert mkdirs[-3:] == ["mkdir a", "mkdir b", "mkdir c"]
    assert (tmp_path / "x/bucket/a/b/c").is_dir()


def test_a_relative_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert DiskBucket(Path("here/there"), create=True).add("a", b"x")
    assert (tmp_path / "here/there/a").read_bytes() == b"x"


@pytest.mark.parametrize("create", [False, True])
def test_no_root(tmp_path: Path, create: bool) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotFoundError) as caught:
        DiskBucket(tmp_path / "file", create=create)
    assert caught.value.slug == "bucket-not-found"
    if not create:
        with pytest.raises(NotFoundError):
            DiskBucket(tmp_path / "none")
        assert not (tmp_path / "none").exists()


def test_two_objects_for_one_directory(bucket: DiskBucket) -> None:
    other = DiskBucket(bucket.root)
    assert bucket.add("a/b", b"x")
    assert other.get("a/b") == b"x"
    assert not other.add("a/b", b"y")
    other.delete("a/b")
    assert list(bucket.list("")) == []


def test_objects_are_read_only(bucket: DiskBucket) -> None:
    bucket.add("a/b", b"x")
    assert (bucket.root / "a/b").stat().st_mode & 0o222 == 0


def test_reading_needs_no_temporary_folder(bucket: DiskBucket) -> None:
    (bucket.root / "a").write_bytes(b"x")
    assert bucket.get("a") == b"x"
    bucket.delete("a")
    bucket.sweep_temporary(0)
    assert list(bucket.root.iterdir()) == []


def test_calls_that_do_a_part(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may write less than it was given, and read less than it was asked for."""
    writev, pread = os.writev, os.pread
    sizes = iter([1, 2, 3, 5, 8, 13, 21, 1, 1] + [1000] * 1000)

    def write_little(fd: int, views: list[memoryview]) -> int:
        return writev(fd, [b"".join(views)[: next(sizes)]])

    monkeypatch.setattr(os, "writev", write_little)
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: pread(fd, min(size, 777), offset))
    parts = [bytes([number % 256]) * (number % 11) for number in range(3000)]
    bucket.add("a/b", parts)
    assert (bucket.root / "a/b").read_bytes() == b"".join(parts) == bucket.get("a/b")
    assert bucket.get("a/b", 100, 5000) == b"".join(parts)[100:5100]


# what cannot be written


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "mkdir", "writev", "fsync", "link"])
def test_disk_full(bucket: DiskBucket, call: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.add("a/0", b"x")
    messages = []
    for nth in range(1, 10):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing(getattr(os, call), number, nth))
            try:
                bucket.add(f"b{nth}/1", b"x" * 5000)
                break
            except SpaceError as error:
                messages.append((error.slug, error.message))
        assert temporary_files(bucket) == []
        assert bucket.add(f"b{nth}/1", b"x" * 5000) in (True, False)  # False: it had its name already
        assert bucket.get(f"b{nth}/1") == b"x" * 5000
    assert messages
    assert all(slug == "disk-full" and "0.0 MiB needed" in message for slug, message in messages)


def test_a_disk_that_is_full_indeed(tmp_path: Path) -> None:
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("may not mount")
    try:
        bucket = DiskBucket(tmp_path)
        assert bucket.add("packs/aa/0", b"x" * 700_000)
        with pytest.raises(SpaceError) as caught:
            bucket.add("packs/aa/1", [b"x" * 100_000] * 7)
        assert "0.7 MiB needed, 0.3 MiB free" in caught.value.message
        assert temporary_files(bucket) == []
        assert bucket.add("packs/aa/2", b"x" * 200_000)
        assert [item.key for item in bucket.list("")] == ["packs/aa/0", "packs/aa/2"]
        bucket.delete("packs/aa/0")
        assert bucket.add("packs/aa/1", b"x" * 600_000)
        del bucket
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
@pytest.mark.parametrize("call", ["open", "mkdir"])
def test_cannot_write(bucket: DiskBucket, call: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, call, failing(getattr(os, call), number))
    with pytest.raises(ArtError) as caught:
        bucket.add("a/b", b"x")
    assert caught.value.slug == "cannot-write"
    assert str(bucket.root) in caught.value.message


def test_cannot_delete(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.add("a/b", b"x")
    monkeypatch.setattr(os, "unlink", failing(os.unlink, errno.EROFS))
    with pytest.raises(ArtError) as caught:
        bucket.delete("a/b")
    assert caught.value.slug == "cannot-write"


@pytest.mark.parametrize("call", ["writev", "fsync", "link", "stat", "fstat"])
def test_an_unknown_error_is_passed_on(bucket: DiskBucket, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.add("a/0", b"x")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(getattr(os, call), errno.EIO))
        if call == "fstat":
            (bucket.root / "a/1").write_bytes(b"y")
            with pytest.raises(OSError, match="Input/output"):
                bucket.get("a/1")
            return
        with pytest.raises(OSError, match="Input/output"):
            bucket.add("a/1", b"y")
    assert temporary_files(bucket) == []
    assert bucket.add("a/1", b"y") is True


def test_a_file_system_without_fsync_of_folders(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def only_files(fd: int) -> None:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "no")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", only_files)
    assert bucket.add("a/b", b"x") is True


def test_the_writer_holds_nothing_afterwards(bucket: DiskBucket) -> None:
    gc.collect()
    gc.disable()
    try:
        bucket.add("a/0", b"x")
        before = len(os.listdir("/dev/fd"))
        for number in range(50):
            bucket.add(f"a/{number}", b"x")
            bucket.add(f"a/{number}", b"x")
            list(bucket.list(""))
            bucket.delete(f"a/{number}")
            with pytest.raises(Missing):
                bucket.get(f"a/{number}")
        assert len(os.listdir("/dev/fd")) == before
    finally:
        gc.enable()


# what others planted


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    (folder / "secret").write_bytes(b"secret")
    (folder / "sub/secret").write_bytes(b"secret")
    return folder


PLANTED = ["file", "dangling", "folder", "fifo", "socket", "own"]


@pytest.fixture(params=PLANTED)
def planted(request: pytest.FixtureRequest, bucket: DiskBucket, outside: Path) -> Path:
    """Something that is not an object at "a/b"."""
    (bucket.root / "a").mkdir()
    bucket.add("a/0", b"zero")
    path = bucket.root / "a/b"
    kind = request.param
    if kind == "file":
        path.symlink_to(outside / "secret")
    elif kind == "dangling":
        path.symlink_to(outside / "none")
    elif kind == "folder":
        path.symlink_to(outside)
    elif kind == "own":
        path.symlink_to("0")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind("b")
        os.chdir(here)
    return path


def untouched(outside: Path) -> bool:
    return (
        sorted(path.name for path in outside.rglob("*")) == ["secret", "secret", "sub"]
        and (outside / "secret").read_bytes() == b"secret"
        and (outside / "sub/secret").read_bytes() == b"secret"
    )


def test_what_is_planted_is_not_read(bucket: DiskBucket, planted: Path) -> None:
    for key in ("a/b", "a/b/secret", "a/b/sub/secret"):
        with pytest.raises(Missing):
            bucket.get(key)
        with pytest.raises(Missing):
            bucket.view(key)
    for prefix in ("", "a/", "a/b", "a/b/", "a/b/sub/"):
        assert [item.key for item in bucket.list(prefix)] == ["a/0"][: prefix in ("", "a/")]


def test_what_is_planted_is_not_written(bucket: DiskBucket, planted: Path, outside: Path) -> None:
    for key in ("a/b", "a/b/secret", "a/b/new", "a/b/sub/new", "a/b/newsub/new"):
        with pytest.raises(ConflictError) as caught:
            bucket.add(key, b"x")
        assert caught.value.slug == "not-an-object"
        assert key in caught.value.message
    assert untouched(outside)
    assert temporary_files(bucket) == []


def test_what_is_planted_is_not_deleted_through(bucket: DiskBucket, planted: Path, outside: Path) -> None:
    for key in ("a/b/secret", "a/b/sub/secret", "a/b"):
        bucket.delete(key)
    assert untouched(outside)
    assert bucket.get("a/0") == b"zero"


def test_a_planted_link_in_the_way_at_the_last_moment(
    bucket: DiskBucket, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.add("a/0", b"x")
    fsync = os.fsync

    def plant(fd: int) -> None:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            (bucket.root / "a/1").symlink_to(outside / "new")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", plant)
    with pytest.raises(ConflictError):
        bucket.add("a/1", b"x")
    assert untouched(outside)


@pytest.mark.parametrize("name", ["log", "log/0000000", "tmp"])
def test_a_folder_that_is_a_link(bucket: DiskBucket, outside: Path, name: str) -> None:
    (bucket.root / name).parent.mkdir(exist_ok=True)
    (bucket.root / name).symlink_to(outside)
    with pytest.raises(ConflictError):
        bucket.add("log/0000000/0", b"x")
    assert list(bucket.list("")) == []
    assert untouched(outside)
    if name == "tmp":
        with pytest.raises(ConflictError):
            bucket.sweep_temporary(0)
        assert untouched(outside)


def test_a_folder_where_an_object_is_meant(bucket: DiskBucket) -> None:
    bucket.add("a/b/c", b"x")
    for key in ("a", "a/b", "a/b/c/d"):
        with pytest.raises(ConflictError):
            bucket.add(key, b"y")
        with pytest.raises(Missing):
            bucket.get(key)


def test_names_outside_the_grammar_are_left_out(bucket: DiskBucket) -> None:
    bucket.add("a/b", b"x")
    for name in [b".DS_Store", b"._b", b"b~", b"with space", b"\xff\xfe", "é".encode(), b"-rf", b"x\ny"]:
        Path(os.fsdecode(os.fsencode(bucket.root / "a") + b"/" + name)).write_bytes(b"")
    (bucket.root / ".hidden").mkdir()
    (bucket.root / ".hidden/x").write_bytes(b"")
    assert [item.key for item in bucket.list("")] == ["a/b"]


def test_folders_deeper_than_any_key(bucket: DiskBucket) -> None:
    path = bucket.root
    for _ in range(600):
        path = path / "d"
        if len(str(path)) < 4000:
            os.makedirs(path, exist_ok=True)
    bucket.add("e", b"x")
    assert [item.key for item in bucket.list("")] == ["e"]


@pytest.mark.parametrize("key", ["tmp/x", "tmp/x/y", "TMP/x", "Tmp/x"])
def test_the_temporary_folder_holds_no_objects(bucket: DiskBucket, key: str) -> None:
    bucket.add("a", b"x")
    bucket.add("tmpx/y", b"x")
    (bucket.root / "tmp/abc").write_bytes(b"")
    for use in (bucket.get, bucket.view, bucket.delete, lambda key: bucket.add(key, b"x")):
        with pytest.raises(ValueError):
            use(key)
    with pytest.raises(ValueError):
        bucket.list("tmp/")
    assert [item.key for item in bucket.list("")] == ["a", "tmpx/y"]
    assert [item.key for item in bucket.list("tmp")] == ["tmpx/y"]


# files kept open


def test_only_some_files_are_kept_open(tmp_path: Path) -> None:
    bucket = DiskBucket(tmp_path)
    for number in range(100):
        bucket.add(f"a/{number}", str(number).encode())
    before = len(os.listdir("/dev/fd"))
    for _ in range(2):
        for number in range(100):
            assert bucket.get(f"a/{number}") == str(number).encode()
    assert len(os.listdir("/dev/fd")) - before == OpenFiles.MOST
    del bucket
    assert len(os.listdir("/dev/fd")) < before


def test_a_file_read_often_is_opened_once(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.add("a/b", b"0123456789")
    bucket.get("a/b")
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda *a, **o: opened.append(a) or real(*a, **o))  # type: ignore[func-returns-value]
    for start in range(10):
        assert bucket.get("a/b", start, 1) == str(start).encode()
    assert bytes(bucket.view("a/b")) == b"0123456789"
    assert opened == []


def test_what_another_process_did_is_seen_after_a_second(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.add("a/b", b"damaged")
    bucket.add("a/c", b"x")
    assert bucket.get("a/b") == b"damaged"
    assert bucket.get("a/c") == b"x"
    (bucket.root / "a/c").unlink()
    (bucket.root / "a/b").rename(bucket.root / "lost")
    (bucket.root / "a/b").write_bytes(b"sound again")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + OpenFiles.SECONDS + 0.1)
    assert bucket.get("a/b") == b"sound again"
    with pytest.raises(Missing):
        bucket.get("a/c")


def test_no_descriptors_left(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        bucket.add(f"a/{number}", b"x")
        bucket.get(f"a/{number}")
    bucket.add("b/c", b"y")
    before = len(os.listdir("/dev/fd"))
    monkeypatch.setattr(os, "open", failing(os.open, errno.EMFILE, nth=2))
    assert bucket.get("b/c") == b"y"
    assert len(os.listdir("/dev/fd")) == before - 20 + 1


def test_reading_while_the_cache_turns_over(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread may read from a descriptor that another has closed, and that by then is another file's."""
    monkeypatch.setattr(OpenFiles, "MOST", 2)
    for number in range(12):
        bucket.add(f"a/{number}", f"{number:02}".encode() * 2000)
    wrong = []

    def read(seed: int) -> None:
        for turn in range(400):
            number = (turn * seed) % 12
            if bucket.get(f"a/{number}") != f"{number:02}".encode() * 2000:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in (1, 5, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# left-overs


def leave(bucket: DiskBucket, name: str, age: float) -> Path:
    path = bucket.root / "tmp" / name
    path.write_bytes(b"left")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_sweep_takes_what_is_old(bucket: DiskBucket) -> None:
    bucket.add("a", b"x")
    leave(bucket, "old", 7200)
    leave(bucket, "young", 1800)
    leave(bucket, "of-the-future", -(10**8))
    leave(bucket, "add.lock", 7200)
    assert bucket.sweep_temporary(3600) == 2
    assert sorted(temporary_files(bucket)) == ["add.lock", "young"]
    assert bucket.sweep_temporary(3600) == 0
    assert bucket.get("a") == b"x"


def test_sweep_leaves_the_file_of_a_living_writer(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even after the clock has leapt from 1970 to today, as it does on a board without a battery."""
    swept = []
    link = os.link

    def sweeping(*arguments: Any, **options: Any) -> None:
        (name,) = temporary_files(bucket)
        os.utime(bucket.root / "tmp" / name, (0, 0))
        swept.append(DiskBucket(bucket.root).sweep_temporary(3600))
        link(*arguments, **options)

    monkeypatch.setattr(os, "link", sweeping)
    assert bucket.add("a/b", b"x") is True
    assert swept == [0]


def test_sweep_without_file_locks(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(fcntl.flock, errno.ENOLCK))
    assert bucket.add("a", b"x")
    leave(bucket, "old", 7200)
    monkeypatch.setattr(fcntl, "flock", failing(fcntl.flock, errno.ENOLCK))
    assert bucket.sweep_temporary(3600) == 1


def test_sweep_leaves_what_is_not_ours(bucket: DiskBucket, outside: Path) -> None:
    bucket.add("a", b"x")
    (bucket.root / "tmp/link").symlink_to(outside / "secret")
    (bucket.root / "tmp/folder").mkdir()
    os.mkfifo(bucket.root / "tmp/fifo")
    assert bucket.sweep_temporary(0) == 0
    assert sorted(temporary_files(bucket)) == ["fifo", "folder", "link"]
    assert untouched(outside)


# against the bucket in memory

NAMES = st.text("ab0_-.", min_size=1, max_size=3).filter(lambda name: name[0] not in "-.")
KEYS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def not_folders(keys: set[str]) -> set[str]:
    return {key for key in keys if not any(other.startswith(key + "/") for other in keys)}


@settings(max_examples=60, deadline=None)
@given(st.sets(KEYS, max_size=30).map(not_folders), st.lists(st.tuples(KEYS, KEYS, st.integers(0, 9)), max_size=8))
def test_lists_as_memory_does(keys: set[str], questions: list[tuple[str, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda fd: None)
        disk, memory = DiskBucket(Path(folder)), MemoryBucket()
        for key in keys:
            assert disk.add(key, key.encode())
            assert memory.add(key, key.encode())
        for prefix, after, cut in [("", "", 0), *questions]:
            listed = [item[:2] for item in disk.list(prefix[:cut], after)]
            assert listed == [item[:2] for item in memory.list(prefix[:cut], after)]


def test_folders_laid_out_cost_no_fsync_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DiskBucket(tmp_path / "bucket", create=True).lay_out(("log", "packs", "packs/ab"))
    bucket = DiskBucket(tmp_path / "bucket", durable=("log", "packs", "packs/ab"))
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(fsync(fd)))
    assert bucket.add("packs/ab/first", b"in a folder that was empty")
    assert len(synced) == 2
    assert bucket.add("packs/cd/first", b"in a folder that was not there")
    assert len(synced) == 5


def test_a_released_object_is_still_there(tmp_path: Path) -> None:
    bucket = DiskBucket(tmp_path / "bucket", create=True)
    bucket.add("packs/ab/first", b"bytes")
    bucket.release("packs/ab/first")
    assert bucket.get("packs/ab/first") == b"bytes"
    with pytest.raises(Missing):
        bucket.release("packs/ab/second")
