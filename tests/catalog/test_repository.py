from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from artcli.catalog import facts, repository
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import FACT_SIZE, Draft, Fact
from artcli.catalog.log import GENESIS, entry_key
from artcli.catalog.repository import Make, Repository, repair_config
from artcli.content import bound_digest
from artcli.errors import ArtError, IntegrityError, NoRepositoryError, UsageError
from artcli.flows.alias import set_aliases
from tests.catalog.kit import PROJECT, add_facts, add_version, init
from tests.kit.faulty import FaultyBucket


def slug_of(directory: Path) -> str:
    with pytest.raises(ArtError) as caught:
        Repository.open(directory)
    assert caught.value.hint
    return caught.value.slug


# --- init and open ---


def test_init_makes_a_repository_and_again_changes_nothing(tmp_path: Path) -> None:
    made, fresh = Repository.init(tmp_path)
    assert fresh
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if "cache" not in path.parts}
    again, fresh = Repository.init(tmp_path)
    assert not fresh
    assert again.place == made.place
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if "cache" not in path.parts}
    assert {path: time for path, time in after.items() if "seen" not in str(path)} == {
        path: time for path, time in before.items() if "seen" not in str(path)
    }
    assert [path.name for path in tmp_path.iterdir()] == [".art"]
    assert (tmp_path / ".art" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("kept", [[], ["tmp"], ["tmp", "packs", "log", "local"], ["log", ".gitignore"]])
def test_a_start_that_was_cut_off_is_completed(tmp_path: Path, kept: list[str]) -> None:
    whole = init(tmp_path)
    whole.close()
    for path in (tmp_path / ".art").iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert slug_of(tmp_path) == "no-repository"
    made, fresh = Repository.init(tmp_path)
    assert fresh
    assert made.place != whole.place
    assert add_version(made).ref == "model:v0"


def test_a_repository_that_lost_its_config_is_not_made_anew(tmp_path: Path) -> None:
    whole = init(tmp_path)
    add_version(whole)
    whole.close()
    (tmp_path / ".art" / "config").unlink()
    assert slug_of(tmp_path) == "damaged-config"
    with pytest.raises(IntegrityError):
        Repository.init(tmp_path)
    assert repair_config(tmp_path / ".art") == whole.place
    found = Repository.open(tmp_path)
    assert found.place == whole.place
    assert [version.ref for version in found.catalog.versions()] == ["model:v0"]
    assert repair_config(tmp_path / ".art") is None


def test_a_repository_is_found_from_below_or_by_name(tmp_path: Path) -> None:
    made = init(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert Repository.open(below).path == made.path
    assert Repository.open(Path("/"), tmp_path / ".art").place == made.place
    with pytest.raises(NoRepositoryError) as caught:
        Repository.open(tmp_path, tmp_path / "a")
    assert caught.value.exit_code == 10


def test_every_flipped_byte_of_the_config_is_found(tmp_path: Path) -> None:
    made = init(tmp_path)
    made.close()
    path = tmp_path / ".art" / "config"
    whole = path.read_bytes()
    path.chmod(0o600)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(IntegrityError) as caught:
            repository.read_place(repository.DiskBucket(path.parent))
        assert caught.value.slug == "damaged-config"
    for bad in (b"", whole[:-1], whole + b"\n", whole * 2, b"<html>\n</html>\n", b"hello"):
        path.write_bytes(bad)
        with pytest.raises(IntegrityError) as caught:
            Repository.open(tmp_path)
        assert caught.value.slug == "damaged-config"
        assert caught.value.message == "the repository's config is damaged: it is not what art writes there"


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"format": 2}, "newer-format"), ({"required": ["encryption"]}, "newer-art-needed"),
        ({"place": "../../../tmp/x"}, "damaged-config"), ({"place": 3}, "damaged-config"),
        ({"place": None}, "damaged-config"),
    ],
)  # fmt: skip
def test_a_config_that_says_strange_things(tmp_path: Path, changes: dict[str, object], slug: str) -> None:
    made = init(tmp_path)
    path = tmp_path / ".art" / "config"
    body = json.dumps(json.loads(path.read_bytes().splitlines()[0]) | changes)
    path.chmod(0o600)
    path.write_text(body + "\n" + json.dumps({"checksum": bound_digest("config", body.encode()).hex()}) + "\n")
    made.close()
    assert slug_of(tmp_path) == slug


