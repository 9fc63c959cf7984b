"""The command: which works, tools and size; where things lie; what is printed and how it ends."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark import data, limits, report
from benchmark.measure import Failed, tree_size
from benchmark.plan import SCENES, WORKS, Plan, Row
from benchmark.tools import CHECKOUT, RIVALS, TOOLS, Venvs
from benchmark.works import Bench

NEEDED = {"full": 40e9, "small": 3e9, "tiny": 1e8}  # bytes free, for data, stores and restored trees
EXAMPLES = """
examples:
  scripts/bench --small                 most works in under a minute
  scripts/bench                         the table of the README, with every rival that can be had
  scripts/bench --only W2,W3 --tools art,borg --repeats 5
  scripts/bench --small --profile W2    where art spends its time
  scripts/bench --million --only million
  scripts/bench --report FILE           the tables of a run made before

Everything lies below ART_BENCH_DIR (default ~/.cache/art-bench): data, environments of the tools, boxes, results.
ART_BENCH_PROGRAM names an installed art to measure instead of this checkout.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0, or 1 if art failed, restored other bytes or (with --strict) missed a limit."""
    asked = _parser().parse_args(arguments)
    if asked.report:
        return _tell(asked, *_read(asked.report))
    root = Path(os.environ.get("ART_BENCH_DIR", "~/.cache/art-bench")).expanduser()
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < NEEDED[asked.size]:
        needed = report.in_bytes(NEEDED[asked.size])
        return _refuse(f"{root} has {report.in_bytes(free)} free, {needed} are needed; ART_BENCH_DIR moves it")
    plan = _plan(asked, root)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("scripts/bench: terminated"))
    with _alone(root):
        return _run(asked, plan, root, arguments)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One run at a time below `root`: two would disturb each other, and share boxes."""
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waits for another run below {root}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(asked: argparse.Namespace, plan: Plan, root: Path, arguments: Sequence[str] | None) -> int:
    results = asked.out or root / "results" / f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}-{asked.size}.jsonl"
    results.parent.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with results.open("a") as out:

        def emit(row: Row) -> None:
            rows.append(row)
            out.write(json.dumps(row) + "\n")
            out.flush()
            if row["work"] != "start":
                _say(_line(row))

        began = time.monotonic()
        bench = Bench(plan, Venvs(root / "venvs", _say), emit, _say)
        try:
            header = _prepare(bench, asked, arguments)
            ready = time.monotonic()
            bench.run()
        except Failed as problem:
            return _refuse(str(problem))
        header["took"] = f"{time.monotonic() - ready:.0f} s, and {ready - began:.0f} s to set up"
        header["rows"] = str(results)
        if bench.recorders_found:
            header["recorders"] = ", ".join(bench.recorders_found)
        out.write(json.dumps({"header": header, "absent": bench.absent, "size": asked.size, "raw": _raw(bench)}) + "\n")
    for text in bench.profiled:
        print(text)
    return _tell(asked, *_read(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "scripts/bench", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", dest="size", action="store_const", const="small", help="a sixteenth of everything")
    size.add_argument("--size", choices=list(data.SIZES), help="full (default), small, or tiny for tests")
    parser.set_defaults(size="full")
    parser.add_argument("--only", type=_words, help=f"some works: {', '.join(WORKS)}; W3 means W3-same too")
    parser.add_argument("--tools", type=_words, help=f"some tools: {', '.join(TOOLS)}")
    parser.add_argument("--repeats", type=int, help="times each work is done (default 3, small 1)")
    parser.add_argument("--edits", type=int, help="seeded positions of W4 (default 15, small 5)")
    parser.add_argument("--million", action="store_true", help="also ten times as many files, of art alone")
    parser.add_argument("--calm", type=float, default=0, metavar="S", help="wait up to S seconds for a quiet machine")
    parser.add_argument(
        "--touch", type=int, default=0, metavar="GIB",
        help="write to so much free memory before each measurement: whether the host has to give it first is chance",
    )  # fmt: skip
    parser.add_argument("--profile", choices=list(WORKS), metavar="WORK", help="art alone, under a profiler")
    parser.add_argument("--strict", action="store_true", help="a missed limit is a failure")
    parser.add_argument("--out", type=Path, help="file that JSON lines are appended to")
    parser.add_argument("--report", type=Path, metavar="FILE", help="only print the tables of these rows")
    return parser


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]


def _plan(asked: argparse.Namespace, root: Path) -> Plan:
    small = asked.size != "full"
    if asked.profile:
        works, tools = [asked.profile], ["art"]
    else:
        works = _works(asked.only, asked.million, short=asked.size == "small")
        tools = asked.tools or ["art", "art-flat", *RIVALS]
    for name in tools:
        if name not in TOOLS:
            raise SystemExit(f"no tool {name}; there are {', '.join(TOOLS)}")
    return Plan(
        size=asked.size,
        root=root,
        works=works,
        tools=tools,
        chosen=bool(asked.tools),
        repeats=asked.repeats or (1 if small or asked.profile else 3),
        edits=asked.edits or (1 if asked.profile else 5 if small else 15),
        starts=15,
        calm=asked.calm,
        touched=asked.touch << 30,
        profile=asked.profile,
    )


def _works(only: list[str] | None, million: bool, *, short: bool = False) -> list[str]:
    """The works that are asked for; a `short` run without a word has none of places, servers and other recorders."""
    if only is None:
        left_out = () if million else ("million",)
        left_out += (*SCENES["directory"], *SCENES["http"], *SCENES["recorders"]) if short else ()
        return [work for work in WORKS if work not in left_out]
    chosen = [work for work in WORKS if any(work == word or work.startswith(word + "-") for word in only)]
    unknown = [word for word in only if not any(work == word or work.startswith(word + "-") for work in WORKS)]
    if unknown:
        raise SystemExit(f"no work {unknown[0]}; there are {', '.join(WORKS)}")
    return chosen


def _prepare(bench: Bench, asked: argparse.Namespace, arguments: Sequence[str] | None) -> dict[str, str]:
    """Tools and data; what the report says of the machine."""
    tools = [tool for name in bench.plan.tools if (tool := bench.tool(name))]
    more = ["million"] if "million" in bench.plan.works else []
    bench.data.mkdir(parents=True, exist_ok=True)
    maker = [bench.numpy_python(), str(Path(data.__file__)), asked.size, str(bench.data), *more]
    _say(f"data of size {asked.size} below {bench.data}")
    done = subprocess.run(maker, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"the data could not be made: {done.stderr[-400:]}")
    command = ["scripts/bench", *(sys.argv[1:] if arguments is None else arguments)]
    return {
        "command": f"`{shlex.join(command)}`",
        "when": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        "machine": report.machine(bench.plan.root),
        "tools": ", ".join(tool.version() for tool in tools if tool.name not in ("art-flat", "cp")),
        "checkout": _commit(),
    }


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "not a git checkout"


def _raw(bench: Bench) -> dict[str, int]:
    tree = data.Tree(bench.data / "images")
    tree.go(0)
    return limits.raw_sizes(bench.plan.size, lambda name: tree_size([bench.data / name])[0])


def _read(path: Path) -> tuple[list[Row], Row]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    ends = [line for line in lines if "header" in line]
    if not ends:
        raise SystemExit(f"{path} holds no finished run")
    return [line for line in lines if "header" not in line], ends[-1]


def _tell(asked: argparse.Namespace, rows: list[Row], end: Row) -> int:
    found = limits.Rows(rows)
    verdicts = limits.judge(found, end["size"], end["raw"])
    wrong = limits.wrong(found)
    notes = [f"left out: {name}: {reason}" for name, reason in end["absent"].items()]
    if any(row.get("disturbed") for row in rows):
        notes.append("\\* others used a tenth of the machine or more: an upper bound")
    if end["size"] != "full":
        notes.append("limits on time are judged at full size only")
    notes += [f"**wrong**: {line}" for line in wrong]
    print(report.markdown(found, verdicts, notes, end["header"]))
    missed = [verdict for verdict in verdicts if verdict.verdict == "MISS"]
    return 1 if wrong or (asked.strict and missed) else 0


def _line(row: Row) -> str:
    if "failed" in row:
        return f"{row['work']:10} {row['tool']:18} failed: {row['failed'][-200:]}"
    cells = [f"{row['wall']:9.3f} s", f"cpu {row['cpu']:8.3f} s", f"{row['anon'] >> 20:5d} MiB"]
    cells += [f"{column} {report.in_bytes(row[column])}" for column in ("stored", "added") if column in row]
    cells += [f"{row['calls']} calls"] if "calls" in row else []
    cells += ["disturbed"] if row["disturbed"] else []
    cells += [f"DIFFERS: {row['differs']}"] if row.get("differs") else []
    return f"{row['work']:10} {row['tool']:18} " + "  ".join(cells)


def _say(text: str) -> None:
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _refuse(text: str) -> int:
    print(f"scripts/bench: {text}", file=sys.stderr)
    return 1
