from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog.catalog import Artifact, Version
from artcli.catalog.repository import Repository
from artcli.catalog.texts import SHORT, TEXT_SIZE, value
from artcli.content import digest_of
from artcli.errors import ArtError, UsageError
from artcli.flows.edit import Edits, edit, target, version_edits
from artcli.flows.edit_text import document, edits_of
from artcli.flows.texts import readable
from artcli.store.pack import METADATA
from tests.catalog.kit import PROJECT, add_version, init


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Repository]:
    repository = init(tmp_path)
    add_version(repository, "model", "0", metadata={"lr": 1, "stage": "dev", "nothing": None})
    add_version(repository, "other", "1")
    yield repository
    repository.close()


def version(repository: Repository) -> Version:
    found = repository.catalog.numbered(1, 0)
    assert found
    return found


def changes(repository: Repository, ref: str, edits: Edits) -> list[dict[str, Any]]:
    done = edit(repository, ref, edits, PROJECT, "why")
    about = ("version", "project", "name")
    return [{key: value for key, value in fact.data.items() if key not in about} for fact in done.facts]


def test_what_is_said_of_a_version(made: Repository) -> None:
    edits = Edits(description="d", note="n", set={"lr": 2, "new": [1, None]}, unset=["stage", "never"])
    assert changes(made, "model:v0", edits) == [
        {"field": "description", "from": None, "to": "d"},
        {"field": "note", "from": None, "to": "n"},
        {"field": "metadata", "key": "lr", "from": 1, "to": 2},
        {"field": "metadata", "key": "new", "to": [1, None]},
        {"field": "metadata", "key": "stage", "from": "dev"},
    ]
    found = version(made)
    assert (found.description, found.note, found.metadata) == ("d", "n", {"lr": 2, "nothing": None, "new": [1, None]})
    assert changes(made, "model:v0", edits) == []
    assert changes(made, "model:v0", Edits(description="")) == [{"field": "description", "from": "d", "to": None}]


def test_one_is_not_true_and_null_is_not_absent(made: Repository) -> None:
    assert len(changes(made, "model:v0", Edits(set={"lr": True}))) == 1
    assert len(changes(made, "model:v0", Edits(set={"lr": 1.0}))) == 1
    assert changes(made, "model:v0", Edits(set={"nothing": None})) == []
    (unset,) = changes(made, "model:v0", Edits(unset=["nothing"]))
    assert unset == {"field": "metadata", "key": "nothing", "from": None}
    assert changes(made, "model:v0", Edits(set={"a": 1}, unset=["a"])) == [{"field": "metadata", "key": "a", "to": 1}]


def test_what_is_said_of_an_artifact(made: Repository) -> None:
    done = edit(made, "model", Edits(description="all", keep_last=3, rename="net"), PROJECT)
    assert done.ref == "net"
    found, note = target(made.catalog, "model", PROJECT)
    assert isinstance(found, Artifact)
    assert (found.name, found.description, found.keep_last) == ("net", "all", 3)
    assert note == "'model' is now called 'net'"
    assert changes(made, "net", Edits(keep_last=0)) == [{"field": "keep_last", "from": 3, "to": None}]
    assert changes(made, "net", Edits(keep_last=0, rename="net")) == []
    assert edit(made, "net", Edits(rename="model"), PROJECT).ref == "model"  # back to a name it had


