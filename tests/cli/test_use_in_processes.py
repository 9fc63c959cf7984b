"""`art use` of many files, which shares the work out among processes: it is what one process would have done."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.kit import trees
from tests.kit.command_line import Art
from tests.kit.owned import only, owned
from tests.kit.trees import Empty, Link, Program
from tests.store.material import noise

COUNT = 1100


def tree() -> trees.Tree:
    chance = random.Random(5)
    found: dict[str, trees.Leaf] = {"link": Link("00/0000"), "large": noise(400_000), "empty": Empty()}
    for number in range(COUNT):
        data = noise(chance.choice([0, 3, 700, 3000]), str(number % 1000))
        found[f"{number % 7:02}/{number:04}"] = data if number % 11 else Program(data)
    return found


@pytest.fixture
def logged(art: Art, tmp_path: Path) -> trees.Tree:
    planted = tree()
    trees.plant(tmp_path / "data", planted)
    art("init")
    assert art("log-artifact", "data", tmp_path / "data").code == 0
    return planted


def test_it_is_the_same_tree(art: Art, logged: trees.Tree) -> None:
    done = owned(art, "use", "data:v0", "--root", "out")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "2 processes")
    assert trees.harvest(art.directory / "out") == logged
    assert len({path.stat().st_mtime_ns for path in (art.directory / "out").rglob("*") if path.is_file()}) == 1
    assert owned(art, "use", "data:v0", "--root", "out").stderr.splitlines()[-1] == "0 processes"
    assert art("status", "--json").json["items"][0]["state"] == "clean"


SMALLER = (
    "from artcli.flows import deliver\ndeliver.FIRST, deliver.WINDOW, deliver.MANY, deliver.APART = 100, 200, 90, 16\n"
)


def test_window_after_window_it_is_the_same_tree(art: Art, logged: trees.Tree) -> None:
    done = owned(art, "use", "data:v0", "--root", "out", more=SMALLER)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "12 processes")
    assert trees.harvest(art.directory / "out") == logged


@pytest.mark.parametrize("where", ["deliver.Sharing.take", "deliver.Delivery._write_large"])
def test_what_fails_meanwhile_leaves_no_process_behind(art: Art, logged: trees.Tree, where: str) -> None:
    fail = (
        SMALLER
        + f"""
import atexit
from artcli.errors import SpaceError
take, asked = {where}, []
def failing(self, what):
    asked.append(what)
    if len(asked) == 3 or "large" in {where!r}:
        raise SpaceError("disk-full", "no room left")
    return take(self, what)
{where} = failing
def look():
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("nobody is left")
atexit.register(look)
"""
    )
    done = owned(art, "use", "data:v0", "--root", "out", "--json", more=fail)
    assert (done.returncode, "nobody is left" in done.stdout, '"disk-full"' in done.stderr) == (9, True, True), done
    assert owned(art, "use", "data:v0", "--root", "out").returncode == 0
    assert trees.harvest(art.directory / "out") == logged


@pytest.mark.parametrize("allowed", [0, 1])
def test_where_no_process_may_begin_it_is_done_here(art: Art, logged: trees.Tree, allowed: int) -> None:
    done = owned(art, "use", "data:v0", "--root", "out", more=only(allowed))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, f"{allowed} processes")
    assert trees.harvest(art.directory / "out") == logged


def test_what_comes_into_the_way_is_rescued(art: Art, logged: trees.Tree) -> None:
    plant = """
def planting():
    os.makedirs("out/01", exist_ok=True)
    open("out/01/0001", "w").write("mine")
    if not os.path.exists("out/02"):
        open("out/02", "w").write("mine too")
    os.fork = counted
    return counted()
os.fork = planting
"""
    done = owned(art, "use", "data:v0", "--root", "out", more=plant)
    assert done.returncode == 0, done.stderr
    assert trees.harvest(art.directory / "out") == logged
    rescued = [path for path in (art.directory / ".art/local/rescued").rglob("*") if path.is_file()]
    assert sorted(path.read_text() for path in rescued) == ["mine", "mine too"]


def test_what_is_damaged_is_named(art: Art, logged: trees.Tree) -> None:
    pack = max((art.directory / ".art/packs").rglob("*"), key=lambda path: path.is_file() and path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 3] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)
    done = owned(art, "use", "data:v0", "--root", "out", "--json")
    assert done.returncode == 7
    assert '"damaged-chunk"' in done.stderr


@pytest.mark.parametrize("whom", ["parent", "child"])
def test_killed_the_same_command_completes_it(art: Art, logged: trees.Tree, whom: str) -> None:
    kill = f"""
from artcli.files.writer import Writer
create, made = Writer.create, []
def dying(*what, **how):
    made.append(what)
    if len(made) == 300:
        os.kill({{"parent": os.getppid(), "child": os.getpid()}}[{whom!r}], {int(signal.SIGKILL)})
    return create(*what, **how)
Writer.create = dying
"""
    done = owned(art, "use", "data:v0", "--root", "out", "--json", more=kill)
    assert done.returncode == (-signal.SIGKILL if whom == "parent" else 1)
    assert whom == "parent" or '"worker-killed"' in done.stderr
    settle(art.directory / "out")
    assert owned(art, "use", "data:v0", "--root", "out").returncode == 0
    assert trees.harvest(art.directory / "out") == logged


def settle(root: Path) -> None:
    """Wait until nobody makes files there any more: whose parent died ends with what it does."""
    before = -1
    while (now := sum(len(files) for _, _, files in os.walk(root))) != before:
        before = now
        time.sleep(0.05)
