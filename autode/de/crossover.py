"""Crossover: which genes of the mutant enter the trial."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray, IntArray

Singles = npt.NDArray[np.float32]


def always_cross(u: Singles, jrand: IntArray) -> None:
    """Mark the gene of each individual that comes from the mutant in any case, for `binomial`, in place.

    Parameters
    ----------
    u : ndarray of float32, shape (n, D)
        Uniforms of [0, 1); those of the chosen genes become -1, which is below every CR.
    jrand : ndarray of int, shape (n,)
        The gene of each individual.
    """
    u[np.arange(jrand.size), jrand] = -1.0


def crossing(u: Singles, CR: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell which genes come from the mutant, shape (n, D); for u and CR see `binomial`."""
    return u < CR.astype(np.float32).reshape(-1, 1)


def binomial(mutant: FloatArray, parent: FloatArray, CR: FloatArray, u: Singles) -> None:
    """Binomial crossover, in place on the mutant (Storn & Price 1997, eq. 4).

    Gene j comes from the mutant if ``u_j < CR`` or ``j == jrand``, else from the parent.

    Parameters
    ----------
    mutant, parent : ndarray, shape (n, D)
        The mutant becomes the trial.
    CR : ndarray, shape (n,)
        Crossover rates in [0, 1].
    u : ndarray of float32, shape (n, D)
        Uniforms of [0, 1), one gene a row marked by `always_cross`. Single precision: 24 bits decide a comparison well
        enough and cost half the memory.
    """
    np.putmask(mutant, u >= CR.astype(np.float32).reshape(-1, 1), parent)  # half the time of np.copyto


def run_lengths(u: FloatArray, CR: FloatArray, dimension: int) -> IntArray:
    """Draw how many genes in a row cross: 1, and one more with probability CR each, at most D (Storn & Price 1997).

    Parameters
    ----------
    u : ndarray, shape (n,)
        Uniforms of [0, 1): the length is geometrically distributed, so one number decides it.
    CR : ndarray, shape (n,)
        Crossover rates in [0, 1].
    dimension : int
        Number of coordinates D.
    """
    with np.errstate(divide="ignore"):
        more = np.log(1.0 - u) / np.minimum(np.log(CR), -1e-300)
    return 1 + np.minimum(more, dimension - 1.0).astype(np.int64)


def exponential(
    mutant: FloatArray, parent: FloatArray, start: IntArray, length: IntArray, *, wrap: bool = True
) -> None:
    """Exponential crossover, in place on the mutant (Storn & Price 1997).

    Genes ``start .. start + length - 1`` come from the mutant, counted around the end unless ``wrap`` is false.

    Parameters
    ----------
    mutant, parent : ndarray, shape (n, D)
        The mutant becomes the trial.
    start, length : ndarray of int, shape (n,)
    """
    dimension = parent.shape[1]
    offset = np.arange(dimension) - start[:, None]
    if wrap:
        offset %= dimension
    np.putmask(mutant, (offset < 0) | (offset >= length[:, None]), parent)
