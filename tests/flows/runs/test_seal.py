"""Sealing: by two at once, killed at any moment, on a full disk; the dead are found and the living are not harmed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog import manifest
from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.liveness import outcome
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.runs.spool import Owner, Spool, this_process
from artcli.errors import SpaceError
from artcli.flows.runs import seal as sealing
from artcli.flows.runs.recorder import Beginning, Recorder
from artcli.flows.runs.seal import seal, seal_dead, settle

GONE = Owner(2**22 + 1, "1", "another boot")


def begin(repository: Repository, id: str = "run-1", owner: Owner | None = None, **more: object) -> Recorder:
    return Recorder.begin(repository, Beginning("home", id=id, owner=owner, **more))  # type: ignore[arg-type]


def dead() -> Owner:
    mine = this_process()
    assert mine is not None
    return mine._replace(started="1")


def numbers(repository: Repository, run: str = "run-1") -> list[int]:
    said = journal.everything(repository, run)
    return [record.data["number"] for record in said if record.kind == "history"]


def known(repository: Repository, run: str = "run-1") -> Run:
    repository.refresh()
    found = Register(repository.follower.database).run(run)
    assert found is not None
    return found


def files(repository: Repository, run: str) -> set[str]:
    found: set[str] = set()
    for place in journal.file_places(repository, run):
        if isinstance(place, Path):
            found |= {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
        else:
            for reached in manifest.walk_pages(repository.store, place, lambda page: False):
                for chunk, _ in reached.chunks:
                    repository.store.get(chunk)
            found.add(place.hex())
    return found


def test_what_was_said_is_the_same_before_and_after(repository: Repository) -> None:
    run = begin(repository, config={"lr": 0.1}, tags=["a", "a"], recorded={"argv": ["x"]})
    for number in range(5):
        run.log({"number": number})
    run.set("console", {"stream": "stdout", "text": "hello"})
    before = list(journal.everything(repository, run.run)), list(journal.everything(repository, run.run, console=True))
    seal(repository, run.spool)
    run.log({"number": 5})
    assert numbers(repository) == [0, 1, 2, 3, 4, 5]
    run.finish(exit=0)
    after = list(journal.everything(repository, run.run)), list(journal.everything(repository, run.run, console=True))
    assert after[0][:-1] == before[0]
    assert after[1] == before[1]
    assert (known(repository).outcome, known(repository).exit) == ("finished", 0)
    assert os.listdir(journal.spool_root(repository)) == []
    assert [segment.n for segment in Register(repository.follower.database).segments()] == [0, 1]


class Stop(Exception):
    """The process has died here."""


@pytest.mark.parametrize("at", ["begin", "put", "files", "commit", "committed", "removing", "end"])
def test_a_crash_at_any_step_loses_and_doubles_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    run = begin(repository)
    run.log({"number": 0})
    picture = run.spool.incoming()
    picture.write_bytes(b"x" * 5000)
    run.say([], files={"media/a.png": picture})
    where = {
        "begin": (Spool, "begin_sealing"), "put": (sealing, "_put_records"), "files": (sealing, "_put_files"),
        "commit": (sealing, "_commit"), "committed": (sealing, "_commit"), "removing": (Spool, "end_sealing"),
        "end": (Spool, "end_sealing"),
    }[at]  # fmt: skip
    real = getattr(*where)

    def crash(*arguments: object) -> object:
        if at in ("begin", "committed", "end"):
            real(*arguments)
        if at == "removing":
            (run.spool.folder / "0" / "events").unlink()  # in the middle of it
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(*where, crash)
        with pytest.raises(Stop):
            seal(repository, run.spool)
    assert numbers(repository) == [0]
    run.log({"number": 1})
    assert numbers(repository) == [0, 1]
    run.finish()
    assert numbers(repository) == [0, 1]
    assert len(files(repository, "run-1")) == 1
    assert len(list(Register(repository.follower.database).segments())) == 2


def test_two_who_seal_at_once(repository: Repository) -> None:
    run = begin(repository)
    for number in range(20):
        run.log({"number": number})
    others = [Repository(repository.path) for _ in range(4)]
    threads = [threading.Thread(target=seal, args=(other, run.spool)) for other in others]
    for thread in threads:
        thread.start()
    for number in range(20, 60):
        run.log({"number": number})
    for thread in threads:
        thread.join()
    assert numbers(repository) == list(range(60))
    run.finish()
    assert numbers(repository) == list(range(60))
    for other in others:
        other.close()


def test_what_others_say_while_a_run_ends_is_kept(repository: Repository) -> None:
    run = begin(repository)
    done = threading.Event()
    said = []

    def others() -> None:
        own = Repository(repository.path)
        hand = Recorder.attach(own, "run-1")
        number = 0
        while not done.is_set() or number < 20:
            hand.log({"number": number})
            said.append(number)
            number += 1
        own.close()

    thread = threading.Thread(target=others)
    thread.start()
    while len(said) < 5:
        time.sleep(0.001)
    run.finish()
    done.set()
    thread.join()
    assert sorted(numbers(repository)) == said
    seal_dead(repository, everything=True)
    assert sorted(numbers(repository)) == said
    assert os.listdir(journal.spool_root(repository)) == []
    assert known(repository).outcome == "finished"


def test_a_full_disk_costs_no_word(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artcli.flows.runs.recorder.SEAL_SIZE", 1000)
    run = begin(repository)
    run._seal_at = 1000

    def full(*_: object) -> None:
        raise SpaceError("disk-full", "full")

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "_commit", full)
        for number in range(50):
            run.log({"number": number})
        assert run._seal_at > 1000  # it does not try with every row
    for number in range(50, 100):
        run.log({"number": number})
    assert numbers(repository) == list(range(100))
    assert list(Register(repository.follower.database).segments())


def test_the_dead_are_found_and_the_living_left_alone(repository: Repository) -> None:
    begin(repository, "dead", dead()).log({"number": 1})
    begin(repository, "rebooted", dead()._replace(started="x", boot="before")).log({"number": 2})
    begin(repository, "alive", this_process()).log({"number": 3})
    begin(repository, "shell").log({"number": 4})
    begin(repository, "elsewhere", GONE._replace(host="another machine")).log({"number": 5})
    runs = {run.id: run for run in Register(repository.follower.database).runs()}
    assert {id: outcome(repository, run) for id, run in runs.items()} == {
        "dead": "crashed", "rebooted": "crashed", "alive": "running", "shell": "running", "elsewhere": "running",
    }  # fmt: skip
    assert {known(repository, id).outcome for id in runs} == {"crashed", None}  # the first two are settled by then
    assert settle(repository) == []
    assert sorted(os.listdir(journal.spool_root(repository))) == ["alive", "elsewhere", "shell"]
    for number, id in enumerate(("dead", "rebooted", "alive", "shell", "elsewhere"), 1):
        assert numbers(repository, id) == [number]


def test_a_run_that_is_taken_up_while_it_is_buried(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(repository, owner=dead())
    run.log({"number": 1})
    real = sealing._put_records

    def slow(writer: object, events: Path) -> object:
        run.spool.own(this_process())  # in that very moment
        return real(writer, events)  # type: ignore[arg-type]

    monkeypatch.setattr(sealing, "_put_records", slow)
    assert settle(repository) == []
    run.log({"number": 2})
    assert known(repository).outcome is None
    assert outcome(repository, known(repository)) == "running"
    assert numbers(repository) == [1, 2]


def test_a_run_that_never_began_is_nothing(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        os._exit(9)

    pid = os.fork()
    if not pid:
        monkeypatch.setattr(Repository, "commit", killed)
        begin(Repository(repository.path), owner=this_process())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.listdir(journal.spool_root(repository)) == ["run-1"]
    assert settle(repository) == []
    assert os.listdir(journal.spool_root(repository)) == []
    assert Register(repository.follower.database).runs() == []


def test_a_begin_that_fails_leaves_nothing(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(repository).finish()
    with pytest.raises(Exception, match="already") as caught:
        begin(repository)
    assert getattr(caught.value, "slug", None) == "run-exists"
    assert os.listdir(journal.spool_root(repository)) == []


def test_five_minutes_of_silence(repository: Repository) -> None:
    run = begin(repository)
    run.log({"number": 1})
    now = run.spool.last_sign()
    assert outcome(repository, known(repository), now + 299) == "running"
    assert outcome(repository, known(repository), now + 301) == "crashed"
    assert known(repository).outcome is None  # a judgement, no fact
    for path in (run.spool.folder / "head", run.spool.folder / "0" / "events"):
        os.utime(path, (now - 400, now - 400))
    assert outcome(repository, known(repository), now) == "crashed"
    run.log({"number": 2})
    assert outcome(repository, known(repository)) == "running"
    run.finish("failed", 1)
    assert outcome(repository, known(repository), now + 9999) == "failed"


def test_a_run_of_another_machine_is_judged_by_the_clock_of_this_one(repository: Repository) -> None:
    run = begin(repository)
    run.log({"number": 1})
    seal(repository, run.spool)
    run.spool.remove()  # as if its facts had come from elsewhere
    entries = sorted((repository.path / "log").rglob("0*"))
    newest = entries[-1]
    os.utime(newest, (5000, 5000))
    assert outcome(repository, known(repository), 5200) == "running"
    assert outcome(repository, known(repository), 5400) == "crashed"
    repository.commit(lambda _, make: [make(Draft("finish", {"run": "run-1", "outcome": "crashed"}))])
    assert outcome(repository, known(repository), time.time()) == "crashed"
    segment = {"run": "run-1", "writer": "other", "n": 0, "resumes": 0, "since": "", "records": []}
    repository.commit(lambda _, make: [make(Draft("segment", segment))])
    assert outcome(repository, known(repository)) == "running"  # it was not dead


def test_a_crashed_run_lives_again_when_it_says_something(repository: Repository) -> None:
    begin(repository, owner=dead())
    assert settle(repository) == ["run-1"]
    assert outcome(repository, known(repository)) == "crashed"
    Recorder.attach(repository, "run-1").log({"number": 7})  # a child of its, say
    assert outcome(repository, known(repository)) == "running"
    resumed = Recorder.resume(repository, "run-1", Beginning("home", owner=this_process()))
    resumed.log({"number": 8})
    resumed.finish()
    assert outcome(repository, known(repository)) == "finished"
    assert numbers(repository) == [7, 8]


def test_a_spool_that_is_left_alone_is_sealed_in_the_end(repository: Repository) -> None:
    run = begin(repository)
    run.log({"number": 1})
    for path in (run.spool.folder / "head", run.spool.folder / "0" / "events"):
        os.utime(path, (1000, 1000))
    settle(repository)
    assert list(Register(repository.follower.database).segments())
    assert run.spool.last_sign() == 1000
    run.log({"number": 2})
    assert [record.step for record in journal.everything(repository, "run-1") if record.kind == "history"] == [0, 1]


def test_reading_needs_no_lock(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(repository, owner=dead())
    run.log({"number": 1})

    def read_only(*_: object, **__: object) -> Iterator[None]:
        raise PermissionError(13, "read-only file system")

    for name in ("artcli.catalog.runs.spool.flocked", "artcli.lock.held"):
        monkeypatch.setattr(name, read_only)
    assert settle(repository) == []
    assert numbers(repository) == [1]
    assert outcome(repository, known(repository)) == "crashed"


# --- killed ---


def train(repository: Repository, run: str, rows: int, seal_size: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.flows.runs.trainer", str(repository.path), run, str(rows), str(seal_size)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_eight_runs_of_which_three_are_killed(repository: Repository) -> None:
    rows, chance = 60, random.Random(8)
    children = {f"run-{number}": train(repository, f"run-{number}", rows, 2000) for number in range(8)}
    victims = ["run-1", "run-4", "run-6"]
    said = {}
    for run in victims:
        stdout = children[run].stdout
        assert stdout is not None
        for _ in range(chance.randrange(1, rows - 5)):
            stdout.readline()
        children[run].send_signal(signal.SIGKILL)
        said[run] = len(stdout.read().split())
    for run, child in children.items():
        child.communicate(b"\n")
        assert (child.returncode == 0) == (run not in victims)
    assert set(settle(repository)) <= set(victims)  # those that no other run has found when it began
    for run in children:
        assert known(repository, run).outcome == ("crashed" if run in victims else "finished")
        found = numbers(repository, run)
        assert found == list(range(len(found)))
        assert len(found) == rows if run not in victims else len(found) >= said[run]
        steps = [record.step for record in journal.everything(repository, run) if record.kind == "history"]
        assert steps == found
        assert files(repository, run)
    assert os.listdir(journal.spool_root(repository)) == []


def test_killed_at_random_moments(repository: Repository) -> None:
    chance = random.Random(3)
    for number in range(6):
        child = train(repository, f"run-{number}", 400, 1500)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.random() * 0.15)
        child.kill()
        said = 1 + len(child.stdout.read().split())
        child.communicate()
        assert settle(repository) == [f"run-{number}"]
        found = numbers(repository, f"run-{number}")
        assert found == list(range(len(found)))
        assert len(found) >= said
    assert os.listdir(journal.spool_root(repository)) == []
