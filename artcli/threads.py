"""Work in threads, seen from one thread.

`ahead` is `map` with the next few calls already running; `aside` lets an iterator run in a thread of its own;
`Background` carries out jobs in order behind its owner's back. Plain threads and plain locks: importing
`concurrent.futures` alone costs 5 ms. All bound what they hold, all hand a failure, with its traceback, to whoever asks
for the result, and none leaves a thread behind. The threads are daemons all the same, so that a generator kept alive by
a traceback cannot hang the program's exit.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from queue import SimpleQueue
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
    dropped = threading.Event()
    threads: list[threading.Thread] = []
    failure: BaseException | None = None
    exhausted = False

    def work() -> None:
        while (call := queue.get()) is not None:
            if not dropped.is_set():
                call.run(function)
            del call  # its result must not live on while this thread waits for the next

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
        dropped.set()
        _end(threads, queue)
        del failure


def _start(target: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _end(threads: list[threading.Thread], queue: SimpleQueue[_Call[T, R] | None]) -> None:
    for _ in threads:
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
    room = threading.Semaphore(depth)
    dropped = threading.Event()

    def run() -> None:
        try:
            room.acquire()
            for item in items:
                queue.put(item)
                del item  # as in `ahead`
                room.acquire()
                if dropped.is_set():
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
            room.release()
    finally:
        dropped.set()
        room.release()
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
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._ending = False
        self._error: BaseException | None = None

    def submit(self, job: Callable[[], None]) -> None:
        """Queue `job`; waits while `depth` jobs are waiting. Raises an earlier job's error, if one failed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._jobs) < self._depth or self._error is not None)
            self._raise()
            self._jobs.append(job)
            self._changed.notify_all()
            if len(self._threads) < self._workers:
                self._threads.append(_start(self._work, "background"))

    def finish(self) -> None:
        """Wait until every job is done and the threads are gone; raises the first error."""
        self._join()
        self._raise()

    def abandon(self) -> None:
        """Drop the jobs that wait, wait for those that run; errors are of no interest any more."""
        with self._changed:
            self._jobs.clear()
        self._join()

    def _join(self) -> None:
        with self._changed:
            threads, self._ending = self._threads, True
            self._changed.notify_all()
        for thread in threads:
            thread.join()
        with self._changed:
            self._threads, self._ending = [], False

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except BaseException as error:
                with self._changed:
                    self._error = self._error or error
                    self._jobs.clear()
                    self._changed.notify_all()
            del job

    def _next(self) -> Callable[[], None] | None:
        """The next job, once there is one; None when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._ending)
            if not self._jobs:
                return None
            job = self._jobs.popleft()
            self._changed.notify_all()
            return job
