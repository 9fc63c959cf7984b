"""A stick is pulled out while a push writes to it: what it has is what its disk had at that moment.

The stick is a file system in a file. The push is stopped, the file is copied, the disk under the file system shrinks to
nothing, and the push goes on. Then the copy is plugged in where the stick was.
"""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import sound
from tests.kit.nursery import Nursery
from tests.kit.victim import Victim, some_tree

SPARE, ROUND = 32 << 20, 1 << 20
"""Bytes of a stick: for itself, and for each round."""
MORE = 8
"""Rounds until one has been in time, if none was."""


class Stick:
    """A file system in the file `image`, to be found at `top` while it is plugged in."""

    def __init__(self, image: Path, top: Path, size: int) -> None:
        self.image, self.top = image, top
        top.mkdir()
        with image.open("wb") as file:
            file.truncate(size)
        _run("mkfs.ext4", "-q", "-F", str(image))

    def plug_in(self) -> None:
        self.device = _run("losetup", "--find", "--show", str(self.image)).strip()
        _run("mount", self.device, str(self.top))

    def copy(self) -> Path:
        """What its disk has now; nobody may be writing."""
        copy = self.image.with_name(f"copy-{time.monotonic_ns()}")
        shutil.copyfile(self.image, copy)
        while self.image.read_bytes() != copy.read_bytes():  # the kernel writes, whoever is stopped
            shutil.copyfile(self.image, copy)
        return copy

    def pull_out(self) -> None:
        os.truncate(self.image, 0)
        _run("losetup", "--set-capacity", self.device)
        self.remove()

    def remove(self) -> None:
        gc.collect()  # what was read there is mapped as long as it is not forgotten
        _run("umount", "--lazy", str(self.top))
        _run("losetup", "--detach", self.device)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def stick(rounds: int, swift: Path) -> Iterator[Stick]:
    try:
        stick = Stick(swift / "image", swift / "stick", SPARE + (rounds + MORE) * ROUND)
        stick.plug_in()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nobody but root can mount a file as a file system")
    yield stick
    stick.remove()


@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.soak)])
def test_pulled_out_while_a_push_writes(rounds: int, stick: Stick, nursery: Nursery, swift: Path) -> None:
    chance = random.Random(rounds)
    car = Victim(swift / "car", nursery)
    place = stick.top / "art"
    tree = some_tree(chance)
    held = {car.log(tree): tree}
    car.must("remote", "add", "stick", str(place))
    seconds = car.seconds("push")
    failed = 0
    for number in range(rounds + MORE):
        if number >= rounds and failed:
            break
        there = sound.check(place)
        tree = some_tree(chance, tree)
        held[car.log(tree)] = tree
        os.sync()
        child = nursery.start(["push"], car.directory)
        time.sleep(chance.uniform(0.3, 1) * seconds)
        os.kill(child.pid, signal.SIGSTOP)
        copy = stick.copy()
        stick.pull_out()
        os.kill(child.pid, signal.SIGCONT)
        ended = child.wait()
        stick.image.unlink()
        stick.image = copy
        stick.plug_in()
        failed += ended.code != 0
        assert ended.code in (0, 5, 8), ended.err  # 5: there was no place any more when it was first looked at
        assert "Traceback" not in ended.err
        assert "mistake in art itself" not in ended.err
        assert car.check() == held
        assert sound.check(place) in ([held] if ended.code == 0 else [there, held])
        car.must("push")
        assert sound.check(place) == held
    assert failed
