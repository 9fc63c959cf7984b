"""How fast bytes travelled to and from each place the last time: what it may take the next time is told from that.

A cache: `.art/cache/rates.json`, place ids to bytes a second.
"""

from __future__ import annotations

import json
from pathlib import Path

from artcli.buckets.replacing import replace

LEAST = 256 * 1024
"""Bytes of a transfer that tells anything of a rate."""


def remember(path: Path, place: str, stored: int, seconds: float) -> None:
    """`stored` bytes went between the repository with the `.art` folder `path` and the place within `seconds`."""
    if stored < LEAST or seconds <= 0:
        return
    file = path / "cache" / "rates.json"
    try:
        replace(file, json.dumps({**_read(path), place: round(stored / seconds)}).encode(), durable=False)
    except OSError:
        return  # a full disk: the next one remembers


def seconds(path: Path, place: str, stored: int) -> float:
    """About how long `stored` bytes will take; 0.0 if nothing is known."""
    rate = _read(path).get(place)
    return stored / rate if rate else 0.0


def _read(path: Path) -> dict[str, float]:
    try:
        found = json.loads((path / "cache" / "rates.json").read_bytes())
        return {place: float(rate) for place, rate in found.items() if float(rate) > 0}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # never written, or torn
