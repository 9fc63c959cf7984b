from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from artcli.files import reader
from artcli.files.reader import BLOCK, Changed, blocks, read_link, read_small
from artcli.files.seen import Stat, stat_of
from artcli.memory import Buffers

from .conftest import Clock


@pytest.fixture
def file(tmp_path: Path, later: Clock) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def read(path: Path) -> bytes:
    return read_small(os.fsencode(path), stat_of(os.fsencode(path)))


def test_small_files(file: Path) -> None:
    assert read(file) == b"0123456789"
    file.write_bytes(b"")
    assert read(file) == b""
    file.write_bytes(os.urandom(256 * 1024))
    assert read(file) == file.read_bytes()


def test_one_open_read_fstat_close(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = stat_of(os.fsencode(file))
    calls = []
    for name in ("open", "read", "fstat", "close", "lstat", "stat"):
        real = getattr(os, name)
        monkeypatch.setattr(
            reader.os, name, lambda *a, real=real, name=name, **k: (calls.append(name), real(*a, **k))[1]
        )
    read_small(os.fsencode(file), stat)
    monkeypatch.undo()
    assert calls == ["open", "read", "fstat", "close"]


def change_bytes(path: Path) -> None:
    path.write_bytes(b"9876543210")


def back_in_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"9876543210")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def shrink(path: Path) -> None:
    os.truncate(path, 3)


def by_another(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


def by_a_link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def by_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES = [change_bytes, back_in_time, grow, shrink, by_another, by_a_link, by_a_fifo, by_a_folder]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_since_it_was_seen(file: Path, change: Callable[[Path], None]) -> None:
    source = os.fsencode(file)
    stat = stat_of(source)
    time.sleep(0.011)
    change(file)
    with pytest.raises(Changed):
        read_small(source, stat)
    with pytest.raises(Changed):
        list(blocks(source, stat))


def test_a_file_that_has_gone(file: Path) -> None:
    stat = stat_of(os.fsencode(file))
    file.unlink()
    with pytest.raises(FileNotFoundError):
        read_small(os.fsencode(file), stat)
    with pytest.raises(FileNotFoundError):
        list(blocks(os.fsencode(file), stat))


def test_links(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(os.fsdecode(b"\xff/nowhere"))
    assert read_link(os.fsencode(link)) == b"\xff/nowhere"
    link.unlink()
    link.write_text("")
    with pytest.raises(Changed):
        read_link(os.fsencode(link))


# --- large files ---


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17])
def test_blocks(file: Path, size: int) -> None:
    content = os.urandom(size)
    file.write_bytes(content)
    source = os.fsencode(file)
    assert b"".join(bytes(block) for block in blocks(source, stat_of(source))) == content


def test_a_sparse_file(file: Path) -> None:
    with file.open("wb") as out:
        out.seek(2 * BLOCK)
        out.write(b"end")
    source = os.fsencode(file)
    assert b"".join(map(bytes, blocks(source, stat_of(source)))) == bytes(2 * BLOCK) + b"end"


@pytest.mark.parametrize("change", [change_bytes, grow, shrink])
def test_a_large_file_that_changes_while_it_is_read(file: Path, change: Callable[[Path], None]) -> None:
    file.write_bytes(os.urandom(2 * BLOCK + 5))
    source = os.fsencode(file)
    content = blocks(source, stat_of(source))
    next(content)
    time.sleep(0.011)
    change(file)
    with pytest.raises(Changed):
        list(content)


def test_a_write_that_leaves_size_and_mtime(file: Path) -> None:
    file.write_bytes(bytes(BLOCK + 1))
    source = os.fsencode(file)
    stat = stat_of(source)
    content = blocks(source, stat)
    next(content)
    time.sleep(0.011)
    with file.open("r+b") as out:
        out.write(b"x")
    os.utime(file, ns=(stat.mtime, stat.mtime))
    with pytest.raises(Changed):
        list(content)


def test_buffers_are_used_again_when_nobody_looks_at_them(file: Path) -> None:
    file.write_bytes(os.urandom(BLOCK * 6))
    source = os.fsencode(file)
    buffers = Buffers(BLOCK)
    kept = []
    for number, block in enumerate(blocks(source, stat_of(source), buffers)):
        if number in (1, 3):
            kept.append(block[10:20])
    assert len(buffers._all) == 4  # the one at hand, the one before, two that are kept
    content = file.read_bytes()
    assert [bytes(view) for view in kept] == [content[n * BLOCK + 10 : n * BLOCK + 20] for n in (1, 3)]


# --- files that may still be written without a trace ---


NOW = time.time_ns()


def fresh(age_ns: int, coarse: bool = False) -> Stat:
    moment = NOW - age_ns
    moment -= moment % 1_000_000
    moment += 0 if coarse else 1
    return Stat(10, moment, moment, 1, 0o100644)


@pytest.mark.parametrize(
    ("stat", "least", "most"),
    [
        (fresh(3600 * 10**9), 0, 0),
        (fresh(-3600 * 10**9), 0, 0),
        (fresh(10**9, coarse=True), 0.5, 1.1),
    ],
)
def test_waiting(stat: Stat, least: float, most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = [0]
    monkeypatch.setattr(reader.time, "sleep", slept.append)
    monkeypatch.setattr(reader.time, "time_ns", lambda: NOW)
    reader._let_settle(stat)
    assert least <= sum(slept) <= most


def test_a_file_of_this_moment_is_read_when_the_moment_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(reader.time, "sleep", slept.append)
    path = tmp_path / "new"
    path.write_bytes(b"new")
    assert read(path) == b"new"
    assert all(0 < wait <= 0.021 for wait in slept)
    assert len(slept) == 1
