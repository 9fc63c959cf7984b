from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository
from artcli.content import digest_of
from artcli.errors import ArtError
from artcli.flows import copies
from artcli.flows.alias import set_aliases
from artcli.flows.show import Shown, show
from artcli.flows.tag import set_tags
from tests.catalog.kit import PROJECT, add_version, init, log_files


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    repository = init(tmp_path_factory.mktemp("show"))
    log_files(repository, "data", {"a.txt": b"a" * 300, "dir/b": b"b", "dir/c": b"c"}, aliases=["first"])
    log_files(repository, "data", {"a.txt": b"new", "dir/b": b"b"})
    log_files(repository, "other", {"copy": b"a" * 300})
    set_tags(repository, "data:v0", ["night"], PROJECT)
    set_aliases(repository, "data:v0", ["best"], PROJECT)
    yield repository
    repository.close()


def found(repository: Repository, text: str, start: Path = Path("/nowhere")) -> Shown:
    return show(repository, text, PROJECT, start)


def where(shown: Shown) -> tuple[str, bytes | None]:
    assert shown.version
    return shown.version.ref, shown.item.path if shown.item else None


def test_a_version_by_whatever_names_it(made: Repository) -> None:
    version = made.catalog.numbered(1, 0)
    assert version
    texts = ["data:v0", "data:first", "data~1", "data@" + version.digest, version.digest[:12], version.digest,
    version.id,
             version.id[:12].upper()]  # fmt: skip
    for text in texts:
        shown = found(made, text)
        assert where(shown) == ("data:v0", None)
        assert (shown.aliases, shown.tags) == (["best", "first"], ["night"])
        assert shown.artifact
        assert shown.artifact.name == "data"
    assert where(found(made, "data")) == ("data:v1", None)


def test_what_is_in_a_version(made: Repository) -> None:
    file = found(made, "data:v0/a.txt")
    assert (where(file), file.size) == (("data:v0", b"a.txt"), 300)
    folder = found(made, "data:v0/dir")
    assert (where(folder), folder.entries, folder.size) == (("data:v0", b"dir/"), 2, 2)
    assert folder.item
    assert folder.item.entry is None
    assert where(found(made, "data/dir/b")) == ("data:v1", b"dir/b")
    with pytest.raises(ArtError) as caught:
        found(made, "data:v1/dir/c")
    assert caught.value.slug == "no-such-path"


def test_a_file_by_its_digest_is_in_the_newest_version_that_has_it(made: Repository) -> None:
    assert where(found(made, digest_of(b"a" * 300).hex()[:16])) == ("other:v0", b"copy")
    assert where(found(made, digest_of(b"c").hex())) == ("data:v0", b"dir/c")
    for text in ("f" * 12, "f" * 64):
        with pytest.raises(ArtError) as caught:
            found(made, text)
        assert caught.value.slug == "no-such-digest"


def test_a_change_by_its_id(made: Repository) -> None:
    event = next(event for event in made.catalog.events() if event.fact.kind == "tag")
    shown = found(made, event.fact.id[:12])
    assert shown.event
    assert (shown.event.fact.id, shown.version) == (event.fact.id, None)


def test_a_path_on_this_disk(made: Repository, tmp_path: Path) -> None:
    for name in ("mine", "my own"):
        (tmp_path / name).write_bytes(b"a" * 300)
    assert where(found(made, "my own", tmp_path)) == ("other:v0", b"copy")
    (tmp_path / "data").write_bytes(b"b")
    (tmp_path / "changed").write_bytes(b"a" * 299)
    assert where(found(made, "mine", tmp_path)) == ("other:v0", b"copy")
    assert where(found(made, "./mine", tmp_path)) == ("other:v0", b"copy")
    assert where(found(made, str(tmp_path / "mine"))) == ("other:v0", b"copy")
    assert where(found(made, "data", tmp_path)) == ("data:v1", None)  # a reference goes first
    assert where(found(made, "./data", tmp_path)) == ("data:v1", b"dir/b")
    for text, slug in (("changed", "unknown-file"), ("./gone", "no-such-file"), ("gone", "no-such-artifact")):
        with pytest.raises(ArtError) as caught:
            found(made, text, tmp_path)
        assert (caught.value.slug, bool(caught.value.hint)) == (slug, True)


def test_a_directory_that_was_made_from_a_version(made: Repository, tmp_path: Path) -> None:
    for name in ("data:v0", "data-v1", "data:v9", "photos"):
        (tmp_path / name).mkdir()
    assert where(found(made, "./data:v0/", tmp_path)) == ("data:v0", None)
    assert where(found(made, "./data-v1", tmp_path)) == ("data:v1", None)
    for name in ("deploy", "deploy/dir"):
        (tmp_path / name).mkdir()
    version = made.catalog.numbered(1, 0)
    assert version
    copies.remember(made.path, tmp_path / "deploy", version)
    assert where(found(made, "./deploy", tmp_path)) == ("data:v0", None)
    assert where(found(made, "deploy/dir", tmp_path)) == ("data:v0", b"dir/")
    for text, slug in (("./data:v9", "no-such-version"), ("./photos", "unknown-directory"), (".", "unknown-directory")):
        with pytest.raises(ArtError) as caught:
            found(made, text, tmp_path)
        assert (caught.value.slug, bool(caught.value.hint)) == (slug, True)


def test_a_name_that_looks_like_a_digest(made: Repository) -> None:
    add_version(made, "0123456789ab", "x")
    assert where(found(made, "0123456789ab")) == ("0123456789ab:v0", None)


def test_where_it_was_found_is_said(made: Repository) -> None:
    add_version(made, "far", "f", project="p2")
    assert found(made, "far").note == "'far' is not in project 'uncategorized'; taken from 'p2'"
