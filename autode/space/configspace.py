"""Spaces of the ConfigSpace library, translated by their attributes: the library itself is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from autode.space.hyperparameters import Categorical, Float, Hyperparameter, Int, Ordinal


def hyperparameters_of(configspace: Any) -> dict[str, Hyperparameter]:
    """Translate the hyperparameters of a ``ConfigSpace.ConfigurationSpace`` (Lindauer et al., arXiv 1908.06756).

    Uniform floats and integers, ordinals, categoricals and constants (a choice of one); conditions that ask for one
    value or one of several, also joined by "and".

    Raises
    ------
    ValueError
        For what has no counterpart here: other distributions, other conditions, weighted choices, forbidden clauses.
    """
    if list(configspace.forbidden_clauses):
        raise ValueError("the ConfigSpace has forbidden clauses; expected conditions instead, which this space knows")
    found = {str(one.name): _translated(one) for one in configspace.values()}
    for condition in configspace.conditions:
        for part in getattr(condition, "components", [condition]):
            child = str(part.child.name)
            found[child] = replace(found[child], when={**(found[child].when or {}), **_when(part)})
    return found


def _translated(one: Any) -> Hyperparameter:
    kind = type(one).__name__
    if kind == "UniformFloatHyperparameter":
        return Float(float(one.lower), float(one.upper), log=bool(one.log))
    if kind == "UniformIntegerHyperparameter":
        return Int(int(one.lower), int(one.upper), log=bool(one.log))
    if kind == "OrdinalHyperparameter":
        return Ordinal([_plain(value) for value in one.sequence])
    if kind == "CategoricalHyperparameter" and one.weights is None:
        return Categorical([_plain(value) for value in one.choices])
    if kind == "Constant":
        return Categorical([_plain(one.value)])
    detail = "weighted choices" if kind == "CategoricalHyperparameter" else f"a {kind}"
    raise ValueError(f"{one.name}: the ConfigSpace has {detail}; expected uniform numbers, choices or constants")


def _when(condition: Any) -> Mapping[str, Any]:
    kind, parent = type(condition).__name__, str(condition.parent.name)
    if kind == "EqualsCondition":
        return {parent: _plain(condition.value)}
    if kind == "InCondition":
        return {parent: [_plain(value) for value in condition.values]}
    raise ValueError(
        f"{condition}: the ConfigSpace has a {kind}; expected that a parent equals a value or is in a list"
    )


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own."""
    return value.item() if hasattr(value, "item") else value
