"""Pictures of the lineage: levels, focus, and how they are drawn."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog.facts import Draft
from artcli.errors import NotFoundError
from artcli.flows.lineage import drawing, graph
from artcli.flows.lineage.graph import Box, Line, Picture
from artcli.flows.lineage.layers import layers
from artcli.flows.lineage.svg import svg
from tests.flows.lineage.family import PROJECT, Family, pipeline


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    made = pipeline(Family(tmp_path))
    yield made
    made.repository.close()


def picture(family: Family, word: str | None = None, level: str = "instance", **most: int) -> Picture:
    focus = graph.focus(family.repository.catalog, word, PROJECT) if word else None
    return graph.picture(family.repository, PROJECT, focus, level=level, **most)


def text(picture: Picture, newest_first: bool = False) -> str:
    lines: list[str] = []
    for rails, mark, box, beside, is_root in drawing.tree(picture, newest_first=newest_first):
        words = (f"{rails}{mark} {box.label}", drawing.said(box), beside)
        lines += [""] * (is_root and bool(lines)) + ["  ".join(word for word in words if word)]
    return "\n".join(lines)


def test_each_version_and_run(family: Family) -> None:
    assert (
        text(picture(family))
        == """\
◇ s3://bucket/more

● raw:v0  (latest)
■ label  label  finished  ← s3://bucket/more
● dataset:v0  (latest)
├─■ train-1  train  finished
│ ● model:v0
│ ■ tune  train  finished  ← dataset:v0
│ ● model:v2  (latest)
│ ■ drive  drive  finished
└─■ train-2  train  crashed
  ● model:v1"""
    )


def test_a_focus_shows_its_line_alone(family: Family) -> None:
    family.commit(Draft("delete", {"version": family.id("model:v0")}))
    focused = picture(family, "model:v0", up=2)
    assert (
        text(focused)
        == """\
● dataset:v0  (latest)
■ train-1  train  finished
● model:v0  deleted
■ tune  train  finished  ← dataset:v0
● model:v2  (latest)
■ drive  drive  finished"""
    )
    assert [box.label for box in focused.boxes.values() if box.focus] == ["model:v0"]
    assert (
        text(picture(family, "run:tune", up=1, down=0), newest_first=True)
        == """\
■ tune  train  finished
├─● model:v0  deleted
└─● dataset:v0  (latest)"""
    )


def test_together_by_type(family: Family) -> None:
    assert (
        text(picture(family, level="type"))
        == """\
◇ s3://…
■ label
● dataset  2 versions  ↻ label
■ train  3 runs
● model  3 versions  ↻ train
■ drive"""
    )


def test_together_by_name(family: Family) -> None:
    assert {(box.label, box.number) for box in picture(family, level="collection").boxes.values()} == {
        ("s3://…", 1), ("raw", 1), ("label", 1), ("dataset", 1), ("train", 3), ("model", 3), ("drive", 1),
    }  # fmt: skip
    lines = {(line.source, line.target): line.number for line in picture(family, level="collection").lines}
    assert lines["version dataset", "run train"] == 3


def test_a_focus_that_is_not_there(family: Family) -> None:
    with pytest.raises(NotFoundError, match="no artifact 'modle'"):
        picture(family, "modle")


def test_for_graphviz_and_mermaid(family: Family) -> None:
    family.commit(Draft("edit", {"run": "drive", "field": "name", "to": 'a "quoted" <name>'}))
    some = picture(family, "model:v2", up=1)
    assert (
        drawing.dot(some)
        == r"""digraph lineage {
  rankdir=LR;
  node [fontname=sans];
  n0 [shape=ellipse, label="model:v2\n(latest)", style=bold];
  n1 [shape=box, label="tune\ntrain  finished"];
  n2 [shape=box, label="a \"quoted\" <name>\ndrive  finished"];
  n1 -> n0;
  n0 -> n2;
}
"""
    )
    assert (
        drawing.mermaid(some)
        == """flowchart LR
  n0(["model:v2<br>(latest)"])
  n1["tune<br>train  finished"]
  n2["a #quot;quoted#quot; #lt;name#gt;<br>drive  finished"]
  n1 --> n0
  n0 --> n2
  style n0 stroke-width:3px
"""
    )


def test_as_svg(family: Family) -> None:
    family.commit(Draft("edit", {"run": "drive", "field": "name", "to": "a \x07 <name> & more"}))
    root = xml.fromstring(svg(picture(family)))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}g")) == 11
    assert len([path for path in root.findall(f"{space}path") if path.get("marker-end")]) == 11
    assert any("a   <name> & more" in (title.text or "") for title in root.iter(f"{space}title"))
    boxes = {(rect.get("x"), rect.get("y")) for rect in root.iter(f"{space}rect")}
    assert len(boxes) == 11, "no two in one place"


def test_nothing_as_svg() -> None:
    root = xml.fromstring(svg(Picture({}, [], "type")))
    assert float(root.get("width", "-1")) > 0


def box(number: int) -> Box:
    return Box(str(number), "version", f"v{number}", "live", "", (), 1, 0, False, "", ("", number))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40, unique=True))
def test_any_graph_is_drawn_whole(arrows: list[tuple[int, int]]) -> None:
    """Each box stands once, each arrow leads down a layer or goes back, whatever the circles."""
    some = Picture(
        {str(n): box(n) for n in range(10)}, [Line(str(source), str(target), "", 1) for source, target in arrows], ""
    )
    found = layers(some)
    down = [line for lines in found.below.values() for line in lines]
    assert sorted((*down, *found.back)) == sorted(some.lines)
    assert all(found.layer[line.source] < found.layer[line.target] for line in down)
    assert sorted(drawn.box.id for drawn in drawing.tree(some)) == sorted(some.boxes)
    assert len([*drawing.tree(some, newest_first=True)]) == 10
    xml.fromstring(svg(some))
