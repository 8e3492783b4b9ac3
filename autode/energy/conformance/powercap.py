"""A powercap tree like the kernel's, in a folder, whose joules are known."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

PACKAGE, DRAM = "intel-rapl:0", "intel-rapl:0/intel-rapl:0:0"
#: Ranges of real counters, joules: of a package, and of memory where a count is 15.3 microjoules.
PACKAGE_RANGE_J, DRAM_RANGE_J = 262_143.32885, 65_712.999613


class PowercapTree:
    """Zones whose counters go on as they are told; every write is one pwrite, as reads of sysfs are atomic.

    Parameters
    ----------
    root : pathlib.Path
        The folder; made with the first zone.
    """

    def __init__(self, root: Path):
        self.root = root
        self.ranges: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.watts: dict[str, float] = {}
        self.spent_j: dict[str, float] = {}
        self._files: dict[str, int] = {}

    @classmethod
    def of_a_node(cls, root: Path) -> PowercapTree:
        """Return a tree of one package with memory, counters not at zero, and zones that must not be added."""
        tree = cls(root)
        tree.zone(PACKAGE, "package-0", joules=1000.0)
        tree.zone(DRAM, "dram", range_j=DRAM_RANGE_J, joules=500.0)
        tree.zone("intel-rapl:0/intel-rapl:0:1", "core", joules=900.0)
        tree.zone("intel-rapl:1", "psys", joules=3000.0)
        tree.zone("intel-rapl-mmio:0", "package-0", joules=1000.0)
        tree.spent_j = dict.fromkeys(tree.spent_j, 0.0)
        return tree

    def zone(self, path: str, name: str, range_j: float = PACKAGE_RANGE_J, joules: float = 0.0) -> None:
        """Make a zone whose counter stands at ``joules``."""
        folder = self.root / path
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{round(range_j * 1e6)}\n")
        self._files[path] = os.open(folder / "energy_uj", os.O_CREAT | os.O_RDWR)
        self.ranges[path], self.counts[path], self.spent_j[path] = round(range_j * 1e6), 0, 0.0
        self.add(path, joules)

    def add(self, path: str, joules: float) -> None:
        """Let a zone consume joules; its counter wraps as the real one does."""
        self.spent_j[path] += joules
        self.write(path, (self.counts[path] + round(joules * 1e6)) % self.ranges[path])

    def advance(self, seconds: float) -> None:
        """Let time pass: every zone consumes its `watts`."""
        for path, watts in self.watts.items():
            self.add(path, watts * seconds)

    def write(self, path: str, counts: int) -> None:
        """Set a counter to microjoules, whatever it was."""
        self.counts[path] = counts
        os.pwrite(self._files[path], b"%020d\n" % counts, 0)

    def fail(self, path: str) -> None:
        """Let reads fail until the next write."""
        os.pwrite(self._files[path], b"?" * 21, 0)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def __enter__(self) -> PowercapTree:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
