"""The digits pipeline: raw handwritten digits → split → models → predictions, each an artifact.

The digits are the 1,797 of scikit-learn (UCI, `data/LICENSES.md`): 8 × 8 pixels of 0 to 16. At size S they
are one CSV file; at M a file each (PGM, 75 bytes); at L eight copies more of each, shifted by a pixel, as
one does to have more. The models are softmax regressions, really trained; their weights are rounded to
2⁻¹⁶, coarser than what linear algebra libraries disagree about.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np

from artcli.flows.demo.steps import Step, Tree, nothing, write
from tests.kit.story.photographs import DATA

Form = Literal["S", "M", "L"]
EARLY = 1500
"""How many digits there are before the last writers' arrive."""


@cache
def digit_rows() -> tuple[bytes, ...]:
    """The lines of the CSV file: 64 pixels and the digit."""
    return tuple(gzip.decompress((DATA / "digits.csv.gz").read_bytes()).splitlines(keepends=True))


@cache
def digit_table() -> Any:
    """1,797 rows of 64 pixels (0…16) and the digit, as integers."""
    return np.array([[int(float(cell)) for cell in row.split(b",")] for row in digit_rows()])


def pgm(pixels: Any) -> bytes:
    """A digit as a portable grey map of 8 × 8 pixels."""
    return b"P5 8 8 16\n" + bytes(np.asarray(pixels, np.uint8).reshape(-1))


def digits(directory: Path, size: Form) -> list[Step]:
    """The story in `directory`: digits-raw:v0, v1, digits:v0, v1 (the split), digits-model:v0 … v2,
    digits-results:v0 … v2.
    """
    lab = _Lab(directory, size)
    settings = ("--metadata", "@model/settings.json")
    return [
        Step("A folder for the digits becomes a repository.", nothing, (("init", "--project", "digits"),)),
        Step(
            f"{EARLY:,} digits, as they were scanned.",
            lambda: lab.raw("v0", EARLY),
            (("log-artifact", "digits-raw", "raw"),),
        ),
        Step(
            "Most to train on, every fifth to choose by, every tenth to judge by.",
            lambda: lab.split("v0"),
            (("log-artifact", "digits", "split", "--metadata", "raw=digits-raw:v0"),),
        ),
        Step(
            "A first model, trained too briefly.",
            lambda: lab.train("v0", 0.1, 5),
            (_log_model("v0", settings),),
        ),
        Step(
            "What it says of the digits that it has not seen.",
            lambda: lab.predict("v0"),
            (_log_results("v0"),),
        ),
        Step("Trained longer.", lambda: lab.train("v1", 0.5, 150), (_log_model("v1", settings),)),
        Step("Better.", lambda: lab.predict("v1"), (_log_results("v1"), ("alias", "digits-model:v1", "best"))),
        Step(
            "The last writers' digits arrive.",
            lambda: lab.raw("v1", 1797),
            (("log-artifact", "digits-raw", "raw"),),
        ),
        Step(
            "The split grows with them.",
            lambda: lab.split("v1"),
            (("log-artifact", "digits", "split", "--metadata", "raw=digits-raw:v1"),),
        ),
        Step("Trained on all.", lambda: lab.train("v2", 0.5, 300), (_log_model("v2", settings),)),
        Step(
            "The best so far.",
            lambda: lab.predict("v2"),
            (_log_results("v2"), ("alias", "digits-model:v2", "best")),
        ),
    ]


def _log_model(version: str, settings: tuple[str, ...]) -> tuple[str, ...]:
    return (
        "log-artifact",
        "digits-model",
        "model",
        *settings,
        "--description",
        f"softmax regression, {version}",
    )


def _log_results(version: str) -> tuple[str, ...]:
    return ("log-artifact", "digits-results", "results", "--metadata", f"model=digits-model:{version}")


class _Lab:
    """The pipeline's folders and what is in memory between its stages."""

    def __init__(self, directory: Path, form: Form) -> None:
        self.directory = directory
        self.form = form
        self.count = 0
        self.parts: dict[str, Any] = {}
        self.weights: Any = None

    def raw(self, version: str, count: int) -> dict[str, Tree]:
        self.count = count
        if self.form == "S":
            return self._write("digits-raw", version, "raw", [("digits.csv", b"".join(digit_rows()[:count]))])
        return self._write("digits-raw", version, "raw", self._pictures(count))

    def split(self, version: str) -> dict[str, Tree]:
        table = digit_table()[: self.count]
        number = np.arange(self.count)
        test, valid = number % 10 == 9, number % 5 == 3
        self.parts = {"train": table[~test & ~valid], "valid": table[valid], "test": table[test]}
        files = [(f"{name}.npy", _npy(rows.astype(np.uint8))) for name, rows in self.parts.items()]
        return self._write("digits", version, "split", files)

    def train(self, version: str, rate: float, epochs: int) -> dict[str, Tree]:
        inputs, wanted = _inputs(self.parts["train"]), np.eye(10)[self.parts["train"][:, 64]]
        weights = np.zeros((65, 10))
        for _ in range(epochs):
            weights -= rate * inputs.T @ (softmax(inputs @ weights) - wanted) / len(inputs)
        self.weights = np.round(weights * 65536) / 65536
        right = self._say("valid").argmax(axis=1) == self.parts["valid"][:, 64]
        settings = {
            "rate": rate,
            "epochs": epochs,
            "pictures": len(inputs),
            "valid": round(float(right.mean()), 4),
        }
        files = [
            ("settings.json", json.dumps(settings, indent=1).encode() + b"\n"),
            ("weights.npy", _npy(self.weights.astype("<f4"))),
        ]
        return self._write("digits-model", version, "model", files)

    def predict(self, version: str) -> dict[str, Tree]:
        said, digit = self._say("test"), self.parts["test"][:, 64]
        rows = [f"{n},{d},{p.argmax()},{p.max():.4f}\n" for n, (d, p) in enumerate(zip(digit, said, strict=True))]
        summary = {"test": round(float((said.argmax(axis=1) == digit).mean()), 4)}
        files = [
            ("predictions.csv", ("picture,digit,said,probability\n" + "".join(rows)).encode()),
            ("summary.json", json.dumps(summary).encode() + b"\n"),
        ]
        return self._write("digits-results", version, "results", files)

    def _say(self, part: str) -> Any:
        return softmax(_inputs(self.parts[part]) @ self.weights)

    def _pictures(self, count: int) -> Iterator[tuple[str, bytes]]:
        shifts = [(0, 0)]
        if self.form == "L":
            shifts += [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)]
        for number, row in enumerate(digit_table()[:count]):
            picture = row[:64].reshape(8, 8)
            for copy, shift in enumerate(shifts):
                yield f"{row[64]}/{number:04d}-{copy}.pgm", pgm(np.roll(picture, shift, (0, 1)))

    def _write(
        self,
        name: str,
        version: str,
        folder: str,
        files: list[tuple[str, bytes]] | Iterator[tuple[str, bytes]],
    ) -> dict[str, Tree]:
        tree = {path: write(self.directory / folder / path, data) for path, data in files}
        return {f"{name}:{version}": tree}


def softmax(scores: Any) -> Any:
    """Scores, a row a picture, as probabilities."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _inputs(rows: Any) -> Any:
    return np.hstack([rows[:, :64] / 16.0, np.ones((len(rows), 1))])


def _npy(array: Any) -> bytes:
    file = BytesIO()
    np.save(file, array)
    return file.getvalue()
