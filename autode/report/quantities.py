"""How figures are written: digits, units, and the marks every estimate carries."""

from __future__ import annotations

import math
from typing import Any

MEASURED, APPORTIONED, ESTIMATED, UNAVAILABLE = "measured", "apportioned", "estimated", "unavailable"
MISSING = "–"
_JOULE_STEPS = ((1e9, "GJ"), (1e6, "MJ"), (1e3, "kJ"), (1.0, "J"))


def is_missing(value: Any) -> bool:
    """Whether a cell is None, NaN or pandas' NA."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def number(value: Any, digits: int = 4) -> str:
    """Write a number with ``digits`` significant digits; whole numbers stay whole, text stays text."""
    if is_missing(value):
        return MISSING
    if isinstance(value, str | bool):
        return str(value)
    if float(value) == int(value) and abs(value) < 1e6 if math.isfinite(value) else False:
        return str(int(value)).replace("-", "−")
    text = f"{float(value):.{digits}g}"
    return _tidy_exponent(text).replace("-", "−", 1) if text.startswith("-") else _tidy_exponent(text)


def figure(value: Any) -> str:
    """Write a measured result with four significant digits, zeros at its end included."""
    if is_missing(value) or isinstance(value, str | bool):
        return number(value)
    wide = value != 0 and not 1e-4 <= abs(float(value)) < 1e6
    return number(value) if wide else _plain(float(value), 4).replace("-", "−")


def mean_and_deviation(mean: float, deviation: float) -> str:
    """Write ``0.9820 ± 0.0016``: the deviation with two significant digits, the mean to the same place."""
    if not deviation > 0:
        return f"{figure(mean)} ± {number(deviation)}"
    decimals = max(1 - math.floor(math.log10(deviation)), 0)
    return f"{mean:.{decimals}f} ± {deviation:.{decimals}f}".replace("-", "−")


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 trial``, ``2 trials``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def joules(value: Any, energy_class: str = MEASURED) -> str:
    """Write an energy with its decimal prefix; an estimate as ``~ 1.2 kJ (est.)`` with two significant digits."""
    if is_missing(value):
        return UNAVAILABLE
    scale, unit = energy_unit(abs(float(value)))
    if energy_class == ESTIMATED:
        return f"~ {_plain(float(value) / scale, 2)} {unit} (est.)"
    return f"{_plain(float(value) / scale, 4)} {unit}"


def watt_hours(value: Any, energy_class: str = MEASURED) -> str:
    """Write joules as watt hours (1 Wh = 3600 J)."""
    if is_missing(value):
        return UNAVAILABLE
    hours = float(value) / 3600.0
    scale, unit = (1000.0, "kWh") if abs(hours) >= 1000.0 else (1.0, "Wh")
    if energy_class == ESTIMATED:
        return f"~ {_plain(hours / scale, 2)} {unit} (est.)"
    return f"{_plain(hours / scale, 4)} {unit}"


def interval(low: Any, high: Any) -> str:
    """Write the interval of an estimate, both ends in one unit; empty if it has none."""
    if is_missing(low) or is_missing(high):
        return ""
    scale, unit = energy_unit(abs(float(high)))
    return f"{_plain(float(low) / scale, 2)} to {_plain(float(high) / scale, 2)} {unit}"


def energy_unit(largest: float) -> tuple[float, str]:
    """Return the divisor and symbol of the unit that suits values up to ``largest`` joules."""
    return next(((scale, unit) for scale, unit in _JOULE_STEPS if largest >= scale), _JOULE_STEPS[-1])


def time_unit(largest: float) -> tuple[float, str]:
    """Return the divisor and symbol of the unit that suits times up to ``largest`` seconds."""
    if largest >= 3 * 3600:
        return 3600.0, "h"
    return (60.0, "min") if largest >= 300 else (1.0, "s")


def duration(seconds: Any) -> str:
    """Write a time: ``4.21 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if is_missing(seconds):
        return MISSING
    seconds = float(seconds)
    if seconds < 60:
        return f"{_plain(seconds, 3)} s"
    if round(seconds) < 3600:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def clock(time: Any) -> str:
    """Write an ISO 8601 time as ``2026-05-01 10:00:00 UTC``."""
    return MISSING if is_missing(time) or not time else f"{str(time)[:19].replace('T', ' ')} UTC"


def _plain(value: float, digits: int) -> str:
    """Round to significant digits without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    return f"{rounded:.{max(decimals, 0)}f}"


def _tidy_exponent(text: str) -> str:
    """Turn ``1e-05`` into ``1e-5``."""
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else text