# --- commit ---


def test_nothing_to_say_is_no_entry(tmp_path: Path) -> None:
    made = init(tmp_path)
    assert made.commit(lambda catalog, make: []) == []
    assert made.log.read(0) is None


def test_many_facts_go_into_several_entries_in_order(tmp_path: Path) -> None:
    made = init(tmp_path)
    version = add_version(made)
    about = {"version": version.id, "field": "metadata", "to": "x" * 200_000}
    drafts = [Draft("edit", {**about, "key": str(i)}) for i in range(12)]
    added = add_facts(made, *drafts)
    entries = list(made.log.after(-1, GENESIS))
    assert len(entries) > 2
    assert [fact.id for entry in entries[1:] for fact in entry.facts] == [fact.id for fact in added]
    assert list(made.catalog.version(version.id).metadata) == [str(i) for i in range(12)]  # type: ignore[union-attr]


def test_what_no_fact_can_hold_is_refused_and_nothing_is_logged(tmp_path: Path) -> None:
    made = init(tmp_path)
    version = add_version(made)
    for value, slug in (("x" * FACT_SIZE, "text-too-long"), (float("inf"), "unfit-value"), ("\udc80", "unfit-value")):
        with pytest.raises(UsageError) as caught:
            add_facts(made, Draft("edit", {"version": version.id, "field": "metadata", "key": "k", "to": value}))
        assert caught.value.slug == slug
    with pytest.raises(ArtError) as unfit:
        add_version(made, "a b")
    assert unfit.value.slug == "unfit-fact"
    assert made.log.read(1) is None


def test_a_plan_is_asked_again_in_the_light_of_what_came_between(tmp_path: Path) -> None:
    """Two processes move one alias: the second sees the first's move, and its own is applied, not lost."""
    here = init(tmp_path)
    versions = [add_version(here, content=str(i)) for i in range(3)]
    there = Repository.open(tmp_path)
    asked = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        current = catalog.aliased(1, "best")
        asked.append(current.ref if current else None)
        if len(asked) == 1:
            set_aliases(there, "model:v1", ["best"], PROJECT)
        again = catalog.aliased(1, "best")
        assert (again.ref if again else None) == asked[-1]  # a plan sees one moment
        data = {"version": versions[2].id, "alias": "best", "from": current.id if current else None}
        return [make(Draft("alias", data))]

    here.commit(plan)
    assert asked == [None, "model:v1"]
    found = here.catalog.aliased(1, "best")
    assert found
    assert found.ref == "model:v2"
    assert all(event.applied for event in here.catalog.events())


def test_a_fact_that_must_be_known_stops_writing_also_if_it_comes_meanwhile(tmp_path: Path) -> None:
    here = init(tmp_path)
    add_version(here)
    there = Repository.open(tmp_path)
    line = b'{"kind":"vote","nonce":"0","actor":"a","machine":"m","time":"","data":{},"required":"write"}'
    there.commit(lambda catalog, make: [facts.parse(line)])
    with pytest.raises(ArtError) as caught:
        add_version(here)
    assert caught.value.slug == "newer-art-needed"
    assert [version.ref for version in Repository.open(tmp_path).catalog.versions()] == ["model:v0"]


