"""Memory of what is on its way: a request holds a portion of a body or an answer, the smaller the more others do.

A portion is a quarter of what nobody holds, but neither more than is fast nor less than is bearable. So one client has
blocks as large as it can use, and hundreds that take nothing hold little more together than a few that do: the dynamic
thresholds of a switch (Choudhury and Hahne, 1998).
"""

from __future__ import annotations

import threading

TOTAL, LEAST = 32 * 1024 * 1024, 64 * 1024
"""Bytes of all portions together, and of one, however many there are."""
PART = 4


class Portions:
    """Portions of `total` bytes. Any thread may ask."""

    def __init__(self, total: int = TOTAL) -> None:
        self._free = total
        self._lock = threading.Lock()

    def one(self) -> Portion:
        """A portion of nothing yet, given back when the last holder lets go of it."""
        return Portion(self)

    def change(self, held: int, most: int) -> int:
        """For `Portion`: take up to `most` bytes instead of `held`."""
        with self._lock:
            self._free += held
            taken = min(most, max(LEAST, self._free // PART))
            self._free -= taken
            return taken


class Portion:
    """What one request holds."""

    def __init__(self, portions: Portions) -> None:
        self._portions = portions
        self._held = 0

    def of(self, most: int) -> int:
        """Bytes that it may hold from now on, instead of what it had; at most `most`."""
        self._held = self._portions.change(self._held, most)
        return self._held

    def __del__(self) -> None:
        self._portions.change(self._held, 0)


PORTIONS = Portions()
"""Those of this process."""
