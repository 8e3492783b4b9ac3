"""A powercap tree and a GPU driver whose joules the test decides."""

import os
from pathlib import Path

import pytest


class PowercapTree:
    """Zones like the kernel's; every write of a counter is one pwrite of fixed width, as sysfs reads are atomic."""

    def __init__(self, root: Path):
        self.root = root
        self.files: dict[str, int] = {}
        self.ranges: dict[str, int] = {}
        self.counts: dict[str, int] = {}

    def zone(self, path: str, name: str, range_j: float = 262_143.32885, joules: float = 0.0) -> None:
        folder = self.root / path
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{round(range_j * 1e6)}\n")
        self.files[path] = os.open(folder / "energy_uj", os.O_CREAT | os.O_RDWR)
        self.ranges[path] = round(range_j * 1e6)
        self.counts[path] = 0
        self.add(path, joules)

    def add(self, path: str, joules: float) -> None:
        """Let a zone consume joules; its counter wraps as the real one does."""
        self.write(path, (self.counts[path] + round(joules * 1e6)) % self.ranges[path])

    def write(self, path: str, counts: int) -> None:
        self.counts[path] = counts
        os.pwrite(self.files[path], b"%020d\n" % counts, 0)

    def fail(self, path: str) -> None:
        """Let reads fail until the next write."""
        os.pwrite(self.files[path], b"?" * 21, 0)

    def close(self) -> None:
        for file in self.files.values():
            os.close(file)


PACKAGE, DRAM = "intel-rapl:0", "intel-rapl:0/intel-rapl:0:0"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """One package with memory, counters not at zero, and zones that must not be added."""
    powercap = PowercapTree(tmp_path / "powercap")
    powercap.zone(PACKAGE, "package-0", joules=1000.0)
    powercap.zone(DRAM, "dram", range_j=65_712.999613, joules=500.0)
    powercap.zone("intel-rapl:0/intel-rapl:0:1", "core", joules=900.0)
    powercap.zone("intel-rapl:1", "psys", joules=3000.0)
    powercap.zone("intel-rapl-mmio:0", "package-0", joules=1000.0)
    monkeypatch.setenv("AUTODE_POWERCAP", str(powercap.root))
    yield powercap
    powercap.close()


class FakeNvml:
    """The part of pynvml that is used, over counters in millijoules."""

    class NVMLError(Exception):
        pass

    def __init__(self, millijoules: dict[str, int]):
        self.millijoules = millijoules
        self.sessions = 0

    def nvmlInit(self):  # noqa: N802
        self.sessions += 1

    def nvmlShutdown(self):  # noqa: N802
        self.sessions -= 1

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.millijoules)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return self.nvmlDeviceGetHandleByUUID(list(self.millijoules)[index])

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        if uuid not in self.millijoules:
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return handle

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        value = self.millijoules[handle]
        if value is None:
            raise self.NVMLError("Not Supported")
        return value


@pytest.fixture
def nvml(monkeypatch):
    """A node with two GPUs, seen by whoever imports pynvml."""
    fake = FakeNvml({"GPU-a": 5_000_000, "GPU-b": 7_000_000})
    monkeypatch.setitem(__import__("sys").modules, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return fake
