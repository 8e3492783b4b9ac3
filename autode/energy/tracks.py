"""Cumulative energy of one sensor over time: counters unwrapped, watts integrated, and the difference between two
instants.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: A plausible upper bound of what one sensor's device draws, watts; decides between a counter's wrap and its reset.
POWER_LIMIT_W = 1500.0
#: Joules that a counter may be off that bound, for its own delays and steps.
SLACK_J = 1000.0
#: An edge of a window is worth more than one attempt, this many seconds apart.
EDGE_TRIES, RETRY_S = 4, 0.001


@dataclass(frozen=True)
class Span:
    """What a track knows about the time between two instants.

    Attributes
    ----------
    joules : float or None
        None if fewer than two good samples bear on it.
    covered_s : float
        Seconds between good samples.
    """

    joules: float | None
    covered_s: float
    n_samples: int
    wraps: int
    resets: int
    rejected: int
    implausible: int


class Track:
    """Good samples of one sensor as (time, cumulative joules), and the events between them.

    Times come from one monotonic clock, in seconds. Samples older than `forget` are dropped.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.joules: list[float] = []
        self.covered: list[float] = []  # cumulative seconds that lie between good samples
        self.events: list[tuple[float, str]] = []
        self._last: tuple[float, float] | None = None  # time and raw value of the last good sample
        self._suspect: tuple[float, float] | None = None  # of one that is not believed yet

    def add(self, t: float, joules: float, covered: bool = True) -> None:
        """Append a sample: ``joules`` more than the last one; ``covered`` False if the joules in between are
        unknown.
        """
        if not self.times:
            self.times, self.joules, self.covered = [t], [0.0], [0.0]
            return
        self.covered.append(self.covered[-1] + (t - self.times[-1] if covered else 0.0))
        self.joules.append(self.joules[-1] + joules)
        self.times.append(t)

    def note(self, t: float, event: str) -> None:
        """Remember that something happened: ``"wrap"``, ``"reset"``, ``"rejected"`` or ``"implausible"``."""
        self.events.append((t, event))

    def poll(self, t: float, tries: int = 1) -> None:
        """Take a sample at time ``t``; try again where a read fails or is not believed."""
        raise NotImplementedError

    @property
    def state(self) -> list[tuple[float, float] | None]:
        """Where the track stands: all that another process needs to go on with it."""
        return [self._last, self._suspect]

    def resume(self, state: Sequence[Sequence[float] | None]) -> None:
        """Go on from another's `state`; joules and covered seconds count from there."""
        self._last, self._suspect = ((one[0], one[1]) if one else None for one in state)
        self.events = []
        self.times, self.joules, self.covered = ([self._last[0]], [0.0], [0.0]) if self._last else ([], [], [])

    def forget(self, before: float) -> None:
        """Drop what no window that starts at ``before`` or later needs."""
        keep = max(0, bisect_right(self.times, before) - 1)
        del self.times[:keep], self.joules[:keep], self.covered[:keep]
        self.events = [event for event in self.events if event[0] >= before]

    def between(self, start: float, end: float) -> Span:
        """Return the joules between two instants; an edge without a sample of its own is interpolated where it can
        be.
        """
        happened = [event for t, event in self.events if start < t <= end or (event == "rejected" and t == start)]
        counts = {event: happened.count(event) for event in ("wrap", "reset", "rejected", "implausible")}
        inside = bisect_right(self.times, end) - bisect_left(self.times, start)
        covered = self._at(self.covered, end) - self._at(self.covered, start) if self.times else 0.0
        usable = len(self.times) >= 2 and covered > 0
        joules = self._at(self.joules, end) - self._at(self.joules, start) if usable else None
        return Span(joules, covered, inside, counts["wrap"], counts["reset"], counts["rejected"], counts["implausible"])

    def _at(self, values: list[float], t: float) -> float:
        """Interpolate linearly; the ends are not extrapolated."""
        right = bisect_left(self.times, t)
        if right == 0:
            return values[0]
        if right == len(self.times):
            return values[-1]
        t0, t1 = self.times[right - 1], self.times[right]
        return values[right - 1] + (values[right] - values[right - 1]) * (t - t0) / (t1 - t0)


class CounterTrack(Track):
    """Track of an energy counter.

    A decrease is a wrap if the joules it implies are possible in the time passed. A value that is not possible is kept
    aside until the next one tells which of the two to believe: either it was a bad read (nothing is lost), or the
    counter was reset (the joules in between are unknown, and count as not covered). A failed read is a missing sample
    and never a zero.

    Parameters
    ----------
    read : callable
        Returns the raw counter, or None if it cannot be read.
    unit_j : float
        Joules per count.
    counts_max : float or None
        Counts at which the counter wraps to zero; None if it never does.
    power_limit_w : float
        Upper bound of the device's power, watts.
    """

    def __init__(
        self,
        read: Callable[[], float | None],
        unit_j: float,
        counts_max: float | None,
        power_limit_w: float = POWER_LIMIT_W,
    ):
        super().__init__()
        self.read, self.unit_j, self.counts_max, self.power_limit_w = read, unit_j, counts_max, power_limit_w

    def poll(self, t: float, tries: int = 1) -> None:
        """Take a sample at time ``t``; try again where a read fails or is not believed."""
        for attempt in range(tries):
            if attempt:
                time.sleep(RETRY_S)
            counts = self.read()
            if counts is None:
                self.note(t, "rejected")
            elif self._take(t, float(counts)):
                return

    def _take(self, t: float, counts: float) -> bool:
        if self._last is None:
            self._last = (t, counts)
            self.add(t, 0.0)
            return True
        joules = self._step(self._last, t, counts)
        if joules is not None:
            self._accept(t, counts, joules)
            return True
        since_suspect = None if self._suspect is None else self._step(self._suspect, t, counts)
        if since_suspect is None:
            self._suspect = (t, counts)
            self.note(t, "rejected")
            return False
        self.note(t, "reset")
        self.add(t, since_suspect, covered=False)
        self._last, self._suspect = (t, counts), None
        return True

    def _accept(self, t: float, counts: float, joules: float) -> None:
        if self._last is not None and counts < self._last[1]:
            self.note(t, "wrap")
        if self._last is not None and joules > self._possible(t - self._last[0]):
            self.note(t, "implausible")
        self.add(t, joules)
        self._last, self._suspect = (t, counts), None

    def _step(self, last: tuple[float, float], t: float, counts: float) -> float | None:
        """Return the joules since ``last``, or None if the counter cannot have got here by counting."""
        if counts >= last[1]:
            return (counts - last[1]) * self.unit_j
        if self.counts_max is None:
            return None
        joules = (counts - last[1] + self.counts_max) * self.unit_j
        return joules if 0 <= joules <= self._possible(t - last[0]) else None

    def _possible(self, seconds: float) -> float:
        return self.power_limit_w * seconds + SLACK_J


class PowerTrack(Track):
    """Track of a power sensor: watts integrated by the trapezoid over the real times of the samples.

    Parameters
    ----------
    read : callable
        Returns watts, or None if they cannot be read.
    """

    def __init__(self, read: Callable[[], float | None]):
        super().__init__()
        self.read = read

    def poll(self, t: float, tries: int = 1) -> None:
        """Take a sample at time ``t``; try again where a read fails."""
        for attempt in range(tries):
            if attempt:
                time.sleep(RETRY_S)
            watts = self.read()
            if watts is None:
                self.note(t, "rejected")
                continue
            joules = 0.0 if self._last is None else 0.5 * (watts + self._last[1]) * (t - self._last[0])
            self.add(t, joules)
            self._last = (t, float(watts))
            return
