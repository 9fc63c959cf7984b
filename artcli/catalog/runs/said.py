"""What records of a run add up to: its config, its summary, its metrics, when it was heard.

`Said` takes records one after the other, and what later records of the same run add up to; so what a run said is known
part by part, and a part that was read once need not be read again. Points of metrics are handed on at once: they are
many, and nobody wants them all in one place.

The summary is the last value of each metric and what the program sets, whichever came later. A metric of which
`define_metric` says otherwise has those that it names of {"min", "max", "mean", "first", "last", "best"}, as in W&B.
"""

from __future__ import annotations

import fnmatch
import math
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from artcli.catalog.runs.records import Record

UNSET = "null_keys"
"""In a record of config or summary: a list of keys taken away."""
NUMBER = "number"
DEPTH = 50
"""Dictionaries in dictionaries in which metrics are looked for."""


class Points:
    """Values of one metric in the order in which they were logged."""

    __slots__ = ("steps", "times", "values")

    def __init__(self) -> None:
        self.steps = array("q")
        self.values = array("d")
        self.times = array("d")

    def add(self, step: int, value: float, time: float) -> None:
        self.values.append(value)  # the one that may fail
        self.steps.append(step)
        self.times.append(time)


class Said:
    """A sum of records. `document` and `of` are its form on disk."""

    def __init__(self) -> None:
        self.config: dict[str, list[Any]] = {}
        """[value] of each key that was set, [] of one that was taken away."""
        self.summary: dict[str, list[Any]] = {}
        """[value, True if it was logged and not set] of each key; [] of one that was taken away."""
        self.defines: dict[str, dict[str, Any]] = {}
        self.start: dict[str, Any] = {}
        """What was recorded by itself when a process took the run up last."""
        self.metrics: dict[str, list[Any]] = {}
        """[kind, values, last step, how many are numbers, their sum, least, greatest, last, first] of each metric."""
        self.system: dict[str, list[Any]] = {}
        self.rows = 0
        self.steps: list[int] = []
        """First and last step of a row; empty if there is none."""
        self.crossed = False
        """Whether several wrote at once, so that steps of theirs may be the same: then `rows` may be too many."""
        self.next = 0
        self.times: list[float] = []
        """When it was first and last heard."""
        self.began = False
        """Whether the first record is a start."""
        self.spent = 0.0
        """Seconds from the first to the last record, without the time between an end and a resumption."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Said:
        said = cls()
        vars(said).update(document)
        return said

    @property
    def document(self) -> dict[str, Any]:
        return vars(self)

    def absorb(self, found: Iterable[Record]) -> Batch:
        """Take records, later than all before; returns what is too much to keep here."""
        batch = Batch()
        for record in found:
            self._hear(record)
            if record.kind == "history" and record.step is not None:
                self._row(record, record.step, batch)
            elif record.kind == "system":
                _scatter(batch.system, batch.others, "", record.data, record.next, record.time)
            elif record.kind in ("config", "summary"):
                self._set(record)
            elif record.kind == "define":
                self._define(record.data)
            elif record.kind == "start":
                self.start = {**record.data, "time": record.time}
            elif record.kind == "file" and isinstance(record.data.get("path"), str):
                batch.files[record.data["path"]] = record.data.get("size")
        _count(self.metrics, batch.history)
        _count(self.system, batch.system)
        _join(self.metrics, {key: [*item, 0, 0.0, None, None, None, None] for key, item in batch.others.items()})
        return batch

    def add(self, later: Said) -> None:
        """Take what later records of the same run add up to."""
        self.config.update(later.config)
        for key, item in later.summary.items():
            self.summary[key] = _over(self.summary.get(key), item)
        for metric, definition in later.defines.items():
            self._redefine(metric, definition)
        self.start = later.start or self.start
        _join(self.metrics, later.metrics)
        _join(self.system, later.system)
        shared = bool(self.steps and later.steps and self.steps[1] == later.steps[0])
        self.rows += later.rows - shared
        ends = self.steps + later.steps
        self.crossed = self.crossed or later.crossed or ends != sorted(ends)
        self.steps = [min(ends), max(ends)] if ends else []
        self.next = max(self.next, later.next)
        if self.times and later.times and not later.began:
            self.spent += max(0.0, later.times[0] - self.times[1])
        self.began = self.began if self.times else later.began
        self.times = _span(self.times, later.times)
        self.spent += later.spent

    @property
    def settings(self) -> dict[str, Any]:
        """The config."""
        return {key: item[0] for key, item in self.config.items() if item}

    @property
    def outcome(self) -> dict[str, Any]:
        """The summary, as definitions have it."""
        found = {key: item[0] for key, item in self.summary.items() if item}
        for metric, numbers in self.metrics.items():
            definition = self.definition(metric)
            wanted = _wanted(definition)
            if wanted is None:
                continue
            path = (metric,) if metric in self.summary else tuple(metric.split("."))
            item = self.summary.get(path[0])
            if item and item[1]:
                _put(found, path, _summed(numbers, wanted, definition))
        return found

    def definition(self, metric: str) -> Mapping[str, Any]:
        """What `define_metric` says of a metric: of itself, else of the longest pattern that fits."""
        if metric in self.defines:
            return self.defines[metric]
        fits = [name for name in self.defines if "*" in name and fnmatch.fnmatchcase(metric, name)]
        return self.defines[max(fits, key=len)] if fits else {}

    def _hear(self, record: Record) -> None:
        if not self.times:
            self.began = record.kind == "start"
            self.times = [record.time, record.time]
        elif record.kind != "start":
            self.spent += max(0.0, record.time - self.times[1])
        self.times[1] = record.time
        if record.next > self.next:
            self.next = record.next

    def _row(self, record: Record, step: int, batch: Batch) -> None:
        if not self.steps or step != self.steps[1]:
            self.steps = [self.steps[0] if self.steps else step, step]
            self.rows += 1
            batch.steps.append(step)
        _scatter(batch.history, batch.others, "", record.data, step, record.time)
        for key, value in record.data.items():
            self.summary[key] = _over(self.summary.get(key), [value, True])

    def _set(self, record: Record) -> None:
        target = self.config if record.kind == "config" else self.summary
        for key, value in record.data.items():
            if key == UNSET and isinstance(value, list):
                for gone in value:
                    target[str(gone)] = []
            else:
                target[key] = [value] if target is self.config else [value, False]

    def _define(self, data: Mapping[str, Any]) -> None:
        metric = data.get("metric")
        if isinstance(metric, str):
            definition = {key: value for key, value in data.items() if key != "metric" and value is not None}
            self._redefine(metric, definition)

    def _redefine(self, metric: str, definition: Mapping[str, Any]) -> None:
        before = {} if definition.get("overwrite") else self.defines.get(metric, {})
        self.defines[metric] = {**before, **definition}


class Batch:
    """What some records hold that is kept elsewhere."""

    def __init__(self) -> None:
        self.steps = array("q")
        """Steps of rows that had none before."""
        self.history: dict[str, Points] = {}
        self.system: dict[str, Points] = {}
        self.others: dict[str, tuple[str, int, int]] = {}
        """Kind, count and last step of what is no number."""
        self.files: dict[str, Any] = {}
        """Size in bytes by path."""


def is_media(value: Any) -> bool:
    """Whether a value of a row is an image, a table and the like, and not a dictionary of metrics."""
    return isinstance(value, dict) and isinstance(value.get("_type"), str)


def _scatter(
    points: dict[str, Points], others: dict[str, tuple[str, int, int]], prefix: str, row: Mapping[str, Any], step: int,
    time: float, depth: int = 0,
) -> None:  # fmt: skip
    for key, value in row.items():
        name = prefix + key
        kind = type(value)
        if kind is float or kind is int or kind is bool:
            found = points.get(name)
            if found is None:
                found = points[name] = Points()
            try:
                found.add(step, value, time)
            except OverflowError:  # an integer that no double holds
                found.add(step, math.inf if value > 0 else -math.inf, time)
        elif kind is dict and not is_media(value) and depth < DEPTH:
            _scatter(points, others, name + ".", value, step, time, depth + 1)
        elif value is not None:
            others[name] = (
                str(value.get("_type", "object")) if kind is dict else "text",
                others.get(name, ("", 0, 0))[1] + 1,
                step,
            )


def _count(metrics: dict[str, list[Any]], batch: Mapping[str, Points]) -> None:
    added = {}
    for key, points in batch.items():
        values: Any = points.values
        total = sum(values)
        if total != total:  # one of them is no number
            values = [value for value in values if value == value]
            total = sum(values)
        ends = [min(values), max(values), values[-1], values[0]] if len(values) else [None] * 4
        added[key] = [NUMBER, len(points.values), points.steps[-1], len(values), total, *ends]
    _join(metrics, added)


def _join(before: dict[str, list[Any]], later: Mapping[str, list[Any]]) -> None:
    for key, item in later.items():
        old = before.get(key)
        if old is None:
            before[key] = list(item)
            continue
        kind, count, step, known, total, least, greatest, last, first = item
        before[key] = [
            NUMBER if NUMBER in (old[0], kind) else kind, old[1] + count, max(old[2], step), old[3] + known,
            old[4] + total, _known(min, old[5], least), _known(max, old[6], greatest), old[7] if last is None else last,
            first if old[8] is None else old[8],
        ]  # fmt: skip


def _known(choose: Any, first: Any, second: Any) -> Any:
    there = [value for value in (first, second) if value is not None]
    return choose(there) if there else None


def _span(first: list[Any], later: list[Any]) -> list[Any]:
    return [first[0], later[1]] if first and later else list(first or later)


def _over(old: list[Any] | None, new: list[Any]) -> list[Any]:
    """The later value over the earlier; dictionaries of metrics that were logged are merged."""
    logged = old and new and old[1] and new[1]
    if logged and old and all(isinstance(item[0], dict) and not is_media(item[0]) for item in (old, new)):
        return [_merged(old[0], new[0], DEPTH), True]
    return new


def _merged(old: Mapping[str, Any], new: Mapping[str, Any], depth: int) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        there = merged.get(key)
        both = isinstance(there, dict) and isinstance(value, dict) and not is_media(value)
        merged[key] = _merged(there, value, depth - 1) if depth and both and there is not None else value
    return merged


def _wanted(definition: Mapping[str, Any]) -> list[str] | None:
    """The words of a definition's summary; None where the last value is to stay."""
    words = definition.get("summary")
    listed = words.split(",") if isinstance(words, str) else words if isinstance(words, list) else []
    found = [str(word).strip() for word in listed]
    return None if not found or "copy" in found else [word for word in found if word != "none"]


def _summed(numbers: list[Any], wanted: Iterable[str], definition: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values that a definition names; None where there are none."""
    _, _, _, known, total, least, greatest, last, first = numbers
    if not known:
        return None
    best = greatest if definition.get("goal") in ("maximize", "max") else least
    known = {"min": least, "max": greatest, "mean": total / known, "last": last, "first": first, "best": best}
    return {word: known[word] for word in wanted if word in known} or None


def _put(found: dict[str, Any], path: tuple[str, ...], value: dict[str, Any] | None) -> None:
    for key in path[:-1]:
        inner = found.get(key)
        if not isinstance(inner, dict):
            return
        found[key] = inner = dict(inner)
        found = inner
    if value is None:
        found.pop(path[-1], None)
    else:
        found[path[-1]] = value
