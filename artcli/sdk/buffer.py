"""What a program says, on its way to the spool: a list in memory, and a thread that writes it down.

`row` and `say` take microseconds and never wait for the disk. The thread writes every 5 s or 64 KB, syncs every 25 s,
and seals the spool when it has grown. A process that is killed loses what it said in the last 5 s, a power cut the
last 30 s.

Backpressure: what is not written yet is at most 32 MiB. A program that says more than the disk takes waits then, as
long as the disk takes something. If it takes nothing for 10 s (it is full, or gone), rows are dropped and counted until
it does, and one line says so: a training is worth more than its curve. What waits in memory is never given up before
the end of the run.

Steps are decided when rows are written, under the spool's lock, since the shell may log to the same run; `step` is what
this process expects. After a fork the child has a buffer of its own, for the same run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from artcli.catalog.runs import records
from artcli.catalog.runs.records import Record
from artcli.catalog.runs.spool import Spool
from artcli.flows.runs.rows import FSYNC_EVERY, QUIET_EVERY, SEAL_SIZE
from artcli.sdk.voice import warn

FLUSH_EVERY = 5.0
"""Seconds that a killed process may cost."""
FLUSH_SIZE = 64 * 1024
"""Bytes, as estimated, from which the thread is woken."""
LIMIT = 32 * 1024 * 1024
"""Bytes, as estimated, of what is not written."""
SYNC_EVERY = FSYNC_EVERY - FLUSH_EVERY
"""Seconds after which what was written is synced with what is written next: all but the last 30 s is on the disk."""
PATIENCE = 10.0
"""Seconds without any progress after which rows are dropped."""
PIECE = 2000
"""Records appended at once: others wait for the spool's lock so long."""

HISTORY = "history"

Heard = Callable[[Sequence[Record], Callable[[], None]], None]
"""Gets records that were written, in order, in the buffer's thread; calls the second when it has taken them."""


class Item(NamedTuple):
    """A record whose step is not decided."""

    kind: str
    time: float
    data: Mapping[str, Any]
    step: int | None = None
    """As it was given."""
    ends: bool = False
    """Whether the row ends with it."""


