"""Meters for a process: open what there is, put windows around work, get records back."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from autode.energy.board import Board
from autode.energy.estimate import BusyCoreWatts, busy_core_watts
from autode.energy.meter import Meter, MeterUnavailableError
from autode.energy.nvml import open_nvml
from autode.energy.perun_meter import open_perun, perun_reads_more
from autode.energy.rapl import open_rapl
from autode.energy.record import EnergyReading
from autode.energy.sampler import SAMPLER
from autode.energy.window import Window

METERS = ("nvml", "rapl", "perun", "slurm", "estimate")
SCOPES = ("trial", "node")
SHARES = ("node_exclusive", "gpu_exclusive", "cpu_time")


@dataclass(frozen=True)
class Availability:
    """Whether a meter works here.

    Attributes
    ----------
    name : str
        From `METERS`.
    available : bool
        Whether windows will carry its records.
    reason : str
        Why not; or a remark.
    domains : tuple of str
        What it covers.
    """

    name: str
    available: bool
    reason: str = ""
    domains: tuple[str, ...] = ()


def open_meters(
    names: str | Sequence[str] = "auto",
    *,
    devices: Sequence[str] = (),
    slots: int = 1,
    estimate_watts: float | Sequence[float] | BusyCoreWatts | None = None,
) -> MeterSet:
    """Open the meters of this process.

    Parameters
    ----------
    names : "auto" or sequence of str
        From ``nvml``, ``rapl``, ``perun``, ``slurm``, ``estimate``. ``"auto"`` takes whatever can really be measured
        here and never the estimate. A meter asked for by name that does not work here is reported by
        `MeterSet.availability`; it is no error.
    devices : sequence of str
        Devices of the trial: ``"cpu"``, ``"cuda:0"``, UUIDs. Empty: every visible GPU.
    slots : int
        Trials that run on this node at once. With more than one, node-wide counters are apportioned to trials by CPU
        time.
    estimate_watts : float, (low, high), (low, central, high) or BusyCoreWatts, optional
        Watts per busy core for ``estimate``.

    Returns
    -------
    MeterSet
        To be closed, or used as a context manager.

    Raises
    ------
    ValueError
        For an unknown meter, no slots, or impossible watts.
    """
    if slots < 1:
        raise ValueError(f"slots must be at least 1, not {slots}")
    model = busy_core_watts(tuple(estimate_watts) if isinstance(estimate_watts, Sequence) else estimate_watts)
    wanted = _checked(names)
    openers: dict[str, Callable[[], Meter]] = {
        "nvml": lambda: open_nvml(devices),
        "rapl": open_rapl,
        "perun": lambda: open_perun(devices),
    }
    meters: list[Meter] = []
    report: list[Availability] = []
    for name in wanted or METERS:
        try:
            if name == "estimate" and wanted:
                report.append(Availability(name, True, "a model, not a measurement", ("cpu_pkg", "dram")))
                continue
            meter = openers[name]() if name in openers and (wanted or _worth_opening(name)) else _refuse(name)
        except MeterUnavailableError as error:
            report.append(Availability(name, False, str(error)))
            continue
        meters.append(meter)
        report.append(Availability(name, True, "", meter.domains))
    return MeterSet(meters, report, devices=devices, slots=slots, model=model if "estimate" in wanted else None)


def _checked(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names asked for, each once; nothing for "auto"."""
    if names == "auto":
        return ()
    listed = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
    if not listed:
        raise ValueError('no energy meter is named; write "auto" for whatever works here')
    for name in listed:
        if name not in METERS:
            close = difflib.get_close_matches(str(name), [*METERS, "auto"], n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"unknown energy meter {name!r}{hint} Expected auto or some of: {', '.join(METERS)}")
    return listed


def _worth_opening(name: str) -> bool:
    return name != "perun" or perun_reads_more()


