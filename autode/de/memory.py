"""Success-history memory of SHADE and L-SHADE: where F and CR did well lately."""

from __future__ import annotations

from typing import Any

import numpy as np

from autode.de.arrays import FloatArray


def improvement_weights(delta: FloatArray) -> FloatArray:
    """Turn improvements into weights that sum to one: ``w_k = delta_k / sum(delta)`` (Tanabe & Fukunaga 2013, eq. 16).

    An infinite improvement (the beaten individual had failed) counts as much as the largest finite one.

    Parameters
    ----------
    delta : ndarray, shape (s,)
        Positive improvements ``f(x) - f(u)``.
    """
    finite = np.isfinite(delta)
    if not finite.all():
        delta = np.where(finite, delta, delta[finite].max() if finite.any() else 1.0)
    scaled = delta / delta.max()  # by the largest first: the sum of very large numbers would overflow
    weights: FloatArray = scaled / scaled.sum()
    return weights


def weighted_mean(s: FloatArray, w: FloatArray) -> float:
    """Weighted arithmetic mean ``sum w s``; w sums to one."""
    return float(w @ s)


def weighted_lehmer(s: FloatArray, w: FloatArray) -> float:
    """Weighted Lehmer mean ``sum w s^2 / sum w s``; NaN if the divisor is zero (Tanabe & Fukunaga 2013, eq. 18)."""
    divisor = float(w @ s)
    return float(w @ (s * s)) / divisor if divisor > 0 else float("nan")


class SuccessHistory:
    """Circular memory of H pairs (M_F, M_CR).

    Parameters
    ----------
    size : int
        Memory length H.
    F, CR : float
        Value of every slot at the start.
    lehmer_CR : bool
        CR's mean: the weighted arithmetic one of SHADE, or the weighted Lehmer one of L-SHADE, whose slot becomes
        terminal (NaN: CR = 0 from now on) when every successful CR was 0.
    lock_terminal : bool
        Whether a terminal slot stays terminal, as the L-SHADE paper says; in the authors' C++ it can come back.
    """

    def __init__(
        self, size: int, F: float = 0.5, CR: float = 0.5, *, lehmer_CR: bool = False, lock_terminal: bool = True
    ):
        self.F: FloatArray = np.full(size, F)
        self.CR: FloatArray = np.full(size, CR)
        self.position = 0
        self._lehmer_CR = lehmer_CR
        self._lock_terminal = lock_terminal

    @property
    def size(self) -> int:
        """Memory length H."""
        return int(self.F.size)

    def update(self, F: FloatArray, CR: FloatArray, delta: FloatArray) -> None:
        """Write the means of one generation's successes into the next slot; without a success nothing changes.

        Parameters
        ----------
        F, CR, delta : ndarray, shape (s,)
            Control parameters of the successful trials and what they improved.
        """
        if not F.size:
            return
        k, w = self.position, improvement_weights(delta)
        self.F[k] = weighted_lehmer(F, w)
        if not self._lehmer_CR:
            self.CR[k] = weighted_mean(CR, w)
        elif not (self._lock_terminal and np.isnan(self.CR[k])):
            self.CR[k] = weighted_lehmer(CR, w)
        self.position = (k + 1) % self.size

    def state(self) -> dict[str, Any]:
        """Return the memory as arrays and numbers."""
        return {"F": self.F.copy(), "CR": self.CR.copy(), "position": self.position}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.F[:], self.CR[:] = state["F"], state["CR"]
        self.position = int(state["position"])
