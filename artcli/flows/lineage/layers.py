"""The order in which a picture is drawn: every arrow leads down a layer, but those that close a circle.

Circles are there where versions stand together: a dataset to which a run adds is used and made by it. The arrow that
closes one (seen depth first, from the oldest) goes back, and is drawn but not counted. A layer is the longest way from
a beginning: Sugiyama's first two steps, K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of
Hierarchical System Structures", 1981.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from artcli.flows.lineage.graph import Line, Picture


class Layers(NamedTuple):
    layer: Mapping[str, int]
    """Of each box, by id; the keys are in an order in which arrows lead onwards."""
    below: Mapping[str, Sequence[Line]]
    """Arrows that lead down, by source."""
    above: Mapping[str, Sequence[Line]]
    """The same by target."""
    back: Sequence[Line]
    """Arrows that close a circle."""


def layers(picture: Picture) -> Layers:
    """The layers of a picture; as many steps as it has boxes and arrows, whatever its depth."""
    leaving: dict[str, list[Line]] = {id: [] for id in picture.boxes}
    for line in picture.lines:
        leaving[line.source].append(line)
    order, back = _sorted(leaving)
    backwards = {(line.source, line.target) for line in back}
    layer = dict.fromkeys(order, 0)
    below: dict[str, list[Line]] = {}
    above: dict[str, list[Line]] = {}
    for id in order:
        for line in leaving[id]:
            if (line.source, line.target) not in backwards:
                below.setdefault(id, []).append(line)
                above.setdefault(line.target, []).append(line)
                layer[line.target] = max(layer[line.target], layer[id] + 1)
    return Layers(layer, below, above, back)


def _sorted(leaving: Mapping[str, Sequence[Line]]) -> tuple[list[str], list[Line]]:
    """Boxes so that arrows lead onwards, and the arrows that do not."""
    arriving = {line.target for lines in leaving.values() for line in lines if line.source != line.target}
    beginnings = [id for id in leaving if id not in arriving]
    done: list[str] = []
    open_, closed = set[str](), set[str]()
    back: list[Line] = []
    for start in (*beginnings, *leaving):
        if start in closed:
            continue
        way: list[tuple[str, Iterator[Line]]] = [(start, iter(leaving[start]))]
        open_.add(start)
        while way:
            id, rest = way[-1]
            for line in rest:
                if line.target in open_:
                    back.append(line)
                elif line.target not in closed:
                    open_.add(line.target)
                    way.append((line.target, iter(leaving[line.target])))
                    break
            else:
                way.pop()
                open_.discard(id)
                closed.add(id)
                done.append(id)
    return done[::-1], back