def _refuse(name: str) -> Meter:
    reasons = {
        "perun": "perun has no sensor here that nvml and rapl do not read",
        "slurm": "Slurm counts whole jobs, which sacct tells afterwards (sstat before); trials get their parts then",
        "estimate": "an estimate is made only when it is asked for by name",
    }
    raise MeterUnavailableError(reasons[name])


def _boards(meters: Sequence[Meter]) -> list[Board]:
    """Share the node-wide counters with the other processes on this node, where it has memory to share."""
    boards: list[Board] = []
    for meter in meters:
        if "gpu" not in meter.domains and len({sensor.source for sensor in meter.sensors}) == 1:
            with suppress(OSError):
                board = Board(meter)
                board.look()
                board.serve()
                boards.append(board)
    return boards


class MeterSet:
    """Open meters of one process. Make one per process, with `open_meters`, and as many windows as there is work."""

    def __init__(
        self,
        meters: Sequence[Meter],
        availability: Sequence[Availability],
        *,
        devices: Sequence[str] = (),
        slots: int = 1,
        model: BusyCoreWatts | None = None,
    ):
        self.slots, self.model, self.devices = slots, model, tuple(devices)
        self.boards = _boards(meters) if slots > 1 else []
        boarded = [board.meter for board in self.boards]
        self.meters = [meter for meter in meters if meter not in boarded]
        self._all = list(meters)
        self._availability = list(availability)
        self._open: dict[Meter, list[float]] = {meter: [] for meter in meters}  # starts of the windows under way
        self._lock = threading.Lock()
        self._closed = False
        SAMPLER.join()

    def availability(self) -> list[Availability]:
        """Return, for every meter asked for (all of them under ``"auto"``), whether it works here and if not, why."""
        return list(self._availability)

    def window(self, scope: str = "trial", share: str | None = None) -> Window:
        """Start measuring. Windows may nest and overlap.

        Parameters
        ----------
        scope : "trial" or "node"
            A trial gets its share of what other trials on the node also use; the node gets all.
        share : str, optional
            What the trial has for itself: ``"node_exclusive"`` everything (default with one slot), ``"gpu_exclusive"``
            its GPUs (default with several slots and named devices), ``"cpu_time"`` nothing: node-wide counters are then
            apportioned by CPU time and GPU counters equally between the slots. With several slots the node is never a
            trial's own.

        Raises
        ------
        ValueError
            For an unknown scope or share, or after `close`.
        """
        if self._closed:
            raise ValueError("these meters are closed")
        if scope not in SCOPES:
            raise ValueError(f"unknown scope {scope!r}; expected one of {', '.join(SCOPES)}")
        if share is None:
            several = "gpu_exclusive" if self.devices else "cpu_time"
            share = "node_exclusive" if self.slots == 1 or scope == "node" else several
        if share not in SHARES:
            raise ValueError(f"unknown share {share!r}; expected one of {', '.join(SHARES)}")
        return Window(self, scope, share)

    def begin(self, meter: Meter) -> float:
        """Sample one meter for the start of a window, and see to its polling from here on."""
        start = meter.edge()
        with self._lock:
            self._open[meter].append(start)
        SAMPLER.watch(meter)
        return start

    def finish(self, meter: Meter, start: float) -> list[EnergyReading]:
        """Sample one meter for the end of a window and return its records."""
        end = meter.edge()
        SAMPLER.unwatch(meter)
        readings = meter.readings(start, end)
        with self._lock:
            self._open[meter].remove(start)
            oldest = min(self._open[meter], default=end)
        meter.forget(oldest)
        return readings

    def why_nothing(self) -> str:
        """Say why no meter works here."""
        absent = [meter for meter in self._availability if not meter.available and meter.name != "estimate"]
        return "; ".join(f"{meter.name}: {meter.reason}" for meter in absent)

    def close(self) -> None:
        """Stop sampling and close the sensors. Further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        for meter, starts in self._open.items():
            for _ in starts:
                SAMPLER.unwatch(meter)
        SAMPLER.leave()
        for board in self.boards:
            board.close()
        for meter in self._all:
            meter.close()

    def __enter__(self) -> MeterSet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
