"""Carries out a plan: in which order, with which tools, what is measured of each.

The works are grouped in scenes, since one work's result is the next one's start (what W2 added, W3 adds again). A
scene runs when one of its works is wanted; what is only needed for a wanted one runs once and leaves no row.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmark import data, recorders, remotes
from benchmark.compare import difference
from benchmark.measure import Command, Failed, Measured, quietly, run, touch, tree_size, wait_until_quiet, warm
from benchmark.plan import SCENES, WORKS, Plan, Row
from benchmark.tools import TOOLS, Absent, Art, Tool, Trash, Venvs

SLOW = 20.0  # seconds; a rival that needed more is not asked again within a work
SCAN = """
import os, sys, time
began, todo = time.perf_counter(), [sys.argv[1]]
while todo:
    with os.scandir(todo.pop()) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                todo.append(entry.path)
            else:
                entry.stat(follow_symlinks=False)
print(time.perf_counter() - began)
"""


Anyone = TypeVar("Anyone", Tool, recorders.Recorder, remotes.Sharer)  # whoever takes part in a work


@dataclass
class Bench:
    """Carries out a plan; every row goes to `emit` as soon as it is there."""

    plan: Plan
    venvs: Venvs
    emit: Callable[[Row], None]
    say: Callable[[str], None] = print
    absent: dict[str, str] = field(default_factory=dict)
    recorders_found: list[str] = field(default_factory=list)  # with their versions
    profiled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data = self.plan.root / "data" / self.plan.size
        self.boxes = self.plan.root / "run"
        self._tools: dict[str, Tool] = {}

    # -- tools and rows

    def tool(self, name: str) -> Tool | None:
        """The tool, ready to be called; None (and a reason in `absent`) if it cannot be had."""
        if name not in self._tools and name not in self.absent:
            try:
                self._tools[name] = TOOLS[name](self.venvs, self.boxes / name)
            except Absent as reason:
                self.absent[name] = str(reason)
        return self._tools.get(name)

    def art(self) -> Art:
        art = self.tool("art")
        if not isinstance(art, Art):
            raise Failed(self.absent["art"])
        return art

    def numpy_python(self) -> str:
        """An interpreter with numpy, which makes the data: this one, art's, or one of its own."""
        if importlib.util.find_spec("numpy"):
            return sys.executable
        art = self.tool("art")
        return art.python if isinstance(art, Art) else self.venvs.program("data", ["numpy"], "python")

    def wanted(self, work: str) -> bool:
        return work in self.plan.works

    def contenders(self, *works: str) -> list[Tool]:
        """The tools that take part in any of these works."""
        names: list[str] = []
        for name in self.plan.tools:
            takes_part = self.plan.chosen or name.startswith("art")
            for work in works:
                known = WORKS[work].judged + (() if self.plan.size == "small" else WORKS[work].others)
                takes_part = takes_part or name in known
            if takes_part:
                names.append(name)
        return [tool for tool in map(self.tool, names) if tool]

    def rounds(
        self,
        work: str,
        tools: Sequence[Anyone],
        step: Callable[[Anyone, int], Row],
        *,
        times: int = 0,
        prepare: Callable[[int], object] = lambda number: None,
        needed: bool = False,
    ) -> None:
        """Lets the tools take turns at `step`, `times` rounds, each after one call of `prepare`.

        Each round begins with the tool that was second in the one before: whoever comes first pays for memory that a
        virtual machine has given back to its host meanwhile, and it is not always the same one who should.
        If `work` is not wanted but `needed` for a later one, it is done once and leaves no row.
        """
        wanted = self.wanted(work)
        if not wanted and not needed:
            return
        slow: set[str] = set()
        for number in range((times or self.plan.repeats) if wanted else 1):
            prepare(number)
            first = number % len(tools) if tools else 0
            for tool in list(tools[first:]) + list(tools[:first]):
                if tool.name in slow:
                    continue
                row: Row = {"work": work, "tool": tool.name, "round": number}
                try:
                    row.update(step(tool, number))
                except (Failed, OSError) as problem:
                    row["failed"] = str(problem)[-400:]
                if tool.name != "art" and (row.get("wall", 0) > SLOW or "failed" in row):
                    slow.add(tool.name)
                if wanted or "failed" in row:
                    self.emit(row)

    def measure(
        self, work: str, tool: Tool, command: Command, place: Path, env: Mapping[str, str] | None = None
    ) -> Row:
        """One measured call, as the common part of a row; `env`: another one than the tool's own. Raises Failed."""
        os.sync()
        if self.plan.touched:
            touch(self.plan.touched)
        wait_until_quiet(self.plan.calm)
        if self.plan.profile == work and isinstance(tool, Art) and not isinstance(command, str):
            command = [tool.python, str(Path(__file__).with_name("profile_driver.py")), *command]
        measured = run(command, cwd=place, env=env or tool.env, timeout=self.plan.timeout)
        if measured.status:
            raise Failed(f"status {measured.status} after {measured.wall:.1f} s: {measured.output[-300:]}")
        if self.plan.profile == work:
            self.profiled.append(measured.output)
        return figures(measured)

    # -- steps

    def add(self, work: str, tool: Tool, source: Path, tag: str, fresh: bool = False) -> Row:
        if fresh:
            tool.fresh()
        tool.stage(source)
        before = tool.stored()
        warm([source])
        row = self.measure(work, tool, *tool.add(source, tag))
        stored = tool.stored()
        return {**row, "stored": stored, "added": stored - before}

    def restore(self, work: str, tool: Tool, source: Path, tag: str, keep: bool = False) -> Row:
        out = tool.box / "out"
        tool.trash.throw(out)
        out.mkdir()
        warm(tool.kept)
        row = self.measure(work, tool, *tool.restore(source, tag, out))
        row["differs"] = difference(source, tool.restored(source, out))
        if not keep:
            tool.trash.throw(out)
        return row

    def switch(self, work: str, tool: Tool, tree: data.Tree, state: int) -> Row:
        out = tool.box / "out"
        row = self.measure(work, tool, *tool.switch(tree.folder, f"v{state}", out))
        tree.go(state)
        row["differs"] = difference(tree.folder, tool.restored(tree.folder, out))
        return row

    # -- scenes

    def run(self) -> None:
        """Runs every scene that holds a wanted work; leaves the data as it was and no boxes."""
        trash = Trash(self.plan.root / "trash")
        trash.throw(self.boxes)  # what a run that was cut short left
        self.boxes.mkdir(parents=True)
        if self.plan.size == "full" and any(map(self.wanted, (*SCENES["images"], *SCENES["directory"], "million"))):
            trash.let_settle(self.say)
        try:
            self._scenes()
        finally:
            trash.throw(self.boxes)
            trash.empty_behind()

    def _scenes(self) -> None:
        for scene, works in SCENES.items():
            alone = scene in ("start", "fsync", "million", "recorders")  # nothing without art
            if any(map(self.wanted, works)) and not (alone and "art" not in self.plan.tools):
                if scene in remotes.SCENES:
                    remotes.measure(self, works)
                else:
                    getattr(self, scene)()

    def model(self) -> None:
        source = self.data / "model" / data.WEIGHTS
        tools = self.contenders(*filter(self.wanted, SCENES["model"]))
        self.rounds("W1", tools, lambda tool, n: self.add("W1", tool, source, "v0", fresh=True), needed=True)
        backs = [tool for tool in self.contenders("W5-model") if tool in tools]
        self.rounds("W5-model", backs, lambda tool, n: self.restore("W5-model", tool, source, "v0"))
        tuned = self.data / "tuned" / data.WEIGHTS
        self.rounds("tuned", tools, lambda tool, n: self.add("tuned", tool, tuned, "v1"), times=1)
        rivals = [tool for tool in self.contenders("W4") if tool.name != "art-flat"]
        edited = self.data / "edited" / data.WEIGHTS
        self.rounds(
            "W4",
            rivals,
            lambda tool, n: self.add("W4", tool, edited, f"v{2 + n}"),
            times=self.plan.edits,
            prepare=lambda n: data.edit_model(self.data, n),
        )
        self.clear(tools)

    def images(self) -> None:
        tree = data.Tree(self.data / "images")
        tree.go(0)
        source = tree.folder
        later = [work for work in SCENES["images"] if self.wanted(work)]
        tools = [tool for tool in self.contenders(*later) if tool.name != "art-flat"]
        self.rounds("W2", tools, lambda tool, n: self.add("W2", tool, source, "v0", fresh=True), needed=True)
        backs = [tool for tool in self.contenders("W5-images") if tool in tools and tool.trees]
        switching = self.wanted("W6") or self.wanted("W6-same")
        self.rounds(
            "W5-images",
            backs if self.wanted("W5-images") else [tool for tool in tools if tool.switches],
            lambda tool, n: self.restore("W5-images", tool, source, "v0", keep=tool.switches and switching),
            needed=switching,
        )
        self._again(tree, tools, switching)
        self._switches(tree, tools)
        tree.go(0)
        self.clear(tools)

    def _again(self, tree: data.Tree, tools: list[Tool], needed: bool) -> None:
        source = tree.folder
        self.rounds(
            "W3",
            tools,
            lambda tool, n: self.add("W3", tool, source, f"v{n + 1}"),
            prepare=lambda n: tree.go(n + 1),
            needed=needed,
        )
        same = [tool for tool in self.contenders("W3-same") if tool in tools]

        def step(tool: Tool, number: int) -> Row:
            if isinstance(tool, Art):
                self.scan("W3-same", source, number)
            return self.add("W3-same", tool, source, f"same{number}")

        self.rounds("W3-same", same, step)

    def _switches(self, tree: data.Tree, tools: list[Tool]) -> None:
        switchers = [tool for tool in tools if tool.switches]
        turns = self.plan.repeats | 1  # an odd number, so that the last switch ends at v1
        self.rounds(
            "W6",
            switchers,
            lambda tool, n: self.switch("W6", tool, tree, (n + 1) % 2),
            times=turns,
            needed=self.wanted("W6-same"),
        )

        def step(tool: Tool, number: int) -> Row:
            if isinstance(tool, Art):
                self.scan("W6-same", tool.box / "out", number)
            return self.switch("W6-same", tool, tree, 1)

        self.rounds("W6-same", switchers, step)

    def scan(self, work: str, tree: Path, number: int) -> None:
        """The least any tool can do: `os.scandir` and `stat` over the tree, without the interpreter's start."""
        if self.wanted(work):
            art = self.art()
            measured = run([art.python, "-c", SCAN, str(tree)], cwd=self.boxes, env=art.env)
            wall = float(measured.output)
            self.emit({"work": work, "tool": "scan", "round": number, **figures(measured), "wall": wall})

    def table(self) -> None:
        source = self.data / "table/table.csv"
        tools = [tool for tool in self.contenders("CSV") if tool.name != "art-flat"]
        self.rounds("CSV", tools, lambda tool, n: self.add("CSV", tool, source, "v0", fresh=True))
        self.clear(tools)

    def start(self) -> None:
        art, source = self.art(), self.data / "few"
        out = art.box / "out"
        art.fresh()
        command, place = art.add(source, "v0")
        quietly(command, cwd=place, env=art.env)
        cases = {
            "python -c pass": ([art.python, "-c", "pass"], art.box),
            "art --version": art.call("--version"),
            "art use, in place": art.restore(source, "v0", out),
        }
        for name in self.plan.tools if self.plan.size == "full" else ():
            rival = self.tool(name)
            if rival and name in ("borg", "restic", "dvc"):
                cases[f"{name} version"] = ([rival.program, "version" if name == "restic" else "--version"], art.box)
        for number in range(-2, self.plan.starts):  # the first two fill caches and leave no row
            for case, (command, place) in cases.items():
                measured = run(command, cwd=place, env=art.env)
                row: Row = {"work": "start", "tool": case, "round": number, **figures(measured)}
                if measured.status:
                    row["failed"] = measured.output[-300:]
                if number >= 0:
                    self.emit(row)
        if self.plan.profile == "start":
            for command, place in (art.call("--version"), art.restore(source, "v0", out)):
                traced = [art.python, "-X", "importtime", *command]
                self.profiled.append(slowest_imports(run(traced, cwd=place, env=art.env).output))
        self.clear([art])

    def fsync(self) -> None:
        art, source = self.art(), self.data / "few"
        if not shutil.which("strace"):
            self.absent["strace"] = "no strace on PATH, so calls of fsync are not counted"
            return
        art.fresh()
        for case, (command, place) in {
            "log-artifact, first": art.add(source, "v0"),
            "log-artifact": art.add(source / "000", "v0"),
            "alias": art.call("alias", f"{source.stem}:v0", "best"),
        }.items():
            counts = art.box / "fsyncs"
            traced = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync,syncfs,sync", "-o", str(counts), *command]
            measured = run(traced, cwd=place, env=art.env)
            row: Row = {"work": "fsync", "tool": f"art {case}", "round": 0, **figures(measured)}
            if measured.status:
                row["failed"] = measured.output[-300:]
            else:
                row["calls"] = traced_calls(counts.read_text())
            self.emit(row)
        self.clear([art])

    def million(self) -> None:
        art, whole = self.art(), self.data / "million"
        for source in (whole / "0", whole):
            files = tree_size([source])[1]
            steps: dict[str, Callable[[], Row]] = {
                "add": partial(self.add, "million", art, source, "v0", fresh=True),
                "same": partial(self.add, "million", art, source, "v0"),
                "back": partial(self.restore, "million", art, source, "v0"),
            }
            for step, call in steps.items():
                row: Row = {"work": "million", "tool": f"art {step}", "round": 0, "files": files}
                try:
                    row.update(call())
                except Failed as problem:
                    row["failed"] = str(problem)
                self.emit(row)
        self.clear([art])

    def recorders(self) -> None:
        recorders.measure(self)

    def clear(self, tools: Iterable[Tool]) -> None:
        for tool in tools:
            tool.trash.throw(tool.box)


