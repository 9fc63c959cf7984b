"""The power fails: what was not fsynced is gone. Whatever a command has acknowledged is there all the same.

The repository lies on a file system in a file. At some moment the file is copied, which is what a disk would have kept,
and the copy is mounted: its journal is replayed as after a power cut.
"""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from artcli.catalog import manifest
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from tests.kit import sound, trees
from tests.kit.nursery import Nursery, environment
from tests.kit.trees import Leaf
from tests.kit.victim import NAME, Victim, some_tree

SIZE = 64 << 20
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
) + bytes(1000)  # what follows the end of a PNG belongs to nobody
"""One red pixel, as PNG, and too long to stand in a manifest."""


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, at], check=True, capture_output=True)
    try:
        yield at
    finally:
        gc.collect()  # what was read there is mapped as long as it is not forgotten
        subprocess.run(["umount", "-l", at], check=True)


def make_disk(image: Path) -> None:
    """An empty ext4 in a file."""
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def only_who_may_mount(swift: Path) -> None:
    try:
        make_disk(swift / "trial")
        with mounted(swift / "trial", swift / "tried"):
            pass
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nobody but root can mount a file as a file system")


def after_power_cut(image: Path) -> Path:
    """What a disk would have kept, at one moment: a copy in which nothing has changed while it was made."""
    copy = image.with_name(f"copy-{time.monotonic_ns()}")  # a new one: the kernel remembers what it has mounted
    shutil.copyfile(image, copy)
    while image.read_bytes() != copy.read_bytes():
        shutil.copyfile(image, copy)
    return copy


@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.soak)])
def test_what_was_acknowledged_is_there(rounds: int, nursery: Nursery, swift: Path) -> None:
    chance = random.Random(rounds)
    for number in range(0, rounds, 20):
        image = swift / f"disk-{number}"
        make_disk(image)
        with mounted(image, swift / "mounted") as disk:
            live(Victim(disk / "home", nursery), image, min(20, rounds - number), chance)
        image.unlink()


def live(victim: Victim, image: Path, rounds: int, chance: random.Random) -> None:
    tree = some_tree(chance)
    started = time.monotonic()
    acknowledged = {victim.log(tree): tree}
    seconds = time.monotonic() - started
    for number in range(rounds):
        tree = some_tree(chance, tree)
        trees.plant(victim.data, tree)
        os.sync()  # what the user wrote is his own business
        child = victim.nursery.start(["log-artifact", NAME, "data"], victim.directory)
        ends_first = number % 2 == 1
        if ends_first:
            acknowledged[child.wait().out.strip()] = tree
            copy = after_power_cut(image)
        else:
            time.sleep(chance.uniform(0, seconds))
            os.kill(child.pid, signal.SIGSTOP)
            copy = after_power_cut(image)
            os.kill(child.pid, signal.SIGCONT)
            acknowledged[child.wait().out.strip()] = tree
        with mounted(copy, image.with_name("after")) as after:
            check(after / "home", acknowledged, ends_first, victim.nursery)
        copy.unlink()


def check(home: Path, versions: dict[str, dict[str, Leaf]], all_acknowledged: bool, nursery: Nursery) -> None:
    """All `versions` are there; the last of them may have been under way."""
    *before, last = versions
    shutil.rmtree(home / ".art/cache")  # it is not believed after a restart, which has not happened here
    held = sound.check(home / ".art")
    assert list(held) == [*versions] or (list(held) == before and not all_acknowledged)
    assert all(held[ref] == versions[ref] for ref in held)
    shutil.rmtree(home / "data")
    trees.plant(home / "data", versions[last])
    ended = nursery.run(["log-artifact", NAME, "data"], home)
    assert ended.code == 0, ended
    assert sound.check(home / ".art") == versions


LIVE_RUN = """
set -e
art log-artifact model out
art log-metrics --image picture=shot.png loss=1
echo said > {said}
exec sleep 100
"""


def test_a_run_that_lives(nursery: Nursery, swift: Path) -> None:
    """What it logged and what was recorded of it are there after the power cut, and the run is known to be over."""
    image, said = swift / "disk", swift / "said"
    make_disk(image)
    with mounted(image, swift / "mounted") as disk:
        victim = Victim(disk / "home", nursery)
        tree = some_tree(random.Random(1))
        trees.plant(victim.directory / "out", tree)
        (victim.directory / "shot.png").write_bytes(PICTURE)
        os.sync()
        (swift / "bin").mkdir()
        art = swift / "bin" / "art"
        art.write_text(f'#!/bin/sh\nexec {sys.executable} -m artcli "$@"\n')
        art.chmod(0o755)
        environ = environment() | {"PATH": f"{art.parent}:{os.environ['PATH']}"}
        words = ["art", "run", "--name", "live", "-c", "lr=0.5", "--", "sh", "-c", LIVE_RUN.format(said=said)]
        command = subprocess.Popen(words, cwd=victim.directory, env=environ, start_new_session=True)
        limit = time.monotonic() + 60
        while not said.exists() and command.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        assert said.exists()
        os.killpg(command.pid, signal.SIGSTOP)
        copy = after_power_cut(image)
        os.killpg(command.pid, signal.SIGKILL)
        command.wait()
    with mounted(copy, swift / "after") as after:
        home = after / "home"
        shutil.rmtree(home / ".art/cache")
        assert sound.check(home / ".art") == {"model:v0": tree}
        shown = json.loads(nursery.run(["run", "show", "live", "--json"], home).out)
        assert (shown["state"], shown["config"], shown["logged"]) == ("crashed", {"lr": 0.5}, ["model:v0"])
        assert (shown["rows"], shown["summary"]["loss"]) == (1, 1)
        with closing(Repository(home / ".art")) as repository:
            (page,) = (place for place in journal.file_places(repository, shown["id"]) if isinstance(place, bytes))
            entries = manifest.entries(repository.store, manifest.load_root(repository.store, page))
            held = [repository.store.get(entry.digest) for entry in entries if entry.path.startswith(b"media/")]
        assert held == [PICTURE]
