from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog import facts, moments
from artcli.errors import UsageError

NOW = datetime(2026, 11, 5, 12, tzinfo=timezone.utc).timestamp()


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.__setitem__("TZ", before)
    time.tzset()


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=timezone.utc).timestamp()  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", utc(2026, 10, 31, 23)), ("2026-11-01 14:30", utc(2026, 11, 1, 13, 30)),
        ("2026-11-01T14:30:05", utc(2026, 11, 1, 13, 30, 5)), ("2026-11-01T14:30:05Z", utc(2026, 11, 1, 14, 30, 5)),
        ("2026-11-01t14:30:05z", utc(2026, 11, 1, 14, 30, 5)), ("2026-11-01T14:30+02:00", utc(2026, 11, 1, 12, 30)),
        ("2026-11-01 14:30 -0230", utc(2026, 11, 1, 17)),
        ("2026-11-01T14:30:05.25Z", utc(2026, 11, 1, 14, 30, 5) + 0.25),
        ("2026-11-01T14:30:05.123456789Z", utc(2026, 11, 1, 14, 30, 5) + 0.123456789),
        ("2026-12-31T23:59:60Z", utc(2026, 12, 31, 23, 59, 59)), ("1970-01-01T00:00:00Z", 0.0),
        ("now", NOW), ("today", utc(2026, 11, 4, 23)), ("Yesterday", utc(2026, 11, 3, 23)),
        ("3d", NOW - 3 * 86400), ("3 days ago", NOW - 3 * 86400), ("2h ago", NOW - 7200), ("2h", NOW - 7200),
        ("45min", NOW - 2700), ("90s", NOW - 90), ("1.5 hours", NOW - 5400), ("2w", NOW - 14 * 86400),
        ("1 week ago", NOW - 7 * 86400),
        (" 10m ", NOW - 600), ("0d", NOW),
    ],
)  # fmt: skip
def test_moments(text: str, moment: float) -> None:
    assert moments.parse(text, NOW) == pytest.approx(moment, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "3", "d", "-3d", "3x", "3 y", "2026-13-01", "2026-02-30", "2026-1-1", "2026-11-01T25:00", "1e3d",
    "3d 2h",
     "2026-11-01T14", "２h", "2026-11-01\n2026"],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        moments.parse(text, NOW)
    assert caught.value.slug == "bad-date"
    assert caught.value.facts


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 253_402_300_799_999))
def test_the_times_of_facts_are_read_back(milliseconds: int) -> None:
    text = facts.timestamp(milliseconds / 1000)
    assert abs(moments.seconds(text) - milliseconds / 1000) < 0.0011


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_our_error(text: str) -> None:
    try:
        moments.parse(text)
    except UsageError as error:
        assert error.slug == "bad-date"  # noqa: PT017 - most texts are none, some are
