"""What the machine and the killers have found, each in a few lines."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog import resolve
from artcli.catalog.repository import Repository
from artcli.files.leftovers import claim
from artcli.files.sources import Source
from artcli.flows import cat, log_artifact, revise, rm, use, verify
from artcli.flows.collect import Request as Collection
from artcli.flows.collect import collect
from artcli.flows.use import Used
from artcli.progress import Silent
from tests.kit import sound, trees
from tests.kit.trees import Empty, Link, Tree
from tests.store.material import noise

PROJECT = "uncategorized"


class Desk:
    """A repository, and a directory for versions."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.repository, _ = Repository.init(home)
        self.used = home / "used"

    def log(self, tree: Tree, **more: Any) -> str:
        trees.plant(self.home / "data", tree)
        return self.log_from([Source(bytes(self.home / "data"))], **more)

    def log_from(self, sources: list[Source], **more: Any) -> str:
        request = log_artifact.Request("d", PROJECT, sources, allow_empty=True, workers=2, **more)
        version = log_artifact.log_artifact(self.repository, request).version
        assert version
        return version.ref

    def use(self, ref: str, **more: Any) -> Used:
        return use.use(self.repository, use.Request(ref, PROJECT, self.home, self.used, workers=2, **more))

    @property
    def there(self) -> Tree:
        return trees.harvest(self.used)

    def holds(self, ref: str) -> Tree:
        return sound.check_open(self.repository)[ref]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.repository.close()


def test_an_empty_folder_goes_with_its_version(desk: Desk) -> None:
    old = desk.log({"a": b"1", "e": Empty(), "f/g": Empty()})
    new = desk.log({"a": b"1"})
    desk.use(old)
    desk.use(new)
    assert desk.there == {"a": b"1"}


def test_a_folder_of_the_users_in_the_place_of_a_file_that_goes(desk: Desk) -> None:
    old, new = desk.log({"a": b"1", "b": b"2"}), desk.log({"b": b"2"})
    desk.use(old)
    trees.put(desk.used, "a/mine", b"3")
    desk.use(new)
    assert desk.there == {"a/mine": b"3", "b": b"2"}


def test_exact_leaves_no_empty_folder_behind(desk: Desk) -> None:
    ref = desk.log({"a": b"1"})
    trees.put(desk.used, "x/y/mine", b"2")
    used = desk.use(ref, exact=True)
    assert desk.there == {"a": b"1"}
    assert used.rescued.paths == [b"x/y/mine"]


def test_an_empty_version_is_in_place_the_second_time(desk: Desk) -> None:
    full, empty = desk.log({"a": b"1"}), desk.log({})
    desk.use(full)
    desk.use(empty)
    assert desk.use(empty).plan.is_done
    assert desk.there == {}


def test_a_part_leaves_the_rest_alone(desk: Desk) -> None:
    tree = {"train/1": b"1", "train/2": b"2", "test/1": b"3"}
    old, new = desk.log(tree), desk.log({"train/1": b"11", "test/1": b"33"})
    desk.use(old)
    desk.use(f"{old}/test")
    assert desk.there == tree
    desk.use(new, only=["train"])
    assert desk.there == {"train/1": b"11", "test/1": b"3"}, "what the part had in the old version goes"
    desk.use(new, only=["train"], exact=True)
    assert desk.there == {"train/1": b"11"}


def test_a_folder_artifacts_is_part_of_a_used_directory(desk: Desk) -> None:
    trees.plant(desk.home / "more", {"1": b"1"})
    ref = desk.log_from([Source(bytes(desk.home / "more"), b"artifacts")])
    desk.use(ref)
    trees.put(desk.used, "artifacts/1", b"changed")
    used = desk.use(ref)
    assert desk.there == {"artifacts/1": b"1"}
    assert used.rescued.paths == [b"artifacts/1"]


