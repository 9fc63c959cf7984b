from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artcli.catalog.texts import SHORT, TEXT_SIZE, Text, check, keep, named, read, value
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import IntegrityError, UsageError


class Chunks(dict[Digest, bytes]):
    def put(self, page: Buffer) -> Digest:
        self[digest_of(page)] = bytes(page)
        return digest_of(page)

    def get(self, digest: Digest) -> bytes:  # type: ignore[override]
        return self[digest]


@given(st.text(st.characters(blacklist_categories=("Cs",))), st.integers(1, 200))
def test_what_is_kept_is_read(part: str, times: int) -> None:
    chunks = Chunks()
    text = part * times
    kept = keep(chunks, text)
    assert isinstance(kept, bytes) == (len(text.encode()) > SHORT) == bool(chunks)
    in_fact = json.loads(json.dumps(value(kept)))
    assert read(chunks, named(in_fact)) == text
    assert keep(chunks, kept) == kept


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_text(nothing: Text | None) -> None:
    chunks = Chunks()
    assert read(chunks, named(value(keep(chunks, nothing)))) == nothing
    assert not chunks


@pytest.mark.parametrize(
    "value", [0, True, ["a"], b"a", {}, {"text": "0" * 63}, {"text": "A" * 64}, {"text": 1}, {"text": "0" * 64, "a": 1}]
)
def test_what_names_no_text(value: Any) -> None:
    with pytest.raises(ValueError):
        named(value)


@pytest.mark.parametrize(("text", "slug"), [("ü" * (TEXT_SIZE // 2) + "x", "text-too-long"), ("\udcff", "unfit-value")])
def test_what_is_no_text(text: str, slug: str) -> None:
    check("ü" * (TEXT_SIZE // 2))
    with pytest.raises(UsageError) as caught:
        check(text)
    assert (caught.value.slug, bool(caught.value.hint)) == (slug, True)


def test_a_chunk_that_is_no_text() -> None:
    chunks = Chunks()
    with pytest.raises(IntegrityError) as caught:
        read(chunks, chunks.put(b"\xff" * 2000))
    assert caught.value.slug == "damaged-text"
