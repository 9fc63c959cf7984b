"""Pictures cut from the photographs in `data/`, with Pillow. The photographs' names are those of the places
in them.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from artcli.flows.demo import shots
from artcli.flows.demo.shots import FRAME, THUMBNAIL, Place, Shot, Window

DATA = Path(__file__).parent / "data"
QUALITY = 85


def crop(photograph: str, window: Window, side: int) -> Any:
    """A square of a photograph as a Pillow image of `side` × `side` pixels."""
    from PIL import Image

    left, top, size = window
    box = (left, top, left + size, top + size)
    return _open(photograph).resize((side, side), Image.Resampling.BILINEAR, box=box)


def jpeg(image: Any) -> bytes:
    """A Pillow image as JPEG."""
    file = BytesIO()
    image.save(file, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return file.getvalue()


def cut_frame(place: Place, number: int) -> Shot:
    """Picture `number` of the car: as shipped where it is, else cut from the photograph."""
    if number < place.shipped:
        return shots.shipped(place, number)
    return cut_anew(place, number)


def cut_anew(place: Place, number: int) -> Shot:
    """Picture `number` of the car from the photograph, whether it is shipped or not."""
    image = crop(place.name, shots.window(place, number), FRAME)
    return Shot(jpeg(image), image.convert("L").reduce(FRAME // THUMBNAIL).tobytes())


@cache
def _open(photograph: str) -> Any:
    from PIL import Image

    with Image.open(DATA / "photographs" / f"{photograph}.jpg") as image:
        return image.convert("RGB")
