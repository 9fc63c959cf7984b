"""Every system call that writes, SQLite's among them, kills the process or fails: by `strace`, where it is there."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artcli.catalog.following import boot_id
from tests.kit import sound, trees
from tests.kit.nursery import Nursery, environment
from tests.kit.victim import NAME, Victim, some_tree

CALLS = (
    "write,writev,pwrite64,pwritev,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,"
    "symlinkat,ftruncate,fallocate,utimensat"
)
STEP = 45
"""Quick runs take every so-manieth call."""


@pytest.fixture(autouse=True)
def only_with_strace(swift: Path) -> None:
    command = ["strace", "-o", swift / "trace", "true"]
    if not shutil.which("strace") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("there is no strace, or it may not trace")


def run(fault: str, k: int, arguments: list[str], directory: Path) -> subprocess.CompletedProcess[bytes]:
    """`art ARGUMENTS`, whose k-th call (of a thread) meets the fault."""
    strace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        f"trace={CALLS}",
        "-e",
        f"inject={CALLS}:{fault}:when={k}",
    ]
    command = [*strace, sys.executable, "-m", "artcli", *arguments]
    return subprocess.run(command, cwd=directory, env=environment(), capture_output=True, check=False)


@pytest.mark.parametrize("step", [STEP, pytest.param(1, marks=pytest.mark.soak)])
def test_killed(step: int, nursery: Nursery, swift: Path) -> None:
    chance = random.Random(step)
    victim = Victim(swift / "home", nursery)
    tree = some_tree(chance)
    before = {victim.log(tree): tree}
    k = 1
    while True:
        tree = some_tree(chance, tree)
        trees.plant(victim.data, tree)
        after = {**before, f"{NAME}:v{len(before)}": tree}
        ended = run("signal=KILL", k, ["log-artifact", NAME, "data"], victim.directory)
        assert sound.check(victim.art) in (before, after)
        victim.must("log-artifact", NAME, "data")
        assert sound.check(victim.art) == after
        before = after
        if ended.returncode == 0:
            break
        assert ended.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        k += step
    assert k > 50


@pytest.mark.parametrize("step", [STEP, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_fails(error: str, step: int, nursery: Nursery, swift: Path) -> None:
    """Where it is a cache that cannot be written, the command succeeds without it."""
    chance = random.Random(error)
    victim = Victim(swift / "home", nursery)
    tree = some_tree(chance)
    before = {victim.log(tree): tree}
    tree = some_tree(chance, tree)
    trees.plant(victim.data, tree)
    k = 1
    while k < 200:
        after = {**before, f"{NAME}:v{len(before)}": tree}
        ended = run(f"error={error}", k, ["log-artifact", NAME, "data"], victim.directory)
        held = sound.check(victim.art)
        assert held in (before, after)
        assert ended.returncode == 0 or ended.returncode == (9 if error == "ENOSPC" else 1), (k, ended)
        assert ended.returncode or held == after
        if held == after:
            before = after
            tree = some_tree(chance, tree)
            trees.plant(victim.data, tree)
        k += step
    victim.must("log-artifact", NAME, "data")


@pytest.mark.skipif(not boot_id(), reason="nothing tells that the machine has stopped meanwhile")
def test_what_can_be_made_again_is_never_synced(nursery: Nursery, swift: Path) -> None:
    """SQLite syncs by fdatasync, what is not to be lost by fsync. A sync takes ten milliseconds on a card, or more."""
    victim = Victim(swift / "home", nursery)
    victim.log(some_tree(random.Random(1)))
    trace = swift / "synced"
    strace = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=fsync,fdatasync"]
    for arguments in (["clone", "home", "copy"], ["-C", "copy", "use", NAME], ["-C", "copy", "run", "--", "true"]):
        command = [*strace, sys.executable, "-m", "artcli", *arguments]
        subprocess.run(command, cwd=swift, env=environment(), capture_output=True, check=True)
        calls = trace.read_text()
        assert "fdatasync(" not in calls
        assert "fsync(" in calls or arguments[0] != "clone"
