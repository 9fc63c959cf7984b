"""Rows in, Markdown out: the verdicts first, then every figure, then the machine and how to make it again."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmark.limits import Rows, Verdict
from benchmark.plan import WORKS, Row, median

COLUMNS = (
    *("wall s", "min–max", "n", "cpu s", "others' cpu s", "anonymous MiB", "RSS MiB", "stored", "added"),
    "art ÷ it",  # in wall time
)


def markdown(rows: Rows, verdicts: Sequence[Verdict], notes: Sequence[str], header: Mapping[str, str]) -> str:
    """The whole report."""
    lines = ["| work | what | art | against | its value | ratio | limit | |", "|---|---|---|---|---|---|---|---|"]
    lines += [_verdict_line(line, _is_disturbed(rows, line)) for line in verdicts]
    lines += ["", *_works(rows), *(f"- {note}" for note in notes), ""]
    lines += [f"- {name}: {value}" for name, value in header.items()]
    return "\n".join(lines) + "\n"


def _is_disturbed(rows: Rows, line: Verdict) -> bool:
    return line.what == "wall" and any(row["disturbed"] for row in rows.of(line.work, "art") if "failed" not in row)


def _verdict_line(line: Verdict, disturbed: bool) -> str:
    unit = _unit(line)
    title = f"{line.work} {WORKS[line.work].title}" if line.work in WORKS else line.work
    other = "" if line.other is None else unit(line.other)
    ratio = "" if line.ratio is None else f"{line.ratio:.4g} ×"
    limit = f"≤ {line.limit:.4g} ×" if line.relative else f"≤ {unit(line.limit)}"
    verdict = f"**{line.verdict}**" if line.verdict == "MISS" else line.verdict
    value = unit(line.value) + (" *" if disturbed else "")
    return f"| {title} | {line.what} | {value} | {line.against} | {other} | {ratio} | {limit} | {verdict} |"


def _unit(line: Verdict) -> Callable[[float], str]:
    if line.what in ("stored", "added") or "memory" in line.what or "bytes" in line.what:
        return in_bytes
    if "calls" in line.what:
        return lambda value: f"{value:.0f}"
    return in_seconds


def in_seconds(value: float) -> str:
    """Seconds; milliseconds and microseconds where they are few."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= 1e-3 else f"{value * 1e6:.1f} µs"


def in_bytes(value: float) -> str:
    """Bytes in powers of ten, three decimals where they decide a limit."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3f} {unit}"
    return f"{value:.0f} B"


def _works(rows: Rows) -> Iterator[str]:
    for work, known in WORKS.items():
        tools = list(dict.fromkeys(row["tool"] for row in rows.all if row["work"] == work))
        if not tools:
            continue
        yield f"{work}: {known.title}"
        yield ""
        yield "| tool | " + " | ".join(COLUMNS) + " |"
        yield "|---" * (len(COLUMNS) + 1) + "|"
        own = rows.median(work, "art", "wall")
        for tool in tools:
            for group in _groups(rows.of(work, tool)):
                yield _figures_line(tool, group, None if tool == "art" else own)
        yield ""


def _groups(rows: list[Row]) -> list[list[Row]]:
    sizes = sorted({row.get("files", 0) for row in rows})
    return [[row for row in rows if row.get("files", 0) == size] for size in sizes]


def _figures_line(tool: str, rows: list[Row], own: float | None) -> str:
    good = [row for row in rows if "failed" not in row]
    name = tool + (f", {rows[0]['files']:,} files" if "files" in rows[0] else "")
    if not good:
        return f"| {name} | failed: {rows[-1]['failed'][-160:]!r} |" + " |" * (len(COLUMNS) - 1)
    walls = [row["wall"] for row in good]
    differs = " **differs**" if any(row.get("differs") for row in good) else ""
    disturbed = " *" if any(row["disturbed"] for row in good) else ""
    cells = [
        f"{median(good, 'wall'):.3f}{disturbed}{differs}",
        f"{min(walls):.3f}–{max(walls):.3f}",
        str(len(good)),
        f"{median(good, 'cpu'):.3f}",
        f"{median(good, 'others'):.2f}",
        f"{max(row['anon'] for row in good) / 2**20:.0f}",
        f"{max(row['rss'] for row in good) / 2**20:.0f}",
    ]
    for column in ("stored", "added"):
        value = median(good, column)
        cells.append("" if value is None else in_bytes(value))
    wall = median(good, "wall")
    cells.append(f"{own / wall:.3f}" if own is not None and wall else "")
    return f"| {name} | " + " | ".join(cells) + " |"


def machine(place: Path) -> str:
    """This machine in a line: processor, cores, memory, kernel, file system below `place`, Python."""
    return ", ".join(
        filter(
            None,
            (
                _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
                f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores",
                _memory(),
                f"{platform.system()} {platform.release()}",
                _file_system(place),
                f"Python {platform.python_version()}",
            ),
        )
    )


def _field(path: str, name: str) -> str:
    try:
        with open(path) as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
    except OSError:
        return ""


def _memory() -> str:
    total = _field("/proc/meminfo", "MemTotal")
    return f"{int(total.split()[0]) / 2**20:.0f} GiB" if total else ""


def _file_system(place: Path) -> str:
    try:
        with open("/proc/mounts") as lines:
            mounts = [line.split()[1:4] for line in lines]
    except OSError:
        return ""
    real = str(place.resolve()) + "/"
    fitting = [mount for mount in mounts if real.startswith(mount[0].rstrip("/") + "/")]
    if not fitting:
        return ""
    _, kind, options = max(fitting, key=lambda mount: len(mount[0]))
    return kind + (" (discard)" if "discard" in options.split(",") else "")  # makes each unlink slow
