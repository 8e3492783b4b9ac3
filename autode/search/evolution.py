"""Differential evolution over a space: the optimiser works on the unit cube, the study sees configurations.

The optimiser keeps the real-valued points; the evaluated copy is rounded. Genes of inactive hyperparameters stay the
parent's, and a configuration that was proposed before gives way to a new one while there are any (`Novelty`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autode import de
from autode.search.novelty import Novelty
from autode.search.proposal import Fitness, Proposal
from autode.space import Space

#: The most that two processors' results for the same trial vector differ by; generously, as differences add up.
ROUNDING = 1e-7


class DifferentialEvolution:
    """A DE variant of `autode.de.ALGORITHMS` as a search strategy.

    Parameters
    ----------
    space : Space
    algorithm : str
        A name of `autode.de.ALGORITHMS`, or "gde3", which takes several objectives.
    evaluations : int
        Total budget; population reduction is scheduled over it.
    seed : int
    population : int or None
        Initial population size; None lets the optimiser choose from the budget.
    schedule : {"generational", "asynchronous"}
    start : sequence of mapping
        Known good configurations, evaluated first.
    **options
        Handed to the algorithm.

    Raises
    ------
    ValueError
        If the algorithm does not understand an option or a configuration of ``start`` is not of the space.
    """

    def __init__(
        self,
        space: Space,
        algorithm: str,
        evaluations: int,
        seed: int,
        population: int | None = None,
        schedule: str = "generational",
        start: Sequence[Mapping[str, Any]] = (),
        **options: Any,
    ):
        self.space = space
        self.evaluations = evaluations
        if start:
            options["x0"] = [space.encode(params) for params in _configurations(start)]
        settings: dict[str, Any] = {
            "max_evaluations": evaluations,
            "population": population,
            "seed": seed,
            "schedule": schedule,
        }
        self.optimizer: de.DifferentialEvolution | de.GDE3
        if algorithm == de.GDE3.name:
            self.optimizer = de.GDE3(space.bounds, **settings, **_understood(options, ("init", "x0")))
        else:
            self.optimizer = de.make(algorithm, space.bounds, **settings, **options)
        if isinstance(self.optimizer, de.AutoDE):
            self.optimizer.see(de.Phenotype(space.features, space.feature_groups, space.continuous, space.active_genes))
        if space.conditional:
            self.optimizer.active_genes = space.active_genes
        self._novelty = None if space.continuous else Novelty(space, seed)

    @property
    def finished(self) -> bool:
        """Whether the budget is used up and every result told."""
        return bool(self.optimizer.finished)

    def ask(self, n: int | None = None) -> list[Proposal]:
        """Return up to ``n`` trial vectors as configurations."""
        return self._proposals(self.optimizer.ask(n))

    def repeat(self, point: Sequence[float]) -> list[Proposal]:
        """Return the next proposal again, which was this point of the cube when an earlier run asked for it."""
        if isinstance(self.optimizer, de.AutoDE):
            return self._proposals(self.optimizer.repeat(np.asarray(point)))
        return [self._as_it_was(one, tuple(point)) for one in self.ask(1)]

    def _as_it_was(self, proposal: Proposal, point: tuple[float, ...]) -> Proposal:
        """Take the earlier run's point where the two differ by rounding, as another processor's tangent does."""
        if proposal.point == point or not np.allclose(proposal.point, point, rtol=0, atol=ROUNDING):
            return proposal
        self.optimizer.substitute(proposal.id, np.asarray(point))
        params = self.space.decode(point)
        if self._novelty is not None:
            self._novelty.note(params)
        return replace(proposal, params=params, point=point)

    def _proposals(self, batch: de.Batch) -> list[Proposal]:
        columns = batch.ids.tolist(), batch.generation.tolist(), batch.x.tolist()
        proposals = [
            Proposal(id_, generation, self.space.decode(point), tuple(point))
            for id_, generation, point in zip(*columns, strict=True)
        ]
        return proposals if self._novelty is None else [self._renewed(one, self._novelty) for one in proposals]

    def _renewed(self, proposal: Proposal, novelty: Novelty) -> Proposal:
        """Return the proposal, or a new configuration in its place if it was proposed before."""
        point = novelty.renewed(proposal.id, proposal.params, proposal.point)
        if point is None:
            return proposal
        self.optimizer.substitute(proposal.id, np.asarray(point))
        return replace(proposal, params=self.space.decode(point), point=point)

    def tell(self, ids: Sequence[int], fitness: Sequence[Fitness]) -> None:
        """Hand the fitness of trial vectors to selection."""
        self.optimizer.tell(np.asarray(ids, dtype=np.int64), np.asarray(fitness, dtype=np.float64))

    def state_dict(self) -> dict[str, Any]:
        """Return the optimiser's state, exact to the last bit, as JSON-ready data."""
        seen = [] if self._novelty is None else self._novelty.state()
        return {"optimizer": de.state_to_json(self.optimizer.state_dict()), "seen": seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; ValueError if it is of another algorithm, box or schedule."""
        self.optimizer.load_state_dict(de.state_from_json(state["optimizer"]))
        if self._novelty is not None:
            self._novelty.load(state["seen"])


def _understood(options: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    for name in options:
        if name not in known:
            raise ValueError(f"{name} is not an option of gde3; it understands population, start, {', '.join(known)}")
    return options


def _configurations(start: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(start, Sequence) or not all(isinstance(params, Mapping) for params in start):
        raise ValueError(f"start is {start!r}; expected a list of configurations, e.g. [{{ lr = 0.1 }}]")
    return start
