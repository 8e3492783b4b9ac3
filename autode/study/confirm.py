"""After the search: its best candidates and the hand default are trained again with fresh seeds.

The best of many noisy trials looks better than it is (the winner's curse), so the figure to publish is the mean over
seeds that the search never saw. All configurations share the same fresh seeds, which pairs their comparison.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from autode.study.history import History, fitness_of
from autode.study.journal import Record
from autode.study.workflow import Workflow
from autode.trial import derive_seed

CANDIDATE, DEFAULT = "candidate", "default"


@dataclass(frozen=True)
class Confirmation:
    """One re-training to be done."""

    label: str
    of: int | None
    params: dict[str, Any]
    seed: int


def planned(workflow: Workflow, history: History) -> Iterator[Confirmation]:
    """Yield all re-trainings of a finished search, the best candidate's first."""
    seeds = [derive_seed(workflow.seed, "confirm", i) for i in range(workflow.confirm["seeds"])]
    for trial in history.best(workflow.confirm["candidates"]):
        for seed in seeds:
            yield Confirmation(CANDIDATE, trial.number, trial.asked["params"], seed)
    if "default" in workflow.confirm:
        for seed in seeds:
            yield Confirmation(DEFAULT, None, workflow.confirm["default"], seed)


def missing(workflow: Workflow, history: History) -> list[Confirmation]:
    """Return the re-trainings that are not in the journal yet."""
    asked = {(t.asked["label"], t.asked["of"], t.asked["seed"]) for t in history.confirmations}
    return [one for one in planned(workflow, history) if (one.label, one.of, one.seed) not in asked]


def winner(history: History) -> int | None:
    """Return the trial whose configuration is the study's answer; None before any re-training has ended.

    The candidate with the lowest mean fitness over the fresh seeds; its fitness in the search does not count again.
    """
    fitness: dict[int, list[float]] = {}
    for trial in history.confirmations:
        if trial.asked["label"] == CANDIDATE and trial.told is not None:
            fitness.setdefault(trial.asked["of"], []).append(fitness_of(trial.told))
    means = {number: fmean(values) for number, values in fitness.items() if not any(map(math.isnan, values))}
    return min(means, key=lambda number: means[number]) if means else None


def describe(history: History) -> list[str]:
    """Return a line about the winner and one about the default: mean and standard deviation of every metric."""
    lines = []
    for label, of in ((CANDIDATE, winner(history)), (DEFAULT, None)):
        told = [t.told for t in history.confirmations if (t.asked["label"], t.asked["of"]) == (label, of) and t.told]
        if told and (of is not None or label == DEFAULT):
            name = "default" if of is None else f"winner (trial {of})"
            seeds = f"{len(told)} fresh seed{'s' if len(told) > 1 else ''}"
            lines.append(f"{name}, {seeds}: {', '.join(_mean_and_sd(told))}")
    return lines


def _mean_and_sd(told: list[Record]) -> list[str]:
    """Return ``metric mean +- sd`` for every metric that all re-trainings have."""
    texts = []
    for name in told[0]["metrics"]:
        values = [record["metrics"].get(name) for record in told]
        if all(value is not None for value in values):
            spread = f" +- {stdev(values):.2g}" if len(values) > 1 else ""
            texts.append(f"{name} {fmean(values):.4g}{spread}")
    return texts
