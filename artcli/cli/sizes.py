"""Sizes as they are typed: 500, 64KB, 1.5GB, 8MiB."""

from __future__ import annotations

import re

from artcli.errors import UsageError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?(?:/s)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse(text: str) -> int:
    """Bytes; raises `UsageError` (`bad-size`)."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise UsageError("bad-size", f"not a size: '{text}'", facts=["possible: 500KB, 20MB, 1.5GB, 8MiB"])
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** _POWERS[found[2].lower()])
