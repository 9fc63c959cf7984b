"""A picture of the lineage as text, and in the languages of Graphviz and Mermaid.

The text has each box once, below the box that leads to it on the longest way; other boxes that lead to it stand behind
it. What has a single box below it stands straight above it, without another indentation, so that a model that was
trained on twenty times is a column, and a dataset that was used a hundred times a list:

    ● dataset:v0
    ├─■ train-1  finished
    │ ● model:v0
    │ ■ tune-1  finished  ← dataset:v1
    │ ● model:v1
    └─■ train-2  failed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from artcli.flows.lineage.graph import Box, Line, Picture
from artcli.flows.lineage.layers import Layers, layers

MARKS = {"version": "●", "run": "■", "uri": "◇"}
GONE = {"trash": "deleted", "purged": "deleted, its bytes are gone", "unknown": "not known here"}
"""States of versions that are said."""
_ALSO = 4
"""Boxes that are named behind another."""


class Drawn(NamedTuple):
    """A line of the text."""

    rails: str
    mark: str
    box: Box
    beside: str
    """What else leads to it, what it leads back to."""
    is_root: bool
    """Nothing leads to it."""


def tree(picture: Picture, *, newest_first: bool = False) -> Iterator[Drawn]:
    """The lines of the text; `newest_first`: upside down, from what was made to what it was made of."""
    if newest_first:
        picture = picture._replace(
            boxes={id: picture.boxes[id] for id in reversed([*picture.boxes])},
            lines=[Line(line.target, line.source, line.role, line.number) for line in picture.lines],
        )
    found = layers(picture)
    hung = {id: _parent(found, lines) for id, lines in found.above.items()}
    below: dict[str, list[str]] = {}
    for id in picture.boxes:
        if id in hung:
            below.setdefault(hung[id], []).append(id)
    for id in picture.boxes:
        if id not in hung:
            yield from _draw(id, below, picture, lambda id: _beside(picture, found, hung.get(id), id, newest_first))


def _parent(found: Layers, lines: Sequence[Line]) -> str:
    """The box that a box is drawn below: the one on the longest way."""
    return max(lines, key=lambda line: found.layer[line.source]).source


def _draw(
    root: str, below: Mapping[str, Sequence[str]], picture: Picture, beside: Callable[[str], str]
) -> Iterator[Drawn]:
    waiting = [(root, "", "")]
    while waiting:
        id, rails, after = waiting.pop()
        box = picture.boxes[id]
        yield Drawn(rails, MARKS[box.kind], box, beside(id), id == root)
        some = below.get(id, ())
        if len(some) == 1:
            waiting.append((some[0], after, after))
            continue
        for child in reversed(some):
            last = child == some[-1]
            waiting.append((child, after + ("└─" if last else "├─"), after + ("  " if last else "│ ")))


def _beside(picture: Picture, found: Layers, parent: str | None, id: str, newest_first: bool) -> str:
    """The other boxes that an arrow leads from, and those that circles lead to."""
    others = dict.fromkeys(line.source for line in found.above.get(id, ()) if line.source != parent)
    circles = dict.fromkeys(line.target for line in found.back if line.source == id)
    arrow = "→" if newest_first else "←"
    told = []
    for sign, ids in ((arrow, others), ("↻", circles)):
        names = [picture.boxes[other].label for other in ids]
        if names:
            more = f", … {len(names) - _ALSO} more" if len(names) > _ALSO else ""
            told.append(f"{sign} {', '.join(names[:_ALSO])}{more}")
    return "  ".join(told)


def said(box: Box) -> str:
    """What is said of a box besides its name: aliases, how a run went, how many are together."""
    parts = [f"({', '.join(box.aliases)})"] if box.aliases else []
    if box.number > 1:
        parts.append(f"{box.number:,} {'runs' if box.kind == 'run' else 'versions' if box.kind == 'version' else ''}")
    if box.kind == "run" and box.state:
        parts += [box.job_type] if box.job_type else []
        parts.append(box.state)
    elif box.state in GONE:
        parts.append(GONE[box.state])
    return "  ".join(parts).rstrip()


def caption(box: Box) -> list[str]:
    """The lines in a box: its name, and what is said of it."""
    more = said(box)
    return [box.label, more] if more else [box.label]


def dot(picture: Picture) -> str:
    """The picture for Graphviz: runs are boxes, versions ellipses."""
    shapes = {"run": "box", "version": "ellipse", "uri": "note"}
    names = {id: f"n{number}" for number, id in enumerate(picture.boxes)}
    lines = ["digraph lineage {", "  rankdir=LR;", "  node [fontname=sans];"]
    for id, box in picture.boxes.items():
        style = ", style=bold" if box.focus else ", style=dashed" if box.state in _FAINT else ""
        lines.append(f"  {names[id]} [shape={shapes[box.kind]}, label={_dot_text(caption(box))}{style}];")
    for line in picture.lines:
        label = f" [label={_dot_text([_on_arrow(line)])}]" if _on_arrow(line) else ""
        lines.append(f"  {names[line.source]} -> {names[line.target]}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(picture: Picture) -> str:
    """The picture for Mermaid, as Markdown on many sites draws it."""
    shapes = {"run": ("[", "]"), "version": ("([", "])"), "uri": (">", "]")}
    names = {id: f"n{number}" for number, id in enumerate(picture.boxes)}
    lines = ["flowchart LR"]
    for id, box in picture.boxes.items():
        left, right = shapes[box.kind]
        lines.append(f"  {names[id]}{left}{_mermaid_text(caption(box))}{right}")
    for line in picture.lines:
        label = f"|{_mermaid_text([_on_arrow(line)])}|" if _on_arrow(line) else ""
        lines.append(f"  {names[line.source]} -->{label} {names[line.target]}")
    if focus := [names[id] for id, box in picture.boxes.items() if box.focus]:
        lines.append(f"  style {focus[0]} stroke-width:3px")
    return "\n".join(lines) + "\n"


_FAINT = {*GONE, "deleted", "failed", "killed", "crashed"}


def is_faint(box: Box) -> bool:
    """Whether what a box stands for is gone or went wrong."""
    return box.state in _FAINT


def _on_arrow(line: Line) -> str:
    return line.role or (f"{line.number:,}" if line.number > 1 else "")


def _dot_text(lines: Sequence[str]) -> str:
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines]
    return '"' + "\\n".join(escaped) + '"'


def _mermaid_text(lines: Sequence[str]) -> str:
    """Mermaid reads HTML's names of characters, without their `&`."""
    special = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "\n": " "}
    return '"' + "<br>".join("".join(special.get(sign, sign) for sign in line) for line in lines) + '"'
