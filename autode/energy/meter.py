"""What every meter is: tracks that are polled together, and records made from them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autode.energy.record import EnergyReading, unavailable
from autode.energy.tracks import EDGE_TRIES, CounterTrack, PowerTrack, Span


class MeterUnavailableError(RuntimeError):
    """Raised when a meter is opened on a machine that has nothing for it; the message is the reason, in one
    sentence.
    """


@dataclass(frozen=True)
class Sensor:
    """One track with what it measures.

    Attributes
    ----------
    track : CounterTrack or PowerTrack
        The joules over time.
    domain : str
        From `autode.energy.record.DOMAINS`.
    name : str
        The sensor's own name, for messages.
    source : str
        What the records name as their source.
    device : str
        UUID, if the sensor belongs to one GPU.
    """

    track: CounterTrack | PowerTrack
    domain: str
    name: str
    source: str
    device: str = ""


class Meter:
    """A group of sensors that are sampled at the same instants.

    Parameters
    ----------
    name : str
        The name by which the meter is asked for.
    sensors : sequence of Sensor
        At least one.
    period_s : float or None
        How often the sensors must be polled inside a window; None: reading them at both edges is enough.

    Attributes
    ----------
    clock : callable
        Monotonic seconds; replaced only where time is simulated.
    root : str
        Folder that it reads, where there can be several; meters of one name and root read the same counters.
    """

    root = ""

    def __init__(self, name: str, sensors: Sequence[Sensor], period_s: float | None):
        self.name, self.sensors, self.period_s = name, list(sensors), period_s
        self.domains = tuple(dict.fromkeys(sensor.domain for sensor in sensors))
        self.clock: Callable[[], float] = time.monotonic
        self._lock = threading.Lock()

    def poll(self, tries: int = 1) -> float:
        """Sample every sensor now; returns the instant all these samples are dated to, monotonic seconds."""
        with self._lock:
            now = self.clock()
            for sensor in self.sensors:
                sensor.track.poll(now, tries)
            return now

    def edge(self) -> float:
        """Sample for the edge of a window, where a failed read is tried again."""
        return self.poll(EDGE_TRIES)

    def forget(self, before: float) -> None:
        """Drop samples that no window needs any more."""
        with self._lock:
            for sensor in self.sensors:
                sensor.track.forget(before)

    def readings(self, start: float, end: float) -> list[EnergyReading]:
        """Return one record per source and GPU for the time between two edges.

        Counters are assurance B (on-chip), integrated power C. Scope, host, UTC times and sharing are added by the
        window.
        """
        groups: dict[tuple[str, str], list[Sensor]] = {}
        for sensor in self.sensors:
            groups.setdefault((sensor.source, sensor.device), []).append(sensor)
        with self._lock:
            return [self._reading(sensors, start, end) for sensors in groups.values()]

    def _reading(self, sensors: list[Sensor], start: float, end: float) -> EnergyReading:
        source, device = sensors[0].source, sensors[0].device
        counter = isinstance(sensors[0].track, CounterTrack)
        spans = {sensor.name: sensor.track.between(start, end) for sensor in sensors}
        good = [sensor for sensor in sensors if spans[sensor.name].joules is not None]
        resets, rejected = (sum(getattr(span, kind) for span in spans.values()) for kind in ("resets", "rejected"))
        if not good:
            reason = f"{self.name}: no two good samples of {', '.join(spans)}"
            return unavailable(source, reason, device=device, resets=resets, rejected_samples=rejected)
        found = [spans[sensor.name] for sensor in good]
        coverage = min(span.covered_s for span in spans.values()) / (end - start) if end > start else None
        return EnergyReading(
            energy_j=sum(span.joules or 0.0 for span in found),
            method="measured_counter" if counter else "measured_power_integrated",
            source=source,
            assurance="B" if counter else "C",
            domains=tuple(dict.fromkeys(sensor.domain for sensor in good)),
            device=device,
            period_s=self.period_s,
            n_samples=min(span.n_samples for span in found),
            coverage=None if coverage is None else min(1.0, coverage),
            wraps=sum(span.wraps for span in found),
            resets=resets,
            rejected_samples=rejected,
            flags=_flags(counter, list(spans.values()), coverage),
        )

    def close(self) -> None:
        """Give back what the sensors hold open."""


def _flags(counter: bool, spans: Sequence[Span], coverage: float | None) -> tuple[str, ...]:
    """Return the warnings that the samples of one record give rise to."""
    flags = {
        # MLPerf Training Power asks for 60 samples; a counter is exact at its edges and needs no others
        "short_run": not counter and min(span.n_samples for span in spans) < 60,
        "partial": coverage is not None and coverage < 0.995,
        "counter_reset": any(span.resets for span in spans),
        "implausible_power": any(span.implausible for span in spans),
    }
    return tuple(name for name, raised in flags.items() if raised)
