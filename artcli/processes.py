"""Work in processes, seen from one: for work that is mostly short calls to the system, as making small files is.

Threads take turns at Python's lock, and each call to the system hands it on: two threads made 100,000 files no sooner
than one, for one and a half times the processor time; two processes need half as long. They are forked, so all that the
work needs is there at once, and only results are sent. Each takes every n-th item.

A fork has a copy of the thread that made it and of no other, but of the locks that the others hold. So it is only made
on Linux, in a process that is the program's own (`allow`), while no other thread runs.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, NoReturn, TypeVar

from artcli.errors import ArtError

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE = 0.01
"""Seconds in which threads that were told to end have gone."""
_allowed = False


def allow() -> None:
    """Say that this process is the program's own, so that it may be forked."""
    global _allowed
    _allowed = True


def are_possible() -> bool:
    """Whether this process may be forked now."""
    if not _allowed or sys.platform != "linux":
        return False
    end = time.monotonic() + _PATIENCE
    while threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:
        if time.monotonic() > end:
            return False
        time.sleep(0.0005)
    return True


class _Share(NamedTuple):
    """A process, and what it tells."""

    pid: int
    results: BinaryIO


def shared_out(function: Callable[[T], R], items: Sequence[T], *, workers: int) -> Iterator[R]:
    """`map(function, items)`, in order, in `workers` processes; results and exceptions are sent, so they are small.

    An exception of `function` is raised at its place in the order and ends the iteration. When that ends, fails or is
    closed, each process ends with the item at which it is, and is waited for. Raises `ArtError` (`worker-killed`) if
    one was killed.
    """
    import pickle  # noqa: F401 once, for all of them

    shares: list[_Share] = []
    try:
        for first in range(min(workers, len(items))):
            shares.append(_begin(function, items[first::workers], shares))
        for number in range(len(items)):
            yield _next(shares[number % len(shares)])
    finally:
        for share in shares:
            share.results.close()  # what tries to send more ends
        for share in shares:
            os.waitpid(share.pid, 0)


def _begin(function: Callable[[T], R], items: Sequence[T], others: Sequence[_Share]) -> _Share:
    inward, outward = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(inward)
        for other in others:
            other.results.close()  # else they could not be closed by whoever reads them
        _work(function, items, os.fdopen(outward, "wb"))
    os.close(outward)
    return _Share(pid, os.fdopen(inward, "rb"))


def _work(function: Callable[[T], R], items: Sequence[T], results: BinaryIO) -> NoReturn:
    """The life of a process."""
    import pickle

    try:
        gc.freeze()  # what the forking process has would only be copied by being looked at
        for item in items:
            try:
                told = pickle.dumps((function(item), None))
            except BaseException as error:
                results.write(_failure(error))
                results.flush()
                break
            results.write(told)
            results.flush()
    except OSError:
        pass  # nobody listens any more
    finally:
        os._exit(0)


def _failure(error: BaseException) -> bytes:
    import pickle
    import traceback

    try:
        return pickle.dumps((None, error))
    except Exception:
        return pickle.dumps((None, RuntimeError("".join(traceback.format_exception(error)))))


def _next(share: _Share) -> Any:
    import pickle

    try:
        result, error = pickle.load(share.results)
    except (EOFError, pickle.UnpicklingError):
        raise ArtError(
            "worker-killed", "a process that did a part of the work was killed", hint="art help worker-killed"
        ) from None
    if error is not None:
        raise error
    return result
