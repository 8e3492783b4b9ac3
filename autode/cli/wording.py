"""Figures as a person reads them."""

from __future__ import annotations


def number(value: float | None) -> str:
    """Return four significant digits; a dash for nothing."""
    return "-" if value is None else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Return h:mm:ss, or m:ss below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def joules(measured: float | None, estimated: float | None) -> str:
    """Return joules with their source: measured ones plain, estimates marked; the two are never added."""
    parts = []
    if measured is not None:
        parts.append(_with_prefix(measured, 4))
    if estimated is not None:
        parts.append(f"~{_with_prefix(estimated, 2)} (est.)")
    return " + ".join(parts) if parts else "energy unavailable"


def _with_prefix(value: float, digits: int) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{float(f'{value / factor:.{digits}g}'):g} {prefix}J"
    return f"{float(f'{value:.{digits}g}'):g} J"