class Buffer:
    """Takes what a run says; safe among threads. `seal` is called in the buffer's thread when the spool has grown."""

    def __init__(self, spool: Spool, step: int, seal: Callable[[], None], heard: Heard) -> None:
        self.spool = spool
        self.step = step
        self._seal = seal
        self._heard = heard
        self._lock = threading.RLock()
        self._writing = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._items: list[Item] = []
        self._taken = 0
        """How many of them, from the first on, `heard` has taken."""
        self._size = 0
        self._closed = False
        self.rounds: list[Callable[[], None]] = []
        """Called in the thread before it writes, every 5 s at least."""
        self._progress = self._synced = time.monotonic()
        self._unsynced = False
        self._files: list[str] = []
        """Those of the run that are not on the disk."""
        self._gone = False
        self.dropped = 0
        """Rows that are lost."""

    # --- what the program calls ---

    def row(self, data: Mapping[str, Any], size: int, step: int | None = None, ends: bool = True) -> bool:
        """Take a row, or a part of one, of about `size` bytes; False if its step is over: it is dropped."""
        if self._size > LIMIT and not self._has_room():
            self.dropped += 1
            return True
        with self._lock:
            own = self.step if step is None else step
            if own < self.step:
                return False
            self.step = own + 1 if ends else own
            self._items.append(Item(HISTORY, time.time(), data, step, ends))
            self._size += size
        if self._thread is None or (self._size > FLUSH_SIZE and not self._wake.is_set()):
            self._rouse()
        return True

    def say(self, kind: str, data: Mapping[str, Any], size: int = 1000) -> None:
        """Take another record, of about `size` bytes; what comes by itself is left out while there is no room."""
        if self._size > LIMIT and kind in ("console", "system"):
            return
        with self._lock:
            self._items.append(Item(kind, time.time(), data))
            self._size += size
        self._rouse()

    def pending(self) -> list[Record]:
        """What was said and `heard` has not taken yet."""
        with self._lock:
            items = self._items[self._taken :]
        first = min((item.step for item in items if item.step is not None), default=0)
        return self._numbered(items, min(first, self.step)) if items else []

    def put_file(self, name: str, finished: Path, data: Mapping[str, Any]) -> None:
        """A file of the run, at once: `finished` is below the spool's `incoming` and moves. Raises `SpaceError`."""
        with self._writing:
            self.flush()
            self.spool.append(
                lambda step: [Record("file", time.time(), {"path": name, **data}, None, step)], files={name: finished}
            )
            self._unsynced = True
            self._files.append(name)

    def close(self) -> bool:
        """Write what is left and stop; False if something could not be written."""
        self._closed = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)
        return self._try_flush(durable=False)

    def before_fork(self) -> None:
        """Wait until nothing is being written: a child would inherit the locks of the spool's files."""
        self._writing.acquire()

    def after_fork(self) -> None:
        """In the parent."""
        self._writing.release()

    def fork(self) -> None:
        """In the child of a fork: what the parent has not written yet is the parent's."""
        self._lock, self._writing, self._wake = threading.RLock(), threading.RLock(), threading.Event()
        self._thread, self._items, self._size, self._closed = None, [], 0, False
        self._seal = lambda: None  # the parent's doing
        self._heard = lambda found, taken: None
        self._taken, self.rounds = 0, []

    # --- writing ---

    def flush(self, *, durable: bool = False) -> None:
        """Write all that was said; raises `ArtError`, OSError if it cannot be: then nothing is lost."""
        with self._writing:
            while True:
                with self._lock:
                    items, expected = self._items[:PIECE], self.step
                    whole = len(items) == len(self._items)
                if not items and not (durable and self._unsynced):
                    return
                written = self._append(items, durable and whole)
                with self._lock:
                    del self._items[: len(items)]
                    self._taken = 0
                    self._size = self._size * len(self._items) // (len(self._items) + len(items) or 1)
                    if whole and written is not None and written > expected:
                        self.step += written - expected  # others logged meanwhile
                self._progress = time.monotonic()

    def _append(self, items: Sequence[Item], durable: bool) -> int | None:
        """Append items; returns the next step."""
        numbered: list[Record] = []

        def make(next_step: int) -> list[Record]:
            numbered[:] = self._numbered(items, next_step)
            return numbered

        try:
            size = self.spool.append(make, durable=durable)
        except (ValueError, TypeError):
            fitting: list[Record] = []

            def make_fitting(next_step: int) -> list[Record]:
                fitting[:] = [part for record in self._numbered(items, next_step) for part in fit(record)]
                return fitting

            size = self.spool.append(make_fitting, durable=durable)
            numbered = fitting
        if durable:
            if self._files:
                self.spool.keep(self._files)
            self._synced, self._unsynced, self._files = time.monotonic(), False, []
        else:
            self._unsynced = True
        self._heard(numbered, partial(setattr, self, "_taken", len(items)))
        if size >= SEAL_SIZE:
            self._attempt(self._seal, "what this run said cannot be sealed now, it is tried again")
        return numbered[-1].next if numbered else None

    def _attempt(self, do: Callable[[], None], failed: str) -> None:
        """Whatever goes wrong, the thread lives and the program goes on; one line says so."""
        try:
            do()
        except Exception as error:
            warn(f"{failed}: {error}", once=f"{failed} {id(self)}")

    def _numbered(self, items: Sequence[Item], next_step: int) -> list[Record]:
        found = []
        for kind, at, data, step, ends in items:
            own: int | None = None
            if kind == HISTORY:
                own = next_step if step is None else step
                if own < next_step:  # another process went on meanwhile
                    warn_of_step(own, next_step)
                    continue
                next_step = own + ends
            found.append(Record(kind, at, data, own, next_step))
        return found

    def _try_flush(self, *, durable: bool) -> bool:
        if self._gone:
            return False
        try:
            self.flush(durable=durable)
        except FileNotFoundError:
            self._gone = True
            self._items, self._size = [], 0
            warn("this run was ended elsewhere; what it says from now on is not recorded")
        except Exception as error:  # as in `_attempt`
            warn(f"what this run says cannot be written now, it is tried again: {error}", once=f"disk {id(self)}")
        else:
            return True
        return False

    def _rouse(self) -> None:
        if self._thread is None and not self._closed:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="art-run", daemon=True)
                    self._thread.start()
        if self._size > FLUSH_SIZE:
            self._wake.set()

    def _work(self) -> None:
        while not self._closed:
            self._wake.wait(FLUSH_EVERY)
            self._wake.clear()
            for round in self.rounds:
                self._attempt(round, "what is recorded by itself is not complete")
            if self._is_quiet():
                continue
            if not self._try_flush(durable=time.monotonic() - self._synced >= SYNC_EVERY) and not self._gone:
                time.sleep(0.2)  # woken at once again, since nothing got smaller

    def _is_quiet(self) -> bool:
        """Whether nothing waits but samples of the machine, and not for long."""
        now = time.monotonic()
        overdue = now - self._progress >= QUIET_EVERY or (self._unsynced and now - self._synced >= SYNC_EVERY)
        if self._closed or overdue:
            return False
        with self._lock:
            return self._size <= FLUSH_SIZE and all(item.kind == "system" for item in self._items)

    def _has_room(self) -> bool:
        """Wait until something was written; False if nothing is."""
        while self._size > LIMIT:
            if self._gone or time.monotonic() - self._progress > PATIENCE:
                warn("the disk takes nothing; what this run logs is dropped until it does", once=f"full {id(self)}")
                return False
            self._wake.set()
            time.sleep(0.01)
        return True


def fit(record: Record) -> list[Record]:
    """The record, or several that together say the same in lines that are not too long; what has no form is dropped."""
    try:
        records.encode(record)
        return [record]
    except (ValueError, TypeError) as error:
        if len(record.data) < 2:
            warn(f"{', '.join(record.data)}: {error}: not recorded")
            return []
    keys = list(record.data)
    halves = (keys[: len(keys) // 2], keys[len(keys) // 2 :])
    return [part for half in halves for part in fit(record._replace(data={key: record.data[key] for key in half}))]


def warn_of_step(step: int, current: int) -> None:
    """Say, once, that a row came too late."""
    warn(
        f"step {step} is less than the current step {current}: steps never go back, so this row is left out."
        " define_metric(…, step_metric=…) gives metrics an axis of their own",
        once="step",
    )
