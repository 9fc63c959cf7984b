"""A picture of the lineage as SVG, from left to right, layer by layer; runs are squares, versions are round.

Within a layer boxes stand where the boxes they hang on stand in the middle, looked at a few times to and fro: the
barycentre method of Sugiyama, Tagawa and Toda (see `layers`). Good for what somebody looks at, some hundred boxes;
more are drawn too, in the time that sorting takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from artcli.flows.lineage.drawing import caption, is_faint
from artcli.flows.lineage.graph import Box, Line, Picture
from artcli.flows.lineage.layers import layers

_LETTER, _LINE, _PAD = 7.2, 17, 10
"""Width of a letter, height of a line, room within a box, in pixels."""
_GAP, _BETWEEN = 16, 64
"""Room between boxes of a layer, and between layers."""
_LETTERS = 40
"""Letters of a line in a box."""
_SWEEPS = 4
_STYLE = (
    "text{font:12px ui-monospace,monospace;fill:#222}.more{fill:#666}path{fill:none;stroke:#888}"
    ".version rect{fill:#e8f1fb;stroke:#3b78b8}.run rect{fill:#fdf3e1;stroke:#b8863b}"
    ".uri rect{fill:#f2f2f2;stroke:#777}.faint rect{stroke-dasharray:4 3}.focus rect{stroke-width:3}"
)


def svg(picture: Picture) -> str:
    """The picture, a document of its own."""
    found = layers(picture)
    columns: list[list[str]] = [[] for _ in range(max(found.layer.values(), default=-1) + 1)]
    for id in picture.boxes:
        columns[found.layer[id]].append(id)
    _untangle(columns, found.above, found.below)
    sizes = {id: _size(box) for id, box in picture.boxes.items()}
    places: dict[str, tuple[float, float]] = {}
    left = float(_GAP)
    heights = [sum(sizes[id][1] + _GAP for id in column) for column in columns]
    tall = max(heights, default=0.0)
    for column, height in zip(columns, heights, strict=True):
        top = _GAP + (tall - height) / 2
        wide = max(sizes[id][0] for id in column)
        for id in column:
            places[id] = left, top
            top += sizes[id][1] + _GAP
        left += wide + _BETWEEN
    body = [_arrow(line, places, sizes) for line in picture.lines]
    body += [_box(box, places[id], sizes[id]) for id, box in picture.boxes.items()]
    x, y = f"{max(left - _BETWEEN, 0) + _GAP:.0f}", f"{tall + 2 * _GAP:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{x}" height="{y}" viewBox="0 0 {x} {y}">\n'
        f"<style>{_STYLE}</style>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8" /></marker></defs>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _untangle(
    columns: Sequence[list[str]], above: Mapping[str, Sequence[Line]], below: Mapping[str, Sequence[Line]]
) -> None:
    """Put boxes of each layer near those they hang on, to and fro."""
    rank = {id: number / max(1, len(column)) for column in columns for number, id in enumerate(column)}

    def middle(id: str, beside: Sequence[str]) -> float:
        return sum(rank[other] for other in beside) / len(beside) if beside else rank[id]

    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            if sweep % 2 == 0:
                wanted = {id: middle(id, [line.source for line in above.get(id, ())]) for id in column}
            else:
                wanted = {id: middle(id, [line.target for line in below.get(id, ())]) for id in column}
            column.sort(key=lambda id, wanted=wanted: (wanted[id], rank[id]))  # type: ignore[misc]
            rank.update({id: (number + 0.5) / len(column) for number, id in enumerate(column)})


def _size(box: Box) -> tuple[float, float]:
    lines = [_cut(line) for line in caption(box)]
    return max(map(len, lines)) * _LETTER + 3 * _PAD, len(lines) * _LINE + _PAD


def _box(box: Box, place: tuple[float, float], size: tuple[float, float]) -> str:
    (left, top), (wide, high) = place, size
    classes = " ".join([box.kind, *(["faint"] if is_faint(box) else []), *(["focus"] if box.focus else [])])
    round_ = high / 2 if box.kind == "version" else 2
    lines = "".join(
        f'<text x="{left + wide / 2:.0f}" y="{top + (number + 1) * _LINE:.0f}" text-anchor="middle"'
        f"{' class=' + chr(34) + 'more' + chr(34) if number else ''}>{_safe(_cut(line))}</text>"
        for number, line in enumerate(caption(box))
    )
    return (
        f'<g class="{classes}"><title>{_safe(f"{box.label} {box.id}")}</title>'
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{wide:.0f}" height="{high:.0f}" rx="{round_:.0f}"/>{lines}</g>'
    )


def _arrow(
    line: Line, places: Mapping[str, tuple[float, float]], sizes: Mapping[str, tuple[float, float]]
) -> str:  # fmt: skip
    x, y = places[line.source][0] + sizes[line.source][0], places[line.source][1] + sizes[line.source][1] / 2
    to_x, to_y = places[line.target][0], places[line.target][1] + sizes[line.target][1] / 2
    bend = max(_BETWEEN / 2, abs(to_x - x) / 3)
    way = f"M{x:.0f} {y:.0f}C{x + bend:.0f} {y:.0f} {to_x - bend:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
    title = f"<title>{_safe(line.role)}</title>" if line.role else ""
    return f'<path d="{way}" marker-end="url(#tip)">{title}</path>'


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"


def _safe(text: str) -> str:
    """Text as XML may have it: no control characters."""
    return escape("".join(sign if sign.isprintable() else " " for sign in text))
