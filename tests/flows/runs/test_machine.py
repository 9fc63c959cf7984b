"""Samples of machines of many kinds, none of which can break what is sampled."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from artcli.flows.runs import limits
from artcli.flows.runs.machine import Jetson, Machine

CPU = "proc.cpu", "proc.memory.rssMB", "proc.memory.percent", "proc.cpu.threads"


def plant(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


def test_this_machine() -> None:
    found = Machine(directory=Path("/")).sample()
    assert {"cpu", "memory_percent", "disk.usagePercent", *CPU} <= set(found)
    assert found["proc.memory.rssMB"] > 1
    assert 0 < found["proc.memory.percent"] < 100
    assert all(math.isfinite(value) for value in found.values())


@pytest.mark.parametrize("has_lists", [True, False])
def test_a_process_is_seen_with_all_that_it_started(has_lists: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: has_lists and exists(path))
    program = "import subprocess, sys; subprocess.run(['sh', '-c', 'echo; cat; exit 0'])"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.read(1)
    machine = Machine(child.pid)
    assert machine.sample()["proc.cpu.threads"] >= 2
    child.stdin.close()
    child.wait()
    child.stdout.close()
    found = machine.sample()
    assert "cpu" in found
    assert not set(CPU) & set(found)


def test_a_process_that_is_gone_costs_only_its_own_numbers() -> None:
    done = subprocess.Popen(["true"])
    done.wait()
    found = Machine(done.pid).sample()
    assert "cpu" in found
    assert "proc.memory.rssMB" not in found


def test_a_sample_takes_a_few_milliseconds() -> None:
    machine = Machine()
    times = []
    for _ in range(5):
        begun = time.thread_time()
        machine.sample()
        times.append(time.thread_time() - begun)
    assert min(times) < 0.02


@pytest.mark.parametrize(
    "name", ["cpu_percent", "virtual_memory", "disk_usage", "net_io_counters", "disk_io_counters", "Process"]
)
@pytest.mark.parametrize("error", [PermissionError("no"), psutil.AccessDenied(1), RuntimeError("no disk"), None])
def test_what_the_system_does_not_tell_costs_nothing_else(
    name: str, error: Exception | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: object, **__: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(psutil, name, fails)
    early = Machine(directory=tmp_path)
    monkeypatch.undo()
    late = Machine(directory=tmp_path)
    monkeypatch.setattr(psutil, name, fails)
    for machine in (early, late):
        assert len(machine.sample()) >= 8


def test_no_psutil_and_no_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "cpu" in Machine(directory=tmp_path / "gone").sample()
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert Machine(root=tmp_path).sample() == {}


# --- NVIDIA ---


class Driver(types.ModuleType):
    """A pynvml with two cards, the second of which knows little, and a third that is lost."""

    NVML_TEMPERATURE_GPU = 0
    power: Any = 61_500
    count: Any = 3

    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetCount(self) -> Any:
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index == 2:
            raise RuntimeError("GPU is lost")
        return index

    def _only_first(self, card: int, value: Any) -> Any:
        if card:
            raise RuntimeError("Not Supported")
        return value

    def nvmlDeviceGetUtilizationRates(self, card: int) -> Any:
        return types.SimpleNamespace(gpu=87 - card)

    def nvmlDeviceGetMemoryInfo(self, card: int) -> Any:
        return self._only_first(card, types.SimpleNamespace(used=4 << 30, total=16 << 30))

    def nvmlDeviceGetTemperature(self, card: int, _: int) -> Any:
        return self._only_first(card, 65)

    def nvmlDeviceGetPowerUsage(self, card: int) -> Any:
        return self.power


def gpus(machine: Machine) -> dict[str, float]:
    return {name: value for name, value in machine.sample().items() if name.startswith("gpu.")}


def test_cards_of_nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver("pynvml")
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    machine = Machine()
    assert gpus(machine) == {
        "gpu.0.gpu": 87, "gpu.0.memory": 25, "gpu.0.memoryAllocatedBytes": 4 << 30, "gpu.0.temp": 65,
        "gpu.0.powerWatts": 61.5, "gpu.1.gpu": 86, "gpu.1.powerWatts": 61.5,
    }  # fmt: skip
    driver.nvmlDeviceGetUtilizationRates = lambda card: types.SimpleNamespace(gpu=None)  # type: ignore[method-assign]
    driver.power = float("nan")
    assert set(gpus(machine)) == {"gpu.0.memory", "gpu.0.memoryAllocatedBytes", "gpu.0.temp"}
    assert "cpu" in machine.sample()


def _raise() -> None:
    raise OSError("driver/library version mismatch")


@pytest.mark.parametrize(("name", "value"), [("nvmlInit", _raise), ("nvmlDeviceGetCount", _raise), ("count", None)])
def test_a_driver_that_fails(name: str, value: Callable[[], None] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver("pynvml")
    setattr(driver, name, value)
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    machine = Machine()
    assert gpus(machine) == {}
    assert "cpu" in machine.sample()


def test_a_library_that_warns_is_not_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pynvml.py").write_text("import warnings\nwarnings.warn('deprecated', FutureWarning)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    assert gpus(Machine()) == {}
    assert sys.modules.pop("pynvml")


# --- Jetson ---

NANO = {
    "sys/devices/gpu.0/load": "990",
    "sys/class/thermal/thermal_zone1/type": "GPU-therm",
    "sys/class/thermal/thermal_zone1/temp": "39000",
    "sys/class/thermal/thermal_zone2/type": "PMIC-Die",
    "sys/class/thermal/thermal_zone2/temp": "-256000",
    "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/rail_name_0": "POM_5V_IN",
    "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input": "2500",
}
XAVIER = {
    "sys/devices/platform/gpu.0/load": "423",
    "sys/class/thermal/thermal_zone0/type": "CPU-therm",
    "sys/class/thermal/thermal_zone0/temp": "41500",
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/in1_label": "VDD_IN",
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/in1_input": "5000",
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/curr1_input": "800",
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/in7_label": "sum of shunt voltages",
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/in7_input": "12",
}
ORIN = {
    "sys/devices/platform/bus@0/17000000.gpu/load": "0",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal",
    "sys/class/thermal/thermal_zone1/temp": "48468",
    "sys/class/thermal/thermal_zone8/type": "tj-thermal",
    "sys/class/thermal/thermal_zone8/temp": "",
}
AGX = {"sys/class/devfreq/17000000.ga10b/device/load": "1000"}


@pytest.mark.parametrize(
    ("board", "sample"),
    [
        (NANO, {"gpu.0.gpu": 99.0, "temp.GPU-therm": 39.0, "gpu.0.temp": 39.0, "power.POM_5V_IN": 2.5}),
        (XAVIER, {"gpu.0.gpu": 42.3, "temp.CPU-therm": 41.5, "power.VDD_IN": 4.0}),
        (ORIN, {"gpu.0.gpu": 0.0, "temp.gpu-thermal": 48.468, "gpu.0.temp": 48.468}),
        (AGX, {"gpu.0.gpu": 100.0}),
    ],
)
def test_a_jetson(board: Mapping[str, str], sample: Mapping[str, float], tmp_path: Path) -> None:
    plant(tmp_path, board)
    jetson = Jetson(tmp_path)
    assert jetson.sample() == sample
    for name in board:
        (tmp_path / name).unlink()
    assert jetson.sample() == {}
    assert "cpu" in Machine(root=tmp_path).sample()
    with pytest.raises(RuntimeError):
        Jetson(tmp_path)


# --- limits ---


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, {}),
        ({"proc/self/cgroup": "0::/"}, {}),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "max", "sys/fs/cgroup/cpu.max": "max 100000"}, {}),
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/fs/cgroup/a/memory.max": "1000000",
                "sys/fs/cgroup/a/b/memory.max": "max",
                "sys/fs/cgroup/a/b/cpu.max": "50000 100000",
            },
            {"memory": 1_000_000, "cpus": 0.5},
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/docker/ff\n4:cpu,cpuacct:/docker/ff\n0::/",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000",
                "sys/fs/cgroup/cpu,cpuacct/docker/ff/cpu.cfs_quota_us": "75000",
                "sys/fs/cgroup/cpu,cpuacct/docker/ff/cpu.cfs_period_us": "100000",
            },
            {"memory": 2_000_000, "cpus": 0.75},
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            {},
        ),
        ({"proc/self/cgroup": "0::/../x", "sys/fs/cgroup/memory.max": "5"}, {"memory": 5}),
        ({"proc/self/cgroup": "nonsense", "sys/fs/cgroup/cpu.max": "1 0"}, {}),
    ],
)
def test_what_a_container_leaves(
    files: Mapping[str, str], found: Mapping[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    plant(tmp_path, files)
    assert limits.limits(tmp_path) == found


def test_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert limits.limits(tmp_path) == {"cpus": 1}
