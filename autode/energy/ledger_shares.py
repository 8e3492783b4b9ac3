"""Whole microjoules: a cumulative counter read at any instant, and a sum split so that its parts add up to it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """A quantity that only grows, known at some instants: unwrapped microjoules of a counter, or CPU seconds.

    Attributes
    ----------
    times : tuple of float
        Seconds on one clock, ascending; at least two.
    values : tuple of float
        The quantity so far, as many, never decreasing.

    Raises
    ------
    ValueError
        If the lengths differ, there are fewer than two points, times do not ascend, or the values fall.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.values) or len(self.times) < 2:
            raise ValueError(
                f"a series needs two points or more, not {len(self.times)} times, {len(self.values)} values"
            )
        if any(not late > early for early, late in zip(self.times, self.times[1:], strict=False)):
            raise ValueError("the times of a series must ascend")
        if any(late < early for early, late in zip(self.values, self.values[1:], strict=False)):
            raise ValueError("a series must not fall: undo the wraps and resets of a counter first")

    @classmethod
    def steady(cls, start: float, end: float, amount: float) -> Series:
        """Return the series of a quantity of which only the total is known: it grows evenly."""
        return cls((start, end), (0, amount))

    def at(self, time: float) -> float:
        """Return the quantity at an instant: linear between points, constant outside."""
        if time <= self.times[0]:
            return self.values[0]
        if time >= self.times[-1]:
            return self.values[-1]
        place = bisect_right(self.times, time)
        t0, t1, v0, v1 = self.times[place - 1], self.times[place], self.values[place - 1], self.values[place]
        return v0 + (v1 - v0) * (time - t0) / (t1 - t0)

    def between(self, start: float, end: float) -> float:
        """Return the growth from one instant to another."""
        return self.at(end) - self.at(start)

    def whole_between(self, start: float, end: float) -> int:
        """Return the growth in whole units; the growths of adjoining intervals add up exactly."""
        return round(self.at(end)) - round(self.at(start))

    def gap(self, time: float) -> float:
        """Return the time between the points around an instant; 0 on a point, and outside."""
        place = bisect_right(self.times, time)
        inside = 0 < place < len(self.times) and self.times[place - 1] != time
        return self.times[place] - self.times[place - 1] if inside else 0.0


def split(amount: int, weights: Sequence[float]) -> list[int]:
    """Split a whole amount in proportion to weights, by largest remainder: the parts add up to it exactly.

    No part is off its exact share by one unit or more; of equal remainders the earlier gets the unit (Hamilton's
    method).

    Parameters
    ----------
    amount : int
        May be negative.
    weights : sequence of float
        Not negative, finite, not all zero.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or all are zero.
    """
    if any(not (weight >= 0 and math.isfinite(weight)) for weight in weights):
        raise ValueError("weights must be finite and not negative")
    largest = max(weights, default=0.0)
    if not largest > 0:
        raise ValueError("at least one weight must be greater than zero")
    # fractions of the largest keep tiny weights apart from zero; integers make the rest exact
    scaled = [round(weight / largest * 2**53) for weight in weights]
    total = sum(scaled)
    sign, size = (-1, -amount) if amount < 0 else (1, amount)
    parts = [size * weight // total for weight in scaled]
    rest = [size * weight % total for weight in scaled]
    for place in sorted(range(len(parts)), key=lambda place: (-rest[place], place))[: size - sum(parts)]:
        parts[place] += 1
    return [sign * part for part in parts]
