"""Work in processes, seen from one: for work that is mostly short calls that let go of Python's lock.

Threads take turns at Python's lock, and each call to the system hands it on: two threads made 100,000 files no sooner
than one, for one and a half times the processor time; two processes need half as long. They are forked, so all that the
work needs is there at once, and only results are sent. `shared_out` and `dealt` give each its part at once, `Worker` is
asked for one thing after the other.

A fork has a copy of the thread that made it and of no other, but of the locks that the others hold. So it is only made
on Linux, in a process that is the program's own (`allow`), while no other thread runs.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from itertools import chain, cycle
from typing import Any, BinaryIO, NamedTuple, TypeVar

from artcli.errors import ArtError

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE = 0.01
"""Seconds in which threads that were told to end have gone."""
_allowed = False
_workers: weakref.WeakSet[Worker] = weakref.WeakSet()
"""Whose pipes a process that is forked meanwhile has copies of."""


class NoProcess(Exception):
    """The system lets no more processes begin: the work is to be done here."""


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

    `work` closes what this process keeps open for itself. Raises `NoProcess`.
    """
    try:
        pid = os.fork()
    except OSError as error:  # a limit on processes, or on memory
        raise NoProcess from error
    if pid:
        return pid
    try:
        gc.freeze()  # what the forking process has would only be copied by being looked at
        for worker in list(_workers):
            worker.close_pipes()  # else its end would come only with that of this process
        work()
    except OSError:
        os._exit(0)  # nobody listens; at once, before what was not sent is let go of and complains
    finally:
        os._exit(0)


class _Share(NamedTuple):
    """A process, and what it tells."""

    pid: int
    results: BinaryIO


def shared_out(function: Callable[[T], R], items: Sequence[T], *, workers: int) -> Generator[R, None, None]:
    """`map(function, items)`, in order, in `workers` processes, of which each takes every n-th; else as `dealt`."""
    workers = min(workers, len(items))
    return dealt(lambda number: map(function, items[number::workers]), workers=workers)


def dealt(
    deal: Callable[[int], Iterable[R]], *, workers: int, ending: Callable[[], object] = lambda: None
) -> Generator[R, None, None]:
    """What `deal(n)` yields in each of `workers` processes, one from each in turn, until the first is at its end.

    They are at work from now on. Results and exceptions are sent, so they are small. An exception is raised at its
    place in the order and ends the iteration. When that ends, fails or is closed, each process ends with what it is
    about to send, and is waited for, after `ending()`, which makes those go on that wait for something else. Raises
    `NoProcess` at once, and `ArtError` (`worker-killed`) if one was killed.
    """
    import pickle  # noqa: F401 once, for all of them

    results: Generator[Any, None, None] = _dealt(deal, workers, ending)
    next(results)
    return results


def _dealt(
    deal: Callable[[int], Iterable[R]], workers: int, ending: Callable[[], object]
) -> Generator[R | None, None, None]:
    shares: list[_Share] = []
    try:
        for number in range(workers):
            shares.append(_share(deal, number, shares))
        yield None  # they have begun
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


class Worker:
    """A process that answers what it is asked, one question after the other; whoever begins one closes it."""

    def __init__(self, answers: Callable[[Any], Iterable[object]], kept: Sequence[int] = ()) -> None:
        """`answers`: what it says to a question; an exception is sent, too. `kept`: files that it shall not have.

        Raises `NoProcess`.
        """
        asked, self._ask = _pipe()
        self._answers, answer = _pipe()

        def work() -> None:
            self.close_pipes()
            for file in kept:
                os.close(file)
            while True:
                _send(answer, answers(told(asked)))

        self._pid = begin(work)
        asked.close()
        answer.close()
        _workers.add(self)

    def ask(self, question: object) -> None:
        """Send a question. Raises `ArtError` (`worker-killed`)."""
        try:
            tell(self._ask, question)
        except BrokenPipeError:
            raise _killed() from None

    def answer(self) -> Any:
        """The next answer; an exception is raised. Raises `ArtError` (`worker-killed`)."""
        return told(self._answers)

    def close(self) -> None:
        """End the process, with the answer that it is about to send."""
        self.close_pipes()
        os.waitpid(self._pid, 0)

    def close_pipes(self) -> None:
        """Let go of this process's ends of the pipes."""
        _workers.discard(self)
        for end in (self._ask, self._answers):
            with suppress(BrokenPipeError):  # a question that could not be sent
                end.close()


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """What is written to the second comes out of the first."""
    inward, outward = os.pipe()
    return os.fdopen(inward, "rb"), os.fdopen(outward, "wb")


def _send(results: BinaryIO, items: Iterable[object]) -> None:
    """Send each of `items`, or what they raise."""
    try:
        for item in items:
            tell(results, item)
    except BrokenPipeError:
        raise
    except BaseException as error:
        tell(results, error=error)


def _share(deal: Callable[[int], Iterable[R]], number: int, others: Sequence[_Share]) -> _Share:
    inward, outward = _pipe()

    def work() -> None:
        inward.close()
        for other in others:
            other.results.close()  # else they could not be closed by whoever reads them
        _send(outward, chain(((result,) for result in deal(number)), [None]))

    pid = begin(work)
    outward.close()
    return _Share(pid, inward)


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
        raise _killed() from None
    if error is not None:
        raise error
    return result


def _killed() -> ArtError:
    return ArtError("worker-killed", "a process that did a part of the work was killed", hint="art help worker-killed")
