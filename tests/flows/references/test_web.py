"""http:// — bad lines, bad servers, and files that are others now."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.errors import ArtError
from artcli.flows.export import Export
from artcli.flows.references import fetch
from artcli.flows.references.add import Referred
from artcli.flows.references.known import Known
from artcli.flows.references.reference import Reference
from tests.flows.references.kit import bring, entry, read, refer, refused, said, slugs
from tests.flows.shelf import Shelf
from tests.flows.workshop import PROJECT
from tests.kit.trees import harvest
from tests.kit.web_source import WebSource
from tests.store.material import noise

BIG = noise(3_000_000, "far")


@pytest.fixture
def far(shelf: Shelf, web: WebSource) -> WebSource:
    """A server with two files, which `far:v0` refers to."""
    web.files.update({"/big": BIG, "/dir/small.txt": b"small"})
    refer(shelf, web.address("/big"), web.address("/dir/small.txt?key=1"))
    web.asked.clear()
    return web


def test_what_is_recorded(shelf: Shelf, far: WebSource) -> None:
    found = said(shelf, refer(shelf, far.address("/big")))
    modified = "Sun, 01 Nov 2026 08:00:00 GMT"
    assert found == {"big": Reference(far.address("/big"), len(BIG), found["big"].etag, None, modified)}
    assert found["big"].etag is not None


def test_it_is_brought_once(shelf: Shelf, far: WebSource) -> None:
    used = bring(shelf)
    assert harvest(used.path) == {"big": BIG, "small.txt": b"small"}
    assert len(far.asked) == 2
    assert bring(shelf).plan.is_done
    shelf.reopen()
    assert bring(shelf, to="other").plan.write == 2
    assert bring(shelf, to="other").plan.is_done
    assert len(far.asked) == 4


def test_with_its_memory_lost_it_is_brought_again(shelf: Shelf, far: WebSource) -> None:
    bring(shelf)
    file = shelf.repository.path / "cache" / "references.db"
    for wreck in (b"rot", None):
        for path in file.parent.glob("references.db*"):
            path.unlink()
        if wreck is not None:
            file.write_bytes(wreck * 2000)
        far.asked.clear()
        used = bring(shelf)
        assert (len(far.asked), harvest(used.path)) == (2, {"big": BIG, "small.txt": b"small"})
        assert bring(shelf).plan.is_done


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_line_that_breaks_is_taken_up_where_it_broke(shelf: Shelf, far: WebSource, knows_ranges: bool) -> None:
    far.knows_ranges = knows_ranges
    far.cuts += [0, 1_000_000, 7, 1_500_000]
    far.refusals += [503, 429]
    assert read(shelf, "far/big") == BIG
    assert far.asked[-1][1] is not None


def test_an_end_that_comes_too_early_without_a_length(shelf: Shelf, far: WebSource) -> None:
    far.tells_length = False
    far.cuts += [1_000_000]
    assert read(shelf, "far/big") == BIG


def test_a_server_that_is_gone_is_given_up(shelf: Shelf, far: WebSource) -> None:
    far.refusals += [500] * 1000
    used = bring(shelf)
    assert slugs(used) == {"big": "source-unreachable", "small.txt": "source-unreachable"}
    assert harvest(used.path) == {}
    far.refusals.clear()
    assert (slugs(bring(shelf)), harvest(used.path)["big"]) == ({}, BIG)


@pytest.mark.parametrize(("status", "slug"), [(404, "no-such-source"), (403, "source-denied"), (418, "no-such-source")])
def test_what_the_server_refuses(shelf: Shelf, far: WebSource, status: int, slug: str) -> None:
    far.refusals += [status] * 2
    assert set(slugs(bring(shelf)).values()) == {slug}
    far.refusals += [status]
    assert refused(shelf, far.address("/big")).slug == slug


def test_another_file_is_not_taken_for_the_one_that_is_meant(shelf: Shelf, far: WebSource) -> None:
    wrong: list[tuple[bytes, dict[str, str]]] = [
        (BIG[::-1], {}), (BIG[:-1], {"ETag": ""}), (BIG + b"x", {"ETag": ""}),
        (BIG, {"ETag": "", "Last-Modified": "Mon, 02 Nov 2026 08:00:00 GMT"}),
    ]  # fmt: skip
    for data, headers in wrong:
        far.files["/big"], far.headers = data, headers
        used = bring(shelf)
        assert slugs(used).get("big") == "source-changed", headers
        assert "big" not in harvest(used.path)
        with pytest.raises(ArtError) as caught:
            read(shelf, "far/big")
        assert caught.value.slug == "source-changed"


def test_bytes_that_a_server_changes_behind_its_etag(shelf: Shelf, far: WebSource) -> None:
    bring(shelf)
    far.headers = {"ETag": said(shelf, refer(shelf, far.address("/big"), name="again"))["big"].etag or ""}
    far.files["/big"] = BIG[::-1]
    used = bring(shelf, to="other")
    assert (slugs(used)["big"], "big" in harvest(used.path)) == ("source-changed", False)


def test_a_file_that_is_replaced_while_it_is_read(shelf: Shelf, far: WebSource) -> None:
    loose = refer(shelf, Referred(far.address("/big"), checksum=False), name="loose")
    far.cuts += [1_500_000]
    blocks = fetch.whole(entry(shelf, loose, "big"), Known(shelf.repository.path))
    next(blocks)
    far.files["/big"] = BIG[::-1]
    with pytest.raises(ArtError) as caught:
        list(blocks)
    assert caught.value.slug == "source-changed"


def test_a_part_costs_a_part(shelf: Shelf, far: WebSource) -> None:
    assert read(shelf, "far/big", "2000000-2000009") == BIG[2_000_000:2_000_010]
    assert far.asked == [("/big", "bytes=2000000-")]
    assert read(shelf, "far/big", "-5") == BIG[-5:]


@pytest.mark.parametrize(
    "headers", [{"ETag": "x" * 5000}, {"Last-Modified": "\x01\x02"}, {"Content-Range": "bytes 0-1/*"}]
)
def test_headers_that_are_of_no_use(shelf: Shelf, web: WebSource, headers: dict[str, str]) -> None:
    web.files["/x"] = b"bytes"
    web.headers = headers
    version = refer(shelf, web.address("/x"))
    assert len(str(said(shelf, version)["x"])) < 500
    assert read(shelf, "far/x") == b"bytes"


@pytest.mark.parametrize("headers", [{"Content-Length": "9" * 30}, {"Content-Length": "-1"}])
def test_lengths_that_lie(shelf: Shelf, web: WebSource, headers: dict[str, str]) -> None:
    web.files["/x"] = b"bytes"
    web.headers = headers
    refer(shelf, web.address("/x"))
    assert set(slugs(bring(shelf)).values()) <= {"source-unreachable"}


def test_what_is_packed_on_the_way_is_not_taken(shelf: Shelf, web: WebSource) -> None:
    web.files["/x"] = b"bytes"
    web.headers = {"Content-Encoding": "gzip"}
    assert refused(shelf, web.address("/x")).slug == "no-such-source"


def test_a_size_that_nobody_says(shelf: Shelf, far: WebSource) -> None:
    far.tells_length = False
    version = refer(shelf, far.address("/big"), name="loose")
    assert said(shelf, version)["big"].size is None
    used = bring(shelf, "loose")
    assert harvest(used.path) == {"big": BIG}
    assert bring(shelf, "loose").plan.is_done
    assert read(shelf, "loose/big") == BIG
    made = Export(shelf.repository, "loose", PROJECT, "tar")
    assert len(b"".join(made.blocks())) == 10240
    assert [item.error.slug for item in made.done.left_out] == ["no-such-source"]


@pytest.mark.parametrize("format", ["tar", "zip"])
def test_an_archive_has_what_lies_elsewhere(shelf: Shelf, far: WebSource, format: str, tmp_path: Path) -> None:
    import shutil

    made = Export(shelf.repository, "far", PROJECT, format)
    made.write(tmp_path / f"far.{format}")
    shutil.unpack_archive(tmp_path / f"far.{format}", tmp_path / "unpacked", filter="data" if format == "tar" else None)
    assert harvest(tmp_path / "unpacked") == {"big": BIG, "small.txt": b"small"}
    assert (made.done.left_out, made.done.entries) == ([], 2)


def test_an_archive_is_not_made_of_what_changes_meanwhile(shelf: Shelf, far: WebSource, tmp_path: Path) -> None:
    bring(shelf)
    far.headers = {"ETag": said(shelf, refer(shelf, far.address("/big"), name="again"))["big"].etag or ""}
    far.files["/big"] = BIG[::-1]
    with pytest.raises(ArtError) as caught:
        Export(shelf.repository, "far", PROJECT, "tar").write(tmp_path / "far.tar")
    assert (caught.value.slug, (tmp_path / "far.tar").exists()) == ("source-changed", False)


def test_memory_stays_small(shelf: Shelf, web: WebSource, monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    web.files["/huge"] = bytes(64 << 20)
    huge = entry(shelf, refer(shelf, web.address("/huge")), "huge")
    tracemalloc.start()
    try:
        size = sum(len(block) for block in fetch.whole(huge, Known(shelf.repository.path)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 64 << 20
    assert peak < 16 << 20
