"""A run's summary: the last value of each metric, and what the program sets; whichever came later.

It is what readers of the run will find: the records are summed up by the same code, `catalog.runs.said`, when somebody
asks or when they are written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from artcli.catalog.runs.records import Record
from artcli.catalog.runs.said import UNSET, Said

Tell = Callable[[Mapping[str, Any]], None]


class Summed:
    """What the run's records add up to; safe among threads."""

    def __init__(self, said: Said | None = None) -> None:
        self._said = said or Said()
        self._lock = threading.RLock()

    def fork(self) -> None:
        """In the child of a fork: another thread of the parent may have had the lock."""
        self._lock = threading.RLock()

    def hear(self, found: Sequence[Record], taken: Callable[[], None] = lambda: None) -> None:
        """Take records that were written; `taken` is called before anybody can ask again."""
        with self._lock:
            self._said.absorb(found)
            taken()

    def now(self, pending: Callable[[], Sequence[Record]]) -> dict[str, Any]:
        """The summary with what is not written yet."""
        with self._lock:
            waiting = pending()
            if not waiting:
                return self._said.outcome
            copy = Said()
            copy.add(self._said)
            copy.absorb(waiting)
            return copy.outcome


class Summary(Mapping[str, Any]):
    """`summary.best`, `summary["best"]`, `summary.update({...})`, `dict(summary)`; a mapping within is one, too."""

    _now: Callable[[], dict[str, Any]]
    _tell: Tell

    def __init__(self, now: Callable[[], dict[str, Any]], tell: Tell) -> None:
        """`now` gives the values, `tell` gets what is set."""
        object.__setattr__(self, "_now", now)
        object.__setattr__(self, "_tell", tell)

    def update(self, d: Mapping[str, Any]) -> None:
        """Set values; raises TypeError for what JSON cannot hold."""
        if d:
            self._tell(dict(d))

    def __getitem__(self, key: str) -> Any:
        found = self._now()[key]
        return self._part(key) if isinstance(found, dict) and "_type" not in found else found

    def _part(self, key: str) -> Summary:
        def now() -> dict[str, Any]:
            found = self._now().get(key)
            return found if isinstance(found, dict) else {}

        def tell(values: Mapping[str, Any]) -> None:
            gone = (UNSET, *values.get(UNSET, ()))
            self.update({key: {name: value for name, value in {**now(), **values}.items() if name not in gone}})

        return Summary(now, tell)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        if key not in self._now():
            raise KeyError(key)
        self._tell({UNSET: [key]})

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"the summary has no {key!r}") from None

    __setattr__ = __setitem__
    __delattr__ = __delitem__

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def __repr__(self) -> str:
        return repr(self._now())
