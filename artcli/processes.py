"""Work in processes, seen from one: for work that is mostly short calls that let go of Python's lock.

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle
from typing import Any, BinaryIO, NamedTuple, TypeVar

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


def begin(work: Callable[[], object]) -> int:
    """A process that does `work` and ends, quietly where it cannot tell of it any more; its number, to be waited for.

    `work` closes what this process keeps open for itself.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        gc.freeze()  # what the forking process has would only be copied by being looked at
        work()
    except OSError:
        os._exit(0)  # nobody listens; at once, before what was not sent is let go of and complains
    finally:
        os._exit(0)


class _Share(NamedTuple):
    """A process, and what it tells."""

    pid: int
    results: BinaryIO


def shared_out(function: Callable[[T], R], items: Sequence[T], *, workers: int) -> Iterator[R]:
    """`map(function, items)`, in order, in `workers` processes, of which each takes every n-th; else as `dealt`."""
    workers = min(workers, len(items))
    return dealt(lambda number: map(function, items[number::workers]), workers=workers)


def dealt(
    deal: Callable[[int], Iterable[R]], *, workers: int, ending: Callable[[], object] = lambda: None
) -> Iterator[R]:
    """What `deal(n)` yields in each of `workers` processes, one from each in turn, until the first is at its end.

    Results and exceptions are sent, so they are small. An exception is raised at its place in the order and ends the
    iteration. When that ends, fails or is closed, each process ends with what it is about to send, and is waited for,
    after `ending()`, which makes those go on that wait for something else. Raises `ArtError` (`worker-killed`) if one
    was killed.
    """
    import pickle  # noqa: F401 once, for all of them

    shares: list[_Share] = []
    try:
        for number in range(workers):
            shares.append(_share(deal, number, shares))
        for share in cycle(shares):
            one = told(share.results)
            if one is None:
                return
            yield one[0]
    finally:
        ending()
        for share in shares:
            share.results.close()  # what tries to send more ends
        for share in shares:
            os.waitpid(share.pid, 0)


def _share(deal: Callable[[int], Iterable[R]], number: int, others: Sequence[_Share]) -> _Share:
    inward, outward = os.pipe()

    def work() -> None:
        os.close(inward)
        for other in others:
            other.results.close()  # else they could not be closed by whoever reads them
        results = os.fdopen(outward, "wb")
        try:
            for result in deal(number):
                tell(results, (result,))
            tell(results, None)
        except BrokenPipeError:
            raise
        except BaseException as error:
            tell(results, error=error)

    pid = begin(work)
    os.close(outward)
    return _Share(pid, os.fdopen(inward, "rb"))


def tell(results: BinaryIO, result: object = None, *, error: BaseException | None = None) -> None:
    """Send a result, or an error, to whoever asks by `told`."""
    import pickle

    try:
        message = pickle.dumps((result, error))
    except Exception as problem:
        import traceback

        shown = "".join(traceback.format_exception(error or problem))
        message = pickle.dumps((None, RuntimeError(shown)))
    results.write(message)
    results.flush()


def told(results: BinaryIO) -> Any:
    """The next result that was sent; an error is raised. `ArtError` (`worker-killed`) if nobody will send one."""
    import pickle

    try:
        result, error = pickle.load(results)
    except (EOFError, pickle.UnpicklingError):
        raise ArtError(
            "worker-killed", "a process that did a part of the work was killed", hint="art help worker-killed"
        ) from None
    if error is not None:
        raise error
    return result
