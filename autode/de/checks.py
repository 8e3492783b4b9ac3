"""Checks of arguments: one sentence that names what was wrong and what was expected."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any


def whole(name: str, value: Any, least: int) -> int:
    """Return an integer that is not below ``least``; raises ValueError otherwise."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}; expected an integer >= {least}") from None
    if number < least:
        raise ValueError(f"{name} is {number}; expected an integer >= {least}")
    return number


def within(name: str, value: Any, low: float, high: float) -> float:
    """Return a float of [low, high]; raises ValueError otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}") from None
    if not low <= number <= high:
        raise ValueError(f"{name} is {number:g}; expected a number from {low:g} to {high:g}")
    return number


def choice(name: str, value: Any, known: Iterable[str]) -> str:
    """Return a name that is among the known ones; raises ValueError otherwise."""
    names = list(known)
    if value not in names:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(names)}")
    return str(value)
