"""Minimise a Python function: the loop around ask and tell, in the manner of SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autode.de.algorithms import make
from autode.de.arrays import FloatArray
from autode.de.optimizer import DifferentialEvolution

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult


def minimize(
    func: Callable[[FloatArray], Any],
    bounds: Any,
    algorithm: str = "lshade",
    max_evaluations: int = 10_000,
    population: int | None = None,
    seed: int | None = None,
    vectorized: bool = True,
    callback: Callable[[OptimizeResult], Any] | None = None,
    **options: Any,
) -> OptimizeResult:
    """Minimise a function over a box with differential evolution.

    Parameters
    ----------
    func : callable
        ``vectorized=True``: takes points (n, D), returns values (n,). ``vectorized=False``: takes one point (D,),
        returns a float. NaN means that the evaluation failed.
    bounds : sequence of (low, high), or scipy.optimize.Bounds
    algorithm : str
        A name of `autode.de.ALGORITHMS`.
    max_evaluations : int
        Evaluations to spend; all are spent.
    population : int or None
        Initial population size; None: by the budget, see `autode.de.default_size`.
    seed : int or None
        The same seed gives the same result.
    vectorized : bool
    callback : callable or None
        Called after every generation with an OptimizeResult (x, fun, nfev, nit); stops the run by returning True or
        raising StopIteration.
    **options
        Further arguments of the algorithm, e.g. ``x0``, ``init``, ``memory_size``.

    Returns
    -------
    scipy.optimize.OptimizeResult
        x, fun, nfev, nit (generations), success (whether any evaluation gave a number), message, population,
        population_energies.

    Raises
    ------
    ValueError
        If an argument makes no sense or ``func`` returns the wrong shape.
    """
    optimizer = make(algorithm, bounds, max_evaluations=max_evaluations, population=population, seed=seed, **options)
    message = f"The budget of {max_evaluations} evaluations is spent."
    while not optimizer.finished:
        batch = optimizer.ask()
        optimizer.tell(batch.ids, _evaluate(func, batch.x, vectorized))
        if callback is not None and _wants_to_stop(callback, optimizer):
            message = "The callback stopped the run."
            break
    if not np.isfinite(optimizer.best_f):
        message += " No evaluation gave a finite value."
    return _result(optimizer, message)


def _evaluate(func: Callable[[FloatArray], Any], x: FloatArray, vectorized: bool) -> FloatArray:
    values = np.asarray(func(x) if vectorized else [func(point) for point in x], dtype=np.float64)
    if not vectorized:
        return values.reshape(len(x), -1)[:, 0] if values.size == len(x) else _wrong_shape(values, (len(x),))
    return values if values.shape == (len(x),) else _wrong_shape(values, x.shape)


def _wrong_shape(values: FloatArray, given: tuple[int, ...]) -> FloatArray:
    raise ValueError(
        f"func returned values of shape {values.shape} for points of shape {given}; expected one value for each point "
        "(vectorized=False is for a function of one point)"
    )


def _wants_to_stop(callback: Callable[[OptimizeResult], Any], optimizer: DifferentialEvolution) -> bool:
    try:
        return bool(callback(_result(optimizer, "running")))
    except StopIteration:
        return True


def _result(optimizer: DifferentialEvolution, message: str) -> OptimizeResult:
    from scipy.optimize import OptimizeResult  # slow to import

    result: OptimizeResult = OptimizeResult()
    fields = {
        "x": optimizer.best_x,
        "fun": optimizer.best_f,
        "nfev": optimizer.nfev,
        "nit": optimizer.generations,
        "success": bool(np.isfinite(optimizer.best_f)),
        "message": message,
        "population": optimizer.population,
        "population_energies": optimizer.fitness,
    }
    for name, value in fields.items():
        result[name] = value
    return result
