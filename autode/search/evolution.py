"""Differential evolution over a space: the optimiser works on the unit cube, the study sees configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autode import de
from autode.search.proposal import Proposal
from autode.space import Space


class DifferentialEvolution:
    """A DE variant of `autode.de.ALGORITHMS` as a search strategy.

    Parameters
    ----------
    space : Space
    algorithm : str
        A name of `autode.de.ALGORITHMS`.
    evaluations : int
        Total budget; population reduction is scheduled over it.
    seed : int
    population : int or None
        Initial population size; None lets the optimiser choose from the budget.
    schedule : {"generational", "asynchronous"}
    **options
        Handed to the algorithm.
    """

    def __init__(
        self,
        space: Space,
        algorithm: str,
        evaluations: int,
        seed: int,
        population: int | None = None,
        schedule: str = "generational",
        **options: Any,
    ):
        self.space = space
        self.evaluations = evaluations
        self.optimizer = de.make(
            algorithm,
            space.bounds,
            max_evaluations=evaluations,
            population=population,
            seed=seed,
            schedule=schedule,
            **options,
        )

    @property
    def finished(self) -> bool:
        """Whether the budget is used up and every result told."""
        return bool(self.optimizer.finished)

    def ask(self, n: int | None = None) -> list[Proposal]:
        """Return up to ``n`` trial vectors as configurations."""
        batch = self.optimizer.ask(n)
        columns = batch.ids.tolist(), batch.generation.tolist(), batch.x.tolist()
        return [
            Proposal(id_, generation, self.space.decode(point), tuple(point))
            for id_, generation, point in zip(*columns, strict=True)
        ]

    def tell(self, ids: Sequence[int], fitness: Sequence[float]) -> None:
        """Hand the fitness of trial vectors to selection."""
        self.optimizer.tell(np.asarray(ids, dtype=np.int64), np.asarray(fitness, dtype=np.float64))

    def state_dict(self) -> dict[str, Any]:
        """Return the optimiser's state, exact to the last bit, as JSON-ready data."""
        return {"optimizer": de.state_to_json(self.optimizer.state_dict())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; ValueError if it is of another algorithm, box or schedule."""
        self.optimizer.load_state_dict(de.state_from_json(state["optimizer"]))
