"""The counters of every node over time, kept in the study's folder: what outlives the node.

On each node one process samples the node-wide energy counters and appends a row to a file of its own, once a second at
first and ever more seldom, at least once a minute. It is the one that holds a lock in the node's memory; when it dies,
the next process takes over, with a new file. So every file has one writer, nothing written is ever changed, and a kill
loses at most the row under way. A report cuts the joules of every node along its trials with it, also those of a node
that died.

A file has a line that says what is in it, and when it began; then rows: ``[seconds since then, CPU seconds of the node,
seconds between good samples, microjoules of each sensor]``, the last three since the first row.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from autode.energy.cputime import node_cpu_seconds
from autode.energy.meter import Meter, MeterUnavailableError
from autode.energy.nvml import open_nvml
from autode.energy.rapl import open_rapl

FOLDER = "node-energy"
#: Seconds from row to row at first; doubled after so many rows, up to the longest. A week makes 16,000 rows.
PERIOD_S, ROWS_OF_A_PERIOD, LONGEST_S = 1.0, 1024, 60.0
#: A row is forced to disk if the last time was so long ago; between, only a crash of the node itself loses rows.
_SYNC_S = 5.0
#: Seconds between two attempts to become the one who samples.
_STAND_BY_S = 5.0
_COUNTERS: dict[str, Callable[[], Meter]] = {"rapl": open_rapl, "nvml": open_nvml}


@dataclass(frozen=True)
class SensorOfNode:
    """What a column of a series measured: see `autode.energy.meter.Sensor`."""

    source: str
    domain: str
    device: str = ""


@dataclass(frozen=True)
class NodeSeries:
    """What one file holds.

    Attributes
    ----------
    host : str
    job, restart : str
        ``SLURM_JOB_ID`` and ``SLURM_RESTART_COUNT``; empty outside of Slurm.
    cores : int
        Processors of the node.
    sensors : tuple of SensorOfNode
    times : numpy.ndarray, shape (n,)
        POSIX seconds, ascending.
    cpu_s, covered_s : numpy.ndarray, shape (n,)
        CPU seconds of the node, and seconds between good samples, since the first row.
    energy_uj : numpy.ndarray of int, shape (n, sensors)
        Microjoules since the first row.
    """

    host: str
    job: str
    restart: str
    cores: int
    sensors: tuple[SensorOfNode, ...]
    times: npt.NDArray[np.float64]
    cpu_s: npt.NDArray[np.float64]
    covered_s: npt.NDArray[np.float64]
    energy_uj: npt.NDArray[np.int64]


class NodeRecorder:
    """Keeps the series of this node, if no other process does so already. Does nothing where nothing can be counted.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files lie: the same for all nodes.
    names : "auto" or sequence of str
        The meters that the user wants; of these, the counters.
    meters : sequence of Meter, optional
        Instead of opening them.
    period_s : float
        From row to row at first.
    """

    def __init__(
        self,
        folder: Path,
        names: str | Sequence[str] = "auto",
        *,
        meters: Sequence[Meter] | None = None,
        period_s: float = PERIOD_S,
    ):
        self._folder, self._period_s = folder, period_s
        self._meters = _opened(names) if meters is None else list(meters)
        self._leave = threading.Event()
        self._lead: int | None = None
        self._thread: threading.Thread | None = None
        _RECORDERS.add(self)
        if self._meters:
            self._thread = threading.Thread(target=self._serve, name="autode-node-energy", daemon=True)
            self._thread.start()

    @property
    def leads(self) -> bool:
        """Whether this process samples for the node."""
        return self._lead is not None

    def close(self) -> None:
        """Write the last row and stop."""
        self._leave.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None
        self.disown()
        for meter in self._meters:
            meter.close()
        self._meters = []

    def disown(self) -> None:
        """Give the lead away; also in a forked child, which inherits the lock and not the thread."""
        if self._lead is not None:
            os.close(self._lead)
            self._lead = None

    def _serve(self) -> None:
        with suppress(OSError):  # a full disk ends the series, and nothing else
            while (lead := _take_lead(self._folder)) is None:
                if self._leave.wait(_STAND_BY_S):
                    return
            self._lead = lead
            self._record()

    def _record(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        now, clock = time.time(), time.monotonic()
        path = self._folder / f"{socket.gethostname()}-{int(now * 1000)}-{os.getpid()}.jsonl"
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            row = NodeRows(self._meters, clock)
            os.write(file, orjson.dumps({**_about(now), "sensors": [asdict(one) for one in row.sensors]}) + b"\n")
            self._write_rows(file, row)
        finally:
            os.close(file)

    def _write_rows(self, file: int, row: NodeRows) -> None:
        period, written, synced = self._period_s, 0, 0.0
        going = True
        while going:
            os.write(file, orjson.dumps(row.now()) + b"\n")
            written += 1
            if written % ROWS_OF_A_PERIOD == 0:
                period = min(2 * period, LONGEST_S)
            going = not self._leave.is_set()
            if time.monotonic() - synced >= _SYNC_S or not going:
                os.fsync(file)
                synced = time.monotonic()
            if going:
                self._leave.wait(period)


class NodeRows:
    """Makes the rows of a series: one column for all sensors of a source, domain and device.

    Parameters
    ----------
    meters : sequence of Meter
    begun : float, optional
        Monotonic seconds from which the rows' times count; by default the first row's.
    """

    def __init__(self, meters: Sequence[Meter], begun: float | None = None):
        self._meters = meters
        columns: dict[SensorOfNode, list[Any]] = {}
        for meter in meters:
            for sensor in meter.sensors:
                key = SensorOfNode(sensor.source, sensor.domain, sensor.device)
                columns.setdefault(key, []).append(sensor.track)
        self.sensors, self._columns = tuple(columns), list(columns.values())
        self._begun = begun
        self._cpu_s = node_cpu_seconds() or 0.0
        self._sums = [0.0] * len(self._columns)
        self._covered = [0.0] * len(self._columns)

    def now(self) -> list[float | int]:
        """Sample everything and return a row."""
        edges = [(meter, meter.poll()) for meter in self._meters]
        clock = edges[0][1]
        self._begun = clock if self._begun is None else self._begun
        for place, column in enumerate(self._columns):
            self._sums[place] += sum(track.joules[-1] - track.joules[0] for track in column if track.joules)
            # a read that failed is made good by the next one, which counts from the last good one
            self._covered[place] += min(
                track.covered[-1] - track.covered[0] if track.covered else 0.0 for track in column
            )
        for meter, edge in edges:
            meter.forget(edge)  # what is left is the last sample, from which the next row counts
        cpu = max((node_cpu_seconds() or 0.0) - self._cpu_s, 0.0)
        head = [round(clock - self._begun, 3), round(cpu, 2), round(min(self._covered), 3)]
        return [*head, *(round(joules * 1e6) for joules in self._sums)]


def _about(now: float) -> dict[str, Any]:
    return {
        "series": 1,
        "host": socket.gethostname(),
        "time": now,
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "restart": os.environ.get("SLURM_RESTART_COUNT", ""),
        "cores": os.cpu_count() or 1,
    }


def _opened(names: str | Sequence[str]) -> list[Meter]:
    wanted = list(_COUNTERS) if names == "auto" else [name for name in _COUNTERS if name in names]
    found = []
    for name in wanted:
        with suppress(MeterUnavailableError):
            found.append(_COUNTERS[name]())
    return found


def _take_lead(folder: Path) -> int | None:
    """Return an open file whose lock, which ends with this process, is this node's lead; None if another has it."""
    memory = Path("/dev/shm")
    root = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    place = root / f"autode-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(f"{socket.gethostname()}\n{folder.resolve()}".encode()).hexdigest()[:16]
    file = os.open(place / f"series-{name}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


_RECORDERS: weakref.WeakSet[NodeRecorder] = weakref.WeakSet()


def _disown_all() -> None:
    for recorder in _RECORDERS:
        recorder.disown()


os.register_at_fork(after_in_child=_disown_all)


def read_node_series(folder: Path) -> list[NodeSeries]:
    """Read all series in a folder, in order of their time; what follows a damaged row of a file is left out.

    Parameters
    ----------
    folder : pathlib.Path
        `FOLDER` in the output folder of a study; there may be none.
    """
    found = [_read(path) for path in sorted(folder.glob("*.jsonl"))]
    return sorted((one for one in found if one is not None), key=lambda one: float(one.times[0]))


def _read(path: Path) -> NodeSeries | None:
    """Return what a file holds; None if it has no row."""
    lines = path.read_bytes().split(b"\n")[:-1]  # a last line without its end is one under way
    try:
        about = orjson.loads(lines[0])
        sensors = tuple(SensorOfNode(one["source"], one["domain"], one["device"]) for one in about["sensors"])
        begun, host = float(about["time"]), str(about["host"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    rows: list[list[float]] = []
    for line in lines[1:]:
        try:
            row = orjson.loads(line)
            good = len(row) == 3 + len(sensors) and (not rows or row[0] > rows[-1][0])
        except (TypeError, ValueError):
            good = False
        if not good:  # a node that died in the middle of writing
            break
        rows.append(row)
    if not rows:
        return None
    head = np.array([row[:3] for row in rows], dtype=np.float64)
    energy = np.maximum.accumulate(np.array([row[3:] for row in rows], dtype=np.int64), axis=0)
    job, restart = str(about.get("job", "")), str(about.get("restart", ""))
    cores = int(about.get("cores") or 1)
    return NodeSeries(host, job, restart, cores, sensors, begun + head[:, 0], head[:, 1], head[:, 2], energy)
