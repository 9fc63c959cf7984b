"""One flipped bit, turned back: where there is no second copy, the digest itself tells which bit it was.

A bit that flips in memory or on its way to the disk is the smallest damage and a common one. Trying every bit of a page
takes a moment, of a chunk of 64 KiB some twenty seconds; what is damaged worse costs that time in vain, so it is
bounded.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds for all attempts of one repair."""


class BitSearch:
    """Searches until its time is used up."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._left = patience

    def search(self, data: bytes, is_right: Callable[[bytearray], bool]) -> bytes | None:
        """`data` with the one bit changed that makes it right; None if there is none, or no time."""
        started = time.monotonic()
        changed = bytearray(data)
        try:
            for at in range(len(changed)):
                if time.monotonic() - started > self._left:
                    return None
                byte = changed[at]
                for bit in range(8):
                    changed[at] = byte ^ (1 << bit)
                    if is_right(changed):
                        return bytes(changed)
                changed[at] = byte
            return None
        finally:
            self._left -= time.monotonic() - started
