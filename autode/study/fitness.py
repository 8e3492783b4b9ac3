"""From a trial's metrics to the number, or the two numbers, that the search minimises."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from autode.energy import EnergyReading, headline, is_estimate, unavailable
from autode.study.history import fitness_of
from autode.study.journal import Record
from autode.study.workflow import Workflow
from autode.trial import COMPLETED, FAILED, STOPPED, TrialResult

#: name of the metric that is a trial's joules, all attempts together
ENERGY = "energy_j"


@dataclass(frozen=True)
class Judged:
    """A result with its value (the metric, as the user knows it) and fitness (minimised); both NaN if it failed.

    With two objectives ``objectives`` has both as they are minimised, and value and fitness are the first one's.
    """

    result: TrialResult
    value: float
    fitness: float
    objectives: tuple[float, ...] = ()


def judge(result: TrialResult, workflow: Workflow, earlier: Sequence[EnergyReading] = ()) -> Judged:
    """Value a result; one without a finite metric becomes a failure that says so.

    Parameters
    ----------
    result : TrialResult
    workflow : Workflow
    earlier : sequence of EnergyReading
        One for each attempt at the trial before this one: its joules count, too, when they are an objective.
    """
    names = workflow.objective.get("metrics", ())
    nothing = tuple(math.nan for _ in names)
    if result.state not in (COMPLETED, STOPPED):
        return Judged(result, math.nan, math.nan, nothing)
    metrics = name_plain_value(result.metrics, workflow.metric)
    if ENERGY in names and ENERGY not in metrics:
        joules, error = _joules([*earlier, _reading(result)], workflow.objective["energy_class"])
        if error:
            return Judged(replace(result, state=FAILED, error=error), math.nan, math.nan, nothing)
        metrics[ENERGY] = joules
    if metrics != result.metrics:
        result = replace(result, metrics=metrics)
    needed = [workflow.metric, *names, *([tie["metric"]] if (tie := workflow.objective.get("tie_breaker")) else [])]
    for name in needed:
        error = _fault(name, metrics)
        if error:
            return Judged(replace(result, state=FAILED, error=error), math.nan, math.nan, nothing)
    value = metrics[workflow.metric]
    fitness = workflow.sign * value + (tie["weight"] * metrics[tie["metric"]] if tie else 0.0)
    if not names:
        return Judged(result, value, fitness)
    second = -1.0 if workflow.objective["directions"][1] == "maximize" else 1.0
    return Judged(result, value, fitness, (fitness, second * metrics[names[1]]))


def _reading(result: TrialResult) -> EnergyReading:
    """Return the one figure for the joules of an attempt."""
    readings = [EnergyReading.from_dict(one) for one in result.energy]
    return headline(readings) or unavailable("none", "no meter gave joules")


def _joules(attempts: Sequence[EnergyReading], wanted: str) -> tuple[float, str]:
    """Add the joules of all attempts at a trial; the error if one of them is of another class, or has none."""
    found = {"estimated" if is_estimate(one) else "measured" for one in attempts if one.energy_j is not None}
    if any(one.energy_j is None for one in attempts):
        return math.nan, f"nan: {ENERGY} is an objective, but an attempt at this trial has no joules"
    if found != {wanted}:
        return (
            math.nan,
            f"nan: {ENERGY} is an objective by {wanted} joules, but this trial's are {' and '.join(sorted(found))}",
        )
    return sum(one.energy_j or 0.0 for one in attempts), ""


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


def searched_fitness(told: Record) -> float | list[float]:
    """Return what the search is told of a ``told`` record: the fitness, or with two objectives both."""
    objectives = told.get("objectives")
    if not objectives:
        return fitness_of(told)
    return [math.nan if one is None else float(one) for one in objectives]
