"""The seeded files that every tool is given; the same bytes on every machine.

    model/weights.safetensors       float32, normal(0, 0.02), tensors of 16 MiB: a model that was just trained
    tuned/weights.safetensors       the same with every twentieth tensor moved by normal(0, 0.0001)
    edited/weights.safetensors      the same with 1 KiB inserted and 64 KiB overwritten; made anew for each seed
    images/NNN/img_NNNNN.{jpg,txt}  pictures of 4 to 60 KB that do not compress, each with a label of 1 to 6 lines
    table/table.csv                 orders with the redundancy of real ones
    few/                            twenty files, for what a small command costs
    files/NNN/…                     pictures of 0.5 to 3.5 KB with their labels, for the recorders of runs
    line/NNN/…                      pictures as above, for what goes over a line
    million/G/NNN/…                 ten groups of 100,000 small files, made when asked for

Only the weights need numpy, so this file is also a program: `data.py SIZE DIRECTORY [million]`.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Size(NamedTuple):
    """How much of everything: tensors and floats in each, images and folders, bytes of CSV, files of the recorders' and
    of the largest tree.
    """

    tensors: int
    floats: int
    images: int
    folders: int
    table: int
    files: int
    line: int
    million: int


SIZES = {
    "full": Size(128, 1 << 22, 50_000, 100, 300_000_000, 20_000, 4_000, 1_000_000),
    "small": Size(8, 1 << 22, 2_000, 20, 20_000_000, 1_000, 1_000, 100_000),
    "tiny": Size(4, 1 << 16, 60, 6, 200_000, 40, 40, 1_000),  # for the harness's own tests
}
WEIGHTS = "weights.safetensors"
MIB = 1 << 20


def make(size: str, root: Path) -> None:
    """Makes what is missing below `root`."""
    want = SIZES[size]
    steps = {
        "model": lambda path: _model(path, want),
        "images": lambda path: _images(path, want.images, want.folders),
        "table": lambda path: _table(path, want.table),
        "few": lambda path: _images(path, 10, 1),
        "line": lambda path: _images(path, want.line // 2, 20),
        "files": lambda path: _images(path, want.files // 2, 20, 500, 3500),
    }
    for name, step in steps.items():
        _once(root / name, step)


def make_million(size: str, root: Path) -> None:
    """Makes the tree of many small files; a tenth of it (`million/0`) is the tree to compare its cost with."""
    _once(root / "million", lambda path: _million(path, SIZES[size].million))


def _once(path: Path, step: object) -> None:
    mark = path.with_name(f".{path.name}-made")
    if not mark.exists():
        path.mkdir(parents=True, exist_ok=True)
        step(path)  # type: ignore[operator]
        mark.touch()


def _model(folder: Path, want: Size) -> None:
    import numpy

    tuned = folder.with_name("tuned")
    tuned.mkdir(exist_ok=True)
    changed = set(random.Random(5).sample(range(want.tensors), max(1, round(want.tensors * 0.05))))
    with (folder / WEIGHTS).open("wb") as plain, (tuned / WEIGHTS).open("wb") as moved:
        header = _safetensors_header(want)
        plain.write(header)
        moved.write(header)
        for number in range(want.tensors):
            rng = numpy.random.default_rng([7, number])
            weights = rng.standard_normal(want.floats, dtype=numpy.float32) * numpy.float32(0.02)
            plain.write(weights.data)
            if number in changed:
                weights += rng.standard_normal(want.floats, dtype=numpy.float32) * numpy.float32(1e-4)
            moved.write(weights.data)


def tuned_bytes(size: str) -> int:
    """Bytes of the tensors that differ between the model and its fine-tuned copy."""
    want = SIZES[size]
    return max(1, round(want.tensors * 0.05)) * want.floats * 4


def _safetensors_header(want: Size) -> bytes:
    width = want.floats * 4
    tensors = {
        f"layers.{number}.weight": {
            "dtype": "F32",
            "shape": [want.floats // 64, 64],
            "data_offsets": [number * width, (number + 1) * width],
        }
        for number in range(want.tensors)
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def edit_model(root: Path, seed: int) -> Path:
    """The model with 1 KiB inserted and 64 KiB overwritten at places that `seed` chooses; replaces the one before."""
    source, target = root / "model" / WEIGHTS, root / "edited" / WEIGHTS
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    chance = random.Random(4000 + seed)
    length = source.stat().st_size
    inserted, overwritten = chance.randrange(length), chance.randrange(length - 65536)
    with source.open("rb", buffering=0) as old, target.open("wb") as new:
        _copy(old, new, inserted)
        new.write(chance.randbytes(1024))
        _copy(old, new, length - inserted)
        new.seek(overwritten)
        new.write(chance.randbytes(65536))
    return target


def _copy(old: object, new: object, count: int) -> None:
    while count:
        block = old.read(min(count, 8 * MIB))  # type: ignore[attr-defined]
        new.write(block)  # type: ignore[attr-defined]
        count -= len(block)


def _picture(chance: random.Random, least: int = 4000, most: int = 60000) -> bytes:
    body = chance.randbytes(chance.randint(least, most))
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + body + b"\xff\xd9"


def _label(chance: random.Random) -> bytes:
    numbers = ((chance.randrange(80), *(chance.random() for _ in range(4))) for _ in range(chance.randint(1, 6)))
    return "".join("%d %.6f %.6f %.6f %.6f\n" % box for box in numbers).encode()  # noqa: UP031


def _images(folder: Path, count: int, folders: int, least: int = 4000, most: int = 60000) -> None:
    for number in range(folders):
        chance, place = random.Random(1000 + number), folder / f"{number:03d}"
        place.mkdir(exist_ok=True)
        for image in range(count // folders):
            _write(place / f"img_{image:05d}.jpg", _picture(chance, least, most))
            _write(place / f"img_{image:05d}.txt", _label(chance))


def _million(folder: Path, count: int) -> None:
    per_folder = max(2, count // 1000)
    for group in range(10):
        for number in range(100):
            chance, place = random.Random(f"{group}/{number}"), folder / f"{group}" / f"{number:03d}"
            place.mkdir(parents=True, exist_ok=True)
            for image in range(per_folder // 2):
                _write(place / f"img_{image:05d}.jpg", _picture(chance, 500, 3500))
                _write(place / f"img_{image:05d}.txt", _label(chance))


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(handle, content)
    os.close(handle)


class Tree:
    """A tree of images that moves between its states 0, 1, 2, …: each one has one file changed and five new.

    What a state replaces is kept beside the tree, so that every state can be left again, also after a crash.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept = folder.with_name(f".{folder.name}-kept")
        self._kept.mkdir(exist_ok=True)

    @property
    def state(self) -> int:
        return len(list(self._kept.iterdir()))

    def go(self, state: int) -> None:
        """Brings the tree to `state`."""
        while self.state < state:
            self._forward(self.state + 1)
        while self.state > state:
            self._back(self.state)

    def _places(self, state: int) -> tuple[Path, list[Path]]:
        folder = self.folder / "003"
        return folder / f"img_{state:05d}.jpg", [folder / f"new_{state}_{number}.jpg" for number in range(5)]

    def _forward(self, state: int) -> None:
        chance = random.Random(98 + state)
        changed, new = self._places(state)
        changed.rename(self._kept / f"{state:03d}")
        for path in (changed, *new):
            _write(path, _picture(chance))

    def _back(self, state: int) -> None:
        changed, new = self._places(state)
        for path in new:
            path.unlink(missing_ok=True)
        (self._kept / f"{state:03d}").replace(changed)


