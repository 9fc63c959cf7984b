"""What a manifest of anybody's may say of bytes elsewhere, and what must not come of it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import pytest

from artcli.catalog import manifest
from artcli.catalog.facts import Draft
from artcli.catalog.manifest import REFERENCE, Entry
from artcli.content import digest_of
from artcli.errors import ArtError
from artcli.flows import ls
from artcli.flows.references import reference
from artcli.flows.references.known import Known
from tests.flows.references.kit import bring, slugs
from tests.flows.shelf import Shelf
from tests.flows.workshop import PROJECT
from tests.kit.trees import harvest

LYING: dict[str, bytes] = {
    "no JSON": b"{", "no object": b"[]", "a number": b"3", "null": b"null", "nothing said": b"{}",
    "deep": b'{"uri":' + b"[" * 30_000, "nested": b'{"uri":"tape://x","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "uri is a list": b'{"uri":["file:///etc/passwd"]}', "uri is null": b'{"uri":null}', "no scheme": b'{"uri":"x"}',
    "empty": b'{"uri":""}', "control": b'{"uri":"http://x/\\r\\nHost: y"}', "escape": b'{"uri":"http://x/\\u001b[2J"}',
    "surrogate": b'{"uri":"http://x/\\ud800"}', "long": b'{"uri":"http://x/' + b"x" * 9000 + b'"}',
    "user": b'{"uri":"https://me:secret@example.org/"}', "brackets": b'{"uri":"http://[/"}',
    "negative": b'{"uri":"file:///x","size":-1}', "huge": b'{"uri":"file:///x","size":1e300}',
    "true": b'{"uri":"file:///x","size":true}', "too large": b'{"uri":"file:///x","size":1125899906842625}',
    "etag": b'{"uri":"file:///x","etag":{}}', "etag in two lines": b'{"uri":"file:///x","etag":"a\\nb"}',
    "version": b'{"uri":"file:///x","version":7}', "digest": b'{"uri":"file:///x","blake3":"zz"}',
    "short digest": b'{"uri":"file:///x","blake3":"00"}', "bytes": b"\xff\xfe", "NUL": b'{"uri":"file:///x\\u0000"}',
}  # fmt: skip


def version_of(shelf: Shelf, told: dict[str, tuple[bytes, int]], name: str = "forged") -> None:
    """A version of references that say just these bytes, with the sizes that their entries state."""
    entries = [Entry(path.encode(), REFERENCE, size, digest_of(data), data) for path, (data, size) in told.items()]
    with shelf.repository.writing(), shelf.repository.store.writer() as writer:
        root = manifest.build(writer, sorted(entries))
        flushed = writer.flush()
        fact: dict[str, Any] = {
            "project": PROJECT, "name": name, "type": "dataset", "page": root.page.hex(),
            "digest": root.content.hex(), "entries": root.entries, "size": root.size,
            "new": {"entries": 0, "size": 0}, "stored": 0,
        }  # fmt: skip
        index = {"add": flushed.add, "remove": flushed.remove}
        shelf.repository.commit(lambda _, make: [make(Draft("index", index)), make(Draft("version", fact))])


@pytest.mark.parametrize("why", LYING)
def test_what_cannot_be_believed_is_named(shelf: Shelf, why: str) -> None:
    data = LYING[why]
    entry = Entry(b"x", REFERENCE, 0, digest_of(data), data)
    with pytest.raises(ArtError) as caught:
        reference.of(entry)
    assert caught.value.slug == "damaged-reference"
    assert "secret" not in str(caught.value)
    assert (ls.address(entry), Known(shelf.repository.path).as_file(entry)) == (None, None)


def test_one_of_them_keeps_nothing_else_away(shelf: Shelf) -> None:
    (shelf.directory / "good").write_bytes(b"good")
    good = b'{"uri":"file://%s/good","unknown":[{}]}' % os.fsencode(shelf.directory)
    version_of(shelf, {"good": (good, 0), **{f"bad/{i}": (data, 5) for i, data in enumerate(LYING.values())}})
    used = bring(shelf, "forged")
    assert harvest(used.path) == {"good": b"good"}
    assert set(slugs(used).values()) == {"damaged-reference"}
    assert len(used.unbrought) == len(LYING)


@pytest.mark.parametrize("uri", ["file:///dev/zero", "file:///dev/stdin", "file:///proc/self/mem", "file:///"])
def test_what_is_no_file_is_not_read(shelf: Shelf, uri: str) -> None:
    version_of(shelf, {"x": (b'{"uri":"%s"}' % uri.encode(), 0)})
    used = bring(shelf, "forged")
    assert set(slugs(used).values()) <= {"no-such-source", "source-unreachable", "source-denied"}
    assert harvest(used.path).get("x", b"") == b""


def test_a_pipe_keeps_nobody_waiting(shelf: Shelf) -> None:
    os.mkfifo(shelf.directory / "pipe")
    version_of(shelf, {"x": (b'{"uri":"file://%s/pipe"}' % os.fsencode(shelf.directory), 0)})
    assert slugs(bring(shelf, "forged")) == {"x": "no-such-source"}


def test_a_size_that_the_entry_states_and_nobody_means(shelf: Shelf) -> None:
    """The entry promises a pebibyte, or one byte: what comes is what is there, or nothing."""
    (shelf.directory / "four").write_bytes(b"four")
    uri = b'"uri":"file://%s/four"' % os.fsencode(shelf.directory)
    version_of(
        shelf,
        {"large": (b"{%s}" % uri, 1 << 50), "one": (b"{%s}" % uri, 1), "wrong": (b'{%s,"size":3}' % uri, 4)},
    )
    used = bring(shelf, "forged")
    assert slugs(used) == {"wrong": "source-changed"}
    assert harvest(used.path) == {"large": b"four", "one": b"four"}


def test_nothing_is_written_through_a_link(shelf: Shelf) -> None:
    (shelf.directory / "good").write_bytes(b"good")
    outside = shelf.directory / "outside"
    outside.mkdir()
    version_of(shelf, {"sub/x": (b'{"uri":"file://%s/good"}' % os.fsencode(shelf.directory), 0)})
    (shelf.directory / "here").mkdir()
    (shelf.directory / "here/sub").symlink_to(outside)
    with suppress(ArtError):
        bring(shelf, "forged")
    assert os.listdir(outside) == []
