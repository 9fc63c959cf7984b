"""The scene of runs recorded from Python: art beside wandb, offline, and trackio, each in an environment of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmark.measure import Failed, run
from benchmark.plan import SCENES, Row
from benchmark.tools import Absent, wipe

if TYPE_CHECKING:
    from benchmark.works import Bench

DRIVER = Path(__file__).with_name("run_driver.py")
ROWS = {"full": 100_000, "small": 10_000, "tiny": 100}


class Recorder(NamedTuple):
    """A module with W&B's names, the packages that bring it, and what tells it to be quiet and to stay at home."""

    module: str
    requirement: Sequence[str]
    environment: Mapping[str, str]


RIVALS = {
    "wandb": Recorder("wandb", ["wandb"], {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}),
    "trackio": Recorder("trackio", ["trackio"], {}),
}


def measure(bench: Bench) -> None:
    """Lets the recorders take turns; a row of each for each work that is wanted."""
    from benchmark.works import figures

    pythons = _pythons(bench)
    box = bench.boxes / "recorders"
    for number in range(bench.plan.repeats):
        for work in filter(bench.wanted, SCENES["recorders"]):
            for name, (recorder, python) in pythons.items():
                wipe(box)
                box.mkdir(parents=True)
                command = [python, str(DRIVER), recorder.module, work.partition("-")[2], str(ROWS[bench.plan.size])]
                environment = {**os.environ, "HOME": str(box), **recorder.environment}
                row: Row = {"work": work, "tool": name, "round": number}
                try:
                    measured = run(command, cwd=box, env=environment, timeout=bench.plan.timeout)
                    row |= figures(measured)
                    row["wall"] = _seconds(measured.output) if not measured.status else 0.0
                    if measured.status:
                        row["failed"] = measured.output[-300:]
                except Failed as problem:
                    row["failed"] = str(problem)
                bench.emit(row)
    wipe(box)


def _pythons(bench: Bench) -> dict[str, tuple[Recorder, str]]:
    found = {"art": (Recorder("artcli", [], {"ART_QUIET": "1"}), bench.art().python)}
    for name, recorder in RIVALS.items():
        if bench.plan.chosen or bench.plan.size == "tiny":
            continue  # these are not among the tools that can be named
        try:
            found[name] = recorder, bench.venvs.program(name, recorder.requirement, "python")
        except Absent as reason:
            bench.absent[name] = str(reason)
    return found


def _seconds(output: str) -> float:
    """The last line that is a number: a recorder may say something when it ends."""
    for line in reversed(output.splitlines()):
        try:
            return float(line)
        except ValueError:
            continue
    raise Failed(f"no time in {output[-300:]!r}")