def _table(folder: Path, size: int) -> None:
    with (folder / "table.csv").open("w") as out:
        written = out.write("id,ts,user,city,country,sku,category,price,qty,status,score\n")
        for lines in _orders():
            written += out.write(lines)
            if written >= size:
                return


def _orders() -> Iterator[str]:
    chance = random.Random(3)
    users = [f"user_{chance.getrandbits(40):010x}" for _ in range(20000)]
    cities = ["Berlin,DE", "Paris,FR", "London,GB", "Seoul,KR", "Tokyo,JP", "Madrid,ES", "Oslo,NO", "Lagos,NG"]
    kinds = ["book", "phone", "lamp", "chair", "cable"]
    items = [f"SKU-{chance.randrange(10**6):06d},{chance.choice(kinds)}" for _ in range(5000)]
    states = ("ok", "ok", "ok", "returned", "pending")
    number, moment = 0, 1_700_000_000
    while True:
        lines = []
        for _ in range(1000):
            moment += chance.randrange(20)
            number += 1
            lines.append(
                f"{number},{moment},{chance.choice(users)},{chance.choice(cities)},{chance.choice(items)},"
                f"{chance.randrange(100, 99999) / 100},{chance.randrange(1, 9)},{chance.choice(states)},"
                f"{chance.random():.6f}\n"
            )
        yield "".join(lines)


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
    if sys.argv[3:] == ["million"]:
        make_million(sys.argv[1], Path(sys.argv[2]))
