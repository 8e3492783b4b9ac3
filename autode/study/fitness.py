"""From a trial's metrics to the one number that the search minimises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from autode.study.workflow import Workflow
from autode.trial import COMPLETED, FAILED, STOPPED, TrialResult


@dataclass(frozen=True)
class Judged:
    """A result with its value (the metric, as the user knows it) and fitness (minimised); both NaN if it failed."""

    result: TrialResult
    value: float
    fitness: float


def judge(result: TrialResult, workflow: Workflow) -> Judged:
    """Value a result; one without a finite metric becomes a failure that says so."""
    if result.state not in (COMPLETED, STOPPED):
        return Judged(result, math.nan, math.nan)
    metrics = name_plain_value(result.metrics, workflow.metric)
    if metrics != result.metrics:
        result = replace(result, metrics=metrics)
    needed = [workflow.metric, *([tie["metric"]] if (tie := workflow.objective.get("tie_breaker")) else [])]
    for name in needed:
        error = _fault(name, metrics)
        if error:
            return Judged(replace(result, state=FAILED, error=error), math.nan, math.nan)
    value = metrics[workflow.metric]
    return Judged(result, value, workflow.sign * value + (tie["weight"] * metrics[tie["metric"]] if tie else 0.0))


def name_plain_value(metrics: Mapping[str, float], metric: str) -> dict[str, float]:
    """Give the single number of an objective that returns just a number the name of the metric."""
    named = dict(metrics)
    if metric not in named and set(named) == {"value"}:
        return {metric: named["value"]}
    return named


def _fault(name: str, metrics: dict[str, float]) -> str:
    """Return the error of a missing or not finite metric; empty if it is fine."""
    if name not in metrics:
        return f"exception: the objective returned no metric {name!r}, only {', '.join(metrics) or 'nothing'}"
    if metrics[name] is None or not math.isfinite(metrics[name]):
        return f"nan: {name} is {metrics[name]}"
    return ""
