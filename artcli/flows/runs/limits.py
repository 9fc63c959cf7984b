"""How much of the machine a process may use: what its control groups and its affinity leave of it.

In a container the machine says that it has 64 processors and 256 GB; what ends the run is the limit of the container.
Files below `root` as cgroups(7) describes them: version 2 (`memory.max`, `cpu.max`), and version 1 where that is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def limits(root: Path = Path("/")) -> dict[str, float]:
    """`memory` (bytes) and `cpus`, as far as there are fewer than the machine has; empty where all may be used."""
    found: dict[str, float] = {}
    memory, there = _memory(root), total_memory()
    if memory is not None and (there is None or memory < there):
        found["memory"] = memory
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _processors(root)
    least = allowed if quota is None else min(quota, allowed)
    if least < (os.cpu_count() or 1):
        found["cpus"] = round(least, 2)
    return found


def total_memory() -> int | None:
    """The memory of the machine, in bytes; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _memory(root: Path) -> int | None:
    said = [*_said(root, "", "memory.max"), *_said(root, "memory", "memory.limit_in_bytes")]
    return min((int(words[0]) for words in said if words[0].isdigit()), default=None)


def _processors(root: Path) -> float | None:
    quotas = list(_said(root, "", "cpu.max"))
    for controller in ("cpu", "cpu,cpuacct"):
        for quota, period in zip(
            _said(root, controller, "cpu.cfs_quota_us"), _said(root, controller, "cpu.cfs_period_us"), strict=False
        ):
            quotas.append([quota[0], period[0]])
    known = [[int(word) for word in words if word.isdigit()] for words in quotas]
    return min((both[0] / both[1] for both in known if len(both) == 2 and all(both)), default=None)


def _said(root: Path, controller: str, name: str) -> Iterator[list[str]]:
    """The words of a file in the group of this process and in those around it; version 2 knows no controllers."""
    mount = root / "sys/fs/cgroup" / controller
    group = mount / _group(root, controller)
    for place in (group, *group.parents):
        try:
            words = (place / name).read_text().split()
        except OSError:
            words = []  # no limit can be set here, or the group's path is one outside of the container
        if words:
            yield words
        if place == mount:
            return


def _group(root: Path, controller: str) -> str:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""  # a kernel without control groups
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers == controller or (controller and controller in controllers.split(",")):
            return path.strip("/") if ".." not in path else ""
    return ""
