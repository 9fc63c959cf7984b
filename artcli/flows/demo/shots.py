"""The car's pictures: a window that slides over a photograph as the car comes nearer, turns and backs off.

Everything but the pixels is integer arithmetic: the window of picture number n, and where in it the target
is. The pixels of the first pictures of each place are shipped as JPEG files; a caller with an image library
gives a `Cut` of its own and has as many as it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import NamedTuple

FRAME = 224
"""Width and height of a picture, in pixels: what the JetRacer's notebooks feed their network."""
THUMBNAIL = 16
"""Width and height, in pixels, of the grey thumbnail that the model is trained on."""


class Place(NamedTuple):
    """A photograph to drive in: its width and height, and the point to steer to, in its pixels; how many
    pictures of it are shipped.
    """

    name: str
    width: int
    height: int
    target: tuple[int, int]
    shipped: int


TABLE = Place("table", 600, 400, (288, 143), 16)
"""A table with a cup of coffee: steer to the coffee."""
DUSK = Place("dusk", 640, 427, (322, 265), 8)
"""A launch pad at dusk: steer to the rocket."""


class Window(NamedTuple):
    """A square of a photograph, in its pixels."""

    left: int
    top: int
    size: int


class Shot(NamedTuple):
    """A picture as the camera made it: JPEG bytes, and its grey thumbnail as THUMBNAIL² bytes, row by row."""

    jpeg: bytes
    thumbnail: bytes


Cut = Callable[[Place, int], Shot]
"""Takes picture number n (from 0) of a place."""


def window(place: Place, number: int) -> Window:
    """Where the camera looks for picture `number`: the target is always in it, well away from the edge."""
    size = 184 + _swing(number * 5, 96)
    margin = size * 3 // 20
    x, y = place.target
    left = _between(max(0, x - size + margin), min(place.width - size, x - margin), number * 13 + number // 61)
    top = _between(max(0, y - size + margin), min(place.height - size, y - margin), number * 11 + number // 211)
    return Window(left, top, size)


def label(place: Place, number: int) -> tuple[int, int]:
    """Where the target is in picture `number`: x to the right, y down, in pixels of the picture."""
    left, top, size = window(place, number)
    x, y = place.target
    return (x - left) * FRAME // size, (y - top) * FRAME // size


def shipped(place: Place, number: int) -> Shot:
    """Picture `number` from the files of the program. Raises IndexError beyond `place.shipped`."""
    if not 0 <= number < place.shipped:
        raise IndexError(f"{place.shipped} pictures of the {place.name} are shipped, not {number + 1}")
    folder = resources.files("artcli.flows.demo") / "frames"
    thumbnails = (folder / f"{place.name}.grey").read_bytes()
    area = THUMBNAIL * THUMBNAIL
    return Shot(
        (folder / f"{place.name}-{number:02d}.jpg").read_bytes(),
        thumbnails[number * area : (number + 1) * area],
    )


def _between(low: int, high: int, phase: int) -> int:
    return low + _swing(phase, high - low)


def _swing(phase: int, span: int) -> int:
    """A triangular wave: 0 up to `span` and back, one a step of `phase`."""
    if span <= 0:
        return 0
    phase %= 2 * span
    return phase if phase <= span else 2 * span - phase
