"""Meters for a process: open what there is, put windows around work, get records back."""

from __future__ import annotations

import difflib
import platform
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType

from autode.energy.cputime import CpuSeconds, cpu_seconds, cpu_share, cpu_used
from autode.energy.estimate import BusyCoreWatts, busy_core_watts, estimate_reading
from autode.energy.meter import Meter, MeterUnavailableError
from autode.energy.nvml import open_nvml
from autode.energy.perun_meter import open_perun, perun_reads_more
from autode.energy.rapl import open_rapl
from autode.energy.record import EnergyReading, is_available, unavailable
from autode.energy.sampler import SAMPLER

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
        "slurm": "live counters of a Slurm job are not read; its joules come from sacct after the job",
        "estimate": "an estimate is made only when it is asked for by name",
    }
    raise MeterUnavailableError(reasons[name])


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
        self.meters, self.slots, self.model = list(meters), slots, model
        self.devices = tuple(devices)
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

    def close(self) -> None:
        """Stop sampling and close the sensors. Further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        for meter, starts in self._open.items():
            for _ in starts:
                SAMPLER.unwatch(meter)
        SAMPLER.leave()
        for meter in self.meters:
            meter.close()

    def __enter__(self) -> MeterSet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Window:
    """A stretch of time under measurement, from its making to `stop`.

    As a context manager it stops at the end of the block; `readings` holds the records afterwards.
    """

    def __init__(self, meterset: MeterSet, scope: str, share: str):
        self.readings: tuple[EnergyReading, ...] = ()
        self._set, self._scope, self._share = meterset, scope, share
        self._stopped = False
        # only a share of a counter, or a model, needs CPU times, and walking /proc costs milliseconds
        shared = bool(meterset.meters) and (meterset.slots > 1 or share != "node_exclusive")
        self._cpu = cpu_seconds() if meterset.model or shared else None
        self._starts = [(meter, meterset.begin(meter)) for meter in meterset.meters]
        self._t_start, self._begun = datetime.now(UTC), time.monotonic()

    def stop(self) -> tuple[EnergyReading, ...]:
        """End the window; a second call returns the same records.

        Returns
        -------
        tuple of EnergyReading
            One record per source (and GPU), without joules where its samples failed; if no meter is open at all, one
            record without joules that names the reasons.
        """
        if self._stopped:
            return self.readings
        self._stopped = True
        seconds, now = time.monotonic() - self._begun, datetime.now(UTC)
        found = [reading for meter, start in self._starts for reading in self._set.finish(meter, start)]
        used = None if self._cpu is None else cpu_used(self._cpu, cpu_seconds())
        readings = [self._shared(reading, used) for reading in found]
        if self._set.model is not None and used is not None:
            busy = used.node if self._scope == "node" and used.node is not None else used.own
            readings.append(estimate_reading(busy, self._set.model))
        readings = readings or [unavailable("none", self._why_nothing())]
        missing = self._gpu_missing(readings)
        self.readings = tuple(
            replace(
                reading,
                scope=self._scope,
                host=platform.node(),
                t_start=self._t_start.isoformat(),
                t_end=now.isoformat(),
                seconds=seconds,
                flags=(*reading.flags, *missing),
            )
            for reading in readings
        )
        return self.readings

    def _shared(self, reading: EnergyReading, used: CpuSeconds | None) -> EnergyReading:
        """Give the scope its share of a counter, and say which."""
        gpu = reading.domains == ("gpu",)
        alone = self._set.slots == 1
        if not is_available(reading):
            return reading
        if self._scope == "node" or (alone and self._share == "node_exclusive"):
            return replace(reading, share_rule="node_exclusive", share=1.0)
        if gpu:
            own = alone or self._share != "cpu_time"
            return (
                replace(reading, share_rule="gpu_exclusive", share=1.0)
                if own
                else self._apportion(reading, "equal", 1 / self._set.slots)
            )
        return self._apportion(reading, "cpu_time", None if used is None else cpu_share(used))

    @staticmethod
    def _apportion(reading: EnergyReading, rule: str, share: float | None) -> EnergyReading:
        if share is None:
            reason = "shorter than one clock tick of the CPU times by which the node's joules are shared"
            return unavailable(reading.source, reason, share_rule=rule, flags=("short_run",))
        joules = (reading.energy_j or 0.0) * share
        return replace(reading, energy_j=joules, method="apportioned", assurance="C", share_rule=rule, share=share)

    def _why_nothing(self) -> str:
        absent = [meter for meter in self._set.availability() if not meter.available and meter.name != "estimate"]
        return "; ".join(f"{meter.name}: {meter.reason}" for meter in absent)

    def _gpu_missing(self, readings: Sequence[EnergyReading]) -> tuple[str, ...]:
        named = any(device != "cpu" for device in self._set.devices)
        covered = any(is_available(reading) and "gpu" in reading.domains for reading in readings)
        return ("gpu_not_measured",) if named and not covered else ()

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
