from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog import facts
from artcli.catalog.facts import FACT_SIZE, Draft, fact_id, make, parse
from artcli.errors import IntegrityError, UsageError

TEXT = st.text(st.characters(blacklist_categories=("Cs",)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXT, JSON, max_size=4), TEXT.filter(bool), st.none() | TEXT.filter(bool))
def test_a_fact_comes_back_from_its_line(data: dict[str, Any], kind: str, reason: str | None) -> None:
    made = make(Draft(kind, data, reason, undoes="ab"), "anna <a@b>", "car", now=1_800_000_000.5)
    assert made == parse(made.line)
    assert (made.kind, made.data, made.reason, made.undoes) == (kind, data, reason, "ab")
    assert (made.actor, made.machine, made.time) == ("anna <a@b>", "car", "2027-01-15T08:00:00.500Z")
    assert b"\n" not in made.line
    assert made.id == fact_id(made.line)
    assert len(made.id) == 32


def test_the_same_draft_makes_two_facts() -> None:
    draft = Draft("tag", {"version": "a", "tag": "b"})
    assert make(draft, "a", "b", 0).id != make(draft, "a", "b", 0).id


def test_a_clock_without_a_battery_is_marked() -> None:
    assert json.loads(make(Draft("x", {}), "a", "b", now=12).line)["clock"] == "suspect"
    assert "clock" not in json.loads(make(Draft("x", {}), "a", "b", now=facts.PLAUSIBLE_SINCE).line)


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        ({"a": float("nan")}, "unfit-value"),
        ({"a": "\udcff"}, "unfit-value"),
        ({"a": {1, 2}}, "unfit-value"),
        ({"a": "x" * FACT_SIZE}, "text-too-long"),
    ],
)
def test_what_no_log_can_keep_is_refused_before_it_is_logged(data: dict[str, Any], slug: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(Draft("edit", data), "a", "b")
    assert caught.value.slug == slug


def line(**changes: Any) -> bytes:
    body = {"kind": "x", "nonce": "0", "actor": "a", "machine": "m", "time": "2026-11-01T00:00:00Z", "data": {}}
    body |= changes
    return json.dumps({name: value for name, value in body.items() if value != "absent"}).encode()


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, line(kind="absent"), line(kind=""), line(kind=None),
        line(kind=1), line(kind="\ud800"), line(undoes="\ud800"), line(data=[]), line(data="absent"), line(actor=None),
        line(actor=3), line(machine="absent"), line(time=5), line(reason=[]), line(undoes=5), line(required=True),
        line(data={"a": "x" * FACT_SIZE}),
    ],
)  # fmt: skip
def test_a_line_that_is_no_fact(bad: bytes) -> None:
    with pytest.raises(IntegrityError) as caught:
        parse(bad)
    assert caught.value.slug == "damaged-fact"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_garbage_is_never_worse_than_damaged(garbage: bytes, at: int) -> None:
    whole = line(reason="because")
    for bad in (garbage, whole[:at] + garbage + whole[at:], whole[:at]):
        try:
            parse(bad)
        except IntegrityError:
            pass


def test_a_time_that_is_none_is_the_beginning_and_unknown_fields_stay_in_the_line() -> None:
    for time in (
        "soon",
        "2026-02-30T00:00:00Z",
        "2026-99-99T99:99:99Z",
        "",
        "2026-11-01T00:00:00+01:00",
        "1969-01-01T00:00:00Z",
    ):
        assert parse(line(time=time)).time == facts.BEGINNING
    for time, read in (("05Z", "05.000Z"), ("05.1Z", "05.100Z"), ("05.123456789Z", "05.123Z")):
        assert parse(line(time=f"2026-11-30T00:00:{time}")).time == f"2026-11-30T00:00:{read}"
    found = parse(line(later={"a": 1}, required="write"))
    assert (found.time, found.required) == ("2026-11-01T00:00:00.000Z", "write")
    assert b'"later"' in found.line


def test_names_from_elsewhere_are_one_clean_line() -> None:
    found = parse(line(actor="a\nb\udcff  c", machine="m" * 1000))
    assert (found.actor, len(found.machine)) == ("a b? c", 200)


def test_who_acts(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("ART_USER", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "anna")
    assert facts.this_actor() == f"anna@{facts.this_machine()}"
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "config", "user.email", "a@b.c"], cwd=tmp_path, check=True)
    assert facts.this_actor() == "a@b.c"
    subprocess.run(["git", "config", "user.name", "Anna Ü"], cwd=tmp_path, check=True)
    assert facts.this_actor() == "Anna Ü <a@b.c>"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Bo")
    assert facts.this_actor() == "Bo"
    monkeypatch.setenv("ART_USER", "car\n7")
    assert facts.this_actor() == "car 7"


def test_without_git_the_login_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ART_USER", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("LOGNAME", "anna")
    assert facts.this_actor() == f"anna@{facts.this_machine()}"
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54321)
    assert facts.this_actor() == f"uid54321@{facts.this_machine()}"
