"""The contract of a search strategy: ask it for configurations, tell it their fitness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: What is minimised: a number, or one for each objective; NaN means that the trial failed.
Fitness = float | Sequence[float]


@dataclass(frozen=True)
class Proposal:
    """A configuration that a strategy wants evaluated.

    Attributes
    ----------
    id : int
        The strategy's name for it, to be given back to `Search.tell`.
    generation : int
        Generation in which it was proposed, from 0.
    params : mapping of str to value
        Active hyperparameters.
    point : tuple of float
        Point of the unit cube, shape (D,).
    """

    id: int
    generation: int
    params: Mapping[str, Any]
    point: tuple[float, ...]


class Search(Protocol):
    """A search strategy over configurations. Fitness is always minimised; NaN means that the trial failed.

    With several objectives the fitness of each proposal is a sequence of numbers.
    """

    @property
    def evaluations(self) -> int:
        """How many proposals there will be at most."""

    @property
    def finished(self) -> bool:
        """Whether all proposals were asked and told."""

    def ask(self, n: int | None = None) -> list[Proposal]:
        """Return up to ``n`` proposals (None: all that can be had now); none while results are needed first."""

    def repeat(self, point: Sequence[float]) -> list[Proposal]:
        """Return the next proposal, which was this point of the cube in an earlier run of the same search.

        A strategy whose arithmetic differs between processors takes the point; the others just `ask`. A proposal that
        is not this point tells that the search has changed.
        """

    def tell(self, ids: Sequence[int], fitness: Sequence[Fitness]) -> None:
        """Report the fitness of proposals, in any order."""

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state as JSON-ready data; a strategy made with the same settings goes on from it exactly."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; ValueError if it is not of this strategy."""
