"""Open manifests: those of versions that were logged here upon a version whose bytes are elsewhere.

A page in the repository's own store stands for all below it; for these alone it does not. So while there are any, who
brings or collects chunks looks below every page. A pull of such a version closes it. The list is in `local/open`: root
pages in hex, a line each; it is on the disk before the version is in the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from artcli import lock
from artcli.buckets.replacing import replace
from artcli.content import Digest


class Opened:
    """The list of one repository."""

    def __init__(self, path: Path) -> None:
        """`path`: its `.art` folder."""
        self._file = path / "local" / "open"

    def roots(self) -> set[Digest]:
        """The root pages of open manifests."""
        try:
            return {bytes.fromhex(line) for line in self._file.read_text().split()}
        except FileNotFoundError:
            return set()

    def is_open(self, root: Digest) -> bool:
        """Whether not all below this root page is here."""
        return root in self.roots()

    def open(self, root: Digest) -> None:
        """One more; raises `LockedError`."""
        with lock.changing(self._file):
            self._write(self.roots() | {root})

    def close(self, roots: Iterable[Digest]) -> None:
        """All below these is here now; raises `LockedError`."""
        if not self.roots():
            return
        with lock.changing(self._file):
            before = self.roots()
            left = before - set(roots)
            if left != before:
                self._write(left)

    def _write(self, roots: set[Digest]) -> None:
        replace(self._file, "".join(f"{root.hex()}\n" for root in sorted(roots)).encode())
