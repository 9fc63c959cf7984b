"""Every single operation of the bucket fails once, before or after its effect, alone or with all that follow; in the
quick form every third, other ones before and after.

The story is told once without faults; the bucket is photographed between its chapters. Then each chapter is told again
from its photograph, with the k-th operation failing, for all k. After the failure the repository is as before the
chapter or as after it, never between; the same command then succeeds, and nothing is doubled.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from artcli.buckets.memory import MemoryBucket
from artcli.catalog.repository import Repository
from artcli.errors import ArtError, NotFoundError
from artcli.files.sources import Source
from artcli.flows import alias, edit, rm, tag, use
from artcli.flows.collect import Request as Collection
from artcli.flows.collect import collect, plan
from artcli.flows.log_artifact import Request, log_artifact
from tests.kit import sound, trees
from tests.kit.faulty import FaultyBucket
from tests.kit.trees import Link, Program, Tree
from tests.store.material import noise

PROJECT = "uncategorized"
MONTH = 31 * 86400.0

FIRST: Tree = {
    "label.txt": b"0 0.5",
    "img/1.jpg": noise(3000, "1"),
    "weights": noise(300_000, "w"),
    "run": Program(b"#!"),
}
SECOND: Tree = {**FIRST, "img/2.jpg": noise(4000, "2"), "weights": noise(310_000, "v"), "link": Link("label.txt")}


CARD = "what the camera saw\n" * 100
"""A text that facts only name."""


@pytest.fixture(scope="module", autouse=True)
def _eager_to_join() -> Iterator[None]:
    """gc joins the few packs of this story."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "SMALL_COUNT", 2)
        yield


@dataclass
class Stage:
    """Where a chapter plays."""

    repository: Repository
    work: Path

    def log(self, tree: Tree, **more: Any) -> None:
        folder = self.work / "data"
        trees.plant(folder, tree)
        log_artifact(self.repository, Request("d", PROJECT, [Source(bytes(folder))], workers=2, **more))

    def use(self, ref: str) -> None:
        root = self.work / "used"
        use.use(self.repository, use.Request(ref, PROJECT, self.work, root, exact=True, workers=2))

    def remove(self, *refs: str) -> None:
        try:
            rm.remove(self.repository, rm.plan_rm(self.repository.catalog, refs, rm.Selection(), PROJECT))
        except NotFoundError as error:
            if error.slug != "version-deleted":  # it had been, though its command was told otherwise
                raise


def _use_both(stage: Stage) -> None:
    for ref, tree in (("d:v0", FIRST), ("d:v1", SECOND)):
        stage.use(ref)
        assert trees.harvest(stage.work / "used") == tree


CHAPTERS: Mapping[str, Callable[[Stage], object]] = {
    "log": lambda stage: stage.log(FIRST, aliases=["best"], metadata={"a": 1}),
    "log again": lambda stage: stage.log(SECOND, tags=["new"], description=CARD),
    "log the same": lambda stage: stage.log(SECOND, aliases=["best"], metadata={"b": 2}),
    "use": _use_both,
    "alias": lambda stage: alias.set_aliases(stage.repository, "d:v0", ["first"], PROJECT),
    "tag": lambda stage: tag.set_tags(stage.repository, "d:v0", ["old"], PROJECT),
    "edit": lambda stage: edit.edit(stage.repository, "d", edit.Edits(rename="e", keep_last=9, note=CARD), PROJECT),
    "rm": lambda stage: stage.remove("e:v0", "e:v1"),
    "restore": lambda stage: rm.restore(stage.repository, ["e:v1"], PROJECT),
    "gc": lambda stage: collect(stage.repository, Collection(now=time.time() + MONTH)),
    "log after gc": lambda stage: stage.log(FIRST),
}

When = Literal["before", "after"]
WAYS: list[When] = ["before", "after"]


@dataclass
class Scene:
    """What there was when a chapter began, and what there was at its end."""

    objects: dict[str, bytes]
    files: Path
    before: Any
    after: Any = None


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, _eager_to_join: None) -> dict[str, Scene]:
    """The story without faults."""
    home = tmp_path_factory.mktemp("story")
    Repository.init(home)[0].close()
    (home / "work").mkdir()
    bucket = MemoryBucket()
    bucket.add("config", (home / ".art/config").read_bytes())
    for name in ("packs", "index", "log", "segments"):
        shutil.rmtree(home / ".art" / name)
    told: dict[str, Scene] = {}
    for name, chapter in CHAPTERS.items():
        files = home.parent / f"{home.name} {name}"
        shutil.copytree(home, files)
        told[name] = Scene(photograph(bucket), files, _state(home, bucket))
        _tell(chapter, home, bucket)
        told[name].after = _state(home, bucket)
    return told


def photograph(bucket: MemoryBucket) -> dict[str, bytes]:
    return {item.key: bucket.get(item.key) for item in bucket.list("")}


def _tell(chapter: Callable[[Stage], object], home: Path, bucket: Any) -> None:
    repository = Repository(home / ".art", bucket)
    try:
        chapter(Stage(repository, home / "work"))
    finally:
        repository.close()


def _state(home: Path, bucket: MemoryBucket) -> Any:
    """All that a user can see: versions with their bytes, names, and what was done, each fact once."""
    repository = Repository(home / ".art", bucket)
    try:
        held = sound.check_open(repository)
        dump = {
            table: list(repository.follower.database.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3"))
            for table, columns in {
                "versions": "number, state, digest, entries, size, description, metadata",
                "artifacts": "project, name, next, description, keep_last",
                "aliases": "artifact, alias, protected",
                "names": "project, name, artifact",
                "facts": "kind, applied, undone_by",
            }.items()
        }
        dump["facts"] = [fact for fact in dump["facts"] if fact[0] != "index"]
        dump["tags"] = list(repository.follower.database.execute("SELECT tag FROM tags ORDER BY 1"))
        return held, dump
    finally:
        repository.close()


@pytest.mark.parametrize(
    ("persistent", "step"), [(False, 3), *(pytest.param(way, 1, marks=pytest.mark.soak) for way in (False, True))]
)
@pytest.mark.parametrize("name", CHAPTERS)
def test_every_operation_fails(name: str, persistent: bool, step: int, scenes: dict[str, Scene], swift: Path) -> None:
    fired = 0
    for number, when in enumerate(WAYS):
        k = 1 + number % step
        while _fail(name, scenes[name], swift / f"{when}{k}", k, when, persistent):
            k += step
            fired += 1
    assert fired > (5 if step == 1 else 1)


def _fail(name: str, scene: Scene, home: Path, k: int, when: When, persistent: bool) -> bool:
    """Tell a chapter with one failure and check what is left; False if the chapter ended before it."""
    shutil.copytree(scene.files, home)
    bucket = MemoryBucket()
    for key, data in scene.objects.items():
        bucket.add(key, data)
    faulty = FaultyBucket(bucket, k, when, persistent=persistent)
    failure = None
    try:
        _tell(CHAPTERS[name], home, faulty)
    except (OSError, ArtError) as error:
        failure = error
    what = f"{name}, operation {k} fails {when} its effect: {failure!r}"
    state = _state(home, bucket)
    assert state in (scene.before, scene.after), what
    assert failure or state == scene.after, what
    _tell(CHAPTERS[name], home, bucket)
    assert _state(home, bucket) == scene.after, what
    shutil.rmtree(home)
    return faulty.fired
