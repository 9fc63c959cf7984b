"""A metric as a chart: an SVG of a line through the last values, over a band from the least to the greatest.

It is made of two paths in whole numbers, a few kilobytes however many points the metric has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import isfinite

from artcli.catalog.runs.series import Series
from artcli.web.pages.layout import text

BUCKETS = 200
"""As many points as a chart of this width can show."""
WIDTH, HEIGHT = 1000, 300


def chart(key: str, series: Series, across: Sequence[float], words: str) -> str:
    """A figure of the metric `key`. `across`: where each of its buckets lies; `words`: what that is, for people."""
    low, high = series.min.tolist(), series.max.tolist()
    known = [value for value in (*low, *high) if isfinite(value)]
    bottom, top = min(known, default=0.0), max(known, default=0.0)
    xs = [round(_part(x, across[0], across[-1]) * WIDTH) for x in across]

    def y(value: float) -> int | None:
        return round((1 - _part(value, bottom, top)) * HEIGHT) if isfinite(value) else None

    band = list(zip(xs, map(y, low), map(y, high), strict=True)) if low != high else []
    strokes = list(_strokes(list(zip(xs, map(y, series.last.tolist()), strict=True))))
    curve = "".join("M" + "L".join(stroke) for stroke in strokes if len(stroke) > 1)
    dots = "".join(f"M{stroke[0]}h0" for stroke in strokes if len(stroke) == 1)
    dots = f'<path class="dots" d="{dots}"/>' if dots else ""
    last = f"{series.last[-1]:.6g}"
    told = "no numbers" if not known else f"{bottom:.6g}" if bottom == top else f"{bottom:.6g} … {top:.6g}"
    return (
        f"<figure><figcaption><b>{text(key)}</b> {last}</figcaption>\n"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{text(key)}: {told}, last {last}">\n'
        f'<path class="band" d="{"".join(_areas(band))}"/><path class="curve" d="{curve}"/>{dots}</svg>\n'
        f"<figcaption>{told} · {words}</figcaption></figure>\n"
    )


def _part(value: float, first: float, last: float) -> float:
    """How far a value lies from the first to the last: 0 to 1; halfway where they are equal."""
    # halves, for the distance of two floats may be greater than any float
    return (value / 2 - first / 2) / (last / 2 - first / 2) if last / 2 > first / 2 else 0.5


def _strokes(points: Sequence[tuple[int, int | None]]) -> Iterator[list[str]]:
    """The points that follow each other; where one has no number there is a gap."""
    for there, some in groupby(points, key=lambda point: point[1] is not None):
        if there:
            yield [f"{x} {y}" for x, y in some]


def _areas(points: Sequence[tuple[int, int | None, int | None]]) -> Iterator[str]:
    """What lies between the least and the greatest values, with the same gaps."""
    for there, some in groupby(points, key=lambda point: point[1] is not None and point[2] is not None):
        if there:
            stretch = list(some)
            edge = [f"{x} {low}" for x, low, _ in stretch] + [f"{x} {high}" for x, _, high in reversed(stretch)]
            yield "M" + "L".join(edge) + "z"
