"""Runs in the commands that know versions: rm, restore, tag, edit, undo, audit, log, show."""

from __future__ import annotations

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.spool import this_process
from artcli.flows.runs.recorder import Beginning, Recorder
from tests.kit.command_line import Art


@pytest.fixture
def runs(art: Art) -> Art:
    """Three runs, of which the last lives, and a version."""
    art("init", "--project", "home")
    (art.directory / "a.txt").write_text("a")
    art("log-artifact", "dataset", "a.txt")
    repository = Repository(art.directory / ".art")
    for id, name, job_type in (
        ("aaaa1111", "first", "train"),
        ("aaaa2222", "second", "train"),
        ("bbbb", "third", "eval"),
    ):
        run = Recorder.begin(repository, Beginning("home", name, job_type, id=id))
        if name != "third":
            run.finish()
    repository.close()
    return art


def slug(art: Art, *words: str) -> str:
    return str(art(*words, "--json").error["code"])


def state(art: Art, id: str) -> str:
    repository = Repository(art.directory / ".art")
    run = Register(repository.follower.database).run(id)
    repository.close()
    assert run is not None
    return run.state


def test_a_run_goes_to_the_trash_and_comes_back(runs: Art) -> None:
    gone = runs("rm", "first", "--yes")
    assert (gone.code, gone.err) == (0, "1 run in the trash  back with: art restore run:aaaa1111\n")
    assert state(runs, "aaaa1111") == "trash"
    assert slug(runs, "rm", "aaaa1111", "--yes") == "run-deleted"
    assert runs("restore", "first").err == "run:aaaa1111 is back\n"
    runs("rm", "second", "--yes")
    assert "1 run out of the trash" in runs("gc", "--empty-trash", "--yes").err
    assert slug(runs, "show", "run:aaaa2222") == slug(runs, "restore", "run:second") == "run-purged"
    assert runs("restore", "run:first").err == "run:aaaa1111 was not in the trash\n"
    assert state(runs, "aaaa1111") == "live"
    both = runs("rm", "dataset:v0", "first", "--yes")
    assert both.err == "1 version, 1 run in the trash\n"
    assert runs("undo").code == 0
    assert runs("undo").code == 0
    assert state(runs, "aaaa1111") == "live"
    assert runs("ls", "-q").out == "dataset\n"


def test_a_run_that_lives_stays(runs: Art) -> None:
    assert slug(runs, "rm", "third", "dataset:v0", "--yes") == "run-running"
    assert state(runs, "bbbb") == "live"
    assert runs("ls", "-q").out == "dataset\n"


def test_any_command_seals_what_the_dead_have_left(runs: Art) -> None:
    repository = Repository(runs.directory / ".art")
    mine = this_process()
    assert mine is not None
    dead = Recorder.begin(repository, Beginning("home", id="dead", owner=mine._replace(started="1")))
    dead.log({"loss": 0.5})
    assert runs("ls", "-q").out == "dataset\n"
    repository.refresh()
    register = Register(repository.follower.database)
    run = register.run("dead")
    assert run is not None
    assert run.outcome == "crashed"
    assert len(list(register.segments("dead"))) == 1
    assert not dead.spool.folder.exists()
    repository.close()


def test_what_is_said_of_a_run(runs: Art) -> None:
    assert runs("tag", "train:latest", "baseline", "night").err == "second  baseline, night\n"
    assert runs("tag", "-d", "second", "night").err == "second  baseline\n"
    edited = runs("edit", "second", "--rename", "better", "--note", "two\nlines", "--group", "g", "-m", "why not")
    assert edited.err == "better  name, group, notes changed\n"
    assert slug(runs, "edit", "better", "--set", "lr=1") == "bad-usage"
    assert slug(runs, "edit", "better", "--rename", " ") == "bad-run-name"
    assert slug(runs, "edit", "dataset:v0", "--group", "x") == "bad-usage"
    audit = runs("audit", "better", "--json").json["items"]
    assert [(item["ref"], item["field"], item["old"], item["new"]) for item in audit] == [
        ("better", "notes", None, "two\nlines"), ("better", "group", None, "g"), ("better", "name", "second", "better"),
        ("better", "tag", "night", None), ("better", "tag", None, "night"), ("better", "tag", None, "baseline"),
    ]  # fmt: skip
    assert runs("undo").code == 0
    repository = Repository(runs.directory / ".art")
    run = Register(repository.follower.database).run("aaaa2222")
    assert run is not None
    assert (run.name, run.notes, run.group) == ("second", None, None)
    assert Register(repository.follower.database).tags("aaaa2222") == {"aaaa2222": ["baseline"]}
    repository.close()


def test_the_log_tells_of_runs(runs: Art) -> None:
    told = [(item["ref"], item["text"]) for item in runs("log", "--json").json["items"]]
    assert ("first", "new run: train") in told
    assert ("first", "outcome: finished") in told or ("first", "finished") in told
    assert [item["text"] for item in runs("log", "first", "--json").json["items"]][-1] == "new run: train"
    assert all(item["kind"] == "version" for item in runs("log", "dataset:v0", "--json").json["items"])


def test_which_run_is_meant(runs: Art) -> None:
    def shown(word: str) -> str:
        return runs("show", word, "--field", "id").out.strip()

    assert shown("run:-1") == shown("bbbb") == shown("third") == shown("eval:latest") == "bbbb"
    assert shown("run:-3") == shown("aaaa1") == "aaaa1111"
    assert slug(runs, "show", "aaaa") == "ambiguous-run"
    assert slug(runs, "show", "run:@") == "no-run"
    missing = runs("show", "run:secnd")
    assert slug(runs, "show", "run:secnd") == "no-such-run"
    assert "did you mean 'second'?" in missing.err
    assert slug(runs, "show", "secnd") == "no-such-artifact"
    assert slug(runs, "rm", "run:-9", "--yes") == "no-such-run"
