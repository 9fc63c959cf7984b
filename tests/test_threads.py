from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator

import pytest

from artcli.threads import Background, ahead, aside, worker_count


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if isinstance(thread, threading.Timer):
            thread.join()
    assert set(threading.enumerate()) <= before


class Counted:
    """Numbers from 0, remembering how many were taken."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.end):
            self.taken += 1
            yield number


def test_ahead_is_map() -> None:
    def shaky(number: int) -> int:
        time.sleep((number * 7919 % 13) / 5000)
        return number * 2

    assert list(ahead(shaky, range(100), workers=5)) == [number * 2 for number in range(100)]
    assert list(ahead(shaky, [], workers=3)) == []
    assert list(ahead(shaky, iter([4]), workers=8)) == [8]


def test_calls_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert len(list(ahead(lambda _: meeting.wait(), range(9), workers=3))) == 9


def test_no_more_threads_than_items() -> None:
    results = ahead(lambda _: threading.active_count(), range(1), workers=50)
    assert next(results) <= threading.active_count()
    assert list(results) == []


@pytest.mark.parametrize(("workers", "depth"), [(1, 1), (1, 2), (3, 2), (4, None), (2, 50)])
def test_runs_at_most_depth_ahead(workers: int, depth: int | None) -> None:
    items = Counted(200)
    consumed = 0
    for _ in ahead(lambda number: number, items, workers=workers, depth=depth):
        assert items.taken - consumed <= (depth or 2 * workers)
        consumed += 1
    assert consumed == 200


def test_items_are_taken_in_the_callers_thread() -> None:
    def items() -> Iterator[int]:
        for _ in range(20):
            yield threading.get_ident()

    assert set(ahead(lambda ident: ident, items(), workers=4)) == {threading.get_ident()}


def test_error_of_the_function_comes_at_its_place() -> None:
    def fails(number: int) -> int:
        if number == 7:
            raise LookupError(number)
        return number

    seen: list[int] = []
    with pytest.raises(LookupError) as caught:
        seen.extend(ahead(fails, range(1000), workers=3))
    assert seen == list(range(7))
    assert "in fails" in "".join(traceback.format_tb(caught.value.__traceback__))


def test_error_of_the_items_comes_at_its_place() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise LookupError("items")

    seen: list[int] = []
    with pytest.raises(LookupError):
        seen.extend(ahead(lambda number: number, items(), workers=4, depth=20))
    assert seen == list(range(5))


def test_system_exit_reaches_the_caller() -> None:
    with pytest.raises(SystemExit):
        list(ahead(lambda _: sys.exit(3), range(3), workers=2))


def test_closing_drops_calls_not_begun() -> None:
    begun = []

    def slow(number: int) -> int:
        begun.append(number)
        time.sleep(0.02)
        return number

    results = ahead(slow, range(1000), workers=2, depth=100)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert len(begun) < 10
    assert list(results) == []


def test_leaving_the_loop_ends_the_threads() -> None:
    for result in ahead(lambda number: number, range(100), workers=4):
        if result == 3:
            break
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


class Block:
    """Something large; it counts how many of it live."""

    alive = 0

    def __init__(self) -> None:
        Block.alive += 1
        weakref.finalize(self, Block.gone)

    @staticmethod
    def gone() -> None:
        Block.alive -= 1


def test_results_do_not_pile_up() -> None:
    most = 0
    for _ in ahead(lambda _: Block(), range(300), workers=2, depth=4):
        most = max(most, Block.alive)
    assert most <= 4 + 2
    gc.collect()
    assert Block.alive <= 1


def test_an_unfinished_iteration_does_not_hang_the_exit() -> None:
    program = (
        "from artcli.threads import ahead, Background\n"
        "results = ahead(lambda n: n, range(100), workers=3); next(results)\n"
        "background = Background(); background.submit(lambda: None)\n"
        "import sys; sys.kept = results\n"
        "raise SystemExit(5)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == 5


@pytest.mark.parametrize(("workers", "depth"), [(0, None), (-1, 4), (2, 0)])
def test_ahead_refuses_nonsense(workers: int, depth: int | None) -> None:
    with pytest.raises(ValueError):
        ahead(lambda number: number, [1], workers=workers, depth=depth)


INTERRUPTED = """
import itertools, random, signal, sys
from artcli.threads import Background, ahead, aside

def in_background():
    background = Background(1, 2)
    try:
        for _ in itertools.count():
            background.submit(lambda: None)
    finally:
        background.abandon()

class Stop(BaseException):
    pass

def stop(number, frame):
    raise Stop

ways = {
    "ahead": lambda: sum(ahead(lambda number: number, itertools.count(), workers=2)),
    "aside": lambda: sum(aside(itertools.count(), depth=2)),
    "background": in_background,
}
signal.signal(signal.SIGALRM, stop)
sys.unraisablehook = lambda dropped: signal.setitimer(signal.ITIMER_REAL, 0.001)
for number in range(int(sys.argv[2])):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.Random(number).uniform(0.0005, 0.003))
        ways[sys.argv[1]]()
    except Stop:
        pass
    except RuntimeError as error:  # of Python's own locks, by which a thread is begun
        if not isinstance(error.__context__, Stop):
            raise
