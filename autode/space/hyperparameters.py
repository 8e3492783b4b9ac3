"""Hyperparameters and their maps to a coordinate in [0, 1].

Numbers are mapped linearly or on a log scale, an integer owns an interval of equal width for each of its values, a
choice owns one of n equal bins (Awad, Mallik and Hutter, IJCAI 2021).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Units = npt.NDArray[np.float64]
When = Mapping[str, Any]


@dataclass(frozen=True)
class Float:
    """A real number in [low, high]; ``log`` spaces it evenly in its logarithm."""

    low: float
    high: float
    log: bool = False
    when: When | None = None

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, self.log)

    def from_unit(self, u: float) -> float:
        """Map a coordinate to a value."""
        if self.log:
            value = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + u * (self.high - self.low)
        return min(max(value, self.low), self.high)

    def to_unit(self, value: float) -> float:
        """Map a value to its coordinate."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def contains(self, value: Any) -> bool:
        """Whether the value lies in the range."""
        return _is_number(value) and self.low <= value <= self.high

    def snap(self, u: Units) -> Units:
        """Return coordinates, shape (m,), after rounding: a real number is not rounded."""
        return u

    def lattice(self, n: int) -> list[float]:
        """Return n values spread evenly from low to high, on the scale of the hyperparameter."""
        return [self.from_unit(u) for u in np.linspace(0.0, 1.0, n).tolist()] if n > 1 else [self.from_unit(0.5)]


@dataclass(frozen=True)
class Int:
    """A whole number in [low, high], every ``step``-th one; ``log`` gives small numbers more room."""

    low: int
    high: int
    log: bool = False
    step: int = 1
    when: When | None = None

    def __post_init__(self) -> None:
        for name, value in (("low", self.low), ("high", self.high), ("step", self.step)):
            if isinstance(value, bool) or not isinstance(value, int) or not _fits(value):
                raise ValueError(f"{name} must be a whole number of 64 bits, not {value!r}")
        _check_range(self.low, self.high, self.log)
        if self.step < 1:
            raise ValueError(f"step must be at least 1, not {self.step}")

    @property
    def values(self) -> Sequence[int]:
        """All values, rising."""
        return range(self.low, self._last + 1, self.step)

    @property
    def size(self) -> int:
        """How many values there are; unlike ``len`` of `values` not limited to 64 bits."""
        return (self._last - self.low) // self.step + 1

    @property
    def _edges(self) -> tuple[float, float]:
        """The real interval whose rounding gives each end the same room as the others."""
        low, high = self.low - 0.5 * self.step, self._last + 0.5 * self.step
        return (math.log(max(low, 0.5)), math.log(high)) if self.log else (low, high)

    @property
    def _last(self) -> int:
        """The largest value that the steps reach."""
        return self.low + (self.high - self.low) // self.step * self.step

    def from_unit(self, u: float) -> int:
        """Map a coordinate to a value."""
        low, high = self._edges
        real = low + u * (high - low)
        real = math.exp(real) if self.log else real
        steps = round((real - self.low) / self.step)
        return min(max(self.low + steps * self.step, self.low), self._last)

    def to_unit(self, value: int) -> float:
        """Map a value to the coordinate that decodes to it."""
        low, high = self._edges
        return ((math.log(value) if self.log else value) - low) / (high - low)

    def contains(self, value: Any) -> bool:
        """Whether the value is one of the integers."""
        return _is_number(value) and self.low <= value <= self._last and (value - self.low) % self.step == 0

    def snap(self, u: Units) -> Units:
        """Return coordinates, shape (m,), after rounding: those of the values they decode to."""
        low, high = self._edges
        real = low + u * (high - low)
        steps = np.rint(((np.exp(real) if self.log else real) - self.low) / self.step)
        value = np.clip(self.low + steps * self.step, self.low, self._last)
        snapped: Units = ((np.log(value) if self.log else value) - low) / (high - low)
        return snapped

    def lattice(self, n: int) -> list[int]:
        """Return at most n distinct values spread from low to high."""
        units = np.linspace(0.0, 1.0, n) if n > 1 else [0.5]
        return sorted({self.from_unit(float(u)) for u in units})


