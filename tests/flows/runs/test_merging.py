"""Runs of two machines, which once work on the same one: whatever the order in which their logs meet, all is there."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.facts import Fact
from artcli.catalog.log import Log
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.view import files, rows, views
from artcli.flows.fsck.examination import Examination
from artcli.flows.runs import edges
from artcli.flows.runs.recorder import Beginning, Recorder
from artcli.flows.runs.seal import seal

SHARED = "shared"


def facts_of(repository: Repository, since: int = 0) -> list[Fact]:
    repository.refresh()
    log: Log = repository.log
    entries = (log.read(n) for n in range(since, repository.follower.head.n + 1))
    return [fact for entry in entries if entry is not None for fact in entry.facts]


def carry(source: Repository, target: Path) -> None:
    """Packs and indexes of one place are there in the other, too."""
    for kind in ("packs", "index"):
        shutil.copytree(source.path / kind, target / kind, dirs_exist_ok=True)


def commit(repository: Repository, facts: Iterable[Fact]) -> None:
    said = list(facts)
    repository.commit(lambda _, make: said)


def speak(hand: Recorder, name: str, rounds: int) -> None:
    """Rows, some under steps that the other machine has too, settings, a file; sealed now and then."""
    for number in range(rounds):
        hand.log({name: number, "both": f"{name} {number}"}, step=2 * number + (name == "there"))
        hand.log({"same": name}, step=2 * number + 1)
        hand.set("config", {name: number})
        hand.set("console", {"stream": "stdout", "text": f"{name} {number}\n"})
        finished = hand.spool.incoming()
        finished.write_bytes(f"{name} {number}".encode() * 100)
        hand.say(
            lambda step, number=number: [_file(f"{name}/{number}.txt", step)],  # type: ignore[misc]
            files={f"{name}/{number}.txt": finished},
        )
        seal(hand.repository, hand.spool)


def _file(path: str, step: int) -> Any:
    from artcli.catalog.runs.records import Record

    return Record("file", 1e9, {"path": path, "size": len(path)}, next=step)


def told(repository: Repository) -> dict[str, Any]:
    register = Register(repository.follower.database)
    found: dict[str, Any] = {}
    for seen in views(repository):
        run = seen.run.id
        edges = (sorted(map(str, register.inputs(run))), register.outputs(run))
        console = [record.data["text"] for record in journal.everything(repository, run, console=True)]
        pages = [place for place in journal.file_places(repository, run) if isinstance(place, bytes)]
        history = [{key: row[key] for key in row if key != "_runtime"} for row in rows(repository, run)]
        known = seen.run._replace(seq=0, outcome=None, finished=None, exit=None)
        found[run] = (
            known, seen.tags, seen.config, seen.summary, seen.rows, history, edges, console, pages,
            files(repository, run),
        )  # fmt: skip
        assert seen.rows == len(history)
        assert seen.fault is None
    return found


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Fact]]]:
    """The packs of both machines, and what each has said since they parted."""
    place = tmp_path_factory.mktemp("machines")
    here, _ = Repository.init(place / "here")
    there, _ = Repository.init(place / "there")
    with closing(here), closing(there):
        first = Recorder.begin(here, Beginning("home", id=SHARED, tags=["a"], notes="long " * 1000))
        begun = facts_of(here)
        carry(here, there.path)
        commit(there, begun)
        parted = [here.follower.head.n + 1, there.follower.head.n + 1]
        second = Recorder.attach(there, SHARED)
        for repository, hand, name in ((here, first, "here"), (there, second, "there")):
            own = Recorder.begin(repository, Beginning("home", id=f"of-{name}", config={"of": name}))
            speak(own, name, 2)
            speak(hand, name, 3)
            edges.use_uri(repository, SHARED, f"s3://{name}")
            own.finish()
            hand.finish()
        said = [facts_of(repository, since) for repository, since in zip((here, there), parted, strict=True)]
        together = place / "together"
        carry(here, together)
        carry(there, together)
        return together, [begun, *said]


def merged(place: Path, packs: Path, facts: list[Fact], each: int) -> dict[str, Any]:
    repository, _ = Repository.init(place)
    with closing(repository):
        for kind in ("packs", "index"):
            shutil.copytree(packs / kind, repository.path / kind, dirs_exist_ok=True)
        for at in range(0, len(facts), each):
            commit(repository, facts[at : at + each])
        repository.refresh()
        assert list(Examination(repository.path).run()) == []
        return told(repository)


@pytest.mark.parametrize("seed", range(8))
def test_merging_is_a_union_for_any_interleaving(
    seed: int, logs: tuple[Path, list[list[Fact]]], tmp_path: Path
) -> None:
    packs, (begun, here, there) = logs
    chance = random.Random(seed)
    mixed: list[Fact] = []
    left = [list(here), list(there)]
    while any(left):
        log = chance.choice([log for log in left if log])
        mixed.append(log.pop(0))
        if not chance.randrange(10):
            mixed.append(chance.choice(mixed))  # some come twice
    if seed % 2:
        mixed[chance.randrange(len(mixed)) : 0] = begun  # what is said of a run comes before the run
    else:
        mixed = begun + mixed
    truth = merged(tmp_path / "truth", packs, [*begun, *here, *there], 1000)
    assert set(truth) == {SHARED, "of-here", "of-there"}
    assert truth[SHARED][4] == 6, "steps 0 to 5, some of both"
    assert truth[SHARED][2] == {"here": 2, "there": 2}
    assert merged(tmp_path / "mixed", packs, mixed, chance.randint(1, 6)) == truth


def test_the_view_of_one_of_them_alone(logs: tuple[Path, list[list[Fact]]], tmp_path: Path) -> None:
    packs, (begun, here, _) = logs
    alone = merged(tmp_path / "alone", packs, [*begun, *here], 3)
    assert set(alone) == {SHARED, "of-here"}
    assert alone[SHARED][2] == {"here": 2}
