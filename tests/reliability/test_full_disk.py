"""Disks that are full, over quota, read-only or failing, and too many open files: one line, the right exit code,
nothing half-written, no temporary file left; and when there is room again, the same command succeeds.
"""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit import sound, trees
from tests.kit.calls import WRITING
from tests.kit.nursery import Ended, Nursery, environment
from tests.kit.trees import Leaf
from tests.kit.victim import NAME, Victim, some_tree
from tests.store.material import noise

MIB = 1 << 20


class Fault(NamedTuple):
    error: int
    code: int
    slugs: tuple[str, ...]
    names: tuple[str, ...]
    """The calls that can fail so."""


SPACE = ("open", "mkdir", "write", "writev", "fsync", "link", "symlink")
FAULTS = {
    "ENOSPC": Fault(errno.ENOSPC, 9, ("disk-full",), SPACE),
    "EDQUOT": Fault(errno.EDQUOT, 9, ("disk-full",), SPACE),
    "EROFS": Fault(errno.EROFS, 1, ("cannot-write", "permission-denied"), WRITING),
    "EIO": Fault(errno.EIO, 1, ("io-error",), WRITING),
    "EMFILE": Fault(errno.EMFILE, 1, ("too-many-open-files",), ("open",)),
}


def slug_of(ended: Ended) -> str:
    return str(json.loads(ended.err.splitlines()[-1])["code"])


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("for_ever", [True, False])
@pytest.mark.parametrize("name", FAULTS)
def test_log_artifact(name: str, for_ever: bool, step: int, nursery: Nursery, swift: Path) -> None:
    fault = FAULTS[name]
    chance = random.Random(name)
    victim = Victim(swift, nursery)
    before = {victim.log(tree := some_tree(chance)): tree}
    tree = some_tree(chance, tree)
    trees.plant(victim.data, tree)
    if name == "ENOSPC" and for_ever:
        step = 1  # as real disks are
    failed, k = 0, 1
    while True:
        command = ["log-artifact", NAME, "data", "--json"]
        ended = nursery.run(
            command, swift, k=k, error=fault.error, names=fault.names, for_ever=for_ever, short=True,
            reading=name == "EMFILE",
        )  # fmt: skip
        held = sound.check(victim.art)
        after = {**before, f"{NAME}:v{len(before)}": tree}
        assert held in (before, after)
        assert ended.code or held == after
        if ended.code:
            failed += 1
            assert (ended.code, slug_of(ended) in fault.slugs) == (fault.code, True), (k, ended)
        if "unlink" not in fault.names:
            assert sound.dust(victim.art) == [], (k, ended)
        if held == after:
            before = after
            tree = some_tree(chance, tree)
            trees.plant(victim.data, tree)
        if k > ended.calls:
            break
        k += step
    assert failed > 2


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", FAULTS)
def test_use(name: str, step: int, nursery: Nursery, swift: Path) -> None:
    """A switch fails in the middle: each file is the old one or the new one, and what was the user's is safe."""
    fault = FAULTS[name]
    chance = random.Random(f"use {name}")
    victim = Victim(swift, nursery)
    old_tree = some_tree(chance)
    old = victim.log(old_tree)
    new_tree = some_tree(chance, old_tree)
    new = victim.log(new_tree)
    failed, k = 0, 1
    while True:
        for left_over in victim.used.rglob(".art-*.tmp"):
            left_over.unlink()
        victim.use(old)
        mine = {"large": noise(300_000, f"mine {k}"), "a/link": noise(20, f"mine {k}")}
        for path, data in mine.items():
            trees.put(victim.used, path, data)
        command = ["use", new, "--root", "used", "--exact", "--json"]
        ended = nursery.run(
            command, swift, k=k, error=fault.error, names=fault.names, for_ever=True, short=True,
            reading=name == "EMFILE",
        )  # fmt: skip
        there = trees.harvest(victim.used)
        if ended.code:
            failed += 1
            assert (ended.code, slug_of(ended) in fault.slugs) == (fault.code, True), (k, ended)
        else:
            assert there == new_tree
        for path, leaf in there.items():
            if "unlink" not in fault.names or path in old_tree:
                assert leaf in (old_tree.get(path), new_tree.get(path), mine.get(path)), (k, path, ended)
        assert set(mine.values()) <= {*there.values(), *victim.rescued()}
        if k > ended.calls:
            break
        k += step
    assert failed > 2
    sound.check(victim.art)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB; only who may mount one can test with it."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", tmp_path], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("nobody but root can mount a small file system")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def room(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def test_a_disk_that_is_really_full(nursery: Nursery, small_disk: Path, swift: Path) -> None:
    victim = Victim(small_disk / "home", nursery)
    tree: dict[str, Leaf] = {"a": noise(MIB, "a"), "b": b"b"}
    victim.log(tree)
    before = room(small_disk)
    trees.plant(swift / "big", {f"{i}": noise(700_000, f"{i}") for i in range(20)})
    for _ in range(2):
        ended = nursery.run(["log-artifact", NAME, str(swift / "big")], victim.directory)
        assert (ended.code, "error: the disk is full" in ended.err) == (9, True), ended
        assert sound.check(victim.art) == {f"{NAME}:v0": tree}
        assert sound.dust(victim.art) == []
    victim.must("gc")
    assert room(small_disk) > before - MIB // 2
    victim.log({**tree, "c": noise(MIB // 2, "c")})


def test_used_on_a_disk_that_is_really_full(nursery: Nursery, small_disk: Path, swift: Path) -> None:
    victim = Victim(swift, nursery)
    tree: dict[str, Leaf] = {f"{i}": noise(700_000, f"{i}") for i in range(20)}
    ref = victim.log({**tree, **{f"s/{i}": noise(50_000, f"s{i}") for i in range(100)}})
    root = small_disk / "used"
    ended = nursery.run(["use", ref, "--root", str(root)], swift)
    assert ended.code == 9, ended
    for path, leaf in trees.harvest(root).items():
        assert leaf == noise(50_000, f"s{path[2:]}") if path.startswith("s/") else leaf == tree[path]
    small = victim.log({"s/1": noise(50_000, "s1"), "t": b"t"})
    victim.must("use", small, "--root", str(root), "--exact")
    assert trees.harvest(root) == {"s/1": noise(50_000, "s1"), "t": b"t"}


def test_a_full_disk_below_the_repository_and_a_changed_copy_beside_it(
    nursery: Nursery, small_disk: Path, swift: Path
) -> None:
    """What is rescued goes to another file system, which has no room for it: then it stays where it was."""
    victim = Victim(small_disk / "home", nursery)
    old, new = victim.log({"a": b"1", "b": b"2"}), victim.log({"a": b"3", "b": b"4"})
    root = swift / "used"
    command = ["use", new, "--root", str(root)]
    victim.must("use", old, "--root", str(root))
    mine = {"a": noise(4 * MIB, "mine a"), "b": noise(4 * MIB, "mine b")}
    trees.plant(root, mine)
    ended = nursery.run(command, victim.directory)
    assert ended.code == 9, ended
    assert {*trees.harvest(root).values(), *victim.rescued()} == set(mine.values())
    sound.check(victim.art)


@pytest.mark.parametrize("k", range(1, 10))
def test_a_file_whose_fsync_failed_is_not_trusted(k: int, nursery: Nursery, swift: Path) -> None:
    """The kernel may have dropped its bytes, and a second fsync would say that all is well."""
    victim = Victim(swift, nursery)
    victim.log({"a": b"1"})
    there = {path for path in victim.art.rglob("*") if path.is_file() and path.parts[-2] not in ("cache", "seen")}
    tree: dict[str, Leaf] = {"a": noise(5000, "a")}
    trees.plant(victim.data, tree)
    ended = nursery.run(["log-artifact", NAME, "data"], swift, k=k, error=errno.EIO, names=["fsync"])
    if not ended.code:
        assert k > ended.calls
        return
    assert ended.code == 1
    fresh = {path for path in victim.art.rglob("*") if path.is_file() and path.parts[-2] not in ("cache", "seen")}
    assert len(fresh - there) == k // 2, "each object takes two: of the file, then of the folder that has its name"
    dirty = {path.name for path in fresh - there if path.parts[-3] == "packs"}
    victim.must("log-artifact", NAME, "data")
    assert sound.check(victim.art)[f"{NAME}:v1"] == tree
    if k < 8:
        live = {pack.hex() for pack in sound.packs(victim.art)}
        assert live.isdisjoint(dirty)


def test_what_is_said_goes_to_a_full_disk(nursery: Nursery, swift: Path) -> None:
    """The work counts: it is done, and its exit code is its own."""
    victim = Victim(swift, nursery)
    trees.plant(victim.data, {"a": b"1"})
    said_there = {
        ("log-artifact", NAME, "data"): (0, "2"),
        ("use", "nope"): (5, "2"),
        ("use", "nope", "--json"): (5, "2"),
        ("ls",): (9, "1"),
    }
    for words, (code, stream) in said_there.items():
        command = ["sh", "-c", f'exec "$@" {stream}>/dev/full', "sh", sys.executable, "-m", "artcli", *words]
        done = subprocess.run(command, cwd=swift, env=environment(), capture_output=True, check=False)
        assert done.returncode == code, (words, done)
    assert sound.check(victim.art) == {f"{NAME}:v0": {"a": b"1"}}
