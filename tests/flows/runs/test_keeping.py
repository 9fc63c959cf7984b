"""Runs and the store: gc keeps what they said, deletes what was purged; fsck finds what is lost, repair mends it."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.runs.spool import this_process
from artcli.catalog.runs.view import view
from artcli.content import digest_of
from artcli.errors import ConflictError, UsageError
from artcli.flows.collect import GRACE, Request, collect
from artcli.flows.fsck.examination import Examination
from artcli.flows.fsck.repair import repair
from artcli.flows.fsck.store_check import Level
from artcli.flows.runs import changes
from artcli.flows.runs.recorder import Beginning, Recorder
from artcli.flows.undo import undo

SIZE = 20_000


def done(repository: Repository, id: str, *, finish: bool = True) -> Run:
    """A run that said something and has a file of some size."""
    run = Recorder.begin(repository, Beginning("home", id=id, owner=this_process()))
    picture = run.spool.incoming()
    picture.write_bytes(os.urandom(SIZE))
    run.say([], files={"media/a.png": picture})
    run.log({"loss": os.urandom(3000).hex()})
    run.set("console", {"stream": "stdout", "text": os.urandom(2000).hex()})
    if finish:
        run.finish()
    return known(repository, id)


def known(repository: Repository, id: str) -> Run:
    repository.refresh()
    found = Register(repository.follower.database).run(id)
    assert found is not None
    return found


def said(repository: Repository, id: str) -> tuple[int, int, int]:
    """How many rows, pieces of console and bytes of files a run has."""
    from artcli.catalog.manifest.read import entries, load_root

    size = 0
    for place in journal.file_places(repository, id):
        assert isinstance(place, bytes)
        for entry in entries(repository.store, load_root(repository.store, place)):
            size += len(repository.store.get(entry.digest))
    rows = [record for record in journal.everything(repository, id) if record.kind == "history"]
    return len(rows), len(list(journal.everything(repository, id, console=True))), size


def test_gc_keeps_what_runs_said(repository: Repository) -> None:
    for id in ("kept", "trashed", "purged"):
        done(repository, id)
    changes.remove(repository, [known(repository, "purged")])
    first = collect(repository, Request(empty_trash=True))
    assert [run.id for run in first.purged_runs] == ["purged"]
    assert first.freed > SIZE
    assert known(repository, "purged").state == "purged"
    changes.remove(repository, [known(repository, "trashed")])
    second = collect(repository)
    assert ([run.id for run in second.trash_runs], second.purged_runs) == (["trashed"], [])
    assert second.trash_size > SIZE
    for id in ("kept", "trashed"):
        assert said(repository, id) == (1, 1, SIZE)
    assert changes.restore(repository, [known(repository, "trashed")])
    assert collect(repository, Request(empty_trash=True)).purged_runs == []
    assert said(repository, "trashed") == (1, 1, SIZE)
    assert list(Examination(repository.path).run()) == []


def test_the_trash_expires(repository: Repository) -> None:
    changes.remove(repository, [done(repository, "run-1")])
    now = time.time()
    assert collect(repository, Request(now=now + GRACE - 60)).purged_runs == []
    dry = collect(repository, Request(now=now + GRACE + 60, dry_run=True))
    assert [run.id for run in dry.purged_runs] == ["run-1"]
    assert dry.trash_runs == []
    assert known(repository, "run-1").state == "trash"
    assert [run.id for run in collect(repository, Request(now=now + GRACE + 60)).purged_runs] == ["run-1"]


def test_gc_seals_the_dead_first(repository: Repository) -> None:
    mine = this_process()
    assert mine is not None
    run = Recorder.begin(repository, Beginning("home", id="dead", owner=mine._replace(started="1")))
    run.log({"loss": 1})
    collect(repository)
    assert known(repository, "dead").outcome == "crashed"
    assert said(repository, "dead") == (1, 0, 0)


def test_gc_beside_a_run_that_lives(repository: Repository) -> None:
    done(repository, "run-1", finish=False)
    collect(repository, Request(empty_trash=True))
    other = Repository(repository.path)
    Recorder.attach(other, "run-1").finish()
    other.close()
    repository.refresh()
    assert said(repository, "run-1") == (1, 1, SIZE)


def test_a_run_that_lives_is_not_deleted(repository: Repository) -> None:
    run = done(repository, "run-1", finish=False)
    with pytest.raises(ConflictError) as caught:
        changes.remove(repository, [run])
    assert caught.value.slug == "run-running"


NOTES = "What it is about: äöü.\n" * 500


def chunks(repository: Repository) -> set[bytes]:
    return {row.digest for index in repository.store.indexes for row in index.rows()}


def test_long_notes_are_chunks_that_come_and_go_with_the_run(repository: Repository) -> None:
    run = Recorder.begin(repository, Beginning("home", id="run-1", notes=NOTES))
    first = known(repository, "run-1").notes
    assert (first, view(repository, "run-1").notes) == (digest_of(NOTES.encode()), NOTES)
    (made,) = changes.edit(repository, known(repository, "run-1"), changes.Edits(notes=NOTES[1:]))
    second = known(repository, "run-1").notes
    assert made.data["from"] == {"text": digest_of(NOTES.encode()).hex()}
    assert changes.edit(repository, known(repository, "run-1"), changes.Edits(notes=NOTES[1:])) == []
    assert b"What it is about" not in b"".join(path.read_bytes() for path in repository.path.glob("log/*/*"))
    collect(repository, Request(empty_trash=True))
    undo(repository)  # the old text is there, too
    assert view(repository, "run-1").notes == NOTES
    run.finish()
    changes.remove(repository, [known(repository, "run-1")])
    collect(repository)
    changes.restore(repository, [known(repository, "run-1")])
    assert view(repository, "run-1").notes == NOTES
    assert {first, second} <= chunks(repository)
    changes.remove(repository, [known(repository, "run-1")])
    collect(repository, Request(empty_trash=True))
    assert known(repository, "run-1").notes is None
    assert not {first, second} & chunks(repository)


def test_lost_notes_are_told_and_mended(repository: Repository, tmp_path: Path) -> None:
    Recorder.begin(repository, Beginning("home", id="run-1", notes=NOTES)).finish()
    shutil.copytree(repository.path, tmp_path / "copy" / ".art")
    for pack in (repository.path / "packs").rglob("*"):
        if pack.is_file():
            pack.unlink()
    findings = [finding for finding in Examination(repository.path).run() if finding.what == "text"]
    assert [finding.version for finding in findings] == ["run:run-1"]
    with closing(Repository(repository.path)) as other:
        found = view(other, "run-1")
        assert (found.notes, found.fault and found.fault.slug) == (None, "missing-chunk")
    list(repair(repository.path, Level.DEFAULT, [tmp_path / "copy"]))
    with closing(Repository(repository.path)) as other:
        assert view(other, "run-1").notes == NOTES


@pytest.mark.parametrize(
    ("beginning", "slug"),
    [
        ({"name": "x" * 257}, "bad-run-name"), ({"name": " "}, "bad-run-name"), ({"name": "\udcff"}, "bad-run-name"),
        ({"job_type": "x" * 70_000}, "bad-run-name"), ({"group": "a\nb"}, "bad-run-name"),
        ({"notes": "x" * (1024 * 1024 + 1)}, "text-too-long"), ({"notes": "\ud800"}, "unfit-value"),
    ],
)  # fmt: skip
def test_what_no_run_can_be_said_to_be(repository: Repository, beginning: dict[str, str], slug: str) -> None:
    with pytest.raises(UsageError) as caught:
        Recorder.begin(repository, Beginning("home", **beginning))  # type: ignore[arg-type]
    assert caught.value.slug == slug
    assert list(journal.spool_root(repository).glob("*")) == []
    run = done(repository, "run-1")
    with pytest.raises(UsageError) as caught:
        changes.edit(repository, run, changes.Edits(**beginning))
    assert caught.value.slug == slug


def test_fsck_finds_what_runs_have_lost(repository: Repository, tmp_path: Path) -> None:
    done(repository, "run-1")
    copy = tmp_path / "copy"
    shutil.copytree(repository.path, copy / ".art")
    for pack in (repository.path / "packs").rglob("*"):
        if pack.is_file():
            pack.unlink()
    examination = Examination(repository.path)
    touched = [finding for finding in examination.run() if finding.version]
    assert {finding.version for finding in touched} == {"run:run-1"}
    assert {finding.what for finding in touched} == {"records", "files"}
    assert set(examination.summary().touched) == {"home/run:run-1"}
    list(repair(repository.path, Level.DEFAULT, [copy]))
    assert [finding.what for finding in Examination(repository.path).run()] == []
    repository.refresh()
    assert said(Repository(repository.path), "run-1") == (1, 1, SIZE)
