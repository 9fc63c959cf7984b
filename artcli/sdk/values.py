"""Values as JSON keeps them: numbers of numpy, torch, tensorflow and jax, arrays, dates, media.

`plain` makes a value that nobody else holds, so that what was logged stays what it was. Arrays of more than 32 numbers
become histograms, as W&B has it. None of the libraries is imported: they are known by what their values can do.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import numbers
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artcli.sdk.run import Run

SCALARS = frozenset((float, int, bool, str, type(None)))
"""What JSON has; subclasses (numpy's float64 is one of float) are not meant."""
ARRAY_SIZE = 32
"""Elements of an array that is kept as a list."""
BINS = 32
VALUE_SIZE = 40
"""Bytes that a number takes in memory, about."""

Unknown = Callable[[Any], Any]


class Media:
    """What is logged as itself: images, histograms. `keep` gives its entry of a row, a mapping with `_type`."""

    def keep(self, run: Run, key: str) -> dict[str, Any]:
        """The entry, after what it needs was given to the run as files; content is fixed by then."""
        raise TypeError(f"{type(self).__name__} cannot be logged")

    @classmethod
    def keep_all(cls, values: Sequence[Media], run: Run, key: str) -> Any:
        """The entry of a list of these."""
        return [value.keep(run, key) for value in values]


class Histogram(Media):
    """Counts of values in bins: of `sequence`, or given as `np_histogram=(counts, edges)`.

    Raises ValueError for more than 512 bins, or counts that do not fit the edges.
    """

    MAX_LENGTH = 512

    def __init__(self, sequence: Any = None, np_histogram: tuple[Any, Any] | None = None, num_bins: int = 64) -> None:
        if np_histogram is None:
            counts, edges = _counted(_numbers(sequence), num_bins)
        else:
            counts, edges = (list(map(_item, part)) for part in np_histogram)
        if len(counts) > self.MAX_LENGTH:
            raise ValueError(f"a histogram has at most {self.MAX_LENGTH} bins")
        if len(edges) != len(counts) + 1:
            raise ValueError("a histogram has one edge more than counts")
        self.histogram: list[float] = counts
        self.bins: list[float] = edges

    def keep(self, run: Run | None = None, key: str = "") -> dict[str, Any]:
        return {"_type": "histogram", "values": self.histogram, "bins": self.bins}


def plain(value: Any, run: Run | None = None, key: str = "", unknown: Unknown | None = None) -> Any:
    """The value in JSON's own types, NaN and infinities allowed.

    `unknown` makes something of what has no such form; without it TypeError is raised.
    """
    if type(value) in SCALARS:
        return value
    if isinstance(value, Media):
        if run is None:
            raise TypeError(f"{type(value).__name__} can be logged, but not be part of the config")
        return value.keep(run, key)
    if isinstance(value, Mapping):
        return {_name(name): plain(item, run, f"{key}.{name}", unknown) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return _list(list(value), run, key, unknown)
    if run is not None and is_frame(value):
        from artcli.sdk.table import Table

        return Table(dataframe=value).keep(run, key)
    if hasattr(value, "__array__") or hasattr(value, "detach"):
        return _array(value, run, key, unknown)
    return _other(value, run, key, unknown)


def _name(key: Any) -> str:
    return key if type(key) is str else str(_item(key))


def _list(values: list[Any], run: Run | None, key: str, unknown: Unknown | None) -> Any:
    first = type(values[0]) if values else None
    if run is not None and first and issubclass(first, Media) and all(type(value) is first for value in values):
        return first.keep_all(values, run, key)
    return [plain(value, run, key, unknown) for value in values]


def _array(value: Any, run: Run | None, key: str, unknown: Unknown | None) -> Any:
    found = _numpy(value)
    if found.size == 1:
        item = found.item()
        if hasattr(item, "dtype"):  # of a long double numpy makes no number of Python's
            item = complex(item) if found.dtype.kind == "c" else float(item)
        return plain(item, run, key, unknown)
    if found.size <= ARRAY_SIZE or found.dtype.kind not in "biuf":
        return plain(found.tolist(), run, key, unknown)
    return Histogram(found, num_bins=BINS).keep()


def _other(value: Any, run: Run | None, key: str, unknown: Unknown | None) -> Any:
    found: Any
    if isinstance(value, str | int | float):
        found = str.__str__(value) if isinstance(value, str) else int(value) if isinstance(value, int) else float(value)
    elif isinstance(value, enum.Enum):
        found = value.name
    elif isinstance(value, bytes | bytearray):
        found = value.decode("utf-8", "replace")
    elif isinstance(value, datetime.date | datetime.time):
        found = value.isoformat()
    elif isinstance(value, os.PathLike):
        found = os.fspath(value) if isinstance(os.fspath(value), str) else os.fsdecode(value)
    elif isinstance(value, numbers.Number) and hasattr(value, "__float__"):
        found = float(value)
    elif isinstance(value, complex):
        found = str(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = plain(dataclasses.asdict(value), run, key, unknown)
    elif callable(value) and hasattr(value, "__qualname__"):
        found = f"{value.__module__}.{value.__qualname__}"
    elif isinstance(value, Iterable) and isinstance(value, Sequence):
        found = _list(list(value), run, key, unknown)
    elif run is not None and hasattr(value, "savefig"):  # a figure of matplotlib's, or its pyplot: as it looks now
        from artcli.sdk.media import Image

        found = Image(value).keep(run, key)
    elif unknown is not None:
        found = unknown(value)
    else:
        raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} cannot be logged: {key or value!r}")
    return found


def _numpy(value: Any) -> Any:
    """The value as an array of numpy's."""
    import numpy

    if hasattr(value, "detach"):  # a tensor of torch: perhaps elsewhere, sparse, or of a type that numpy lacks
        value = value.detach().cpu()
        if getattr(value, "is_sparse", False):
            value = value.to_dense()
        if "bfloat16" in str(value.dtype):
            value = value.float()
        value = value.numpy()
    return numpy.asarray(value)


def _numbers(values: Any) -> Any:
    import numpy

    if getattr(values, "is_sparse", False):  # of an embedding's gradient: written out, it may be far larger than memory
        values = values.detach().coalesce().values()
    if hasattr(values, "__array__") or hasattr(values, "detach"):
        return _numpy(values).ravel()
    return numpy.asarray(list(values), dtype=float)


def _counted(numbers: Any, bins: int) -> tuple[list[float], list[float]]:
    import numpy

    if bins > Histogram.MAX_LENGTH:
        raise ValueError(f"a histogram has at most {Histogram.MAX_LENGTH} bins")
    counts, edges = numpy.histogram(numbers[numpy.isfinite(numbers)].astype(float), bins=bins)
    return counts.tolist(), edges.tolist()


def is_frame(value: Any) -> bool:
    """Whether it is a DataFrame of pandas'; that is not imported for the question."""
    return hasattr(value, "iloc") and hasattr(value, "columns")


def weight(value: Any) -> int:
    """Bytes that a value takes in memory, about."""
    if isinstance(value, str):
        return VALUE_SIZE + len(value)
    if isinstance(value, Mapping):
        return VALUE_SIZE + sum(weight(item) + len(str(key)) for key, item in value.items())
    if isinstance(value, list):
        return VALUE_SIZE + sum(map(weight, value))
    return VALUE_SIZE


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
