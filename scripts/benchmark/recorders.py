"""The scene of runs recorded from Python: art beside wandb, offline, and trackio, each in an environment of its own.

Each recorder has a box, which is its working directory and its home. What it logs there as an artifact it is asked to
bring back; wandb cannot do that offline, and its row says so in its own words. `copytree`, Python's copy of a folder,
is no rival, but what files cost without any record of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.compare import difference
from benchmark.measure import Failed, Measured, run, wait_until_quiet, warm
from benchmark.plan import SCENES, Row
from benchmark.tools import Absent, Trash

if TYPE_CHECKING:
    from benchmark.works import Bench

DRIVER = Path(__file__).with_name("run_driver.py")
ROWS = {"full": 100_000, "small": 2_000, "tiny": 100}
RIVALS: Mapping[str, Mapping[str, str]] = {
    "wandb": {"WANDB_MODE": "offline", "WANDB_SILENT": "true"},
    "trackio": {},
}
"""Modules with W&B's names, and what tells each to be quiet and to stay at home."""
FILES = ("artifact", "download")
"""What can be done without a recorder, and what the next step needs."""


class Recorder:
    """A module, the interpreter that has it, and its box."""

    def __init__(self, name: str, module: str, python: str, own: Mapping[str, str], box: Path) -> None:
        self.name, self.module, self.python, self.own, self.box = name, module, python, own, box
        self.trash = Trash(box.parents[2] / "trash")
        self.brought: Path | None = None

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.box), **self.own}

    def fresh(self) -> None:
        """An empty box."""
        self.trash.throw(self.box)
        self.box.mkdir(parents=True)
        self.brought = None

    def call(self, step: str, *given: object, timeout: float) -> tuple[Measured, Path | None, float]:
        """What the driver cost, where it says that files are, and the seconds it took. Raises Failed."""
        os.sync()
        command = [self.python, str(DRIVER), self.module, step, *map(str, given)]
        measured = run(command, cwd=self.box, env=self.env, timeout=timeout)
        if measured.status:
            raise Failed(measured.output[-300:])
        place, seconds = _answer(measured.output)
        return measured, place, seconds


def measure(bench: Bench) -> None:
    """Lets the recorders take turns; a row of each for each work that is wanted."""
    source = bench.data / "files"
    recorders = _recorders(bench)
    given = {"log": ROWS[bench.plan.size], "whole": ROWS[bench.plan.size], "artifact": source}
    works = SCENES["recorders"]
    for place, work in enumerate(works):
        step = work.partition("-")[2]
        takes_part = [one for one in recorders if one.module != "copytree" or step in FILES]
        take = partial(_take, bench, source, step, (given[step],) if step in given else ())
        later = step in FILES and any(map(bench.wanted, works[place + 1 :]))
        bench.rounds(work, takes_part, take, needed=later)
    for one in recorders:
        one.trash.throw(one.box)


def _take(bench: Bench, source: Path, step: str, given: Sequence[object], one: Recorder, number: int) -> Row:
    from benchmark.works import figures

    kept = step in ("download", "again")  # these go on with what `artifact` has left
    if not kept:
        one.fresh()
    elif step == "download" and one.brought:
        one.trash.throw(one.brought)
    elif step == "again" and not one.brought:
        raise Failed("its download failed")
    if step == "artifact":
        warm([source])
    wait_until_quiet(bench.plan.calm)
    measured, place, seconds = one.call(step, *given, timeout=bench.plan.timeout)
    row = {**figures(measured), "wall": round(seconds, 7)}
    if kept:
        one.brought = place
        row["differs"] = difference(source, place) if place else "it does not say where the files are"
    return row


def _recorders(bench: Bench) -> list[Recorder]:
    art = bench.art().python
    found = [("art", "artcli", art, {"ART_QUIET": "1"}), ("copytree", "copytree", art, {})]
    for name, own in RIVALS.items():
        if bench.plan.chosen:
            continue  # these are not among the tools that can be named
        try:
            found.append((name, name, bench.venvs.program(name, [name], "python"), dict(own)))
            bench.recorders_found.append(_version(name, found[-1][2], bench.boxes))
        except Absent as reason:
            bench.absent[name] = str(reason)
    return [Recorder(*each, bench.boxes / "recorders" / each[0]) for each in found]


def _version(name: str, python: str, place: Path) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    said = run([python, "-c", code], cwd=place, env=os.environ)
    return f"{name} {said.output}" if not said.status else name


def _answer(output: str) -> tuple[Path | None, float]:
    """The folder and the seconds: the last number and the line above it; a recorder may say something when it ends."""
    lines = ["", *output.splitlines()]
    for place in range(len(lines) - 1, 0, -1):
        try:
            seconds = float(lines[place])
        except ValueError:
            continue
        above = lines[place - 1]
        return (Path(above) if above.startswith("/") else None), seconds
    raise Failed(f"no time in {output[-300:]!r}")