def test_what_a_killed_writer_left_is_swept(desk: Desk) -> None:
    ref = desk.log({"a/b": b"1"})
    desk.use(ref)
    dead, alive, young = (desk.used / "a" / f".art-{i:016x}.tmp" for i in range(3))
    for path in (dead, alive, young):
        path.write_bytes(b"half")
    (desk.used / f".art-{9:016x}.tmp").symlink_to("half")
    for path in (dead, alive, desk.used / f".art-{9:016x}.tmp"):
        os.utime(path, (0, 0), follow_symlinks=False)
    fd = os.open(alive, os.O_RDONLY)
    claim(fd)
    assert desk.use(ref).plan.is_done
    os.close(fd)
    assert sorted(desk.there) == ["a/" + alive.name, "a/" + young.name, "a/b"]


def test_files_for_an_empty_folder_of_the_base(desk: Desk) -> None:
    base = desk.log({"a": b"1", "e": Empty(), "f/g": Empty(), "f-": b"2"})
    trees.plant(desk.home / "more", {"x": b"3", "h": Empty()})
    one = desk.log_from([Source(bytes(desk.home / "more"), b"f/g")], base=base)
    assert desk.holds(one) == {"a": b"1", "e": Empty(), "f/g/x": b"3", "f/g/h": Empty(), "f-": b"2"}
    two = desk.log_from([], base=base, changes=revise.Changes(move=[(b"a", b"e/a")]))
    assert desk.holds(two) == {"e/a": b"1", "f/g": Empty(), "f-": b"2"}
    three = desk.log_from([], base=base, changes=revise.Changes(take=[revise.Taken(f"{base}/a", b"e/a")]))
    assert desk.holds(three) == {"a": b"1", "e/a": b"1", "f/g": Empty(), "f-": b"2"}
    four = desk.log_from([], base=base, stream=(b"e/1/2", [b"4"]))
    assert desk.holds(four) == {"a": b"1", "e/1/2": b"4", "f/g": Empty(), "f-": b"2"}


def test_an_empty_folder_does_not_replace_a_full_one_of_the_base(desk: Desk) -> None:
    base = desk.log({"f/a": b"1"})
    trees.plant(desk.home / "more", {"f": Empty(), "b": b"2"})
    ref = desk.log_from([Source(bytes(desk.home / "more"))], base=base)
    assert desk.holds(ref) == {"f/a": b"1", "b": b"2"}


def test_a_file_that_vanishes_while_its_version_is_used_is_missed_the_next_time(desk: Desk) -> None:
    """Else the stat cache would vouch for it, and a log of the directory would give it to the next version."""
    old, new = desk.log({"a": b"1"}), desk.log({"a": b"1", "b": b"2", "c": b"3"})
    desk.use(old)
    original = use.Bringing._remember_written

    def remember(self: Any, cache: Any) -> None:
        (desk.used / "b").unlink()
        original(self, cache)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(use.Bringing, "_remember_written", remember)
        desk.use(new)
    ref = desk.log_from([Source(bytes(desk.used))])
    assert desk.holds(ref) == {"a": b"1", "c": b"3"}


def test_gc_waits_for_a_reader(desk: Desk) -> None:
    """It would take the packs away that the reader is about to read."""
    desk.log({f"{i}": noise(3000, f"old {i}") for i in range(50)})
    tree = {f"{i}": noise(3000, f"{'old' if i % 3 else 'new'} {i}") for i in range(50)}
    ref = desk.log(tree)
    rm.remove(desk.repository, rm.plan_rm(desk.repository.catalog, ["d:v0"], rm.Selection(), PROJECT))
    other = Repository(desk.repository.path)
    desk.repository.close()
    desk.repository = Repository(desk.repository.path)  # which has no pack open yet
    freed: list[int] = []
    thread = threading.Thread(target=lambda: freed.append(collect(other, Collection(empty_trash=True)).packs_rewritten))
    original = use.Bringing._carry_out

    def carry_out(self: Any, plan: Any, base: Any) -> None:
        thread.start()
        thread.join(0.5)
        original(self, plan, base)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(use.Bringing, "_carry_out", carry_out)
        desk.use(ref)
    thread.join()
    other.close()
    assert freed
    assert freed[0] > 0
    assert desk.there == tree
    desk.use(ref, exact=True)


