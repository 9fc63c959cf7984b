from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog import facts
from artcli.catalog.catalog import Version
from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.errors import ArtError
from artcli.flows import history
from artcli.flows.alias import protect, remove_aliases, set_aliases
from artcli.flows.edit import Edits, edit
from artcli.flows.history import Filter
from artcli.flows.rm import Selection, plan_rm, remove, restore
from artcli.flows.tag import set_tags
from tests.catalog.kit import PROJECT, add_facts, add_version, init, version_data


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Repository]:
    repository = init(tmp_path)
    add_version(repository, "model", "0")
    yield repository
    repository.close()


def told(repository: Repository, ref: str | None = None, project: str = PROJECT, **wanted: object) -> list[str]:
    about, _ = history.scope(repository.catalog, ref, project)
    found = history.history(repository.catalog, about, project, Filter(**wanted))  # type: ignore[arg-type]
    return [f"{one.ref}  {one.text}" for one in found]


def changed(repository: Repository, ref: str | None = None) -> list[tuple[str, object, object]]:
    about, _ = history.scope(repository.catalog, ref, PROJECT)
    return [(one.field, one.old, one.new) for one in history.history(repository.catalog, about, PROJECT, Filter())]


def rm(repository: Repository, ref: str) -> None:
    remove(repository, plan_rm(repository.catalog, [ref], Selection(), PROJECT))


def test_everything_is_told_newest_first(made: Repository) -> None:
    set_aliases(made, "model:v0", ["best"], PROJECT)
    add_version(made, "model", "1")
    set_aliases(made, "model:v1", ["best"], PROJECT)
    protect(made, ["model:best"], PROJECT, True)
    protect(made, ["model:best"], PROJECT, False)
    remove_aliases(made, ["model:best"], PROJECT)
    set_tags(made, "model:v1", ["night"], PROJECT)
    set_tags(made, "model:v1", ["night"], PROJECT, remove=True)
    edit(made, "model:v1", Edits("what", "# Title\n\ntext", {"lr": 0.1, "o": {"a": None}}), PROJECT)
    edit(made, "model:v1", Edits(set={"lr": 1}, unset=["o"]), PROJECT)
    edit(made, "model", Edits(note="x" * 100, keep_last=3, rename="net"), PROJECT)
    rm(made, "net:v0")
    restore(made, ["net:v0"], PROJECT)
    rm(made, "net:v0")
    add_facts(made, Draft("purge", {"version": made.catalog.trash()[0].id}))
    add_facts(
        made, Draft("index", {"add": ["1" * 64]}), Draft("condemn", {"packs": ["2" * 64]}), Draft("vote", {"a": 1})
    )
    assert told(made) == [
        "  vote",
        "net:v0  purged",
        "net:v0  deleted",
        "net:v0  restored",
        "net:v0  deleted",
        "net  name: model → net",
        "net  keep_last: 3",
        "net  note: " + "x" * 79 + "…",
        'net:v1  metadata.o: {"a": null} → none',
        "net:v1  metadata.lr: 0.1 → 1",
        'net:v1  metadata.o: {"a": null}',
        "net:v1  metadata.lr: 0.1",
        "net:v1  note: # Title…",
        "net:v1  description: what",
        "net:v1  tag: night → none",
        "net:v1  tag: night",
        "net:v1  alias best: v1 → none",
        "net:v1  protection of best: true → false",
        "net:v1  protection of best: false → true",
        "net:v1  alias best: v0 → v1",
        "net:v1  new version: 2 of 5 files new, 40 %",
        "net:v0  alias best: v0",
        "net:v0  new version: 2 of 5 files new, 40 %",
    ]
    assert changed(made, "net:v0") == [
        ("state", "trash", "purged"), ("state", "live", "trash"), ("state", "trash", "live"), ("state", "live",
        "trash"),
        ("alias best", None, "v0"), ("version", None, "2 of 5 files new, 40 %"),
    ]  # fmt: skip
    assert len(told(made, "net")) == 22
    assert told(made, "model:v0") == told(made, "net:v0")
    assert told(made, limit=2) == ["  vote", "net:v0  purged"]
    about, note = history.scope(made.catalog, "model:latest", PROJECT)
    assert (about["version"], note) == (made.catalog.latest(1).id, "'model' is now called 'net'")  # type: ignore[union-attr]
    forwards = history.history(made.catalog, {}, PROJECT, Filter(), backwards=False)
    assert [one.ref for one in forwards][:2] == ["net:v0", "net:v0"]


def test_filters(made: Repository) -> None:
    old = facts.make(Draft("version", version_data("model")), "Anna <a@b>", "car", 1_700_000_000)
    new = facts.make(Draft("version", version_data("data", type="dataset")), "bo", "car", 1_800_000_000)
    made.commit(lambda catalog, make: [old, new])
    assert told(made, actor="anna") == ["model:v1  new version: 2 of 5 files new, 40 %"]
    assert told(made, type="dataset") == ["data:v0  new version: 2 of 5 files new, 40 %"]
    assert len(told(made, since=1_750_000_000)) == 2
    assert len(told(made, since=1_799_999_999.5, limit=5)) == 1
    assert told(made, type="gone") == told(made, limit=0) == []


def test_other_projects_are_named(made: Repository) -> None:
    add_version(made, "data", "d", project="p2")
    edit(made, "p2/data", Edits(note="n"), PROJECT)
    assert told(made, project="p2") == [
        "data  note: n", "data:v0  new version: 2 of 5 files new, 40 %",
        "uncategorized/model:v0  new version: 2 of 5 files new, 40 %",
    ]  # fmt: skip
    assert told(made)[:2] == ["p2/data  note: n", "p2/data:v0  new version: 2 of 5 files new, 40 %"]
    assert told(made, "p2/data:v0", project="p2") == ["data:v0  new version: 2 of 5 files new, 40 %"]


@pytest.mark.parametrize(
    ("ref", "slug"),
    [("gone", "no-such-artifact"), ("model:v9", "no-such-version"), ("model:v0/a", "path-not-wanted"), ("a b",
    "bad-reference")],
)  # fmt: skip
def test_what_has_no_history(made: Repository, ref: str, slug: str) -> None:
    with pytest.raises(ArtError) as caught:
        history.scope(made.catalog, ref, PROJECT)
    assert caught.value.slug == slug


@pytest.mark.parametrize(
    ("new", "entries", "new_size", "size", "text"),
    [
        (2, 5, 400, 1000, "2 of 5 files new, 40 %"), (1, 1, 7, 7, "1 of 1 file new, 100 %"), (0, 5, 0, 9,
        "0 of 5 files new, 0 %"),
        (1, 24_000, 1, 10**9, "1 of 24,000 files new, <1 %"), (0, 0, 0, 0, "0 of 0 files new"),
    ],
)  # fmt: skip
def test_what_a_version_added(new: int, entries: int, new_size: int, size: int, text: str, made: Repository) -> None:
    version = made.catalog.numbered(1, 0)
    assert isinstance(version, Version)
    given = version._replace(new_entries=new, entries=entries, new_size=new_size, size=size)
    assert history.added(given) == text
