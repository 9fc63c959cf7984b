from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from artcli.buckets import exclusive
from artcli.buckets.bucket import Missing
from artcli.buckets.disk import DiskBucket
from artcli.errors import ArtError
from tests.buckets.racer import key_of
from tests.buckets.rungs import RUNGS, climb_to


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskBucket:
    monkeypatch.setattr(os, "link", os.link)  # put back after the test
    monkeypatch.setattr(exclusive, "_renamer", exclusive._renamer)
    return DiskBucket(tmp_path / "bucket", create=True)


def run_race(root: Path, processes: int, keys: int, rung: str) -> list[list[int]]:
    """What each process has won."""
    program = [sys.executable, "-m", "tests.buckets.racer", str(root)]
    racers = [
        subprocess.Popen(
            [*program, f"racer{name:02}", str(keys), rung], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in range(processes)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.communicate()[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * processes
    return [[int(number) for number in answer.split()] for answer in answers]


@pytest.mark.parametrize(("rung", "processes"), [("link", 10), ("rename", 6), ("lock", 6)])
def test_of_many_processes_one_wins(tmp_path: Path, rung: str, processes: int) -> None:
    keys = 60
    won = run_race(tmp_path / "bucket", processes, keys, rung)
    assert Counter(number for numbers in won for number in numbers) == Counter(range(keys))
    for name, numbers in enumerate(won):
        for number in numbers:
            path = tmp_path / "bucket" / key_of(number)
            assert path.read_bytes() == f"racer{name:02} {number} ".encode() * 500
    assert set(os.listdir(tmp_path / "bucket" / "tmp")) <= {exclusive.LOCK}


@pytest.mark.parametrize("rung", RUNGS)
def test_killed_before_every_call(tmp_path: Path, rung: str) -> None:
    program = [sys.executable, "-m", "tests.buckets.killed", str(tmp_path), rung]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 30


@pytest.mark.parametrize("rung", RUNGS)
def test_the_rung_is_the_one_meant(bucket: DiskBucket, rung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    climb_to(rung)
    used = []
    for name in RUNGS:
        real = getattr(exclusive, f"_by_{name}")

        def spied(move: exclusive.Move, name: str = name, real: Any = real) -> None:
            real(move)
            used.append(name)

        monkeypatch.setattr(exclusive, f"_by_{name}", spied)
    assert bucket.add("a/b", b"first") is True
    assert bucket.get("a/b") == b"first"
    assert used == [rung]


@pytest.mark.parametrize(
    "number", [errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EINVAL]
)
def test_errors_that_lead_to_the_next_rung(bucket: DiskBucket, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "link", fails)
    assert bucket.add("a/b", b"x") is True
    monkeypatch.setattr(exclusive, "_renamer", lambda: lambda *_: number)
    assert bucket.add("a/c", b"x") is True
    assert [item.key for item in bucket.list("")] == ["a/b", "a/c"]
    assert os.listdir(bucket.root / "tmp") == [exclusive.LOCK]


def test_when_no_rung_works_the_first_reason_is_told(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    climb_to("lock")

    def fails(*_: Any, **__: Any) -> None:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(ArtError) as caught:
        bucket.add("a/b", b"x")
    assert caught.value.slug == "cannot-write"  # of EPERM, which link gave
    assert not (bucket.root / "a/b").exists()


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("number", [errno.EEXIST, errno.EIO, errno.ETIMEDOUT, errno.EPERM])
def test_a_lost_answer_is_a_success(
    bucket: DiskBucket, rung: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    climb_to(rung)
    real = getattr(exclusive, f"_by_{rung}")

    def loses_the_answer(move: exclusive.Move) -> None:
        real(move)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(exclusive, f"_by_{rung}", loses_the_answer)
    assert bucket.add("a/b", b"mine") is True
    assert bucket.add("a/b", b"other") is False
    assert bucket.get("a/b") == b"mine"


@pytest.mark.parametrize("rung", RUNGS)
def test_taken_at_the_last_moment(bucket: DiskBucket, rung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    climb_to(rung)
    monkeypatch.setattr(bucket, "_is_taken", lambda folder, key: False)
    assert bucket.add("a/b", b"first") is True
    assert bucket.add("a/b", b"second") is False
    assert bucket.get("a/b") == b"first"
    assert set(os.listdir(bucket.root / "tmp")) <= {exclusive.LOCK}


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.rclone"])
def test_no_lock_where_other_hosts_may_write(bucket: DiskBucket, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    climb_to("lock")
    monkeypatch.setattr(exclusive, "_kind_of_file_system", lambda device: kind)
    with pytest.raises(ArtError) as caught:
        bucket.add("a/b", b"x")
    assert caught.value.slug == "no-exclusive-write"
    with pytest.raises(Missing):
        bucket.get("a/b")
    assert os.listdir(bucket.root / "tmp") == []


def test_no_lock_where_there_is_no_flock(bucket: DiskBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    climb_to("lock")

    def fails(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", fails)
    with pytest.raises(ArtError) as caught:
        bucket.add("a/b", b"x")
    assert caught.value.slug == "no-exclusive-write"


def test_an_exclusive_rename_replaces_nothing(tmp_path: Path) -> None:
    rename = exclusive._renamer()
    if rename is None:
        pytest.skip("the C library has no exclusive rename")
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "taken").write_bytes(b"taken")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert rename(folder, b"old", folder, b"taken") == errno.EEXIST
        assert rename(folder, b"none", folder, b"new") == errno.ENOENT
        assert rename(folder, b"old", folder, b"new") == 0
    finally:
        os.close(folder)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"new": b"old", "taken": b"taken"}


def test_kind_of_file_system(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 0:45 / /mnt/with\\040space rw - fuse.sshfs me@host:/ rw,user_id=0\n"
        "41 22 0:46 / /net rw,relatime shared:9 master:3 - nfs4 host:/x rw\n"
    )

    def kind(major: int, minor: int) -> str:
        return exclusive._kind_of_file_system(os.makedev(major, minor), str(mounts))

    assert [kind(8, 1), kind(0, 45), kind(0, 46), kind(9, 9)] == ["ext4", "fuse.sshfs", "nfs4", ""]
    assert exclusive._kind_of_file_system(os.makedev(8, 1), str(tmp_path / "none")) == ""
