"""Hyperparameters as axes of a figure: where a value sits between 0 and 1, and which ticks it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autode.report.quantities import is_missing, number

if TYPE_CHECKING:
    import pandas as pd

    from autode.report.study_data import StudyData

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One hyperparameter.

    Attributes
    ----------
    name : str
    low, high : float
        Range of a number.
    log : bool
        Whether it was searched on a log scale.
    choices : tuple
        The values of an ordinal or categorical hyperparameter, in order; empty for a number.
    whole : bool
        Whether it takes whole numbers only.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[Any, ...] = ()
    whole: bool = False

    @property
    def column(self) -> str:
        """Its column in the table of trials."""
        return f"param.{self.name}"

    def positions(self, values: pd.Series) -> Floats:
        """Return the place of every value in [0, 1], shape (n,); NaN where the hyperparameter was not active."""
        return np.array([math.nan if is_missing(value) else self._position(value) for value in values.tolist()])

    def _position(self, value: Any) -> float:
        if self.choices:
            return self.choices.index(value) / max(len(self.choices) - 1, 1) if value in self.choices else math.nan
        low, high, at = (math.log(v) if self.log else float(v) for v in (self.low, self.high, value))
        return (at - low) / (high - low) if high > low else 0.5

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Return about ``most`` places and labels: every choice, decades of a log axis, round steps of a linear one."""
        if self.choices:
            step = -(-len(self.choices) // 12)
            return [(self._position(choice), str(choice)) for choice in self.choices[::step]]
        values = (
            _decades(self.low, self.high, most) if self.log else _round_steps(self.low, self.high, most, self.whole)
        )
        return [(self._position(value), number(value)) for value in values]


def axes_of(data: StudyData) -> list[Axis]:
    """Return the axes of a study: as its workflow declares them, or by what the trials show."""
    space = data.workflow.get("space") or {}
    names = [column.removeprefix("param.") for column in data.trials.columns if column.startswith("param.")]
    return [_axis(name, space.get(name) or {}, data.trials[f"param.{name}"]) for name in names]


def _axis(name: str, declared: dict[str, Any], values: pd.Series) -> Axis:
    if "choices" in declared:
        return Axis(name, choices=tuple(declared["choices"]))
    whole = declared.get("type") == "int"
    if "low" in declared:
        return Axis(name, declared["low"], declared["high"], bool(declared.get("log")), whole=whole)
    known = [value for value in values.tolist() if not is_missing(value)]
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return Axis(name, min(known), max(known), whole=all(isinstance(value, int) for value in known))
    return Axis(name, choices=tuple(sorted(dict.fromkeys(known), key=str)) or ("–",))


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return decades inside a positive range, or 1, 2 and 5 times them where the range is narrow."""
    if high > 300 * low:
        return _decades(low, high, most)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten inside a range, thinned; its ends where it has fewer than two."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, -(-(last - first + 1) // most))
    values = [10.0**exponent for exponent in range(first, last + 1, step)]
    return values if len(values) > 1 else [low, high]


def _round_steps(low: float, high: float, most: int, whole: bool) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten inside a range."""
    if not high > low:
        return [low]
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]
