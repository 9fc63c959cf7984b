"""What holds for all tests: the processes that they start keep what they have compiled, and what they write lies in
memory if there is enough.

Hundreds of processes run `art`, and compiling it takes longer than what most of them do; and what waits for a disk is
not what most tests are about.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys

MEMORY, ENOUGH = "/dev/shm", 3 << 30

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell began this with `&`; children would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)