def figures(measured: Measured) -> Row:
    """The part of a row that comes from the clock and the kernel: seconds and bytes."""
    return {
        "wall": round(measured.wall, 4),
        "cpu": round(measured.cpu, 4),
        "user": round(measured.user, 4),
        "others": round(measured.others, 3),
        "disturbed": measured.disturbed,
        "anon": measured.anon,
        "rss": measured.rss,
    }


def traced_calls(table: str) -> int:
    """Calls in all, from what `strace -c` writes; an empty table means none."""
    rows = [line.split() for line in table.splitlines()]
    return sum(int(row[3]) for row in rows if len(row) >= 5 and row[-1] in ("fsync", "fdatasync", "syncfs", "sync"))


def slowest_imports(trace: str, count: int = 30) -> str:
    """The imports that cost most by themselves, from what `python -X importtime` writes, in milliseconds."""
    rows = []
    for line in trace.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            rows.append((int(parts[0]) / 1000, int(parts[1]) / 1000, parts[2].rstrip()))
    total = f"{len(rows)} modules, {sum(row[0] for row in rows):.1f} ms"
    slowest = sorted(rows, reverse=True)[:count]
    return "\n".join([total, *(f"{own:8.2f} {whole:8.2f} {name}" for own, whole, name in slowest)])
