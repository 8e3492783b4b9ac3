"""After the search: its best candidates and the hand default are trained again with fresh seeds.

The best of many noisy trials looks better than it is (the winner's curse), so the figure to publish is the mean over
seeds that the search never saw. All configurations share the same fresh seeds, which pairs their comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autode.study.history import History
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
