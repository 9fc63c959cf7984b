"""`art log-artifact` of many small files, which processes of their own read: the same version comes of it."""

from __future__ import annotations

import json
import signal
import struct
from pathlib import Path

import pytest

from tests.kit.command_line import Art
from tests.kit.owned import only, owned
from tests.store.material import noise

FEW = "from artcli.flows import ingest\ningest.BATCH_FILES = 8\n"
"""Batches of 8 files, so that 60 are many."""


@pytest.fixture
def data(art: Art, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub" / "empty").mkdir(parents=True)
    for number in range(20):
        (folder / f"noise {number:02}").write_bytes(noise(1000 + 977 * number, str(number)))
        (folder / "sub" / f"text {number:02}").write_bytes(f"{number} and more of it\n".encode() * (20 + 90 * number))
        (folder / "sub" / f"tiny {number:02}").write_bytes(b"." * 13 * number)
    floats = struct.pack("<20000f", *(1 + number / 7 for number in range(20_000)))
    for name in ("floats", "the same floats"):
        (folder / name).write_bytes(floats)
    (folder / "limit").write_bytes(noise(256 * 1024))
    (folder / "larger").write_bytes(noise(256 * 1024 + 1))
    (folder / "program").write_bytes(b"#!/bin/sh\n" * 50)
    (folder / "program").chmod(0o755)
    (folder / "link").symlink_to("program")
    art("init")
    return folder


def contents(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()
    }  # fmt: skip


def test_the_same_version_comes_of_it(art: Art, data: Path, tmp_path: Path) -> None:
    done = owned(art, "log-artifact", "data", data, more=FEW)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "2 processes")
    assert art("verify", "data:v0").code == 0
    assert art("use", "data:v0", "--root", "out").code == 0
    assert contents(art.directory / "out") == contents(data)
    assert (art.directory / "out" / "program").stat().st_mode & 0o100
    assert (art.directory / "out" / "sub" / "empty").is_dir()
    other = Art(tmp_path / "other")
    other.directory.mkdir()
    other("init")
    other("log-artifact", "data", data)  # in threads
    for field in ("digest", "size", "new.entries", "new.size"):
        assert len({each("show", "data:v0", "--field", field).out for each in (art, other)}) == 1, field


@pytest.mark.parametrize("allowed", [0, 1])
def test_where_no_process_may_begin_it_is_done_here(art: Art, data: Path, allowed: int) -> None:
    done = owned(art, "log-artifact", "data", data, more=FEW + only(allowed))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, f"{allowed} processes")
    art("use", "data:v0", "--root", "out")
    assert contents(art.directory / "out") == contents(data)


def test_what_is_known_is_not_added_again(art: Art, data: Path) -> None:
    art("log-artifact", "data", data)
    done = owned(art, "log-artifact", "other", data, "--json", more=FEW)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "2 processes")
    assert art("show", "other:v0", "--field", "stored").out == "0\n"
    assert len({art("show", ref, "--field", "digest").out for ref in ("data:v0", "other:v0")}) == 1


def test_a_dry_run_tells_the_same(art: Art, data: Path) -> None:
    told = owned(art, "log-artifact", "data", data, "-n", "--json", more=FEW)
    assert (told.returncode, told.stderr.splitlines()[-1]) == (0, "2 processes")
    tells = [json.loads(told.stdout), art("log-artifact", "data", data, "-n", "--json").json]
    assert len({json.dumps({**each, "seconds": 0}) for each in tells}) == 1
    assert art("ls", "--json").json["items"] == []


BESIDE = FEW + (
    "from artcli.files import reader\n"
    "read, parent = reader.read_into, os.getpid()\n"
    "def other(memory, source, stat):\n"
    "    if source.endswith(b'text 07') and os.getpid() != parent:\n"
    "        {what}\n"
    "    return read(memory, source, stat)\n"
    "reader.read_into = other\n"
)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("open(source, 'ab').write(b'more')", b"7 and more of it\n" * 650 + b"more"),
        ("open(source, 'wb').write(b'short')", b"short"),
        ("os.unlink(source); os.symlink('tiny 01', source)", b"tiny 01"),
        ("raise OSError(5, 'Input/output error')", b"7 and more of it\n" * 650),
    ],
)
def test_a_file_that_is_another_meanwhile_is_read_here(art: Art, data: Path, what: str, expected: bytes) -> None:
    done = owned(art, "log-artifact", "data", data, more=BESIDE.format(what=what))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "2 processes")
    assert art("verify", "data:v0").code == 0
    art("use", "data:v0", "--root", "out")
    path = art.directory / "out" / "sub" / "text 07"
    assert (str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()) == expected
    assert len(contents(art.directory / "out")) == len(contents(data))


def test_a_file_that_is_gone_meanwhile_is_not_in_it(art: Art, data: Path) -> None:
    done = owned(art, "log-artifact", "data", data, more=BESIDE.format(what="os.unlink(source)"))
    assert done.returncode == 0, done.stderr
    assert art("ls", "data:v0/sub/text 06").code == 0
    assert art("ls", "data:v0/sub/text 07").code == 5


@pytest.mark.parametrize("whom", ["parent", "child"])
def test_killed_nothing_is_logged(art: Art, data: Path, whom: str) -> None:
    """Of a child whose parent was killed nothing is left either: else its streams were open still."""
    victim = {"parent": "parent", "child": "os.getpid()"}[whom]
    kill = BESIDE.format(what=f"os.kill({victim}, {int(signal.SIGKILL)})")
    done = owned(art, "log-artifact", "data", data, "--json", more=kill)
    assert done.returncode == (-signal.SIGKILL if whom == "parent" else 1)
    assert whom == "parent" or '"worker-killed"' in done.stderr
    assert art("ls", "--json").json["items"] == []
    assert art("fsck").code == 0
    assert owned(art, "log-artifact", "data", data, more=FEW).returncode == 0


def test_memory_that_is_faulty_over_there_is_told_of(art: Art, data: Path) -> None:
    wrong = FEW + (
        "from artcli.store import codec\n"
        "class Wrong:\n"
        "    def decompress(self, made, **_):\n"
        "        return b'other bytes'\n"
        "codec._decompressor = Wrong\n"
    )
    done = owned(art, "log-artifact", "data", data, "--json", more=wrong)
    assert (done.returncode, '"memory-fault"' in done.stderr) == (7, True), done.stderr
    assert done.stderr.splitlines()[-1] == "2 processes"
    assert art("ls", "--json").json["items"] == []
