"""Ancestors and descendants; what was deleted; ten thousand runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog.facts import Draft
from artcli.catalog.runs.lineage import Graph, Node
from tests.flows.lineage.family import PROJECT, Family, fine_tuning, pipeline


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    made = pipeline(Family(tmp_path))
    yield made
    made.repository.close()


def around(family: Family, word: str, up: int | None = None, down: int | None = None) -> dict[str, int]:
    graph = family.lineage.around(family.node(word), up, down)
    known = family.lineage.about(graph.nodes)
    return {known[node].name: depth for node, depth in graph.nodes.items()}


def test_what_a_version_came_from_and_what_came_of_it(family: Family) -> None:
    assert around(family, "model:v0") == {
        "model:v0": 0, "train-1": -1, "dataset:v0": -2, "label": -3, "raw:v0": -4, "s3://bucket/more": -4,
        "tune": 1, "model:v2": 2, "drive": 3,
    }  # fmt: skip


def test_what_is_beside_the_line_is_not_in_it(family: Family) -> None:
    assert "model:v0" not in around(family, "model:v1"), "another version of the same data"
    assert "train-2" not in around(family, "model:v2")


def test_so_many_arrows(family: Family) -> None:
    assert set(around(family, "tune", 1, 0)) == {"tune", "dataset:v0", "model:v0"}
    assert set(around(family, "tune", 0, 1)) == {"tune", "model:v2"}
    assert set(around(family, "tune", 0, 0)) == {"tune"}


def test_from_what_lies_elsewhere(family: Family) -> None:
    graph = family.lineage.around(Node("uri", "s3://bucket/more"), 0, 2)
    assert family.names(set(graph.nodes)) == {"s3://bucket/more", "label", "dataset:v0"}


def test_a_version_that_is_built_on_another(family: Family) -> None:
    family.version("dataset", base="dataset:v0")
    assert around(family, "dataset:v1", down=0)["dataset:v0"] == -1
    assert around(family, "dataset:v0", up=0, down=1)["dataset:v1"] == 1
    family.run("add", ["dataset:v0"], ["dataset:v1"])
    graph = family.lineage.around(family.node("dataset:v1"), 1)
    assert family.arrows(graph.arrows) == {"add > dataset:v1", "dataset:v0 > add"}, "the run says it already"


def test_what_was_deleted_is_shown_as_such(family: Family) -> None:
    family.commit(Draft("delete", {"run": "tune"}), Draft("delete", {"version": family.id("model:v0")}))
    graph = family.lineage.around(family.node("model:v2"))
    states = {about.name: about.state for about in family.lineage.about(graph.nodes).values()}
    assert (states["tune"], states["model:v0"], states["train-1"]) == ("trash", "trash", "live")
    whole = family.lineage.whole(PROJECT)
    assert {"tune", "model:v0"} <= family.names(set(whole.nodes))
    family.version("lonely")
    family.commit(Draft("delete", {"version": family.id("lonely:v0")}))
    assert "lonely:v0" not in family.names(set(family.lineage.whole(PROJECT).nodes))


def test_what_only_others_speak_of(family: Family) -> None:
    family.commit(Draft("output", {"run": "elsewhere1", "version": family.id("raw:v0"), "digest": "0" * 64}))
    family.commit(Draft("input", {"run": "tune", "version": "f" * 32, "digest": "0" * 64}))
    graph = family.lineage.around(family.node("tune"), 9, 0)
    states = {about.name: about.state for about in family.lineage.about(graph.nodes).values()}
    assert (states["run elsewhere1"], states["version ffffffffffff"]) == ("unknown", "unknown")


def test_a_circle_ends(family: Family) -> None:
    family.commit(Draft("output", {"run": "tune", "version": family.id("raw:v0"), "digest": "0" * 64}))
    assert around(family, "raw:v0")["tune"] == -1


@pytest.mark.parametrize("runs", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_many_runs_and_twenty_levels(runs: int, tmp_path: Path) -> None:
    family = Family(tmp_path)
    fine_tuning(family, levels=20, runs=runs)
    up = family.lineage.around(family.node(f"model:v{runs}"))
    down = family.lineage.around(family.node("data:v0"))
    family.lineage.about(down.nodes)
    whole = family.lineage.whole(PROJECT)
    assert (len(up.nodes), min(up.nodes.values())) == (42, -40)
    assert len(down.nodes) == 2 * runs + 1
    assert len(whole.nodes) == 2 * runs + 2
    family.repository.close()


def test_a_graph_of_nothing(tmp_path: Path) -> None:
    assert Family(tmp_path).lineage.whole() == Graph({}, [])
