"""The spool: torn lines, many at once, folders half made, heads lost, full disks."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from artcli.catalog.runs import owners, records, steady
from artcli.catalog.runs import spool as spools
from artcli.catalog.runs.owners import ALIVE, GONE, UNKNOWN, Owner, standing, this_process
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.spool import Spool, new_head
from artcli.errors import SpaceError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def create(root: Path, run: str = "run", owner: Owner | None = None, next_step: int = 0) -> Spool:
    return Spool.create(root, new_head(run, "home", owner, next_step))


def row(step: int, **values: object) -> list[Record]:
    return [Record("history", 1.5, values, step, step + 1)]


def said(spool: Spool) -> list[Record]:
    return [record for _, lines in spool.parts() for record in records.decode_all(lines)]


def test_a_row_without_a_step_gets_the_next_one(root: Path) -> None:
    spool = create(root, next_step=7)
    for loss in (3, 2, 1):
        spool.append(lambda step, loss=loss: row(step, loss=loss))  # type: ignore[misc]
    assert [(record.step, record.data) for record in said(spool)] == [
        (7, {"loss": 3}),
        (8, {"loss": 2}),
        (9, {"loss": 1}),
    ]
    assert spool.size() == sum(len(lines) for _, lines in spool.parts())


def test_a_torn_line_is_passed_over_and_takes_no_other_with_it(root: Path) -> None:
    spool = create(root)
    spool.append(lambda step: row(step, a=1))
    events = spool.folder / "0" / "events"
    whole = events.read_bytes()
    for end in range(1, len(whole) - 1):
        events.write_bytes(whole + whole[:end])  # the power went while the second line was written
        spool.append(lambda step: row(step, b=2))
        assert [(record.step, dict(record.data)) for record in said(spool)] == [(0, {"a": 1}), (1, {"b": 2})]
    events.write_bytes(whole + bytes(4096))  # or the file system has kept the length, and zeros
    spool.append(lambda step: row(step, b=2))
    assert [record.step for record in said(spool)] == [0, 1]


def test_a_reader_sees_whole_lines_only(root: Path) -> None:
    spool = create(root)
    spool.append(lambda step: row(step, a=1))
    with open(spool.folder / "0" / "events", "ab") as file:
        file.write(records.encode(row(1, a=2)[0])[:-1])
    assert [record.step for record in said(spool)] == [0]


def test_the_last_record_is_found_behind_a_long_one(root: Path) -> None:
    spool = create(root)
    spool.append(lambda step: [Record("config", 1.0, {"text": "x" * 400_000}, None, 41)])
    assert spool.next_step() == 41


def test_nothing_is_half_said_on_a_full_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = create(root)
    spool.append(lambda step: row(step, a=1))

    def full(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(steady, "_write", full)
        with pytest.raises(SpaceError) as caught:
            spool.append(lambda step: row(step, a=2))
    assert caught.value.slug == "disk-full"
    spool.append(lambda step: row(step, a=3))
    assert [(record.step, record.data["a"]) for record in said(spool)] == [(0, 1), (1, 3)]


def append_many(folder: Path, own: int, count: int) -> None:
    for number in range(count):
        Spool(folder).append(lambda step, number=number: row(step, own=own, number=number))  # type: ignore[misc]


def test_ten_processes_at_once_lose_nothing_and_share_the_counter(root: Path) -> None:
    spool = create(root)
    processes = [
        multiprocessing.get_context("fork").Process(target=append_many, args=(spool.folder, own, 50))
        for own in range(10)
    ]
    for process in processes:
        process.start()
    for _ in range(20):  # sealing begins in the middle of it
        with spool.sealing():
            spool.begin_sealing()
        time.sleep(0.002)
    for process in processes:
        process.join()
    found = said(spool)
    assert [record.step for record in found] == list(range(500))
    assert {(record.data["own"], record.data["number"]) for record in found} == {
        (a, b) for a in range(10) for b in range(50)
    }
    assert len(list(spool.folder.iterdir())) <= 30


def test_two_that_create_have_one_spool(root: Path) -> None:
    barrier, made = threading.Barrier(8), list[Spool]()

    def both() -> None:
        barrier.wait()
        made.append(create(root))

    threads = [threading.Thread(target=both) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({spool.head.writer for spool in made}) == 1
    assert os.listdir(root) == ["run"]


def test_what_is_sealed_is_never_continued(root: Path) -> None:
    spool = create(root)
    spool.append(lambda step: row(step, a=1))
    assert spool.begin_sealing() == [0]
    assert spool.begin_sealing() == [0]  # whoever comes after a crash
    spool.append(lambda step: row(step, a=2))
    assert [number for number, _ in spool.parts()] == [0, 1]
    spool.end_sealing(0)
    assert [number for number, _ in spool.parts()] == [1]
    assert spool.begin_sealing() == [1]
    spool.end_sealing(1)
    assert spool.begin_sealing() == []
    spool.append(lambda step: row(step, a=3))
    assert [(record.step, record.data) for record in said(spool)] == [(2, {"a": 3})]


def test_files_of_the_run(root: Path) -> None:
    spool = create(root)
    incoming = spool.incoming()
    incoming.write_bytes(b"picture")
    spool.append(lambda step: row(step, image="media/a.png"), files={"media/a.png": incoming}, durable=True)
    [(number, folder)] = spool.file_folders()
    assert number == 0
    assert (folder / "media" / "a.png").read_bytes() == b"picture"
    for name in ("../out", "/etc/passwd", "a/../../b", "", "."):
        with pytest.raises(ValueError):
            spool.append(lambda step: [], files={name: incoming})


def test_a_removed_spool_is_gone_for_who_waits(root: Path) -> None:
    spool, failures = create(root), list[Exception]()

    def late() -> None:
        try:
            spool.append(lambda step: row(step))
        except FileNotFoundError as error:
            failures.append(error)

    with steady.flocked(spool.folder / "lock"):
        thread = threading.Thread(target=late)
        thread.start()
        time.sleep(0.05)
        os.rename(spool.folder, root / ".gone")
    thread.join()
    assert len(failures) == 1
    assert not (root / ".gone" / "0").exists()


def test_a_spool_with_something_in_it_stays(root: Path) -> None:
    spool = create(root)
    spool.append(lambda step: row(step))
    assert not spool.remove()
    head = spool.head
    [number] = spool.begin_sealing()
    spool.end_sealing(number)
    spool.own(this_process())
    assert not spool.remove(head)  # somebody has taken it up
    assert spool.remove(spool.head)
    assert os.listdir(root) == []
    with pytest.raises(FileNotFoundError):
        spool.remove()


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b"[]", b'{"run": "x"}', None])
def test_a_lost_head_is_made_anew(root: Path, damage: bytes | None) -> None:
    spool = create(root)
    spool.append(lambda step: row(step, a=1))
    spool.begin_sealing()
    spool.append(lambda step: row(step, a=2))
    before = spool.head
    head = spool.folder / "head"
    head.unlink() if damage is None else head.write_bytes(damage)
    assert spool.head.run == "run"
    assert spool.head.writer != before.writer
    assert spool.append(lambda step: row(step, a=3)) > 0
    assert [(record.step, record.data["a"]) for record in said(spool)] == [(0, 1), (1, 2), (2, 3)]
    assert json.loads(head.read_bytes())["segment"] == 1


def test_leftovers_of_the_killed_are_no_spools(root: Path) -> None:
    create(root)
    old, young = root / ".run.aa", root / ".run.bb"
    for folder in (old, young):
        folder.mkdir()
        (folder / "head").write_text("{")
    os.utime(old, (1, 1))
    assert [spool.folder.name for spool in spools.spools(root)] == ["run"]
    spools.sweep(root)
    assert sorted(os.listdir(root)) == [".run.bb", "run"]
    assert spools.spools(root / "nowhere") == []


def test_the_last_sign_is_that_of_the_run_not_of_who_seals(root: Path) -> None:
    spool = create(root)
    spool.append(lambda step: row(step))
    os.utime(spool.folder / "head", (1000, 1000))
    os.utime(spool.folder / "0" / "events", (2000, 2000))
    assert spool.last_sign() == 2000
    [number] = spool.begin_sealing()
    spool.end_sealing(number)
    assert spool.last_sign() == 2000


# --- records ---


@pytest.mark.parametrize(
    "body",
    [
        b'{"k":"history","t":1,"n":Infinity,"d":{}}', b'{"k":"history","t":NaN,"n":1,"d":{}}',
        b'{"k":"history","t":1e999,"n":1,"d":{}}', b'{"k":"history","t":1,"n":-1,"d":{}}', b"[]", b"1", b"{}",
        b'{"k":"history","t":1,"n":1,"s":1.5,"d":{}}', b'{"k":"history","t":1,"n":true,"d":{}}', b"[" * 100_000,
        b'{"k":"history","t":1,"n":99999999999999999999,"d":{}}', b'{"k":1,"t":1,"n":1,"d":{}}',
        b'{"k":"history","t":1,"n":1,"d":[]}', b"\xff\xfe",
    ],
)  # fmt: skip
def test_a_checksum_is_no_proof_of_sense(body: bytes) -> None:
    line = records._checksum(body) + b" " + body
    assert records.decode(line) is None
    good = Record("history", 1.0, {"x": 1}, 0, 1)
    assert [one.data for one in records.decode_sealed(line + b"\n" + records.encode(good))] == [{"x": 1}]


@pytest.mark.parametrize("name", [*records.KINDS, "of a later age", ""])
def test_the_kind_of_a_line(name: str) -> None:
    line = records.encode(Record(name, 1.5, {"k": "console"}, 3, 4))
    assert records.kind(line) == records.kind(line.rstrip()) == name
    assert records.kind(line[:-5]) is records.kind(b"0" + line[1:-1] + b"x") is None


def test_what_no_record_can_be() -> None:
    circle: dict[str, object] = {}
    circle["itself"] = circle
    cases: list[tuple[dict[str, object], int]] = [(circle, 0), ({"x": "y" * records.LIMIT}, 0), ({}, 2**53), ({}, -1)]
    for data, step in cases:
        with pytest.raises(ValueError):
            records.encode(Record("history", 0, data, step, 0))


def test_odd_values_come_back(root: Path) -> None:
    values = {"nan": float("nan"), "inf": [float("inf"), -float("inf")], "text": "a\n\ud800\u2028", "none": None}
    found = records.decode(records.encode(Record("summary", 2.25, values, None, 3)))
    assert found is not None
    assert (found.kind, found.time, found.step, found.next) == ("summary", 2.25, None, 3)
    assert repr(found.data) == repr(values)


# --- owners ---


def test_a_process_is_known_by_its_start() -> None:
    mine = this_process()
    assert mine is not None
    assert standing(mine) == ALIVE
    assert standing(mine._replace(started="1")) == GONE
    assert standing(mine._replace(boot="another")) == GONE
    assert standing(mine._replace(host="another")) == UNKNOWN
    assert standing(mine._replace(space="pid:[1]")) == UNKNOWN
    assert this_process(2**22 + 1) is None


def test_a_zombie_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = this_process(child.pid)
        assert owner is not None
        assert standing(owner) == ALIVE
        child.kill()
        deadline = time.monotonic() + 5
        while standing(owner) == ALIVE and time.monotonic() < deadline:
            time.sleep(0.005)
        assert standing(owner) == GONE  # nobody has waited for it yet


def test_a_process_that_may_not_be_looked_at_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = this_process()
    assert mine is not None
    monkeypatch.setattr(owners, "_started", lambda pid: "")

    def forbidden(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert standing(mine) == UNKNOWN