def test_a_link_in_the_place_of_a_folder_is_not_followed(desk: Desk) -> None:
    ref = desk.log({"a/b": b"1"})
    outside = desk.home / "outside"
    trees.plant(outside, {"b": b"mine", "c": b"mine too"})
    trees.put(desk.used, "a", Link(str(outside)))
    with pytest.raises(Exception, match="symbolic link"):
        desk.use(ref)
    desk.use(ref, exact=True)
    assert trees.harvest(outside) == {"b": b"mine", "c": b"mine too"}
    assert desk.there == {"a/b": b"1"}


def test_a_chunk_whose_pack_is_gone_is_stored_again(desk: Desk) -> None:
    """An index that promises what nobody has must not keep the bytes out that are at hand."""
    tree = {"a": noise(5000, "a"), "b": noise(300_000, "b")}
    old = desk.log(tree)
    for pack in (desk.repository.path / "packs").rglob("*"):
        if pack.is_file():
            pack.unlink()
    desk.repository.close()
    desk.repository = Repository(desk.repository.path)
    trees.plant(desk.home / "other", tree)
    new = desk.log_from([Source(bytes(desk.home / "other"))], new_version=True)
    for ref in (new, old):
        desk.use(ref, exact=True)
        assert desk.there == tree


def test_what_was_used_a_moment_ago_is_not_taken_for_the_users_work(desk: Desk) -> None:
    refs = [desk.log({"a": noise(3000, f"{i}"), "b": noise(300_000, f"{i}"), "c": b"%d" % i}) for i in range(2)]
    for ref in refs * 3:
        assert desk.use(ref).rescued.paths == []
        assert desk.there == desk.holds(ref)


@pytest.mark.parametrize("data", [b"mine", b"0"])
def test_what_the_user_writes_in_the_middle_is_rescued(desk: Desk, data: bytes) -> None:
    """Even if it has been changed just before, too, to something that a version holds."""
    old, new = desk.log({"a": b"1"}), desk.log({"a": b"2"})
    desk.log({"a": b"3"})
    desk.use(old)
    (desk.used / "a").write_bytes(b"3")
    original = use.Bringing._carry_out

    def carry_out(self: Any, plan: Any, base: Any) -> None:
        (desk.used / "a").write_bytes(data)
        original(self, plan, base)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(use.Bringing, "_carry_out", carry_out)
        used = desk.use(new)
    assert desk.there == {"a": b"2"}
    assert trees.harvest(used.rescued.folder) == {"a": data}


def test_a_reader_that_meets_a_missing_pack_reads_the_log_again(desk: Desk) -> None:
    """gc has moved the chunks meanwhile, and deleted what they were in."""
    desk.log({f"{i}": noise(3000, f"old {i}") for i in range(50)})
    tree = {f"{i}": noise(3000, f"{'old' if i % 3 else 'new'} {i}") for i in range(50)}
    ref = desk.log({**tree, "large": noise(600_000, "large")})
    rm.remove(desk.repository, rm.plan_rm(desk.repository.catalog, ["d:v0"], rm.Selection(), PROJECT))
    readers = [Repository(desk.repository.path) for _ in range(3)]
    for reader in readers:
        assert reader.store.find(bytes(32)) is None  # it has looked at the indexes
    assert collect(desk.repository, Collection(empty_trash=True)).packs_rewritten > 0
    first, second, third = readers
    assert trees.content(first.store, next(first.catalog.versions())) == {**tree, "large": noise(600_000, "large")}
    found = resolve.version(second.catalog, ref, PROJECT)
    verified = list(verify.of_version(second.store, found.version, None, verify.Tally(Silent()), workers=2))
    assert verified == []
    opened = cat.find(third, [f"{ref}/large"], PROJECT)[0]
    assert b"".join(cat.read(third, opened)) == noise(600_000, "large")
    for reader in readers:
        reader.close()