@pytest.mark.parametrize(
    ("ref", "edits", "slug"),
    [
        ("model", Edits(set={"a": 1}), "edit-needs-version"), ("model", Edits(unset=["a"]), "edit-needs-version"),
        ("model:v0", Edits(rename="x"), "edit-needs-artifact"), ("model:v0", Edits(keep_last=3), "edit-needs-artifact"),
        ("model", Edits(rename="a b"), "bad-name"), ("model", Edits(rename="other"), "name-taken"),
        ("model", Edits(rename="Other"), "name-case"), ("model:v0/a", Edits(note="x"), "path-not-wanted"),
        ("model:v0", Edits(note="x" * TEXT_SIZE + "x"), "text-too-long"),
        ("model:v0", Edits(description="ü" * (TEXT_SIZE // 2) + "x"), "text-too-long"),
        ("model:v0", Edits(set={"a": "x" * 300_000}), "text-too-long"),
        ("model:v0", Edits(set={"a": float("nan")}), "unfit-value"), ("model:v0", Edits(note="\udcff"), "unfit-value"),
        ("gone", Edits(note="x"), "no-such-artifact"), ("model:v9", Edits(note="x"), "no-such-version"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(made: Repository, ref: str, edits: Edits, slug: str) -> None:
    before = made.follower.head
    with pytest.raises(ArtError) as caught:
        edit(made, ref, edits, PROJECT)
    assert (caught.value.slug, bool(caught.value.hint)) == (slug, True)
    assert made.follower.head == before


def test_the_longest_note_can_be_changed_again(made: Repository) -> None:
    for text in ("\n" * TEXT_SIZE, '"' * TEXT_SIZE, "x" * SHORT, "x"):
        assert len(changes(made, "model:v0", Edits(note=text, description=text[:-1]))) == 2


def test_a_long_text_is_a_chunk_that_the_fact_names(made: Repository) -> None:
    short, long = "ü" * (SHORT // 2), "ü" * (SHORT // 2) + "x"
    assert changes(made, "model:v0", Edits(note=short)) == [{"field": "note", "from": None, "to": short}]
    assert made.store.indexes == []
    name = value(digest_of(long.encode()))
    assert changes(made, "model:v0", Edits(note=long)) == [{"field": "note", "from": short, "to": name}]
    assert long.encode() not in b"".join(path.read_bytes() for path in made.path.glob("log/*/*"))
    row = version(made)
    assert (row.note, readable(made, row).note) == (digest_of(long.encode()), long)
    (index,) = made.store.indexes
    assert [(found.digest, found.kind) for found in index.rows()] == [(row.note, METADATA)]
    before = made.follower.head
    assert changes(made, "model:v0", Edits(note=long)) == []
    assert made.follower.head == before
    assert changes(made, "model", Edits(description=long)) == [{"field": "description", "from": None, "to": name}]
    assert made.store.indexes == [index]
    assert changes(made, "model:v0", Edits(note=""))[0]["from"] == name


# --- the text in an editor ---

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")))
TOML = st.recursive(
    st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(
    st.none() | TEXT.filter(bool), st.none() | TEXT.filter(lambda text: bool(text.strip())),
    st.dictionaries(TEXT, TOML | st.none() | st.just(10**30), max_size=4),
)  # fmt: skip
def test_a_text_that_nobody_touched_changes_nothing(
    description: str | None, note: str | None, metadata: dict[str, Any]
) -> None:
    row = VERSION._replace(description=description, note=note, metadata=metadata)
    assert version_edits(row, edits_of(document(row), row)) == []


VERSION = Version(
    id="", artifact=1, project="p", name="m", type="t", number=0, state="live", page="", digest="", entries=0, size=0,
    new_entries=0, new_size=0, stored=0, description="d", note="one\n\ntwo", metadata={"lr": 1, "gone": "x", "n": None},
    base=None, time="", actor="", machine="", reason=None, deleted=None,
)  # fmt: skip


def test_a_version_is_edited_as_a_text() -> None:
    text = document(VERSION)
    assert text == '+++\ndescription = "d"\n\n[metadata]\nlr = 1\ngone = "x"\n+++\n\none\n\ntwo\n'
    changed = text.replace('"d"', '"e"').replace('gone = "x"', "new = 2026-11-01").replace("two", "three\r\n")
    assert edits_of(changed, VERSION) == Edits("e", "one\n\nthree", {"new": "2026-11-01"}, ["gone"])
    assert edits_of("+++\n+++\n", VERSION) == Edits("", "", {}, ["lr", "gone"])


def test_an_artifact_is_edited_as_a_text(made: Repository) -> None:
    row, _ = target(made.catalog, "model", PROJECT)
    text = document(row)
    assert "keep_last = 0 # versions without an alias to keep; 0: all" in text
    assert edits_of(text, row) == Edits()
    assert edits_of(text.replace("= 0", "= 5") + "note", row) == Edits(note="note", keep_last=5)


@pytest.mark.parametrize(
    "text",
    ["", "note", "+++\nlr = \n+++\n", "+++\ndescription = 3\n+++\n", "+++\nmetadata = 3\n+++\n",
     "+++\nkeep_last = 3\n+++\n", "+++\ndescription = true\n+++", "+++\n" + "a = [" * 5000 + "\n+++\n"],
)  # fmt: skip
def test_a_text_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        edits_of(text, VERSION)
    assert caught.value.slug == "bad-edit-text"
