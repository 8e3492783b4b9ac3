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
    np.copyto(mutant, parent, where=u >= CR.astype(np.float32)[:, None])
