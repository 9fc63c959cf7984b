"""Work in threads, seen from one thread.

`ahead` is `map` with the next few calls already running; `aside` lets an iterator run in a thread of its own;
`Background` carries out jobs in order behind its owner's back. Plain threads and plain locks: importing
`concurrent.futures` alone costs 5 ms. All bound what they hold, all hand a failure, with its traceback, to whoever asks
for the result, and none leaves a thread behind. The threads are daemons all the same, so that a generator kept alive by
a traceback cannot hang the program's exit.

A signal may be raised at any point of what the main thread does in Python. `Event`, `Semaphore` and `Condition` are
written in Python: interrupted at the wrong point they keep their lock for ever, and with it the threads that are waited
for. So these are spoken to by `SimpleQueue` and plain locks alone; and one that was begun, but not yet noted, takes no
other's place.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MOST_WORKERS = 8


def worker_count() -> int:
    """How many threads are worth starting: the processors this process may use, at least 1, at most 8."""
    if hasattr(os, "process_cpu_count"):
        count = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    return max(1, min(count or 1, MOST_WORKERS))


class _Call(Generic[T, R]):
    """One call of the function: its argument, later its outcome. `running` is held until there is one."""

    __slots__ = ("error", "item", "result", "running")

    def __init__(self, item: T) -> None:
        self.item: T = item
        self.result: R
        self.error: BaseException | None = None
        self.running = threading.Lock()
        self.running.acquire()

    def run(self, function: Callable[[T], R]) -> None:
        try:
            self.result = function(self.item)
        except BaseException as error:
            self.error = error
        del self.item
        self.running.release()

    def outcome(self) -> R:
        """Waits; the result, or the exception of the function raised."""
        self.running.acquire()
        error, self.error = self.error, None
        if error is None:
            return self.result
        try:
            raise error
        finally:
            del error  # else the traceback and this frame hold each other, and with them the buffers


def ahead(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, depth: int | None = None
) -> Generator[R, None, None]:
    """`map(function, items)`, in order, running ahead in up to `workers` threads.

    At most `depth` items (default `2 * workers`) are taken whose results were not consumed; a result counts
    as consumed when the next one is asked for. `items` is iterated in the caller's thread. An exception
    of `function` or of `items` is raised at its place in the order and ends the iteration. When the
    iteration ends, fails or is closed, calls not yet begun are dropped, those running are waited for, and
    the threads are gone.
    """
    if workers < 1 or (depth is not None and depth < 1):
        raise ValueError(f"not a number of workers and a depth: {workers}, {depth}")
    return _ahead(function, iter(items), workers, depth or 2 * workers)


def _ahead(function: Callable[[T], R], items: Iterator[T], workers: int, depth: int) -> Generator[R, None, None]:
    waiting: deque[_Call[T, R]] = deque()
    queue: SimpleQueue[_Call[T, R] | None] = SimpleQueue()
    dropped = False
    threads: list[threading.Thread] = []
    failure: BaseException | None = None
    exhausted = False

    def work() -> None:
        while (call := queue.get()) is not None:
            if not dropped:
                call.run(function)
            del call  # its result must not live on while this thread waits for the next
        queue.put(None)  # for the others

    try:
        while True:
            while not exhausted and len(waiting) < depth:
                try:
                    call: _Call[T, R] = _Call(next(items))
                except StopIteration:
                    exhausted = True
                except Exception as error:
                    exhausted, failure = True, error
                else:
                    waiting.append(call)
                    queue.put(call)
                    del call
                    if len(threads) < workers:
                        threads.append(_start(work, "ahead"))
            if not waiting:
                break
            yield waiting.popleft().outcome()
        if failure is not None:
            raise failure
    finally:
        dropped = True
        _end(threads, queue)
        del failure


def _start(target: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _end(threads: list[threading.Thread], queue: SimpleQueue[_Call[T, R] | None]) -> None:
    queue.put(None)
    for thread in threads:
        if thread is not threading.current_thread():  # the garbage collector may close a generator from anywhere
            thread.join()


class _Raised:
    """An exception on its way from one thread to another."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def aside(items: Iterator[T], *, depth: int) -> Iterator[T]:
    """`items`, which run up to `depth` ahead in a thread of their own.

    What they raise is raised at its place in the order. When the iteration ends, fails or is closed, the item being
    made is waited for, and the thread is gone.
    """
    if depth < 1:
        raise ValueError(f"not a depth: {depth}")
    return _aside(items, depth)


def _aside(items: Iterator[T], depth: int) -> Iterator[T]:
    queue: SimpleQueue[T | _Raised | None] = SimpleQueue()
    room: SimpleQueue[None] = SimpleQueue()
    for _ in range(depth):
        room.put(None)
    dropped = False

    def run() -> None:
        try:
            room.get()
            for item in items:
                queue.put(item)
                del item  # as in `ahead`
                room.get()
                if dropped:
                    break
            queue.put(None)
        except BaseException as error:
            queue.put(_Raised(error))

    thread = _start(run, "aside")
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, _Raised):
                raise item.error
            yield item
            del item
            room.put(None)
    finally:
        dropped = True
        room.put(None)
        if thread is not threading.current_thread():  # as in `_end`
            thread.join()


class Background:
    """A thread that runs jobs in the order in which they were submitted; several threads begin them in that order.

    After a job has failed, those behind it are dropped: they were meant to come after it. Whoever makes a
    `Background` ends it with `finish` or `abandon`; both may be called again, and `submit` begins anew.
    """

    def __init__(self, depth: int = 2, workers: int = 1) -> None:
        """`depth`: jobs that may wait, besides those that run; `workers`: threads, begun as jobs come."""
        if depth < 1 or workers < 1:
            raise ValueError(f"not a depth and a number of workers: {depth}, {workers}")
        self._depth = depth
        self._workers = workers
        self._error: BaseException | None = None
        self._begin()

    def _begin(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        """As many as jobs may be submitted now."""
        for _ in range(self._depth):
            self._room.put(None)
        self._threads: list[threading.Thread] = []

    def submit(self, job: Callable[[], None]) -> None:
        """Queue `job`; waits while `depth` jobs are waiting. Raises an earlier job's error, if one failed."""
        self._room.get()
        if self._error is not None:
            self._room.put(None)
            raise self._error
        self._jobs.put(job)
        if len(self._threads) < self._workers:
            self._threads.append(_start(self._work, "background"))

    def finish(self) -> None:
        """Wait until every job is done and the threads are gone; raises the first error."""
        self._join()
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """Drop the jobs that wait, wait for those that run; errors are of no interest any more."""
        with suppress(Empty):
            while True:
                self._jobs.get_nowait()
        self._join()

    def _join(self) -> None:
        self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._begin()

    def _work(self) -> None:
        jobs, room = self._jobs, self._room
        while (job := jobs.get()) is not None:
            room.put(None)
            try:
                if self._error is None:
                    job()
            except BaseException as error:
                self._error = self._error or error
            del job
        jobs.put(None)  # for the others
