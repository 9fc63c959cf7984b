from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog.facts import Draft
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Repository
from tests.catalog.kit import PROJECT, add_facts, add_version, init


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Repository]:
    repository = init(tmp_path)
    a, b, c = (add_version(repository, "model", text) for text in "aba")
    d = add_version(repository, "data", "d", project="p2")
    add_facts(
        repository,
        Draft("alias", {"version": a.id, "alias": "old", "from": None}),
        Draft("alias", {"version": c.id, "alias": "best", "from": None}),
        Draft("protect", {"version": c.id, "alias": "best", "from": False, "to": True}),
        Draft("tag", {"version": a.id, "tag": "z"}),
        Draft("tag", {"version": a.id, "tag": "night"}),
        Draft("tag", {"version": d.id, "tag": "night"}),
        Draft("delete", {"version": b.id}),
    )
    yield repository
    repository.close()


def test_artifacts_and_projects(made: Repository) -> None:
    catalog = made.catalog
    assert [(one.project, one.name) for one in catalog.artifacts()] == [("p2", "data"), (PROJECT, "model")]
    assert [one.name for one in catalog.artifacts(PROJECT)] == ["model"]
    assert catalog.projects_with("data") == ["p2"]
    assert catalog.artifact(PROJECT, "data") is None
    model = catalog.artifact(PROJECT, "model")
    assert model
    assert catalog.artifact_by_id(model.id) == model


def test_versions(made: Repository) -> None:
    catalog = made.catalog
    assert [one.ref for one in catalog.versions()] == ["model:v0", "model:v2", "data:v0"]
    assert [one.ref for one in catalog.versions(1, (LIVE, TRASH))] == ["model:v0", "model:v1", "model:v2"]
    assert [one.ref for one in catalog.trash()] == ["model:v1"]
    latest = catalog.latest(1)
    assert latest
    assert latest.ref == "model:v2"
    assert catalog.numbered(1, 1) == catalog.trash()[0]
    assert catalog.numbered(1, 9) is catalog.aliased(1, "gone") is catalog.version("gone") is catalog.latest(9) is None


def test_a_digest_finds_live_versions_newest_first(made: Repository) -> None:
    catalog = made.catalog
    v0, v2 = catalog.numbered(1, 0), catalog.numbered(1, 2)
    assert v0
    assert v2
    assert v0.digest == v2.digest
    for prefix in (v0.digest, v0.digest[:12]):
        assert [one.ref for one in catalog.with_digest(prefix)] == ["model:v2", "model:v0"]
    assert catalog.with_digest(v0.digest, 2) == []
    assert catalog.with_digest(catalog.trash()[0].digest) == []


def test_labels_of_all_are_those_of_each(made: Repository) -> None:
    catalog = made.catalog
    for artifact in (None, 1, 2):
        aliases, tags = catalog.labels(artifact)
        for version in catalog.versions(artifact):
            assert aliases.get(version.id, []) == catalog.aliases_of(version)
            assert tags.get(version.id, []) == catalog.tags_of(version)
        assert len(aliases) <= len(list(catalog.versions(artifact)))
    assert [catalog.aliases_of(one) for one in catalog.versions()] == [["old"], ["latest", "best"], ["latest"]]
    assert [(one.alias, one.protected) for one in catalog.aliases(1)] == [("best", True), ("old", False)]


def test_summaries(made: Repository) -> None:
    found = [
        (one.artifact.name, one.versions, one.latest and one.latest.ref, one.stored) for one in made.catalog.summaries()
    ]
    assert found == [("data", 1, "data:v0", 300), ("model", 2, "model:v2", 600)]
    (data,) = made.catalog.summaries("p2")
    assert data.latest
    add_facts(made, Draft("delete", {"version": data.latest.id}))
    (data,) = made.catalog.summaries("p2")
    assert (data.versions, data.latest, data.stored) == (0, None, 0)


def test_events(made: Repository) -> None:
    catalog = made.catalog
    every = list(catalog.events())
    assert [event.seq for event in every] == sorted(event.seq for event in every)
    assert list(catalog.events(backwards=True)) == every[::-1]
    assert [event.fact.kind for event in catalog.events(artifact=2)] == ["version", "tag"]
    v0 = catalog.numbered(1, 0)
    assert v0
    assert [event.fact.kind for event in catalog.events(version=v0.id)] == ["version", "alias", "tag", "tag"]
    assert len(list(catalog.events(n=4))) == 7
    assert len(list(catalog.events(artifact=2, n=4))) == 1
    assert catalog.event(v0.id[:12]) == [every[0]]
    assert catalog.event("f" * 33) == []
    assert all(event.applied and event.fault is None for event in every)
