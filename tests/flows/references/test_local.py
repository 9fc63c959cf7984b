"""file:// — referred to, brought, recognised, and seen where they have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artcli.catalog.resolve import Resolved
from artcli.content import digest_of
from artcli.files.sources import Source
from artcli.flows import diff, get, side, status, verify
from artcli.flows.log_artifact import Request, log_artifact
from artcli.flows.references import add, local
from artcli.flows.references.add import Referred
from artcli.flows.references.reference import Reference
from tests.flows.references.kit import bring, read, refer, refused, said, slugs
from tests.flows.shelf import Shelf
from tests.flows.workshop import PROJECT
from tests.kit.trees import Link, Tree, harvest, plant
from tests.store.material import noise

TREE: Tree = {
    "a.txt": b"alpha", "empty": b"", "sub/big": noise(700_000, "big"), "sub/b c%20": b"odd", "sub/ü": b"umlaut",
    "link": Link("a.txt"), "broken": Link("nowhere"),
}  # fmt: skip
FILES = {"a.txt": b"alpha", "empty": b"", "sub/big": TREE["sub/big"], "sub/b c%20": b"odd", "sub/ü": b"umlaut",
         "link": b"alpha"}  # fmt: skip


@pytest.fixture
def pool(shelf: Shelf) -> Path:
    """A directory outside."""
    plant(shelf.directory / "pool", TREE)
    return shelf.directory / "pool"


def changes(shelf: Shelf, to: str = "here") -> dict[str, str]:
    (found,) = status.status(shelf.repository, [to], shelf.directory, files=True)
    return {os.fsdecode(change.path): change.what for change in found[1]}


def test_a_directory_becomes_an_entry_for_each_file(shelf: Shelf, pool: Path) -> None:
    version = refer(shelf, f"file://{pool}")
    found = said(shelf, version)
    assert set(found) == set(FILES)
    assert {path: (one.size, one.digest) for path, one in found.items()} == {
        path: (len(data), digest_of(data))
        for path, data in FILES.items()  # type: ignore[arg-type]
    }
    assert all(one.uri.startswith(f"file://{pool}/") and one.modified is None for one in found.values())
    assert found["sub/b c%20"].uri.endswith("/sub/b c%2520")
    assert found["sub/ü"].uri.endswith("/sub/%C3%BC")
    assert (version.size, version.new_size) == (sum(map(len, FILES.values())), 0)  # type: ignore[arg-type]


def test_what_was_brought_is_whole_and_not_brought_again(
    shelf: Shelf, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refer(shelf, f"file://{pool}")
    used = bring(shelf)
    assert (harvest(used.path), slugs(used)) == (FILES, {})
    monkeypatch.setattr(local.Local, "open", lambda *_: pytest.fail("it was asked again"))
    assert bring(shelf).plan.is_done
    shelf.reopen()
    assert bring(shelf).plan.is_done
    assert changes(shelf) == {}


def test_the_same_files_make_no_new_version_and_names_decide(shelf: Shelf, pool: Path) -> None:
    first = refer(
        shelf, Referred(f"file://{pool}", b"all"), f"file://{pool}/a.txt", Referred(f"file://{pool}/a.txt", b"x/y")
    )
    assert {"all/a.txt", "a.txt", "x/y", "all/sub/big"} < set(said(shelf, first))
    os.utime(pool / "a.txt", (1, 1))
    assert (
        refer(
            shelf, Referred(f"file://{pool}", b"all"), f"file://{pool}/a.txt", Referred(f"file://{pool}/a.txt", b"x/y")
        )
        == first
    )
    more = refer(shelf, f"file://{pool}/empty", base="far", name="far")
    assert (more.number, more.entries) == (1, first.entries + 1)


def test_beside_files_that_are_kept_here(shelf: Shelf, pool: Path) -> None:
    plant(shelf.folder, {"own": b"mine"})
    version = refer(shelf, f"file://{pool}/a.txt", sources=[Source(bytes(shelf.folder))])
    assert harvest(bring(shelf).path) == {"own": b"mine", "a.txt": b"alpha"}
    assert version.entries == 2


def test_a_change_is_named_and_nothing_half_is_left(shelf: Shelf, pool: Path) -> None:
    refer(shelf, f"file://{pool}")
    (pool / "a.txt").write_bytes(b"ALPHA")
    (pool / "sub/big").write_bytes(noise(700_001, "big"))
    (pool / "empty").unlink()
    used = bring(shelf)
    assert slugs(used) == {
        "a.txt": "source-changed",
        "link": "source-changed",
        "sub/big": "source-changed",
        "empty": "no-such-source",
    }
    assert harvest(used.path) == {"sub/b c%20": b"odd", "sub/ü": b"umlaut"}
    plant(pool, TREE)
    assert slugs(bring(shelf)) == {}
    assert harvest(used.path) == FILES


def test_what_was_changed_after_it_was_brought_is_seen_rescued_and_mended(shelf: Shelf, pool: Path) -> None:
    version = refer(shelf, f"file://{pool}")
    used = bring(shelf)
    (used.path / "a.txt").write_bytes(b"mine!")
    (used.path / "sub/ü").unlink()
    (used.path / "sub/big").write_bytes(noise(700_000, "mine"))
    assert changes(shelf) == {"a.txt": "modified", "sub/ü": "deleted", "sub/big": "modified"}
    check = verify.Check(shelf.repository, "here", PROJECT, shelf.directory)
    assert {(item.path, item.state) for item in check.differences()} == {
        (b"a.txt", "changed"),
        ("sub/ü".encode(), "missing"),
        (b"sub/big", "changed"),
    }
    again = bring(shelf)
    assert sorted(again.rescued.paths) == [b"a.txt", b"sub/big"]
    assert harvest(used.path) == FILES
    pages = side.Unkept(shelf.repository.store)
    there = side.of_directory(shelf.repository, pages, used.path, "here")
    compared = diff.Comparison(side.of_version(pages, Resolved(version, None, None)), there)
    assert list(compared.changes()) == []


def test_a_switch_takes_away_what_was_brought_and_keeps_what_was_changed(shelf: Shelf, pool: Path) -> None:
    refer(shelf, f"file://{pool}")
    shelf.log({"own": b"mine"}, name="far")
    path = bring(shelf, "far:v0").path
    (path / "a.txt").write_bytes(b"mine!")
    used = bring(shelf, "far:v1")
    assert harvest(path) == {"own": b"mine"} | ({"a.txt": b"mine!"} if not used.rescued.paths else {})
    assert b"sub/big" not in used.rescued.paths
    assert harvest(bring(shelf, "far:v0").path)["sub/big"] == FILES["sub/big"]


def test_a_directory_that_is_logged_keeps_the_files_themselves(shelf: Shelf, pool: Path) -> None:
    refer(shelf, f"file://{pool}")
    path = bring(shelf).path
    bring(shelf)
    for _ in range(2):
        logged = log_artifact(shelf.repository, Request("own", PROJECT, [Source(bytes(path))], workers=2))
        assert logged.version is not None
        assert said(shelf, logged.version) == {}
    (path / "a.txt").unlink()
    logged = log_artifact(shelf.repository, Request("own", PROJECT, [Source(bytes(path))], workers=2))
    assert logged.version is not None
    assert logged.version.entries == len(FILES) - 1


def test_a_copy_and_a_file_of_it(shelf: Shelf, pool: Path) -> None:
    refer(shelf, f"file://{pool}")

    def got(ref: str, dest: str, **more: bool) -> get.Got:
        return get.get(shelf.repository, get.Request(ref, PROJECT, shelf.directory, dest, **more))

    assert harvest(got("far", "copy").path) == FILES
    assert got("far/sub/big", "big").path.read_bytes() == FILES["sub/big"]
    assert got("far/sub/big", "big", overwrite=True).plan.is_done
    assert harvest(got("far/sub", "part").path) == {"b c%20": b"odd", "big": FILES["sub/big"], "ü": b"umlaut"}


def test_bytes_and_parts_of_them(shelf: Shelf, pool: Path) -> None:
    refer(shelf, f"file://{pool}")
    assert read(shelf, "far/sub/big") == FILES["sub/big"]
    assert read(shelf, "far/a.txt", "1-2") == b"lp"
    assert read(shelf, "far/a.txt", "-2") == b"ha"
    assert read(shelf, "far/empty") == b""
    assert read(shelf, "far/a.txt", "2-") == b"pha"


def test_what_cannot_be_referred_to(shelf: Shelf, pool: Path) -> None:
    os.mkfifo(pool / "pipe")
    (shelf.directory / "hollow").mkdir()
    told = {
        "no-scheme": "bad-uri", "://x": "bad-uri", "https://me:secret@example.org/x": "bad-uri",
        "file:///no/such/file": "no-such-source", f"file://{pool}/pipe": "no-such-source",
        f"file://{shelf.directory}/hollow": "no-such-source", "https://exa\nmple.org/": "bad-uri",
    }  # fmt: skip
    assert {uri: refused(shelf, uri).slug for uri in told} == told
    assert "secret" not in str(refused(shelf, "https://me:secret@example.org/x"))
    assert refused(shelf, Referred(f"file://{pool}", b"a", most=3)).slug == "too-many-objects"
    assert refused(shelf, Referred(f"file://{pool}/a.txt", b"../x")).slug == "unsafe-path"


def test_an_address_is_kept_and_nobody_is_asked(shelf: Shelf) -> None:
    version = refer(
        shelf,
        Referred("file:///no/such/file", checksum=False),
        "tape://archive/x y",
        Referred("s3://b/k/l", checksum=False),
    )
    assert said(shelf, version) == {
        "file": Reference("file:///no/such/file"),
        "x y": Reference("tape://archive/x y"),
        "l": Reference("s3://b/k/l"),
    }


def test_what_nothing_here_can_bring_is_left_alone(shelf: Shelf) -> None:
    refer(shelf, "tape://archive/x")
    used = bring(shelf)
    assert slugs(used) == {"x": "unknown-source"}
    (shelf.directory / "here").mkdir(exist_ok=True)
    (shelf.directory / "here/x").write_bytes(b"I fetched it")
    assert bring(shelf).plan.is_done
    assert harvest(shelf.directory / "here") == {"x": b"I fetched it"}
    assert changes(shelf) == {}


def test_a_directory_of_many_files_is_listed_in_batches(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(shelf.directory / "many", {f"{i % 7}/{i}": b"%d" % i for i in range(100)})
    monkeypatch.setattr("artcli.flows.references.add.MOST_EDITS", 8)
    version = refer(shelf, f"file://{shelf.directory}/many")
    assert version.entries == len(list(add.entries(f"file://{shelf.directory}/many"))) == 100
