"""fsck of another place, and repair from one: by questions over a line, and few of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.buckets.bucket import Bucket
from artcli.buckets.memory import MemoryBucket
from artcli.catalog import view as view_module
from artcli.catalog.log import entry_key
from artcli.catalog.view import View
from artcli.content import digest_of
from artcli.errors import IntegrityError, UsageError
from artcli.flows.fsck import Away, Finding, Level, Options, Summary, repair
from artcli.flows.fsck.afar import PlaceExamination
from artcli.store.pack import DATA, METADATA, Frame, PackBuilder, Table, pack_key, read_tables
from tests.flows.workshop import PROJECT, Workshop, noisy
from tests.kit.afar import FarBucket
from tests.store.material import noise


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    """Whose files are the place that others look at."""
    shop = Workshop(tmp_path / "there")
    shop.log("a", noisy(range(5)))
    shop.log("b", {**noisy(range(3, 8)), "long": noise(600_000, "long")}, description="x" * 3000)
    shop.log("many", {f"f{number}": b"%d" % number for number in range(2000)})
    yield shop
    shop.repository.close()


def place_of(shop: Workshop) -> MemoryBucket:
    bucket = MemoryBucket()
    for name in ("config", "log", "segments", "index", "packs"):
        for item in shop.repository.bucket.list(name):
            bucket.add(item.key, shop.repository.bucket.get(item.key))
    return bucket


@pytest.fixture
def place(shop: Workshop) -> FarBucket:
    return FarBucket(place_of(shop))


def look(
    bucket: Bucket, folder: Path, level: Level = Level.DEFAULT, ref: str | None = None
) -> tuple[list[Finding], Summary]:
    view = View(folder, bucket, read=False)
    try:
        examination = PlaceExamination(view, Options(level, ref, PROJECT))
        return list(examination.run()), examination.summary()
    finally:
        view.close()


def change(bucket: FarBucket, key: str, at: int = -1) -> None:
    data = bytearray(bucket.there.get(key))
    data[at] ^= 0x55
    bucket.there.delete(key)
    bucket.there.add(key, bytes(data))


def test_a_sound_place(place: FarBucket, tmp_path: Path) -> None:
    findings, summary = look(place, tmp_path / "views")
    assert findings == []
    assert (summary.problems, summary.versions, summary.size) == (0, 3, 0)
    packs = sum(item.size for item in place.there.list("packs/"))
    assert place.down < packs / 2, "it is not fetched"
    assert place.rounds < 25, place.asked
    findings, summary = look(place, tmp_path / "views", Level.FULL)
    assert findings == []
    assert summary.size == packs
    assert look(place, tmp_path / "views", ref="b:v0")[0] == []
    assert look(place, tmp_path / "views", Level.QUICK)[0] == []


@pytest.mark.parametrize("level", [Level.DEFAULT, Level.FULL])
def test_what_is_missing_is_named_with_what_it_touches(place: FarBucket, tmp_path: Path, level: Level) -> None:
    (large,) = [item.key for item in place.there.list("packs/") if item.size > 500_000]
    place.there.delete(large)
    findings, summary = look(place, tmp_path / "views", level)
    assert {(found.what, found.code) for found in findings if found.version is None} == {("pack", "missing-pack")}
    assert {found.version for found in findings if found.version} == {"b:v0"}
    assert summary.problems == 1


def test_damage_in_a_table_is_found_from_its_end_and_in_chunks_by_a_full_look(place: FarBucket, tmp_path: Path) -> None:
    (large,) = [item.key for item in place.there.list("packs/") if item.size > 500_000]
    change(place, large, at=1000)
    assert look(place, tmp_path / "views")[0] == []
    findings, _ = look(place, tmp_path / "views", Level.FULL)
    assert {found.code for found in findings if found.version is None} == {"damaged-pack"}
    assert {found.version for found in findings if found.version} == {"b:v0"}
    change(place, large, at=1000)
    change(place, large, at=-60)
    assert [found.what for found in look(place, tmp_path / "views")[0]][:1] == ["pack"]


def test_log_and_indexes_are_read_whole(place: FarBucket, tmp_path: Path) -> None:
    indexes = [item.key for item in place.there.list("index/")]
    change(place, indexes[0], at=-40)
    assert "index" in {found.what for found in look(place, tmp_path / "views")[0]}
    change(place, indexes[0], at=-40)
    assert look(place, tmp_path / "views")[0] == []
    change(place, entry_key(1), at=100)
    found = look(place, tmp_path / "views")[0][0]
    assert (found.what, found.key, found.code) == ("log", entry_key(1), "damaged-log")


def test_a_log_that_is_shorter_than_it_was_seen(place: FarBucket, tmp_path: Path) -> None:
    View(tmp_path / "views", place).close()
    place.there.delete(entry_key(2))
    assert "log-rolled-back" in {found.code for found in look(place, tmp_path / "views")[0]}


def test_many_packs_and_entries_take_few_rounds(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "there")
    for number in range(60):
        shop.log(f"d{number}", noisy([number], 300))
    place = FarBucket(place_of(shop))
    shop.repository.close()
    findings, summary = look(place, tmp_path / "views")
    assert (findings, summary.versions) == ([], 60)
    assert place.rounds < 25, place.asked


def test_the_tables_of_packs_by_their_ends() -> None:
    bucket, sizes, tables = MemoryBucket(), {}, {}
    for kind, count in ((DATA, 1), (METADATA, 3), (DATA, 3000)):
        builder = PackBuilder(kind)
        for number in range(count):
            chunk = b"%d of %d" % (number, count)
            builder.add(Frame(digest_of(chunk), 0, len(chunk), len(chunk), (chunk,)))
        buffers, table = builder.finish()
        data = b"".join(buffers)
        bucket.add(pack_key(table.pack), data)
        sizes[table.pack], tables[table.pack] = len(data), table
    gone, short = bytes(32), next(iter(sizes))
    far = FarBucket(bucket)
    found = read_tables(far, {**sizes, gone: 1000})
    assert far.rounds == 2
    error = found.pop(gone)
    assert isinstance(error, IntegrityError)
    assert error.slug == "missing-pack"
    for pack, table in found.items():
        assert isinstance(table, Table)
        assert (table.kind, list(table.rows())) == (tables[pack].kind, list(tables[pack].rows()))
    for size in (0, 5, sizes[short] - 1, sizes[short] + 7, 1 << 30):
        wrong = read_tables(bucket, {short: size})[short]
        assert isinstance(wrong, IntegrityError), size


# --- repair from a place ----------------------------------------------------------------------------------------------


def test_a_repository_is_healed_from_a_place_far_away(shop: Workshop, place: FarBucket) -> None:
    shop.repository.close()
    for path in [*(shop.art / "packs").rglob("*"), *(shop.art / "index").rglob("*"), shop.art / entry_key(1)]:
        if path.is_file():
            path.unlink()
    done = list(repair(shop.art, donors=[Away("nas", place)]))
    assert any("nas" in mended.how for mended in done)
    shop.reopen()
    assert {version.ref: shop.content(version) for version in shop.repository.catalog.versions()}.keys() == {
        "a:v0", "b:v0", "many:v0",
    }  # fmt: skip


def test_a_donor_gives_what_its_indexes_do_not_list(shop: Workshop, place: FarBucket) -> None:
    shop.repository.close()
    for path in (shop.art / "packs").rglob("*"):
        if path.is_file():
            path.unlink()
    for item in list(place.there.list("index/")):
        place.there.delete(item.key)
    list(repair(shop.art, donors=[Away("nas", place)]))
    shop.reopen()
    assert all(shop.content(version) for version in shop.repository.catalog.versions())


def test_a_view_takes_nothing(place: FarBucket, tmp_path: Path) -> None:
    view = View(tmp_path / "views", place)
    try:
        for refused in (view.writing, view.alone):
            with pytest.raises(UsageError) as raised, refused():
                pass
            assert raised.value.slug == "only-a-view"
        with pytest.raises(UsageError):
            view.commit(lambda catalog, make: [])
        assert view_module.only_a_view().exit_code == 2
    finally:
        view.close()
