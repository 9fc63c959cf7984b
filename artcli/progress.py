"""What a flow tells while it works. Flows know no terminal: they call this, the command line draws it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told by a flow, from one thread."""

    def phase(self, name: str, *, files: int | None = None, size: int | None = None) -> None:
        """A new phase begins; `files` and `size` (bytes) are its totals where they are known beforehand."""

    def expect(self, *, files: int | None = None, size: int | None = None) -> None:
        """The totals of this phase, found out only now."""

    def advance(self, *, files: int = 0, size: int = 0, deduplicated: int = 0) -> None:
        """Done since the last call: files, bytes, and bytes that were in the store already."""

    def warn(self, message: str) -> None:
        """One line that the user should see, though the work goes on."""


class Silent:
    """Tells nobody."""

    def phase(self, name: str, *, files: int | None = None, size: int | None = None) -> None:
        pass

    def expect(self, *, files: int | None = None, size: int | None = None) -> None:
        pass

    def advance(self, *, files: int = 0, size: int = 0, deduplicated: int = 0) -> None:
        pass

    def warn(self, message: str) -> None:
        pass
