"""Values of other libraries as JSON keeps them; compared where it can be with W&B 0.31."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
from pathlib import Path
from typing import Any

import numpy
import pytest

import artcli as wandb
from artcli.sdk.values import plain


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Box:
    width: int


class Tensor:
    """As torch's are seen: on a device, with gradients, and numpy only after both are gone."""

    def __init__(self, values: Any, dtype: str = "torch.float32") -> None:
        self.values = numpy.asarray(values)
        self.dtype = dtype
        self.ready = False

    def detach(self) -> Tensor:
        return Tensor(self.values, self.dtype)

    def cpu(self) -> Tensor:
        self.ready = True
        return self

    def float(self) -> Tensor:
        self.dtype = "torch.float32"
        return self

    def numpy(self) -> Any:
        if not self.ready or "bfloat16" in self.dtype:
            raise TypeError("not on this device")
        return self.values


class Sparse:
    """A sparse tensor: numpy takes it only when it is written out, and a histogram only what is not zero."""

    is_sparse = True

    def detach(self) -> Sparse:
        return self

    coalesce = cpu = detach

    def to_dense(self) -> Tensor:
        return Tensor([0.0, 2.0]).cpu()

    def values(self) -> Tensor:
        return Tensor([2.0])

    def numpy(self) -> Any:
        raise TypeError("can't convert Sparse layout tensor to numpy")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1), (True, True), (None, None), ("x", "x"), (2**70, 2**70), (b"x", "x"), (1j, "1j"), ({1}, [1]),
        ((1, (2,)), [1, [2]]), (range(2), [0, 1]), (len, "builtins.len"), (Color.RED, "RED"), (Level.HIGH, 3),
        (Box(2), {"width": 2}), (Path("a/b"), "a/b"), (datetime.date(2020, 6, 10), "2020-06-10"),
        (numpy.float32(0.5), 0.5), (numpy.float64(0.1), 0.1), (numpy.int64(3), 3), (numpy.bool_(True), True),
        (numpy.array(3.5), 3.5), (numpy.array([[7]]), 7), (numpy.arange(3), [0, 1, 2]), (numpy.str_("s"), "s"),
        (Tensor(0.25), 0.25), (Tensor([1.0, 2.0]), [1.0, 2.0]), (Tensor(0.25, "torch.bfloat16"), 0.25),
        ({"a": {1: numpy.float32(1)}}, {"a": {"1": 1.0}}), ([{"a": numpy.arange(2)}], [{"a": [0, 1]}]),
        (numpy.array(["a", "b"]), ["a", "b"]), ({numpy.int64(1): 2}, {"1": 2}), (decimal.Decimal("1.5"), 1.5),
        (numpy.longdouble(1.5), 1.5), (fractions.Fraction(1, 4), 0.25), (Sparse(), [0.0, 2.0]),
    ],
)  # fmt: skip
def test_values(value: Any, expected: Any) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


def test_what_has_no_form() -> None:
    with pytest.raises(TypeError, match=r"builtins\.object cannot be logged: 'x'"):
        plain(object(), key="x")
    assert plain(object(), unknown=lambda value: "?") == "?"


def test_large_arrays_are_histograms() -> None:
    found = plain(numpy.concatenate([numpy.arange(40.0), [numpy.nan, numpy.inf]]))
    assert (found["_type"], len(found["values"]), len(found["bins"]), sum(found["values"])) == ("histogram", 32, 33, 40)
    assert (found["bins"][0], found["bins"][-1]) == (0, 39)
    assert plain(Tensor(numpy.arange(100)))["_type"] == "histogram"


def test_histograms() -> None:
    histogram = wandb.Histogram([1, 2, 2, 3], num_bins=3)
    assert (histogram.histogram, histogram.bins[0], histogram.bins[-1]) == ([1, 2, 1], 1.0, 3.0)
    assert wandb.Histogram(np_histogram=numpy.histogram([1, 2], bins=2)).histogram == [1, 1]
    assert sum(wandb.Histogram(Sparse()).histogram) == 1
    for wrong in ({"num_bins": 1000, "sequence": [1]}, {"np_histogram": ([1], [0])}, {"np_histogram": ([1] * 600, [])}):
        with pytest.raises(ValueError):
            wandb.Histogram(**wrong)


def test_what_was_logged_stays_what_it_was() -> None:
    from tests.sdk.conftest import rows

    array, listed = numpy.arange(3), [1, 2]
    with wandb.init() as run:
        run.log({"array": array, "list": listed, "both": [wandb.Histogram([1]), wandb.Histogram([2])]})
        array[0] = 9
        listed.append(3)
    row = rows(run.id)[0][1]
    assert (row["array"], row["list"]) == ([0, 1, 2], [1, 2])
    assert [part["_type"] for part in row["both"]] == ["histogram"] * 2  # type: ignore[attr-defined]