"""


@pytest.mark.parametrize("way", ["ahead", "aside", "background"])
def test_a_signal_at_any_point_ends_it(way: str) -> None:
    """Ctrl-C or SIGTERM: whoever has begun threads is not left waiting for them."""
    subprocess.run([sys.executable, "-c", INTERRUPTED, way, "700"], timeout=60, check=True)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen in 5 seconds")


# aside


def test_aside_makes_items_in_another_thread_in_order() -> None:
    makers = set()

    def items() -> Iterator[int]:
        for number in range(100):
            makers.add(threading.get_ident())
            yield number

    assert list(aside(items(), depth=3)) == list(range(100))
    assert len(makers) == 1
    assert makers != {threading.get_ident()}
    assert list(aside(iter(()), depth=1)) == []


def test_aside_makes_no_more_than_depth_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    results = aside(items(), depth=2)
    for number in range(50):
        assert next(results) == number
        wait_for(lambda last=number + 1: made[-1] == last)  # type: ignore[misc]
    time.sleep(0.02)
    assert made[-1] == 50
    assert list(results) == list(range(50, 100))


def test_an_error_aside_comes_at_its_place_with_its_traceback() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("here")

    results = aside(items(), depth=5)
    assert next(results) == 1
    with pytest.raises(KeyError) as caught:
        next(results)
    assert caught.traceback[-1].name == "items"


def test_what_ran_aside_is_let_go_of_when_it_is_closed_early() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            ended.set()

    results = aside(items(), depth=1)
    assert next(results) == 0
    del results
    assert ended.wait(5)


def test_a_depth_aside_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="depth"):
        aside(iter([]), depth=0)


# Background


def test_background_keeps_order() -> None:
    background = Background(3)
    done: list[int] = []
    for number in range(200):
        background.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    background.finish()
    assert done == list(range(200))
    background.finish()
    background.submit(lambda: done.append(200))
    background.finish()
    assert done[-1] == 200


def test_background_blocks_when_full() -> None:
    gate = threading.Event()
    running = threading.Event()
    background = Background(2)

    def wait() -> None:
        running.set()
        gate.wait(10)

    background.submit(wait)
    running.wait(10)
    background.submit(lambda: None)
    background.submit(lambda: None)
    through = threading.Event()

    def fourth() -> None:
        background.submit(lambda: None)
        through.set()

    thread = threading.Thread(target=fourth)
    thread.start()
    assert not through.wait(0.05)
    gate.set()
    assert through.wait(10)
    thread.join()
    background.finish()


def test_background_tells_the_first_error_and_drops_the_rest() -> None:
    background = Background(10)
    gate = threading.Event()
    done: list[int] = []

    def fails() -> None:
        gate.wait(10)
        raise LookupError("first")

    background.submit(fails)
    background.submit(lambda: done.append(1))
    gate.set()
    with pytest.raises(LookupError) as caught:
        background.finish()
    assert "in fails" in "".join(traceback.format_tb(caught.value.__traceback__))
    with pytest.raises(LookupError):
        background.submit(lambda: done.append(2))
    assert done == []
    background.abandon()


def test_a_full_background_wakes_up_when_a_job_fails() -> None:
    background = Background(1)
    gate = threading.Event()
    running = threading.Event()

    def fails() -> None:
        running.set()
        gate.wait(10)
        raise LookupError

    background.submit(fails)
    running.wait(10)
    background.submit(lambda: None)
    threading.Timer(0.05, gate.set).start()
    with pytest.raises(LookupError):
        background.submit(lambda: None)
    background.abandon()


def test_background_abandoned_drops_what_waits() -> None:
    background = Background(5)
    gate = threading.Event()
    running = threading.Event()
    done: list[int] = []

    def first() -> None:
        running.set()
        gate.wait(10)
        done.append(0)

    background.submit(first)
    running.wait(10)
    background.submit(lambda: done.append(1))
    threading.Timer(0.05, gate.set).start()
    background.abandon()
    assert done == [0]
    background.abandon()


def test_background_refuses_nonsense() -> None:
    with pytest.raises(ValueError):
        Background(0)


def test_worker_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= worker_count() <= 8
    for count, expected in [(None, 1), (1, 1), (5, 5), (64, 8)]:
        monkeypatch.setattr(os, "process_cpu_count", lambda count=count: count, raising=False)
        assert worker_count() == expected
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)), raising=False)
    assert worker_count() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert worker_count() == 1


def test_several_threads_run_jobs_at_the_same_time_and_all_are_gone_after() -> None:
    background = Background(depth=4, workers=3)
    together = threading.Barrier(3, timeout=20)
    for _ in range(3):
        background.submit(lambda: together.wait() and None)
    background.finish()
    assert not [thread for thread in threading.enumerate() if thread.name == "background"]


def test_a_failure_in_one_of_several_threads_is_raised_and_no_thread_is_left() -> None:
    background = Background(depth=10, workers=2)
    may_end = threading.Event()

    def fail() -> None:
        may_end.wait(20)
        raise ValueError("first")

    background.submit(fail)
    background.submit(lambda: may_end.wait(20) and None)
    may_end.set()
    with pytest.raises(ValueError, match="first"):
        background.finish()
    assert not [thread for thread in threading.enumerate() if thread.name == "background"]
    with pytest.raises(ValueError, match="0"):
        Background(1, 0)