@dataclass(frozen=True)
class Ordinal:
    """One of several choices that have an order."""

    choices: Sequence[Any]
    when: When | None = None

    def __post_init__(self) -> None:
        _check_choices(self.choices)

    def from_unit(self, u: float) -> Any:
        """Map a coordinate to a choice."""
        return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]

    def to_unit(self, value: Any) -> float:
        """Map a choice to the centre of its bin."""
        return (self._index(value) + 0.5) / len(self.choices)

    def contains(self, value: Any) -> bool:
        """Whether the value is one of the choices."""
        return any(same(value, choice) for choice in self.choices)

    @property
    def values(self) -> Sequence[Any]:
        """All choices."""
        return self.choices

    def bins(self, u: Units) -> npt.NDArray[np.int64]:
        """Return the number of the choice at each coordinate, shape (m,)."""
        return np.minimum((u * len(self.choices)).astype(np.int64), len(self.choices) - 1)

    def snap(self, u: Units) -> Units:
        """Return coordinates, shape (m,), after rounding: the centres of their bins."""
        return (self.bins(u) + 0.5) / len(self.choices)

    def lattice(self, n: int) -> list[Any]:
        """Return all choices: a grid leaves none out."""
        return list(self.choices)

    def _index(self, value: Any) -> int:
        return next(i for i, choice in enumerate(self.choices) if same(value, choice))


@dataclass(frozen=True)
class Categorical(Ordinal):
    """One of several choices without an order."""


Hyperparameter = Float | Int | Ordinal | Categorical
TYPES: Mapping[str, type[Float] | type[Int] | type[Ordinal]] = {
    "float": Float,
    "int": Int,
    "ordinal": Ordinal,
    "categorical": Categorical,
}


def to_table(h: Hyperparameter) -> dict[str, Any]:
    """Return a hyperparameter as a table of a workflow file."""
    kind = next(name for name, cls in TYPES.items() if type(h) is cls)
    table: dict[str, Any] = {"type": kind}
    if isinstance(h, Ordinal):
        table["choices"] = list(h.choices)
    else:
        table.update(low=h.low, high=h.high)
        if h.log:
            table["log"] = True
        if isinstance(h, Int) and h.step != 1:
            table["step"] = h.step
    if h.when:
        table["when"] = dict(h.when)
    return table


def describe(hyperparameter: Hyperparameter) -> str:
    """Return the range in words, for messages."""
    if isinstance(hyperparameter, Ordinal):
        return "[" + ", ".join(map(str, hyperparameter.choices)) + "]"
    return f"[{hyperparameter.low:g}, {hyperparameter.high:g}]"


def _check_range(low: Any, high: Any, log: Any) -> None:
    for name, value in (("low", low), ("high", high)):
        if not _is_number(value) or not _fits(value) or not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, not {value!r}")
    if not isinstance(log, bool):
        raise ValueError(f"log must be true or false, not {log!r}")
    if not low < high:
        raise ValueError(f"the range [{low!r}, {high!r}] is empty; expected low < high")
    if not math.isfinite(high - low):
        raise ValueError(f"the range [{low!r}, {high!r}] is wider than a floating-point number can hold")
    if log and low <= 0:
        raise ValueError(f"a log scale needs low > 0, not {low!r}")


def _check_choices(choices: Any) -> None:
    if isinstance(choices, str) or not isinstance(choices, Sequence) or not choices:
        raise ValueError(f"choices must be a list of at least one value, not {choices!r}")
    for i, choice in enumerate(choices):
        if not _is_plain(choice):
            raise ValueError(f"the choice {choice!r} is not a text, a finite number, true or false, or a list of these")
        if any(same(choice, other) for other in choices[:i]):
            raise ValueError(f"choices has {choice!r} twice")


def same(a: Any, b: Any) -> bool:
    """Equality that tells True from 1."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_plain(value: Any) -> bool:
    """Whether workflow file and journal give the value back as it is."""
    if isinstance(value, list):
        return all(_is_plain(one) for one in value)
    return isinstance(value, str) or (isinstance(value, int | float) and _fits(value) and math.isfinite(value))


def _fits(value: Any) -> bool:
    """Whether an integer has at most 64 bits, as TOML and the journal do."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63
