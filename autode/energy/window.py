"""A stretch of time under measurement, and what every meter says of it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol

from autode.energy.board import PERIOD_S, Account, Board
from autode.energy.cputime import CpuSeconds, cpu_seconds, cpu_share, cpu_used
from autode.energy.estimate import BusyCoreWatts, estimate_reading
from autode.energy.meter import Meter
from autode.energy.record import EnergyReading, is_available, unavailable

#: An edge is worth more than one attempt to read a counter.
EDGE_TRIES = 4
_TOO_SHORT = "shorter than one clock tick of the CPU times by which the node's joules are shared"


class Measuring(Protocol):
    """What a window needs of the set of meters that it belongs to."""

    slots: int
    devices: tuple[str, ...]
    model: BusyCoreWatts | None
    meters: list[Meter]
    boards: list[Board]

    def begin(self, meter: Meter) -> float:
        """Sample a meter for the start of a window."""
        ...

    def finish(self, meter: Meter, start: float) -> list[EnergyReading]:
        """Sample a meter for the end of a window."""
        ...

    def why_nothing(self) -> str:
        """Say why no meter is open."""
        ...


class Window:
    """A stretch of time under measurement, from its making to `stop`.

    As a context manager it stops at the end of the block; `readings` holds the records afterwards.
    """

    def __init__(self, meterset: Measuring, scope: str, share: str):
        self.readings: tuple[EnergyReading, ...] = ()
        self._set, self._scope, self._share = meterset, scope, share
        self._stopped = False
        # only a share of a counter, or a model, needs CPU times, and walking /proc costs milliseconds
        shared = bool(meterset.meters) and (meterset.slots > 1 or share != "node_exclusive")
        self._cpu = cpu_seconds() if meterset.model or shared else None
        self._boards = [(board, board.look(join=scope == "trial", tries=EDGE_TRIES)) for board in meterset.boards]
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
        readings += [self._of_board(board, first) for board, first in self._boards]
        if self._set.model is not None and used is not None:
            busy = used.node if self._scope == "node" and used.node is not None else used.own
            readings.append(estimate_reading(busy, self._set.model))
        readings = readings or [unavailable("none", self._set.why_nothing())]
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
            return unavailable(reading.source, _TOO_SHORT, share_rule=rule, flags=("short_run",))
        joules = (reading.energy_j or 0.0) * share
        return replace(reading, energy_j=joules, method="apportioned", assurance="C", share_rule=rule, share=share)

    def _of_board(self, board: Board, first: Account) -> EnergyReading:
        """Return what was booked to this process (or to the node) since the window began."""
        last, source, rule = board.look(tries=EDGE_TRIES), board.source, "cpu_time"
        pid, length, node_j = str(os.getpid()), last.t - first.t, last.joules - first.joules
        if last.identity != first.identity or (self._scope == "trial" and pid not in last.dynamic_j):
            return unavailable(source, "nobody sampled the node's counters for too long", flags=("partial",))
        if last.covered_s <= first.covered_s:
            return unavailable(source, f"{board.meter.name}: no two good samples", rejected_samples=last.rejected)
        joules = node_j
        if self._scope == "trial":
            idle = last.idle_j - first.idle_j
            joules = last.dynamic_j[pid] - first.dynamic_j[pid] + idle / self._set.slots
            rule = "idle_share+cpu_time" if idle > 0 else rule
            if last.booked == first.booked:
                return unavailable(source, _TOO_SHORT, share_rule=rule, flags=("short_run",))
        coverage = min(1.0, (last.covered_s - first.covered_s) / length) if length > 0 else None
        reading = EnergyReading(
            energy_j=min(joules, node_j),
            method="apportioned" if self._scope == "trial" else "measured_counter",
            source=source,
            assurance="C" if self._scope == "trial" else "B",
            domains=board.meter.domains,
            period_s=PERIOD_S,
            n_samples=last.samples - first.samples + 1,
            coverage=coverage,
            share_rule=rule if self._scope == "trial" else "node_exclusive",
            share=min(joules / node_j, 1.0) if node_j > 0 else None,
        )
        events = {name: getattr(last, name) - getattr(first, name) for name in ("wraps", "resets", "rejected")}
        flags = ("partial",) * (coverage is not None and coverage < 0.995) + ("counter_reset",) * bool(events["resets"])
        return replace(
            reading, wraps=events["wraps"], resets=events["resets"], rejected_samples=events["rejected"], flags=flags
        )

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
