from __future__ import annotations

import pytest

from artcli.content import digest_of
from artcli.errors import IntegrityError
from artcli.store import lookup
from artcli.store.index import Index, build_index
from artcli.store.lookup import Lookup, Sieve
from artcli.store.pack import Location, Row

PACK = digest_of(b"pack")


def index_of(numbers: range) -> Index:
    file = build_index(Row(digest_of(b"%d" % i), PACK, 16 + i, 1, 1, 0) for i in numbers)
    return Index(file.name, memoryview(b"".join(file.buffers)))


def test_a_sieve_holds_back_most_unknown_digests_and_no_known_one() -> None:
    sieve = Sieve()
    sieve.add(index_of(range(3000)))
    assert not any(sieve.lacks(digest_of(b"%d" % i)) for i in range(3000))
    assert sum(sieve.lacks(digest_of(b"%d" % i)) for i in range(3000, 6000)) > 2990


@pytest.mark.parametrize("patience", [0, 10**9])
def test_what_is_found_does_not_depend_on_the_sieve(monkeypatch: pytest.MonkeyPatch, patience: int) -> None:
    monkeypatch.setattr(lookup, "PATIENCE", patience)
    several = Lookup([index_of(range(200)), index_of(range(100, 300))])
    for _ in range(3):
        for i in range(300):
            found = list(several.places(digest_of(b"%d" % i)))
            assert found == [Location(PACK, 16 + i, 1, 1, 0)] * (2 if 100 <= i < 200 else 1)
        assert not any(several.find(digest_of(b"%d" % i)) for i in range(300, 600))
    assert (several._sieve is not None) == (patience == 0)
    several.add(index_of(range(900, 910)))
    assert several.find(digest_of(b"905")) == Location(PACK, 921, 1, 1, 0)
    several.remove([several.indexes[-1].name])
    assert several.find(digest_of(b"905")) is None


def test_few_questions_make_no_sieve() -> None:
    several = Lookup([index_of(range(10)), index_of(range(10, 20))])
    for i in range(1000):
        several.find(digest_of(b"not %d" % i))
    assert several._sieve is None


def test_a_damaged_index_is_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = index_of(range(10)), index_of(range(10, 20))

    def fail(digest: bytes) -> None:
        raise IntegrityError("damaged-index", "bad")

    monkeypatch.setattr(bad, "find", fail)
    several = Lookup([bad, good])
    assert several.find(digest_of(b"15")) is not None
    assert several.indexes == [good]
    assert [error.slug for error in several.damaged] == ["damaged-index"]


def test_many_small_indexes_are_asked_as_one() -> None:
    several = Lookup([index_of(range(10 * i, 10 * i + 12)) for i in range(lookup.JOINED)])
    last = 10 * lookup.JOINED
    before = {i: [index.find(digest_of(b"%d" % i)) for index in several.indexes] for i in range(last + 12)}
    assert several._joined is None
    for i in range(12 * lookup.QUESTIONS_A_ROW):
        several.find(digest_of(b"%d" % i))
    assert several._joined is not None
    for i, found in before.items():
        places = [place for place in found if place is not None]
        assert set(several.places(digest_of(b"%d" % i))) == set(places)
        assert several.find(digest_of(b"%d" % i)) == (places[0] if places else None)
    assert several.unknown([digest_of(b"5"), digest_of(b"%d" % (last + 100))]) == [digest_of(b"%d" % (last + 100))]
    large = index_of(range(last + 50, last + 60))
    several.replace(large)
    assert several.find(digest_of(b"%d" % (last + 55))) is not None
    assert several.unknown([digest_of(b"%d" % (last + 55))]) == []
    several.remove([large.name])
    assert several.find(digest_of(b"%d" % (last + 55))) is None
    assert several.find(digest_of(b"5")) is not None


def test_few_or_damaged_indexes_are_asked_each(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = index_of(range(10))
    monkeypatch.setattr(bad, "rows", lambda: iter([Row(bytes(32), PACK, 16, 1, 1, 0), Row(b"", PACK, 16, 1, 1, 0)]))
    for indexes in ([index_of(range(10))], [bad, *(index_of(range(10 * i, 10 * i + 10)) for i in range(1, 20))]):
        several = Lookup(indexes)
        for _ in range(400):
            assert several.find(digest_of(b"5")) == Location(PACK, 21, 1, 1, 0)
        assert several._joined is None
