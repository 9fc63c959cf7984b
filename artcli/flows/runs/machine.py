"""Samples of the machine that a run works on, under W&B's names, so that its charts mean the same.

    cpu                    percent of all processors          memory_percent      percent of the memory in use
    proc.memory.rssMB      of the process and its children    proc.cpu.threads
    proc.cpu               percent of one processor           disk.usagePercent   of the file system it works on
    network.sent, network.recv, disk.in, disk.out             MB since sampling began
    gpu.0.gpu, gpu.0.memory (percent), gpu.0.memoryAllocatedBytes, gpu.0.temp (°C), gpu.0.powerWatts

NVIDIA's cards are asked through nvidia-ml-py where it is installed, a Jetson through its sysfs: load, temperatures
(`temp.<zone>`) and power (`power.<rail>`, watts). What a machine does not tell is left out; nothing here raises.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

MB = 1024 * 1024

Sample = dict[str, float]


class Machine:
    """Takes samples. `pid`: the process that the run is; `directory`: whose file system is watched."""

    def __init__(self, pid: int | None = None, directory: Path | None = None, root: Path = Path("/")) -> None:
        self._parts: list[Callable[[], Sample]] = []
        for make in (lambda: _System(pid, directory or Path.cwd()), _Nvidia, lambda: Jetson(root)):
            with suppress(Exception):  # not installed, no such device, a driver of another age
                self._parts.append(make().sample)

    def sample(self) -> Sample:
        """What can be told now, rounded to what a chart can show."""
        found: Sample = {}
        for part in self._parts:
            with suppress(Exception):  # a device that went away must not cost the other numbers
                found.update(part())
        return {name: round(value, 2) for name, value in found.items()}


class _System:
    """Processors, memory, disk and network, by psutil."""

    def __init__(self, pid: int | None, directory: Path) -> None:
        import psutil

        self._psutil: Any = psutil
        self._directory = str(directory)
        self._process: Any = None
        with suppress(psutil.Error):  # it has ended already
            self._process = psutil.Process(pid)
        self._known: dict[int, Any] = {}
        self._network = psutil.net_io_counters()
        self._disk = psutil.disk_io_counters()
        psutil.cpu_percent()  # each asks for the time since it was asked last
        self._family()

    def sample(self) -> Sample:
        psutil = self._psutil
        memory = psutil.virtual_memory()
        found = {"cpu": psutil.cpu_percent(), "memory_percent": memory.percent}
        found["proc.memory.availableMB"] = memory.available / MB
        found["disk.usagePercent"] = psutil.disk_usage(self._directory).percent
        found |= self._since_start()
        return found | self._family()

    def _since_start(self) -> Sample:
        found: Sample = {}
        if self._network and (now := self._psutil.net_io_counters()):
            found["network.sent"] = (now.bytes_sent - self._network.bytes_sent) / MB
            found["network.recv"] = (now.bytes_recv - self._network.bytes_recv) / MB
        if self._disk and (now := self._psutil.disk_io_counters()):
            found["disk.in"] = (now.read_bytes - self._disk.read_bytes) / MB
            found["disk.out"] = (now.write_bytes - self._disk.write_bytes) / MB
        return found

    def _family(self) -> Sample:
        """The process with all that it started."""
        if self._process is None:
            return {}
        try:
            found = [self._process, *self._process.children(recursive=True)]
        except self._psutil.Error:
            return {}
        self._known = {process.pid: self._known.get(process.pid, process) for process in found}
        processor = memory = threads = 0.0
        for process in self._known.values():
            with suppress(self._psutil.Error), process.oneshot():
                processor += process.cpu_percent()
                memory += process.memory_info().rss
                threads += process.num_threads()
        return {"proc.cpu": processor, "proc.memory.rssMB": memory / MB, "proc.cpu.threads": threads}


class _Nvidia:
    """NVIDIA's cards, by the library of its driver."""

    def __init__(self) -> None:
        import pynvml

        self._library: Any = pynvml
        pynvml.nvmlInit()
        self._cards = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]

    def sample(self) -> Sample:
        return {
            f"gpu.{index}.{name}": value for index, card in enumerate(self._cards) for name, value in self._ask(card)
        }

    def _ask(self, card: Any) -> Iterator[tuple[str, float]]:
        library = self._library
        with suppress(Exception):  # each card knows only some of this
            yield "gpu", library.nvmlDeviceGetUtilizationRates(card).gpu
        with suppress(Exception):
            memory = library.nvmlDeviceGetMemoryInfo(card)
            yield "memory", 100 * memory.used / memory.total
            yield "memoryAllocatedBytes", memory.used
        with suppress(Exception):
            yield "temp", library.nvmlDeviceGetTemperature(card, library.NVML_TEMPERATURE_GPU)
        with suppress(Exception):
            yield "powerWatts", library.nvmlDeviceGetPowerUsage(card) / 1000


class Jetson:
    """A Jetson's one GPU and its sensors, by sysfs below `root`; raises RuntimeError where there is none."""

    LOADS = ("sys/devices/gpu.0/load", "sys/devices/platform/gpu.0/load", "sys/class/devfreq/*/device/load")
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
