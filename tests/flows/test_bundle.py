"""Bundles: whole versions over a gap that no network crosses, and nothing of a file that is not what it was."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.buckets.bundle import BundleBeingMade, BundleBucket
from artcli.catalog.catalog import Version
from artcli.catalog.runs.register import Register
from artcli.errors import ArtError
from artcli.flows import alias, bundle, remotes, use
from artcli.flows.bundle import Made
from artcli.flows.runs import edges
from artcli.flows.transfer import pull, push
from tests.flows.workshop import PROJECT, Workshop
from tests.store.material import noise

FILES = {"a.bin": noise(400_000, "a"), "b.bin": noise(5000, "b"), "label": b"left"}
MORE = {**FILES, "c.bin": noise(300_000, "c")}


class Machine(Workshop):
    """A repository that takes in bundles."""

    def make(self, name: str, *refs: str, since: tuple[str, ...] = (), **more: Any) -> Made:
        chosen, base = (edges.named(self.repository.catalog, names, PROJECT) for names in (refs, since))
        return bundle.create(self.repository, self.file(name), chosen, since=base, **more)

    def file(self, name: str) -> Path:
        return self.directory.parent / name

    def take(self, name: str, **more: Any) -> Any:
        try:
            return bundle.take(self.art, self.file(name), **more)
        finally:
            self.reopen()

    def refused(self, name: str) -> str:
        with pytest.raises(ArtError) as caught:
            self.take(name)
        return caught.value.slug

    def refs(self) -> dict[str, str]:
        """The refs of versions by their digests."""
        return {version.digest: version.ref for version in self.repository.catalog.versions()}

    def version(self, ref: str) -> Version:
        (found,) = edges.named(self.repository.catalog, [ref], PROJECT)
        return found

    def join(self, nas: Path) -> None:
        remotes.add(self.repository, "nas", str(nas))
        self.reopen()

    def at_nas(self, flow: Any) -> None:
        place = remotes.reach(self.repository, remotes.chosen(self.repository, None))
        try:
            flow(self.repository, place)
        finally:
            place.close()
        self.reopen()


def machine(folder: Path) -> Machine:
    folder.mkdir()
    return Machine(folder)


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Machine]:
    made = machine(tmp_path / "laptop")
    yield made
    made.repository.close()


@pytest.fixture
def car(tmp_path: Path) -> Iterator[Machine]:
    made = machine(tmp_path / "car")
    yield made
    made.repository.close()


def test_a_version_with_its_run_and_what_is_known_of_both(laptop: Machine, car: Machine) -> None:
    run = "run1"
    add = laptop.repository.commit
    from artcli.catalog.facts import Draft

    add(lambda _, make: [make(Draft("run", {"run": run, "project": PROJECT, "name": "training", "job_type": "train"}))])
    laptop.log("other", {"x": noise(9000, "x")})
    data = laptop.log("dataset", FILES)
    model = laptop.log("model", MORE, run=run)
    alias.set_aliases(laptop.repository, "model:v0", ["best"], PROJECT)
    made = laptop.make("x.artb", "model:v0")
    assert [one.ref for one in made.versions] == [f"{PROJECT}/model:v0"]
    assert made.size == laptop.file("x.artb").stat().st_size
    assert 700_000 < made.stored < made.size < 750_000
    done = car.take("x.artb")
    assert done.chunks == made.chunks
    found = car.version("model:best")
    assert (found.id, found.digest, car.content(found)) == (model.id, model.digest, MORE)
    register = Register(car.repository.catalog.database)
    assert [one.name for one in register.producers(found.id)] == ["training"]
    assert data.digest not in car.refs()


def test_a_clone_of_it_has_the_numbers_of_where_it_was_made(laptop: Machine, car: Machine) -> None:
    for i in range(3):
        laptop.log("dataset", {**FILES, "n": b"%d" % i})
    laptop.make("x.artb", "dataset:v2")
    car.take("x.artb", adopt=True)
    assert car.refs() == laptop.refs()
    assert car.content(car.version("dataset:v2"))["n"] == b"2"
    with pytest.raises(ArtError) as caught:
        use.use(car.repository, use.Request("dataset:v0", PROJECT, car.directory, root=car.directory / "old"))
    assert caught.value.slug == "bytes-elsewhere"
    laptop.log("dataset", MORE)
    laptop.make("y.artb", "dataset:v3", since=("dataset:v2",))
    car.take("y.artb")
    assert car.refs() == laptop.refs()
    assert car.content(car.version("dataset:v3")) == MORE


def test_what_the_other_side_has_is_left_out(laptop: Machine, car: Machine, tmp_path: Path) -> None:
    laptop.log("dataset", FILES)
    laptop.log("dataset", MORE)
    whole = laptop.make("whole.artb", "dataset:v1")
    lean = laptop.make("lean.artb", "dataset:v1", since=("dataset:v0",))
    assert lean.size < whole.size - 400_000
    before = car.repository.follower.head
    assert car.refused("lean.artb") == "bundle-needs-more"
    assert car.repository.follower.head == before
    laptop.make("base.artb", "dataset:v0")
    car.take("base.artb")
    car.take("lean.artb")
    assert car.content(car.version("dataset:v1")) == MORE
    assert bundle.verify(laptop.file("lean.artb")).header.since[0].ref == f"{PROJECT}/dataset:v0"


def test_what_a_remote_has_is_left_out_while_it_cannot_be_reached(
    laptop: Machine, car: Machine, tmp_path: Path
) -> None:
    laptop.join(tmp_path / "nas")
    car.join(tmp_path / "nas")
    laptop.log("dataset", FILES)
    laptop.at_nas(push)
    car.at_nas(pull)
    (tmp_path / "nas").rename(tmp_path / "far away")
    laptop.log("dataset", MORE)
    laptop.log("model", {"m": noise(9000, "m")})
    place = remotes.as_seen(laptop.repository, "nas")
    try:
        made = laptop.make("rest.artb", place=place)
    finally:
        place.close()
    assert sorted(one.ref for one in made.versions) == [f"{PROJECT}/dataset:v1", f"{PROJECT}/model:v0"]
    assert made.size < 400_000
    car.take("rest.artb")
    assert car.refs() == laptop.refs()
    assert car.content(car.version("dataset:v1")) == MORE
    (tmp_path / "far away").rename(tmp_path / "nas")
    car.at_nas(push)  # the car drives home first: what it carries is pushed for the laptop
    laptop.at_nas(pull)
    assert car.refs() == laptop.refs()
    stranger = machine(tmp_path / "stranger")
    assert stranger.refused("rest.artb") == "bundle-needs-more"
    stranger.join(tmp_path / "nas")
    (tmp_path / "nas").rename(tmp_path / "far away")
    assert stranger.refused("rest.artb") == "bundle-needs-more"
    (tmp_path / "far away").rename(tmp_path / "nas")
    stranger.take("rest.artb")  # what it leaves out comes from the remote
    assert stranger.content(stranger.version("dataset:v1")) == MORE
    stranger.repository.close()


def test_where_the_authority_has_nothing_yet(laptop: Machine, car: Machine, tmp_path: Path) -> None:
    laptop.join(tmp_path / "nas")
    laptop.log("dataset", FILES)
    laptop.log("dataset", MORE)
    laptop.make("x.artb", "dataset:v1")
    bundle.verify(laptop.file("x.artb"))
    car.take("x.artb", adopt=True)
    assert car.refs() == laptop.refs()


def test_it_may_be_taken_in_twice_and_come_home(laptop: Machine, car: Machine) -> None:
    laptop.log("dataset", FILES)
    laptop.make("x.artb", "dataset:v0")
    car.take("x.artb")
    head = car.repository.follower.head
    assert car.take("x.artb")[:3] == (0, 0, 0)
    assert laptop.take("x.artb")[:3] == (0, 0, 0)
    assert car.repository.follower.head == head
    assert bundle.take(car.art, car.file("x.artb"), bundle_request(dry_run=True))[:2] == (0, 0)


def bundle_request(**more: Any) -> Any:
    from artcli.flows.transfer import Request

    return Request(**more)


def test_nothing_of_a_damaged_one_is_taken_in(laptop: Machine, car: Machine) -> None:
    laptop.log("dataset", {"a": noise(3000, "a"), "b": b"tiny"})
    laptop.make("x.artb", "dataset:v0")
    file = laptop.file("x.artb")
    right = file.read_bytes()
    before = car.repository.follower.head, car.files()
    step = max(1, len(right) // 24)
    for at in range(0, len(right), step):
        for wrong in (right[:at], right[:at] + bytes([right[at] ^ 0x10]) + right[at + 1 :]):
            file.write_bytes(wrong)
            assert car.refused("x.artb") == "damaged-bundle", at
            with pytest.raises(ArtError) as caught:
                bundle.verify(file)
            assert (caught.value.slug, str(file) in caught.value.message) == ("damaged-bundle", True)
    assert (car.repository.follower.head, car.files()) == before
    file.write_bytes(right)
    car.take("x.artb")
    assert car.content(car.version("dataset:v0"))["b"] == b"tiny"


def forged(source: Path, target: Path, change: dict[str, bytes | None]) -> None:
    """The bundle with other objects, its own digests agreeing with them; None: without that object."""
    with BundleBucket(source) as bucket:
        objects = {item.key: bucket.get(item.key) for item in bucket.list("")}
    objects.update({key: data for key, data in change.items() if data is not None})
    fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    made = BundleBeingMade(fd)
    for key, data in objects.items():
        if change.get(key, b"") is not None:
            made.add(key, data)
    made.finish()
    os.close(fd)


def test_one_that_lies_is_refused(laptop: Machine, car: Machine) -> None:
    laptop.log("dataset", FILES)
    laptop.make("x.artb", "dataset:v0")
    file, wrong = laptop.file("x.artb"), laptop.file("wrong.artb")
    with BundleBucket(file) as bucket:
        keys = [item.key for item in bucket.list("")]
        header = json.loads(bucket.get("bundle"))
    lies: list[dict[str, bytes | None]] = [{key: None} for key in keys]
    lies += [{key: b"rot"} for key in keys]
    for key, value in (
        ("place", "../../etc"), ("place", "0" * 32), ("numbers", "x"), ("numbers", 7), ("since", 3),
        ("since", [["a", "b"]]), ("versions", [[1, 2, 3]]), ("remote", []), ("format", "1"), ("versions", {"a": 1}),
        ("since", [[header["versions"][0][0], "\x1b[2J", header["versions"][0][2]]]),
    ):  # fmt: skip
        lies.append({"bundle": json.dumps({**header, key: value}).encode()})
    lies += [{"bundle": b"[" * 100_000}, {"bundle": b"null"}, {"bundle": json.dumps({**header, "format": 2}).encode()}]
    before = car.repository.follower.head
    for lie in lies:
        forged(file, wrong, lie)
        assert car.refused("wrong.artb") in ("damaged-bundle", "newer-format", "newer-art-needed"), lie
    assert (car.repository.follower.head, car.refs()) == (before, {})


def test_a_base_that_is_claimed_and_not_needed_is_still_asked_for(laptop: Machine, car: Machine) -> None:
    laptop.log("dataset", FILES)
    laptop.log("model", MORE)
    laptop.make("x.artb", "model:v0", since=("dataset:v0",))
    assert car.refused("x.artb") == "bundle-needs-more"


def test_what_is_no_bundle_and_what_is_there(laptop: Machine, car: Machine, tmp_path: Path) -> None:
    laptop.log("dataset", FILES)
    (tmp_path / "x.artb").write_bytes(b"mine")
    with pytest.raises(ArtError) as caught:
        laptop.make("x.artb", "dataset:v0")
    assert (caught.value.slug, (tmp_path / "x.artb").read_bytes()) == ("destination-not-empty", b"mine")
    assert car.refused("x.artb") == "damaged-bundle"
    assert car.refused("nowhere.artb") == "no-such-path"
    assert car.refused("laptop") == "no-such-path"
    with pytest.raises(ArtError) as caught:
        laptop.make("y.artb")
    assert caught.value.slug == "nothing-to-bundle"
    with pytest.raises(ArtError) as caught:
        laptop.make("no/such/folder/y.artb", "dataset:v0")
    assert caught.value.slug == "no-such-path"


def test_one_that_fails_leaves_no_file(laptop: Machine, tmp_path: Path) -> None:
    version = laptop.log("dataset", FILES)
    packs = list((laptop.art / "packs").rglob("*"))
    for pack in packs:
        if pack.is_file():
            pack.unlink()
    laptop.reopen()
    with pytest.raises(ArtError):
        laptop.make("x.artb", version.ref)
    assert sorted(os.listdir(tmp_path)) == ["laptop"]


def test_a_renumbered_version_goes_under_its_number(laptop: Machine, car: Machine, tmp_path: Path) -> None:
    """The car has a v0 of its own, which nobody else has seen: both are kept."""
    car.log("dataset", {"own": b"of the car"})
    laptop.log("dataset", FILES)
    laptop.make("x.artb", "dataset:v0")
    car.take("x.artb")
    assert sorted(car.refs().values()) == ["dataset:v0", "dataset:v1"]
    used = use.use(car.repository, use.Request("dataset:v1", PROJECT, tmp_path, root=tmp_path / "here"))
    assert sorted(os.listdir(used.path)) == sorted(FILES)


def test_memory_stays_small(laptop: Machine, car: Machine) -> None:
    laptop.log("dataset", {f"{i}": noise(4_000_000, str(i)) for i in range(20)})
    tracemalloc.start()
    try:
        laptop.make("x.artb", "dataset:v0")
        bundle.verify(laptop.file("x.artb"))
        car.take("x.artb")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 70 << 20 < laptop.file("x.artb").stat().st_size
