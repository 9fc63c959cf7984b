"""Charts of text: numbers as blocks in one line, or as dots of Braille in several."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of the dots of a Braille cell, by row and column (Unicode 15, chapter 21.1)."""


def sparkline(values: Sequence[float], width: int) -> str:
    """Values in a line of at most `width` blocks; a gap where one is no number."""
    shown = [values[index * len(values) // width] for index in range(width)] if len(values) > width else list(values)
    known = [value for value in shown if math.isfinite(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    return "".join(BLOCKS[_level(value, low, high, len(BLOCKS))] if math.isfinite(value) else " " for value in shown)


def plot(
    points: Sequence[tuple[float, float]], across: tuple[float, float], up: tuple[float, float], width: int, height: int
) -> list[str]:
    """Points (x, y) as `height` lines of `width` cells, each of 2 × 4 dots, joined by vertical strokes.

    `across` and `up`: what the left and right, the lower and upper edge stand for.
    """
    cells = [[0] * width for _ in range(height)]
    before: tuple[int, int] | None = None
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            before = None
            continue
        column, row = _level(x, *across, 2 * width), 4 * height - 1 - _level(y, *up, 4 * height)
        for dot in _stroke(before, (column, row)):
            cells[dot[1] // 4][dot[0] // 2] |= _DOTS[dot[1] % 4][dot[0] % 2]
        before = column, row
    return ["".join(chr(0x2800 + cell) for cell in line).rstrip("\u2800") for line in cells]


def _stroke(start: tuple[int, int] | None, end: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots from one to another, as a line."""
    if start is None:
        return [end]
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [
        (round(start[0] + (end[0] - start[0]) * at / steps), round(start[1] + (end[1] - start[1]) * at / steps))
        for at in range(steps + 1)
    ]


def _level(value: float, low: float, high: float, levels: int) -> int:
    """Which of `levels` equal stretches from `low` to `high` a value lies in; the middle one where they are equal."""
    if not high > low:
        return levels // 2
    return min(levels - 1, max(0, int((value - low) / (high - low) * levels)))
