"""Boxes over a picture: an SVG that is stretched over it, whose rectangles say under the pointer what they are.

They have W&B's form (`flows.runs.pictures`). A run may say anything of boxes: what is none is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from math import isfinite
from typing import Any

from artcli.web.pages.layout import BOX_COLOURS, text

MOST = 200
"""Boxes of a picture that are shown."""
SIDE = 1000
"""Of the SVG, whatever shape the picture has."""
FAR = 100.0
"""Sides of the picture beyond which nothing is drawn."""


def overlay(groups: Any, width: int, height: int) -> str:
    """What lies over a picture of so many pixels (0: nobody knows); "" if there is nothing."""
    if not isinstance(groups, Mapping):
        return ""
    found = "".join(islice(_rectangles(groups, width, height), MOST))
    view = f'viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none"'
    return f'<svg class="boxes" {view}>{found}</svg>' if found else ""


def _rectangles(groups: Mapping[str, Any], width: int, height: int) -> Iterator[str]:
    for group in groups.values():
        data = group.get("box_data") if isinstance(group, Mapping) else None
        for box in data if isinstance(data, list) else ():
            place = _place(box, width, height) if isinstance(box, Mapping) else None
            if place is not None:
                x, y, wide, high = (f"{value * SIDE:.1f}" for value in place)
                yield (
                    f'<rect class="{_colour(box)}" x="{x}" y="{y}" width="{wide}" height="{high}">'
                    f"<title>{text(_words(box, group.get('class_labels')))}</title></rect>"
                )


def _place(box: Mapping[str, Any], width: int, height: int) -> tuple[float, float, float, float] | None:
    """Left, top, width and height, as parts of the picture's sides."""
    across, down = (width, height) if box.get("domain") == "pixel" else (1, 1)
    if not across or not down:
        return None
    try:
        at = box["position"]
        if "middle" in at:
            wide, high = float(at["width"]), float(at["height"])
            left, top = float(at["middle"][0]) - wide / 2, float(at["middle"][1]) - high / 2
        else:
            left, top = float(at["minX"]), float(at["minY"])
            wide, high = float(at["maxX"]) - left, float(at["maxY"]) - top
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        return None
    found = left / across, top / down, wide / across, high / down
    drawn = all(isfinite(value) and abs(value) < FAR for value in found) and min(wide, high) >= 0
    return found if drawn else None


def _colour(box: Mapping[str, Any]) -> str:
    kind = box.get("class_id")
    return f"box{kind % BOX_COLOURS if isinstance(kind, int) else 0}"


def _words(box: Mapping[str, Any], labels: Any) -> str:
    if box.get("box_caption"):
        return str(box["box_caption"])
    kind = str(box.get("class_id", "box"))
    known = str(labels.get(kind, kind)) if isinstance(labels, Mapping) else kind
    scores = box.get("scores")
    named = scores.items() if isinstance(scores, Mapping) else ()
    told = [f"{name} {score:.3g}" for name, score in named if _is_short(score)]
    return " ".join([known, *told[:3]])


def _is_short(score: Any) -> bool:
    return isinstance(score, (int, float)) and abs(score) < 1e9
