from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import pytest

from artcli import lock
from artcli.catalog.runs.steady import flocked
from artcli.errors import LockedError


def refused(path: Path, *, alone: bool) -> bool:
    try:
        with lock.held(path, alone=alone, wait=0):
            return False
    except LockedError as error:
        return error.slug == "locked" and bool(error.hint)


def test_writers_share_and_gc_is_alone(tmp_path: Path) -> None:
    path = tmp_path / "local" / "gc.lock"
    with lock.held(path, alone=False, wait=0), lock.held(path, alone=False, wait=0):
        assert refused(path, alone=True)
    with lock.held(path, alone=True, wait=0):
        assert refused(path, alone=True)
        assert refused(path, alone=False)
    assert not refused(path, alone=True)


def test_an_error_in_the_block_frees_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock.held(tmp_path / "l", alone=True, wait=0):
        raise ZeroDivisionError
    assert not refused(tmp_path / "l", alone=True)


def test_it_is_waited_for(tmp_path: Path) -> None:
    path, freed = tmp_path / "l", threading.Event()

    def hold() -> None:
        with lock.held(path, alone=True, wait=5):  # the looks below take it for a moment, too
            freed.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    while not refused(path, alone=False):
        time.sleep(0.001)
    threading.Timer(0.1, freed.set).start()
    with lock.held(path, alone=False, wait=5):
        assert freed.is_set()
    holder.join()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "l"
    holder = subprocess.Popen([sys.executable, "-m", "tests.catalog.holder", str(path)], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    assert refused(path, alone=False)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert not refused(path, alone=True)


TAKEN: list[Callable[[Path], AbstractContextManager[None]]] = [
    partial(lock.held, alone=True, wait=0), partial(lock.held_to_read, wait=0), flocked,
]  # fmt: skip


@pytest.mark.parametrize("taken", TAKEN)
def test_a_child_forked_meanwhile_neither_keeps_it_nor_ends_it(
    tmp_path: Path, taken: Callable[[Path], AbstractContextManager[None]]
) -> None:
    path, block = tmp_path / "l", ExitStack()
    block.enter_context(taken(path))
    stays, leaves = forked(signal.pause), forked(block.close)
    try:
        os.waitpid(leaves, 0)
        assert refused(path, alone=True)
        block.close()
        assert not refused(path, alone=True)
    finally:
        os.kill(stays, signal.SIGKILL)
        os.waitpid(stays, 0)


def forked(work: Callable[[], object]) -> int:
    """The pid of a child that does the work, and no more."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return child
