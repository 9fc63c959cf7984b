"""du: who needs which bytes of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog.facts import Draft
from artcli.errors import NotFoundError, UsageError
from artcli.flows import du
from artcli.flows.collect import Request, collect
from artcli.flows.du import Usage, Use, usage
from artcli.store.store import Store
from tests.flows.workshop import PROJECT, Workshop, add_facts, noisy
from tests.store.material import keep, noise


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    shop = Workshop(tmp_path)
    yield shop
    shop.repository.close()


def by_name(found: Usage) -> dict[str, Use]:
    return {use.what: use for use in found.groups}


def rows(shop: Workshop) -> int:
    return sum(row.stored for index in shop.repository.store.indexes for row in index.rows())


def test_what_is_shared_counts_for_each_and_is_unique_for_none(shop: Workshop) -> None:
    shop.log("a", noisy(range(5)))
    shop.log("a", noisy(range(6)))
    shop.log("b", {**noisy(range(3)), **noisy("xy")})
    found = usage(shop.repository, [], PROJECT)
    a, b = by_name(found)["a"], by_name(found)["b"]
    assert (a.logical, b.logical) == (11 * 2000, 5 * 2000)
    assert (a.distinct - a.pages, b.distinct - b.pages) == (
        pytest.approx(6 * 2000, abs=600),
        pytest.approx(5 * 2000, abs=300),
    )
    assert a.unique == a.stored - 3 * 2000
    assert b.unique == b.stored - 3 * 2000
    assert (a.freeable, b.freeable) == (0, 0)
    assert found.stored == rows(shop) == a.stored + b.unique
    assert (found.dead, found.trash) == (0, 0)


def test_versions_of_an_artifact_and_single_ones(shop: Workshop) -> None:
    shop.log("a", noisy(range(5)))
    shop.log("a", noisy(range(6)))
    found = by_name(usage(shop.repository, ["a"], PROJECT))
    assert list(found) == ["a:v0", "a:v1"]
    assert found["a:v0"].unique == found["a:v0"].pages > 0
    assert found["a:v1"].unique == found["a:v1"].pages + 2000
    (one,) = usage(shop.repository, ["a:v1"], PROJECT).groups
    assert one == found["a:v1"]
    (of_type,) = usage(shop.repository, [], PROJECT, du.TYPE).groups
    assert (of_type.what, of_type.logical) == ("dataset", 11 * 2000)
    assert [use.what for use in usage(shop.repository, [], PROJECT, du.VERSION).groups] == ["a:v0", "a:v1"]


def test_what_is_in_the_trash_can_be_freed_and_gc_frees_it(shop: Workshop) -> None:
    shop.log("a", noisy(range(5)))
    shop.log("a", noisy(range(2, 8)))
    shop.log("b", noisy(range(2)))
    shop.remove("a:v0")
    found = usage(shop.repository, [], PROJECT)
    a = by_name(found)["a"]
    assert a.logical == 6 * 2000
    assert a.freeable == pytest.approx(1000, abs=999), "its page; files 0 and 1 are in b, 2 to 4 in v1"
    assert found.trash == a.freeable
    collect(shop.repository, Request(empty_trash=True))
    after = usage(shop.repository, [], PROJECT)
    assert after.stored == found.stored - a.freeable
    assert by_name(after)["a"].freeable == after.trash == 0


def test_what_nothing_needs_is_dead(shop: Workshop) -> None:
    shop.log("a", noisy(range(5)))
    shop.log("b", noisy(range(2)))
    shop.remove("a:v0")
    add_facts(shop.repository, "purge", ["a:v0"])
    found = usage(shop.repository, [], PROJECT)
    assert list(by_name(found)) == ["b"]
    assert found.dead > 3 * 2000
    collect(shop.repository)
    assert usage(shop.repository, [], PROJECT).dead == 0


def test_long_texts_belong_to_what_they_are_said_of(shop: Workshop) -> None:
    shop.log("a", noisy(range(2)), description=noise(3000).hex())
    shop.log("b", noisy(range(2)))
    found = by_name(usage(shop.repository, [], PROJECT))
    assert found["a"].pages > found["b"].pages + 2000


def test_what_is_asked_for_must_be_there(shop: Workshop) -> None:
    shop.log("a", noisy(range(2)))
    with pytest.raises(NotFoundError):
        usage(shop.repository, ["nothing"], PROJECT)
    with pytest.raises(UsageError):
        usage(shop.repository, ["a"], PROJECT, du.RUN)
    assert usage(shop.repository, [], "another").groups == []


def test_two_copies_of_a_chunk_are_needed_alike(shop: Workshop) -> None:
    """A chunk may lie in two packs, for two machines may bring it."""
    shop.log("a", noisy(range(2)))
    before = usage(shop.repository, [], PROJECT)
    with Store(shop.repository.bucket, []).writer() as writer:
        keep(writer, noise(2000, "0"))
        flushed = writer.flush()
    shop.repository.commit(lambda _, make: [make(Draft("index", {"add": flushed.add, "remove": []}))])
    after = usage(shop.repository, [], PROJECT)
    assert after.stored == before.stored + 2000
    assert after.dead == 0
