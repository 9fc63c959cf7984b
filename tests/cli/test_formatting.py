from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artcli.cli import formatting
from artcli.cli.formatting import Field, Schema, Template, for_person, for_program, scalar
from artcli.errors import NotFoundError, UsageError
from artcli.wording import UNSAFE, duration, printable

SCHEMA = Schema(
    "things",
    [Field("name"), Field("size", "size"), Field("at", "time"), Field("tags", "words"), Field("metadata", "object")],
    columns=["name", "size"],
    key="name",
)
ITEM = {
    "name": "a",
    "size": 1234567,
    "at": 0.5,
    "tags": ["x", "y"],
    "metadata": {"stage": "dev", "runs": [1, {"lr": 0.1}]},
}


def test_a_header_leaves_somebodys_own_word_as_it_is() -> None:
    assert Field("job_type").header == "JOB TYPE"
    assert Field("val_mAP\x1b", "object", is_verbatim=True).header == "val_mAP\\x1b"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (9949, "9.9 KB"), (9950, "10 KB"), (41_000, "41 KB"),
        (999_499, "999 KB"), (999_500, "1.0 MB"), (3_100_000_000, "3.1 GB"), (10**15, "1.0 PB"), (10**19, "10000 PB"),
    ],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert formatting.size(count) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [(0.04, "0.0 s"), (0.3, "0.3 s"), (12.4, "12 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(span: float, text: str) -> None:
    assert duration(span) == text


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (0, "just now"),
        (-30, "just now"),
        (300, "5 min ago"),
        (7200, "2 h ago"),
        (86400, "1 day ago"),
        (3 * 86400, "3 days ago"),
    ],
)
def test_ages(past: float, text: str) -> None:
    assert formatting.age(1_000_000_000 - past, 1_000_000_000) == text


def test_an_old_age_is_a_date_and_a_future_one_too() -> None:
    assert formatting.age(0, 1_000_000_000).startswith("19")
    assert formatting.age(2_000_000_000, 1_000_000_000).startswith("2033-05")


def test_times_for_programs_are_utc() -> None:
    assert formatting.for_program(0.5, "time") == "1970-01-01T00:00:00.500Z"
    assert formatting.seconds("1970-01-01T00:00:00.500Z") == 0.5
    assert formatting.seconds("1970-01-01T01:00:00+01:00") == 0


def test_a_template_fills_in_fields() -> None:
    assert Template(r"{name}:{size}\t{{{tags}}}", SCHEMA).render(ITEM) == "a:1234567\t{x,y}"
    assert Template("{metadata.stage}/{metadata.gone}/{at}", SCHEMA).render(ITEM) == "dev//1970-01-01T00:00:00.500Z"


@pytest.mark.parametrize("text", ["{", "}", "{name", "name}", "{a{b}}"])
def test_a_template_with_a_loose_brace_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Template(text, SCHEMA)
    assert caught.value.slug in ("bad-format", "unknown-field")


@pytest.mark.parametrize("text", ["{nam}", "{}", "{0}", "{name!r}", "{name:>9}", "{__class__}", "{name[0]}"])
def test_a_template_knows_fields_only(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Template(text, SCHEMA)
    assert caught.value.slug == "unknown-field"
    assert caught.value.facts == ("fields: name, size, at, tags, metadata",)


def test_no_attribute_is_reached() -> None:
    assert Template("{name.__class__}{metadata.__class__}", SCHEMA).render(ITEM) == ""


def test_a_scalar_is_raw() -> None:
    assert scalar(ITEM, "size", SCHEMA) == "1234567"
    assert scalar(ITEM, "metadata.runs.1.lr", SCHEMA) == "0.1"
    assert scalar(ITEM, "metadata.runs", SCHEMA) == '[1,{"lr":0.1}]'
    assert scalar({"name": True}, "name", SCHEMA) == "true"
    assert scalar({}, "name", SCHEMA) == ""


def test_a_scalar_that_is_not_there() -> None:
    with pytest.raises(NotFoundError) as caught:
        scalar(ITEM, "metadata.gone", SCHEMA)
    assert caught.value.slug == "no-such-value"
    assert caught.value.facts == ("there is: stage, runs",)


def test_names_that_would_control_a_terminal_are_spelt_out() -> None:
    assert printable("a\x1b[31m\tb\n\u202e\udcff\x9b") == r"a\x1b[31m\tb\n\u202e\xff\x9b"
    assert printable("naïve 写真 \U0001f600") == "naïve 写真 \U0001f600"


@given(st.text(), st.binary())
def test_printable_is_always_one_harmless_line(text: str, data: bytes) -> None:
    shown = printable(text + data.decode("utf-8", "surrogateescape"))
    assert not UNSAFE.search(shown)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1


def test_width_counts_columns() -> None:
    assert [formatting.width(text) for text in ("abc", "写真", "e\u0301")] == [3, 4, 1]


def test_a_person_is_shown_without_the_address_on_a_terminal_only() -> None:
    assert for_person("Ann Smith <ann@example.org>", "person", now=0) == "Ann Smith"
    assert for_person("<ann@example.org>", "person", now=0) == "<ann@example.org>"
    assert for_program("Ann Smith <ann@example.org>", "person") == "Ann Smith <ann@example.org>"