def test_many_processes_commit_and_every_fact_is_there_once(tmp_path: Path) -> None:
    init(tmp_path).close()
    command = [sys.executable, "-m", "tests.catalog.committer", str(tmp_path)]
    running = [subprocess.Popen([*command, name, "25"]) for name in "abcd"]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    found = Repository.open(tmp_path)
    versions = list(found.catalog.versions())
    assert [version.number for version in versions] == list(range(100))
    assert len(list(found.log.after(-1, GENESIS))) == 100
    told = [(version.metadata["by"], version.metadata["n"]) for version in versions]
    assert sorted(told) == [(name, n) for name in "abcd" for n in range(25)]
    for name in "abcd":
        assert [n for by, n in told if by == name] == list(range(25))


def test_killed_committers_leave_a_log_that_goes_on(tmp_path: Path) -> None:
    init(tmp_path).close()
    command = [sys.executable, "-m", "tests.catalog.committer", str(tmp_path)]
    survivor = subprocess.Popen([*command, "survivor", "20"])
    for round in range(3):
        victim = subprocess.Popen([*command, f"victim{round}", "10000"])
        try:
            victim.wait(0.4 + 0.1 * round)
        except subprocess.TimeoutExpired:
            victim.kill()
            victim.wait()
    assert survivor.wait() == 0
    found = Repository.open(tmp_path)
    versions = list(found.catalog.versions())
    assert [version.number for version in versions] == list(range(len(versions)))
    assert sum(version.metadata["by"] == "survivor" for version in versions) == 20
    assert add_version(found, "shared").number == len(versions)


def test_an_alias_costs_two_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = init(tmp_path)
    add_version(made)
    made.close()
    made = Repository.open(tmp_path)
    calls = []
    for name in ("fsync", "fdatasync"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda fd, real=real: (calls.append(fd), real(fd)))
    set_aliases(made, "model:v0", ["best", "deployed"], PROJECT)
    assert len(calls) == 2
    made.refresh()
    made.close()
    Repository.open(tmp_path).close()
    assert len(calls) == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_whichever_operation_fails_a_commit_is_whole_or_not_there(
    tmp_path: Path, when: Literal["before", "after"]
) -> None:
    made = init(tmp_path)
    whole = made.bucket
    count = 0
    for k in range(1, 20):
        faulty = FaultyBucket(whole, k, when)
        made.bucket = made.log.bucket = faulty
        try:
            add_version(made, content=str(k))
        except OSError:
            made.refresh()
        if not faulty.fired:
            break
        found = list(Repository.open(tmp_path).catalog.versions())
        assert found == list(made.catalog.versions())
        assert len(found) - count in (0, 1)
        count = len(found)
        assert [version.number for version in found] == list(range(count))
    assert k >= 3  # it looks for the entry, and adds it


# --- reading and the store ---


def test_news_of_another_process_show_after_a_refresh(tmp_path: Path) -> None:
    here, there = init(tmp_path), Repository.open(tmp_path)
    add_facts(there, Draft("index", {"add": ["1" * 64]}))
    here.refresh()
    assert here.catalog.indexes() == ["1" * 64]
    assert here.store is here.store
    before = here.store
    add_facts(here, Draft("index", {"add": ["2" * 64]}))
    assert here.store is not before


def test_a_damaged_entry_stops_and_names_itself(tmp_path: Path) -> None:
    made = init(tmp_path)
    for _ in range(3):
        add_version(made)
    made.close()
    path = tmp_path / ".art" / entry_key(1)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-5])
    shutil.rmtree(tmp_path / ".art" / "cache")
    with pytest.raises(IntegrityError) as caught:
        Repository.open(tmp_path)
    assert caught.value.slug == "damaged-log"
    assert "entry 1 " in caught.value.message


def test_writers_and_gc_keep_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "LOCK_WAIT", 0)
    here, there = init(tmp_path), Repository.open(tmp_path)
    with here.writing(), there.writing():
        with pytest.raises(ArtError) as caught, here.alone():
            pass
        assert caught.value.slug == "locked"
    with here.alone(), pytest.raises(ArtError), there.writing():
        pass
