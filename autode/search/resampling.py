"""Noise: the best configuration so far is evaluated again and again, and its mean counts, not its luckiest value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from autode.de import GDE3
from autode.search.evolution import DifferentialEvolution
from autode.search.proposal import Fitness, Proposal

#: No configuration is evaluated more often than this: the mean of so many is trusted.
MOST = 6


class Resampled:
    """Differential evolution that spends every k-th trial on the best configuration by mean, evaluated once more.

    A lucky value keeps its place in a population for ever; evaluated again it falls back to its mean and the next best
    is put to the test. Only what is contested costs trials, unlike evaluating a whole population again. In the
    generational schedule the repetitions that a generation brings come between it and the next.

    Parameters
    ----------
    search : DifferentialEvolution
        With one objective, made for `fresh_trials` evaluations.
    every : int
        k, at least 2.
    evaluations : int
        Total budget.
    generational : bool
        Whether a generation must be told before the next is asked for.
    """

    def __init__(self, search: DifferentialEvolution, every: int, evaluations: int, generational: bool):
        if isinstance(search.optimizer, GDE3):
            raise ValueError("resample takes one objective, and gde3 is for several")
        self.evaluations = evaluations
        self._search, self._optimizer = search, search.optimizer
        self._every, self._generational = every, generational
        self._points: dict[int, tuple[float, ...]] = {}  # of all first evaluations, by id
        self._values: dict[int, list[float]] = {}  # of those that were told
        self._out: dict[int, int] = {}  # repetitions that are out: what they repeat
        self._queue: list[int] = []
        self._asked = self._seen = 0  # repetitions asked for, generations after which some were chosen

    @property
    def finished(self) -> bool:
        """Whether all proposals were asked and told."""
        return bool(self._search.finished and not self._out and not self._queue and not self._chosen())

    def ask(self, n: int | None = None) -> list[Proposal]:
        """Return repetitions that are due, then trial vectors; see `DifferentialEvolution.ask`."""
        if n is None and not self._generational:
            return self._repetitions(None) + self._noted(self._search.ask())
        batch: list[Proposal] = []
        while (n is None or len(batch) < n) and (one := self._next()):
            batch += one
        return batch

    def repeat(self, point: Sequence[float]) -> list[Proposal]:
        """Return the next proposal again; see `DifferentialEvolution.repeat`."""
        return self._repetitions(1) or self._noted(self._search.repeat(point))

    def tell(self, ids: Sequence[int], fitness: Sequence[Fitness]) -> None:
        """Hand over fitness; that of a repetition changes the mean of its configuration, unless it failed."""
        for id_, value in zip(ids, fitness, strict=True):
            if id_ >= 0:
                self._search.tell([id_], [value])
                self._values[id_] = [float(np.fmin(value, np.inf))]
                continue
            repeated = self._out.pop(id_)
            if not math.isnan(float(np.asarray(value))):
                self._values[repeated].append(float(np.asarray(value)))
                self._optimizer.reassess(np.asarray(self._points[repeated]), fmean(self._values[repeated]))

    def _next(self) -> list[Proposal]:
        again = self._repetitions(1)
        return again if again or (self._generational and self._out) else self._noted(self._search.ask(1))

    def _noted(self, proposals: list[Proposal]) -> list[Proposal]:
        self._points |= {one.id: one.point for one in proposals}
        return proposals

    def _repetitions(self, n: int | None) -> list[Proposal]:
        """Return up to n repetitions that are due (None: all)."""
        if not self._queue:
            self._queue = self._chosen()
            self._seen = self._optimizer.generations
        now = self._queue[:n]
        del self._queue[:n]
        return [self._repetition(id_) for id_ in now]

    def _repetition(self, repeated: int) -> Proposal:
        self._asked += 1
        self._out[-self._asked] = repeated
        point = self._points[repeated]
        generation = max(0, self._optimizer.generations - 1)
        return Proposal(-self._asked, generation, self._search.space.decode(point), point)

    def _chosen(self) -> list[int]:
        """Choose what is evaluated again now: the best by mean of those not yet evaluated often enough."""
        if self._generational and self._optimizer.generations == self._seen:
            return []
        most = self.evaluations - self._search.evaluations
        due = min(len(self._points) // (self._every - 1), most) - self._asked
        out = set(self._out.values())
        means = [
            (fmean(values), id_)
            for id_, values in self._values.items()
            if id_ not in out and len(values) < MOST and math.isfinite(values[0])
        ]
        return [id_ for _, id_ in sorted(means)[:due]] if due > 0 else []

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state as JSON-ready data."""
        ids = sorted(self._points)
        return {
            "search": self._search.state_dict(),
            "points": [[id_, list(self._points[id_])] for id_ in ids],
            "values": [[id_, self._values[id_]] for id_ in ids if id_ in self._values],
            "out": [list(one) for one in self._out.items()],
            "queue": list(self._queue),
            "counters": [self._asked, self._seen],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; ValueError if it is not of this search."""
        self._search.load_state_dict(state["search"])
        self._points = {id_: tuple(point) for id_, point in state["points"]}
        self._values = {id_: list(values) for id_, values in state["values"]}
        self._out = dict(state["out"])
        self._queue = list(state["queue"])
        self._asked, self._seen = state["counters"]


def fresh_trials(evaluations: int, every: Any) -> int:
    """Return how many trials of a budget are no repetitions when every k-th is one; ValueError unless k >= 2."""
    if not isinstance(every, int) or isinstance(every, bool) or every < 2:
        raise ValueError(f"resample is {every!r}; expected a whole number of at least 2, or 0 for no repetitions")
    return evaluations - evaluations // every
