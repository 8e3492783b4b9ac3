"""Conditions: which hyperparameters are active beside which values of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autode.space.hyperparameters import Hyperparameter, Ordinal, Units, When, same


def check_condition(name: str, when: When, space: Mapping[str, Hyperparameter]) -> None:
    """Raise ValueError unless a condition names other hyperparameters and values that they can have."""
    if not isinstance(when, Mapping):
        raise ValueError(f'{name}: when must be a table such as {{ optimizer = "sgd" }}, not {when!r}')
    for parent, allowed in when.items():
        if isinstance(allowed, list | tuple) and not allowed:
            raise ValueError(f"{name}: when {parent} has an empty list, so {name} would never be active")
        if parent not in space or parent == name:
            raise ValueError(f"{name}: when names {parent!r}, which is not another hyperparameter of the space")
        for value in _as_list(allowed):
            if not space[parent].contains(value):
                raise ValueError(f"{name}: when {parent} = {value!r} can never be, as it lies outside its range")


def parents_first(space: Mapping[str, Hyperparameter]) -> list[str]:
    """Order the names so that each stands behind those its condition names."""
    order: list[str] = []
    while len(order) < len(space):
        ready = [n for n, h in space.items() if n not in order and all(p in order for p in h.when or {})]
        if not ready:
            raise ValueError("the conditions form a circle: " + ", ".join(n for n in space if n not in order))
        order.extend(ready)
    return order


def _as_list(allowed: Any) -> Iterable[Any]:
    return allowed if isinstance(allowed, list | tuple) else [allowed]


def allowed_by(value: Any, allowed: Any) -> bool:
    """Whether a parent's value is the allowed one, or one of a list of these."""
    return any(same(value, one) for one in _as_list(allowed))


def allowed_at(parent: Hyperparameter, u: Units, allowed: Any) -> npt.NDArray[np.bool_]:
    """Tell at which coordinates of a parent, shape (m,), it has an allowed value."""
    if isinstance(parent, Ordinal):
        return np.array([allowed_by(choice, allowed) for choice in parent.choices])[parent.bins(u)]
    return np.array([allowed_by(parent.from_unit(one), allowed) for one in u.tolist()], dtype=np.bool_)
