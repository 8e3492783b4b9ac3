"""Where a study stands: the figures of a progress line and of ``autode status``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autode.study.history import RUNNING, History


@dataclass(frozen=True)
class Summary:
    """Where a study stands.

    Attributes
    ----------
    evaluations : int
        Budget of evaluations.
    done, failed : int
        Evaluations that have ended, and how many of these failed.
    running : int
        Trials under way, re-trainings included.
    retrained, retrainings : int
        Re-trainings after the search: done and planned.
    generation : int
        Latest generation asked for.
    best_value : float or None
        Metric of the best trial.
    best_trial : int or None
    best_params : mapping or None
    measured_j, estimated_j : float or None
        Joules of all attempts so far; the two are never added.
    seconds : float
        Wall time of all runs.
    left_s : float or None
        Estimated seconds to the end of the study; None before the first result.
    """

    evaluations: int
    done: int
    failed: int
    running: int
    retrained: int
    retrainings: int
    generation: int
    best_value: float | None
    best_trial: int | None
    best_params: Mapping[str, Any] | None
    measured_j: float | None
    estimated_j: float | None
    seconds: float
    left_s: float | None


def summarize(history: History, workflow: Mapping[str, Any], evaluations: int, slots: int) -> Summary:
    """Count what a history holds.

    Parameters
    ----------
    history : History
    workflow : mapping
        The resolved workflow, as its file or the journal has it.
    evaluations : int
        How many trials the search will make.
    slots : int
        Trials that run at once, for the time left.
    """
    searched = evaluations and history.done >= evaluations
    retrained = sum(trial.told is not None for trial in history.confirmations) if searched else 0
    retrainings = planned_retrainings(workflow)
    best = next(iter(history.best()), None)
    return Summary(
        evaluations=evaluations,
        done=history.done,
        failed=history.failed,
        running=sum(trial.state == RUNNING for trial in history.unfinished),
        retrained=retrained,
        retrainings=retrainings,
        generation=history.generation,
        best_value=None if best is None or best.told is None else best.told["value"],
        best_trial=None if best is None else best.number,
        best_params=None if best is None else best.asked["params"],
        measured_j=history.measured_j,
        estimated_j=history.estimated_j,
        seconds=history.seconds,
        left_s=_time_left(history, evaluations - history.done + retrainings - retrained, slots),
    )


def planned_retrainings(workflow: Mapping[str, Any]) -> int:
    """Return how many re-trainings follow the search."""
    table = workflow.get("confirm", {})
    return int(table.get("seeds", 0)) * (int(table.get("candidates", 1)) + ("default" in table))


def evaluations_of(workflow: Mapping[str, Any]) -> int:
    """Return the budget of evaluations that a resolved workflow has; 0 if the search sets it (a grid)."""
    return int(workflow["search"].get("evaluations", 0))


def _time_left(history: History, remaining: int, slots: int) -> float | None:
    """Return what is left to do at the pace of the latest trials."""
    recent = history.recent_seconds
    return remaining * sum(recent) / len(recent) / max(slots, 1) if recent else None
