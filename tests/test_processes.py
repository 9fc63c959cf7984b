"""Work that is shared out among processes comes back in order, fails as it would here, and leaves no process behind."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from artcli import processes


def in_process(code: str) -> str:
    """What a Python of its own, which may be forked, prints."""
    head = "import os, signal, threading, time\nfrom artcli import processes\nprocesses.allow()\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


NOBODY_LEFT = """
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("nobody")
"""


def test_results_come_in_order() -> None:
    code = """
    print(processes.are_possible())
    def square(number):
        time.sleep(0.01 * (number % 3))
        return number * number, os.getpid()
    found = list(processes.shared_out(square, range(20), workers=3))
    print([result for result, _ in found] == [number * number for number in range(20)])
    print(len({pid for _, pid in found}), os.getpid() in {pid for _, pid in found})
    print(list(processes.shared_out(square, [], workers=3)))
    """
    assert in_process(code + NOBODY_LEFT.replace("\n", "\n    ")).split("\n") == [
        "True", "True", "3 False", "[]", "nobody", "",
    ]  # fmt: skip


def test_failures_come_at_their_place() -> None:
    code = """
    from artcli.errors import SpaceError
    class Own(Exception):
        def __reduce__(self):
            raise TypeError("not to be sent")
    def fail(number):
        if number == 5:
            raise SpaceError("disk-full", "no room", facts=["one"], hint="art gc -n")
        if number == 3:
            raise Own(f"number {number}")
        return number
    done = []
    try:
        for number in processes.shared_out(fail, [0, 1, 2, 5, 4], workers=2):
            done.append(number)
    except SpaceError as error:
        print(done, type(error).__name__, error.slug, error, error.facts, error.hint)
    try:
        list(processes.shared_out(fail, [3], workers=2))
    except RuntimeError as error:
        print("Own: number 3" in str(error))
    """
    assert in_process(code + NOBODY_LEFT.replace("\n", "\n    ")).split("\n") == [
        "[0, 1, 2] SpaceError disk-full no room ('one',) art gc -n", "True", "nobody", "",
    ]  # fmt: skip


def test_whoever_is_no_longer_listened_to_ends_with_what_it_does() -> None:
    code = """
    import tempfile
    folder = tempfile.mkdtemp()
    def touch(number):
        open(f"{folder}/{number}", "w").close()
        time.sleep(0.02)
    rest = processes.shared_out(touch, range(1000), workers=2)
    next(rest)
    rest.close()
    print(len(os.listdir(folder)) < 50)
    """
    assert in_process(code + NOBODY_LEFT.replace("\n", "\n    ")) == "True\nnobody\n"


def test_one_that_is_killed_is_told_of() -> None:
    code = """
    from artcli.errors import ArtError
    def die(number):
        if number == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return number
    try:
        list(processes.shared_out(die, range(20), workers=2))
    except ArtError as error:
        print(error.slug)
    """
    assert in_process(code + NOBODY_LEFT.replace("\n", "\n    ")) == "worker-killed\nnobody\n"


def test_a_process_with_other_threads_is_not_forked() -> None:
    code = """
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    print(processes.are_possible())
    over.set()
    print(processes.are_possible())
    """
    assert in_process(code) == "False\nTrue\n"


def test_a_process_of_somebody_else_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_allowed", False)
    assert not processes.are_possible()


def test_a_worker_answers_in_order() -> None:
    code = """
    def squares(number):
        if number < 0:
            raise ValueError("below zero")
        yield from (number * number, os.getpid() != parent)
    parent = os.getpid()
    worker = processes.Worker(squares)
    for number in (3, -1, 4):
        worker.ask(number)
    print(worker.answer(), worker.answer())
    try:
        worker.answer()
    except ValueError as error:
        print(error)
    print(worker.answer())
    worker.close()
    """
    assert in_process(code + NOBODY_LEFT.replace("\n", "\n    ")) == "9 True\nbelow zero\n16\nnobody\n"


def test_a_worker_that_is_killed_is_told_of() -> None:
    code = """
    from artcli.errors import ArtError
    worker = processes.Worker(lambda signum: [os.kill(os.getpid(), signum)])
    worker.ask(signal.SIGKILL)
    os.waitid(os.P_PID, worker._pid, os.WEXITED | os.WNOWAIT)
    for ask in (worker.answer, lambda: worker.ask(1)):
        try:
            ask()
        except ArtError as error:
            print(error.slug)
    worker.close()
    """
    assert in_process(code + NOBODY_LEFT.replace("\n", "\n    ")) == "worker-killed\nworker-killed\nnobody\n"


def test_a_worker_ends_though_others_were_forked_after_it() -> None:
    code = """
    workers = [processes.Worker(lambda number: [number]) for _ in range(3)]
    rest = processes.shared_out(lambda number: number, range(9), workers=2)
    print(next(rest))
    for worker in workers:
        worker.ask("not to be taken")
        worker.close()
    rest.close()
    """
    assert in_process(code + NOBODY_LEFT.replace("\n", "\n    ")) == "0\nnobody\n"
