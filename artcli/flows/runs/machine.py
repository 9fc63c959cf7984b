"""Samples of the machine that a run works on, under W&B's names, so that its charts mean the same.

    cpu                    percent of all processors          memory_percent      percent of the memory in use
    proc.memory.rssMB      of the process and its children    proc.cpu.threads
    proc.memory.percent    of what it may have (`limits`)     proc.memory.availableMB
    proc.cpu               percent of one processor           disk.usagePercent   of the file system it works on
    network.sent, network.recv, disk.in, disk.out             MB since sampling began
    gpu.0.gpu, gpu.0.memory (percent), gpu.0.memoryAllocatedBytes, gpu.0.temp (°C), gpu.0.powerWatts

NVIDIA's cards are asked through nvidia-ml-py where it is installed, a Jetson through its sysfs: load, temperatures
(`temp.<zone>`) and power (`power.<rail>`, watts). What a machine does not tell is left out; nothing here raises.
"""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from artcli.flows.runs import limits

MB = 1024 * 1024

Sample = dict[str, float]


class Machine:
    """Takes samples. `pid`: the process that the run is; `directory`: whose file system is watched."""

    def __init__(self, pid: int | None = None, directory: Path | None = None, root: Path = Path("/")) -> None:
        self._parts: list[Callable[[], Sample]] = []
        for make in (lambda: _System(pid, directory or Path.cwd()), _Nvidia, lambda: Jetson(root)):
            with _left_out():  # not installed, no such device, a driver of another age
                self._parts.append(make().sample)

    def sample(self) -> Sample:
        """What can be told now, rounded to what a chart can show."""
        found: Sample = {}
        for part in self._parts:
            with _left_out():  # a device that went away must not cost the other numbers
                found.update(part())
        return {name: round(float(value), 2) for name, value in found.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    """Drivers have been seen to say None and NaN where they know nothing."""
    return isinstance(value, int | float) and math.isfinite(value)


def _left_out() -> suppress:
    """Where one number, or a kind of numbers, is asked for.

    psutil and drivers raise whatever their age, the kernel and the container make of it (`psutil.Error`, `OSError`,
    `RuntimeError`, `KeyError`, `NVMLError`, …), and no number is worth a run: what raises is not told.
    """
    return suppress(Exception)


class _System:
    """Processors, memory, disk and network, by psutil."""

    def __init__(self, pid: int | None, directory: Path) -> None:
        import psutil

        self._psutil: Any = psutil
        self._directory = str(directory)
        self._process: Any = None
        with _left_out():  # it has ended already, or /proc is hidden
            self._process = psutil.Process(pid)
        self._has_lists = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
        self._known: dict[int, Any] = {}
        self._most: float = 0.0
        with _left_out():  # /proc is hidden
            self._most = limits.limits().get("memory") or psutil.virtual_memory().total
        self._network = self._disk = None
        with _left_out():  # a container without /proc/net, a kernel without /proc/diskstats
            self._network = psutil.net_io_counters()
        with _left_out():  # likewise
            self._disk = psutil.disk_io_counters()
        with _left_out():
            psutil.cpu_percent()  # it asks for the time since it was asked last, so the first time tells nothing
        self._family()

    def sample(self) -> Sample:
        found: Sample = {}
        for part in (self._processors, self._memory, self._space, self._sent, self._written, self._family):
            with _left_out():  # each may be hidden from us, and comes back with the next sample
                found.update(part())
        return found

    def _processors(self) -> Sample:
        return {"cpu": self._psutil.cpu_percent()}

    def _memory(self) -> Sample:
        memory = self._psutil.virtual_memory()
        return {"memory_percent": memory.percent, "proc.memory.availableMB": memory.available / MB}

    def _space(self) -> Sample:
        return {"disk.usagePercent": self._psutil.disk_usage(self._directory).percent}

    def _sent(self) -> Sample:
        before, now = self._network, self._psutil.net_io_counters()
        if not (before and now):
            return {}
        return {
            "network.sent": (now.bytes_sent - before.bytes_sent) / MB,
            "network.recv": (now.bytes_recv - before.bytes_recv) / MB,
        }

    def _written(self) -> Sample:
        before, now = self._disk, self._psutil.disk_io_counters()
        if not (before and now):
            return {}
        return {
            "disk.in": (now.read_bytes - before.read_bytes) / MB,
            "disk.out": (now.write_bytes - before.write_bytes) / MB,
        }

    def _family(self) -> Sample:
        """The process with all that it started."""
        if self._process is None or not self._process.is_running():
            return {}
        known: dict[int, Any] = {}
        for pid in self._children():
            old = self._known.get(pid)  # it knows when it was asked last
            with suppress(self._psutil.Error):
                known[pid] = old if old is not None and old.is_running() else self._psutil.Process(pid)
        self._known = {self._process.pid: self._process, **known}
        processor = memory = threads = 0.0
        for process in self._known.values():
            with suppress(self._psutil.Error, OSError), process.oneshot():
                processor += process.cpu_percent()
                memory += process.memory_info().rss
                threads += process.num_threads()
        found = {"proc.cpu": processor, "proc.memory.rssMB": memory / MB, "proc.cpu.threads": threads}
        return {**found, "proc.memory.percent": 100 * memory / self._most} if self._most else found

    def _children(self) -> list[int]:
        if self._has_lists:
            return _descendants(self._process.pid)
        return [child.pid for child in self._process.children(recursive=True)]


def _descendants(process: int) -> list[int]:
    """The pids of what a process started, by Linux's lists of children (proc(5)).

    psutil would ask every process of the machine for its parent, which takes long where there are thousands.
    """
    found: list[int] = []
    for pid in itertools.chain([process], found):  # what is found on the way is looked at as well
        with suppress(OSError):  # it has ended meanwhile
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", "rb") as children:
                    found += map(int, children.read().split())
    return found


class _Nvidia:
    """NVIDIA's cards, by the library of its driver."""

    def __init__(self) -> None:
        with warnings.catch_warnings():  # another package of the same name tells to install this one
            warnings.simplefilter("ignore")
            import pynvml

        self._library: Any = pynvml
        pynvml.nvmlInit()
        self._cards: dict[int, Any] = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            with _left_out():  # one that is lost, or not ours, costs only itself
                self._cards[index] = pynvml.nvmlDeviceGetHandleByIndex(index)

    def sample(self) -> Sample:
        return {f"gpu.{index}.{name}": value for index, card in self._cards.items() for name, value in self._ask(card)}

    def _ask(self, card: Any) -> Iterator[tuple[str, float]]:
        library = self._library
        with _left_out():  # each card knows only some of this
            yield "gpu", library.nvmlDeviceGetUtilizationRates(card).gpu
        with _left_out():
            memory = library.nvmlDeviceGetMemoryInfo(card)
            yield "memory", 100 * memory.used / memory.total
            yield "memoryAllocatedBytes", memory.used
        with _left_out():
            yield "temp", library.nvmlDeviceGetTemperature(card, library.NVML_TEMPERATURE_GPU)
        with _left_out():
            yield "powerWatts", library.nvmlDeviceGetPowerUsage(card) / 1000


class Jetson:
    """A Jetson's one GPU and its sensors, by sysfs below `root`; raises RuntimeError where there is none."""

    LOADS = (
        "sys/devices/gpu.0/load",  # Nano, TX1, TX2, Xavier
        "sys/devices/platform/gpu.0/load",  # Orin, JetPack 5
        "sys/devices/platform/*/*.gpu/load",  # Orin, JetPack 6: bus@0/17000000.gpu
        "sys/class/devfreq/*/device/load",
    )
    RAILS = "sys/bus/i2c/drivers/ina3221*/*/hwmon/hwmon*/in*_label"
    OLD_RAILS = "sys/bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_*"
    ZONES = "sys/class/thermal/thermal_zone*"

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._load = next((path for glob in self.LOADS for path in sorted(root.glob(glob))), None)
        if self._load is None:
            raise RuntimeError("no GPU in sysfs")
        self._zones = {_word(zone / "type"): zone / "temp" for zone in sorted(root.glob(self.ZONES))}
        self._rails = sorted(root.glob(self.RAILS))
        self._old_rails = sorted(root.glob(self.OLD_RAILS))

    def sample(self) -> Sample:
        assert self._load is not None
        found: Sample = {}
        with suppress(OSError, ValueError):
            found["gpu.0.gpu"] = _number(self._load) / 10
        for name, path in self._zones.items():
            with suppress(OSError, ValueError):
                if (degrees := _number(path) / 1000) > -200:  # a zone that is switched off says -256
                    found[f"temp.{name}"] = degrees
                    if name.lower().startswith("gpu"):
                        found["gpu.0.temp"] = degrees
        for label in (*self._rails, *self._old_rails):
            with suppress(OSError, ValueError):
                found[f"power.{_word(label)}"] = self._watts(label)
        return found

    @staticmethod
    def _watts(label: Path) -> float:
        if label.name.startswith("rail_name_"):  # JetPack 4
            return _number(label.with_name(label.name.replace("rail_name_", "in_power") + "_input")) / 1000
        number = label.name.removeprefix("in").removesuffix("_label")
        volts = _number(label.with_name(f"in{number}_input")) / 1000
        return volts * _number(label.with_name(f"curr{number}_input")) / 1000


def _word(path: Path) -> str:
    with suppress(OSError):
        return path.read_text().strip()
    return path.name


def _number(path: Path) -> float:
    return float(os.fsdecode(path.read_bytes()).strip())
