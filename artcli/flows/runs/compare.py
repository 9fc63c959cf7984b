"""Runs side by side: what they are, their config, their metrics, what they used."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from artcli.catalog.repository import Repository
from artcli.catalog.runs.said import is_media
from artcli.catalog.runs.view import views
from artcli.flows.runs.listing import Row, rows

ABOUT = ("state", "job_type", "group", "tags", "duration", "rows", "machine")
SECTIONS = ("run", "config", "summary", "inputs")


class Line(NamedTuple):
    """One thing about each run."""

    section: str
    """One of `SECTIONS`."""
    key: str
    values: Sequence[Any]
    """In the order of the runs; None where a run lacks it."""

    @property
    def differs(self) -> bool:
        """Whether the runs disagree about it. A number that is none equals itself."""
        first, *others = self.values
        return any(repr(value) != repr(first) and value != first for value in others)


def compare(repository: Repository, runs: Sequence[str], metrics: str | None = None) -> tuple[list[Row], list[Line]]:
    """The runs of these ids, and all that is known of them in lines; `metrics`: only metrics of this pattern."""
    found = rows(repository, views(repository, runs))
    return found, [line for line in _lines(found) if _wanted(line, metrics)]


def _lines(found: Sequence[Row]) -> Iterator[Line]:
    for key in ABOUT:
        values = [_short(row.value(key)) for row in found]
        if any(values):
            yield Line("run", key, values)
    yield from _some("run", [_started(row.view.start) for row in found])
    yield from _some("config", [flat(row.view.config) for row in found])
    yield from _some("summary", [flat(row.view.summary) for row in found])
    yield from _some("inputs", [_inputs(row.value("used")) for row in found])


def _some(section: str, found: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    for key in dict.fromkeys(key for values in found for key in values):
        yield Line(section, key, [values.get(key) for values in found])


def _started(start: Mapping[str, Any]) -> dict[str, Any]:
    git = start.get("git")
    python = start.get("python")
    found = {
        "program": start.get("program"),
        "argv": " ".join(map(str, start["argv"])) if isinstance(start.get("argv"), list) else None,
        "git.commit": git.get("commit") if isinstance(git, Mapping) else None,
        "git.dirty": git.get("dirty") if isinstance(git, Mapping) else None,
        "python": python.get("version") if isinstance(python, Mapping) else None,
    }
    return {key: value for key, value in found.items() if value not in (None, "")}


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(value)
    return round(value, 3) if isinstance(value, float) else value


def _inputs(refs: Sequence[str]) -> dict[str, str]:
    """Inputs by artifact: those of one artifact stand together, so that versions meet versions."""
    found: dict[str, list[str]] = {}
    for ref in refs:
        name = ref if "/" in ref else ref.partition(":")[0]
        found.setdefault(name, []).append(ref)
    return {name: ", ".join(some) for name, some in found.items()}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values with the keys of dictionaries in dictionaries joined by dots."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value and not is_media(value):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def _wanted(line: Line, metrics: str | None) -> bool:
    return metrics is None or line.section != "summary" or fnmatch.fnmatchcase(line.key, metrics)
