"""Long texts from the edit that stores them to the gc that takes them away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.texts import value
from artcli.content import digest_of
from artcli.errors import ConflictError, IntegrityError
from artcli.flows.collect import Collected, Request, collect
from artcli.flows.diff import metadata
from artcli.flows.edit import Edits, edit
from artcli.flows.fsck import Examination, Options, repair
from artcli.flows.history import Filter, history
from artcli.flows.side import Side
from artcli.flows.texts import Reader, readable
from artcli.flows.undo import undo
from artcli.progress import Silent
from artcli.store.pack import pack_key
from tests.flows.workshop import PROJECT, Workshop, noisy, put

NOW = time.time() + 40 * 86400


class Shop(Workshop):
    def edit(self, ref: str, **texts: str) -> str:
        """Say something; the id of the fact."""
        return edit(self.repository, ref, Edits(**texts), PROJECT).facts[-1].id

    def said(self, ref: str) -> tuple[Any, Any]:
        """Description and note, as they are shown."""
        row = self.row(ref)
        shown = Reader(self.repository, self.lost.append).row(row)
        return shown.description, shown.note

    def row(self, ref: str) -> Any:
        catalog = self.repository.catalog
        versions = catalog.versions(states=("live", "trash", "purged"))
        return next((row for row in versions if row.ref == ref), None) or catalog.artifact(PROJECT, ref)

    def changes(self) -> list[tuple[Any, Any]]:
        """What edits said, the oldest first."""
        read = Reader(self.repository, self.lost.append).value
        told = history(self.repository.catalog, {}, PROJECT, Filter(), backwards=False, read=read)
        return [(one.old, one.new) for one in told if one.kind == "edit"]

    def has(self, *texts: str) -> list[bool]:
        """Whether the store has them, readable."""
        store = self.repository.store
        return [digest_of(text.encode()) in store for text in texts]

    def gc(self, **more: Any) -> Collected:
        self.warnings = Warnings()
        return collect(self.repository, Request(now=NOW, **more), self.warnings)

    def damage(self, text: str) -> None:
        """One byte of the text is wrong on the disk."""
        location = self.repository.store.find(digest_of(text.encode()))
        assert location
        path = self.art / pack_key(location.pack)
        data = bytearray(path.read_bytes())
        for at in range(location.stored // 2, location.stored // 2 + 8):
            data[at + location.offset] ^= 255
        put(path, bytes(data))
        self.reopen()

    lost: list[str]


class Warnings(Silent):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def warn(self, message: str) -> None:
        self.heard.append(message)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "here")
    shop.lost = []
    shop.log("a", noisy(range(2)))
    yield shop
    shop.repository.close()


def long(name: str) -> str:
    return f"{name}\n" + "".join(f"{name} {n} ü\n" for n in range(500))


def test_it_is_read_wherever_it_is_shown(shop: Shop) -> None:
    one, two = long("one"), long("two")
    logged = shop.log("a", noisy(range(3)), description=one)
    assert shop.log("a", noisy(range(3)), description=one) == logged
    assert shop.log("a", noisy(range(3)), description=two).id == logged.id
    shop.edit("a", description=one, note="short")
    assert shop.said("a:v1") == (two, None)
    assert shop.said("a") == (one, "short")
    assert shop.said("a:v0") == (None, None)
    assert shop.changes() == [(one, two), (None, one), (None, "short")]
    sides = [Side(ref, shop.repository.store, shop.row(ref).root, shop.row(ref)) for ref in ("a:v0", "a:v1")]
    found = metadata(shop.repository.catalog, *sides, read=Reader(shop.repository, shop.lost.append).value)
    assert ("description", None, two) in found
    assert shop.lost == []
    log = b"".join(path.read_bytes() for path in (shop.art / "log").glob("*/*"))
    assert b"one 499" not in log
    assert b"two 499" not in log


def test_a_dry_run_keeps_no_text(shop: Shop) -> None:
    before = shop.files()
    shop.log("a", noisy(range(2)), description=long("one"), dry_run=True)
    assert shop.files() == before


def test_gc_keeps_what_lives_or_may_come_back(shop: Shop) -> None:
    texts = [long(f"{n}") for n in range(5)]
    shop.log("a", noisy(range(3)), description=texts[0])
    shop.edit("a:v1", description=texts[1])
    shop.edit("a:v0", note=texts[2])
    shop.edit("a", note=texts[3])
    shop.edit("a", note=texts[4])
    shop.gc()
    assert all(shop.has(*texts))
    shop.remove("a:v0")
    done = collect(shop.repository)
    assert all(shop.has(*texts))
    assert done.trash_size > 0
    shop.restore("a:v0")
    assert shop.said("a:v0") == (None, texts[2])
    shop.remove("a:v0")
    assert shop.gc(dry_run=True).purged
    assert all(shop.has(*texts))
    shop.gc()
    assert shop.has(*texts) == [True, True, False, True, True]
    assert shop.said("a:v0") == (None, None)
    assert shop.changes()[1] == (None, value(digest_of(texts[2].encode())))
    shop.remove("a:v1")
    shop.gc()
    assert shop.has(*texts) == [False] * 5
    assert shop.files() == {}
    assert shop.said("a") == (None, None)
    shop.log("a", noisy(range(3)))
    assert shop.said("a") == (None, None)
    assert (shop.lost, look(shop)) == ([], [])


def test_what_is_said_of_a_name_without_versions_stays(shop: Shop) -> None:
    shop.remove("a:v0")
    shop.gc()
    shop.edit("a", note=long("one"))
    shop.gc()
    shop.log("a", noisy(range(3)))
    assert shop.said("a") == (None, long("one"))
    assert shop.gc().freed == 0


def test_one_text_of_many(shop: Shop) -> None:
    """What one version leaves behind another one may still need."""
    shop.log("a", noisy(range(3)), description=long("one"))
    shop.log("b", noisy(range(4)), description=long("one"))
    shop.remove("a:v0", "a:v1")
    shop.gc()
    assert shop.said("b:v0") == (long("one"), None)
    assert shop.warnings.heard == []


def test_undo(shop: Shop) -> None:
    one, two = long("one"), long("two")
    shop.edit("a:v0", note=one)
    second = shop.edit("a:v0", note=two)
    undo(shop.repository, second)
    assert shop.said("a:v0") == (None, one)
    assert shop.changes()[-1] == (two, one)
    undo(shop.repository, shop.repository.catalog.events(backwards=True).__next__().fact.id)
    assert shop.said("a:v0") == (None, two)


def test_what_gc_has_taken_is_not_brought_back_by_undo(shop: Shop) -> None:
    first, second = long("one"), long("two")
    shop.edit("a", note=first)
    change = shop.edit("a", note=second)
    shop.remove("a:v0")
    shop.gc()
    shop.log("a", noisy(range(2)))
    shop.edit("a", note=second)
    with pytest.raises(ConflictError) as caught:
        undo(shop.repository, change)
    assert caught.value.slug == "moved-on"
    assert shop.said("a") == (None, second)


def look(shop: Shop, ref: str | None = None) -> list[tuple[str, str | None, str, str | bytes]]:
    found = Examination(shop.art, Options(ref=ref, project=PROJECT)).run()
    return [(item.what, item.version, item.code, item.key) for item in found]


def test_damage_is_found_named_and_mended(shop: Shop, tmp_path: Path) -> None:
    text = long("one")
    name = digest_of(text.encode()).hex()
    shop.edit("a:v0", note=text)
    shop.edit("a", description=text, note=long("two"))
    other = Shop(tmp_path / "there")
    other.log("x", noisy(range(1)), description=text)
    other.repository.close()
    shop.damage(text)
    assert shop.said("a:v0") == (None, None)
    assert shop.said("a") == (None, long("two"))
    assert [message.split(" cannot")[0] for message in shop.lost] == ["the note of a:v0", "the description of a"]
    assert name in shop.lost[0]
    with pytest.raises(IntegrityError) as caught:
        readable(shop.repository, shop.row("a"))
    assert caught.value.slug == "damaged-chunk"
    found = look(shop)
    assert found[0][0] == "pack"
    assert found[1:] == [("text", "a", "damaged-chunk", name), ("text", "a:v0", "damaged-chunk", name)]
    assert look(shop, "a:v0")[1:] == found[2:]
    shop.repository.close()
    list(repair(shop.art))
    shop.reopen()
    assert {item[:3] for item in look(shop)} == {
        ("text", "a", "missing-chunk"), ("text", "a:v0", "missing-chunk"), ("chunk", None, "missing-chunk"),
    }  # fmt: skip
    shop.remove("a:v0")
    shop.log("a", noisy(range(1)))
    assert shop.gc(grace=1e9).freed >= 0
    assert len(shop.warnings.heard) == 2
    shop.repository.close()
    assert [done.how for done in repair(shop.art, donors=[tmp_path / "there"]) if done.what == "chunk"] == [
        "1 chunk taken from there"
    ]
    shop.reopen()
    assert (look(shop), shop.said("a:v0")) == ([], (None, text))


def test_the_same_words_again_heal(shop: Shop) -> None:
    shop.edit("a:v0", note=long("one"))
    shop.damage(long("one"))
    shop.repository.close()
    list(repair(shop.art))
    shop.reopen()
    assert look(shop) != []
    shop.edit("a", note=long("one"))
    assert (look(shop), shop.said("a:v0")) == ([], (None, long("one")))


def test_a_page_that_is_named_as_a_text_is_none(shop: Shop) -> None:
    from artcli.catalog.facts import Draft

    row = shop.row("a:v0")
    data = {"version": row.id, "field": "note", "to": {"text": row.page}}
    shop.repository.commit(lambda _, make: [make(Draft("edit", data))])
    assert shop.said("a:v0") == (None, None)
    assert "is not UTF-8" in shop.lost[0]
    shop.remove("a:v0")
    shop.gc()
    assert shop.files() == {}


def test_nobody_waits_for_a_short_text(shop: Shop, tmp_path: Path) -> None:
    """A note of a line takes no lock and writes nothing but the log."""
    other = Repository(shop.art)
    before = shop.files()
    with other.alone():
        shop.edit("a", note="short")
    other.close()
    assert shop.files() == before
