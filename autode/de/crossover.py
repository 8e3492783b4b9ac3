"""Crossover: which genes of the mutant enter the trial."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray, IntArray


def binomial(
    mutant: FloatArray, parent: FloatArray, CR: FloatArray, u: npt.NDArray[np.float32], jrand: IntArray
) -> None:
    """Binomial crossover, in place on the mutant (Storn & Price 1997, eq. 4).

    Gene j comes from the mutant if ``u_j < CR`` or ``j == jrand``, else from the parent.

    Parameters
    ----------
    mutant, parent : ndarray, shape (n, D)
        The mutant becomes the trial.
    CR : ndarray, shape (n,)
        Crossover rates in [0, 1].
    u : ndarray of float32, shape (n, D)
        Uniforms of [0, 1). Single precision: 24 bits decide a comparison well enough and cost half the memory.
    jrand : ndarray of int, shape (n,)
        The gene of each individual that always crosses.
    """
    keep = u >= CR.astype(np.float32)[:, None]
    keep[np.arange(jrand.size), jrand] = False
    np.copyto(mutant, parent, where=keep)
