"""Runs a Python program under cProfile, its threads too: `profile_driver.py PROGRAM ARGUMENT…`.

cProfile alone sees the main thread only. Here each thread has a profile of its own; the main thread's is printed by
cumulative time, those of the others together by own time, with what they waited for. From Python 3.12 on there is one
profile at a time, and the threads go unseen.
"""

from __future__ import annotations

import contextlib
import cProfile
import io
import pstats
import runpy
import sys
import threading

LINES = 30


def main() -> int:
    program = sys.argv[1]
    sys.argv = sys.argv[1:]
    others: list[cProfile.Profile] = []
    run_thread = threading.Thread.run

    def profiled(self: threading.Thread) -> None:
        profile = cProfile.Profile()
        others.append(profile)
        with contextlib.suppress(ValueError):  # Python 3.12 and later allow one profile at a time in some builds
            profile.enable()
        try:
            run_thread(self)
        finally:
            profile.disable()

    threading.Thread.run = profiled  # type: ignore[method-assign]
    own = cProfile.Profile()
    status = 0
    own.enable()
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    finally:
        own.disable()
    print(_table("main thread", [own], "cumulative"))
    print(_table("main thread", [own], "tottime"))
    if others:
        print(_table(f"{len(others)} other threads", others, "tottime"))
    return status


def _table(title: str, profiles: list[cProfile.Profile], order: str) -> str:
    out = io.StringIO()
    usable = [profile for profile in profiles if profile.getstats()]
    if not usable:
        return f"== {title}: nothing recorded"
    stats = pstats.Stats(usable[0], stream=out)
    for profile in usable[1:]:
        stats.add(profile)
    stats.strip_dirs().sort_stats(order).print_stats(LINES)
    return f"== {title}, by {order}\n{out.getvalue().strip()}\n"


if __name__ == "__main__":
    sys.exit(main())
