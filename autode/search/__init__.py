"""Ask/tell over configurations: differential evolution, random and grid search behind one contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autode import de
from autode.search.evolution import DifferentialEvolution
from autode.search.proposal import Proposal, Search
from autode.search.resampling import Resampled, fresh_trials
from autode.search.sampling import GridSearch, RandomSearch
from autode.space import Space

#: names that a workflow's ``search.algorithm`` may have
ALGORITHMS: tuple[str, ...] = (*de.ALGORITHMS, de.GDE3.name, "random", "grid")
#: those of them that take several objectives; the others minimise one
SEVERAL_OBJECTIVES: tuple[str, ...] = (de.GDE3.name, "random", "grid")


def make_search(space: Space, settings: Mapping[str, Any], seed: int, schedule: str = "generational") -> Search:
    """Build the strategy that a ``[search]`` table describes.

    Parameters
    ----------
    space : Space
    settings : mapping
        ``algorithm``, ``evaluations``, ``population``, ``resample`` (every k-th trial of a differential evolution
        evaluates the best configuration once more; 0: none does) and options of the algorithm.
    seed : int
    schedule : {"generational", "asynchronous"}

    Raises
    ------
    ValueError
        If the algorithm is unknown or does not understand an option.
    """
    options = dict(settings)
    algorithm, evaluations = options.pop("algorithm"), options.pop("evaluations", None)
    population = options.pop("population", None)
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm {algorithm!r} is unknown; there are {', '.join(ALGORITHMS)}")
    if algorithm == "grid":
        return GridSearch(space, evaluations, **_only(options, "grid", "points"))
    if evaluations is None:
        raise ValueError(f"evaluations is missing; {algorithm} needs a budget")
    if algorithm == "random":
        return RandomSearch(space, evaluations, seed, **_only(options, "random"))
    every = options.pop("resample", 0)
    fresh = fresh_trials(evaluations, every) if every else evaluations
    search = DifferentialEvolution(space, algorithm, fresh, seed, population, schedule, **options)
    return Resampled(search, every, evaluations, schedule == "generational") if every else search


def _only(options: Mapping[str, Any], algorithm: str, *allowed: str) -> dict[str, Any]:
    """Return the options if the algorithm understands them all."""
    for name in options:
        if name not in allowed:
            known = f"it understands {', '.join(allowed)}" if allowed else "it has none"
            raise ValueError(f"{name} is not an option of {algorithm}; {known}")
    return dict(options)


__all__ = [
    "ALGORITHMS",
    "SEVERAL_OBJECTIVES",
    "DifferentialEvolution",
    "GridSearch",
    "Proposal",
    "RandomSearch",
    "Resampled",
    "Search",
    "make_search",
]
