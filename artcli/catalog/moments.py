"""Moments as people and facts write them, as seconds since 1970.

What is understood:

    2026-11-01   2026-11-01 14:30   2026-11-01T14:30:05.123Z   2026-11-01T14:30+01:00   (local time unless told)
    90s   45min   2h   3d   2w   "2h ago"   yesterday   today   now                     (seen from now)
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

from artcli.errors import UsageError

SECONDS = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
    "d": 86400, "day": 86400, "w": 604800, "week": 604800,
}  # fmt: skip
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+?)s?(?:\s+ago)?", re.ASCII)
_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?\s?(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
_DAYS = {"today": 0, "yesterday": 1}


def parse(text: str, now: float | None = None) -> float:
    """The moment that `text` means, seen from `now`; raises `UsageError` (`bad-date`)."""
    now = time.time() if now is None else now
    word = text.strip().lower()
    if word == "now":
        return now
    if word in _DAYS:
        midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - timedelta(days=_DAYS[word])).timestamp()
    if span := _SPAN.fullmatch(word):
        unit = span[2] if span[2] in SECONDS else ""
        if unit:
            return now - float(span[1]) * SECONDS[unit]
    try:
        return seconds(text.strip())
    except ValueError:
        raise UsageError(
            "bad-date", f"not a date or age: {text!r}",
            facts=["possible: 2026-11-01, 2026-11-01T14:30:00Z, 3d, '2h ago', yesterday"], hint="art help bad-date",
        ) from None  # fmt: skip


def seconds(text: str) -> float:
    """An RFC 3339 text, or a date or local time without a zone; raises `ValueError`."""
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError(f"no date: {text!r}")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    whole = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(59, int(second or 0)))
    if zone:
        sign = -1 if zone.startswith("-") else 1
        digits = zone[1:].replace(":", "") or "0000"
        offset = sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        whole = whole.replace(tzinfo=timezone(offset))
    try:
        return whole.timestamp() + float(fraction or 0)
    except (OverflowError, OSError) as error:
        raise ValueError(str(error)) from error
