"""Success-history memory of SHADE and L-SHADE: where F and CR did well lately."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autode.de.arrays import FloatArray


def improvement_weights(delta: FloatArray) -> FloatArray:
    """Turn improvements into weights, the largest 1 (Tanabe & Fukunaga 2013, eq. 16, but for the sum).

    An infinite improvement (the beaten individual had failed) counts as much as the largest finite one that is not 0.
    Improvements that are all zero weigh nothing. Not normalised: in a Lehmer mean the sum cancels.

    Parameters
    ----------
    delta : ndarray, shape (s,)
        Improvements ``f(x) - f(u)``, not negative.
    """
    largest = delta[delta.argmax()]  # ten times faster than max() when there are few
    if not largest < np.inf:
        finite = np.isfinite(delta)
        largest = delta[finite].max(initial=0.0) or 1.0
        delta = np.where(finite, delta, largest)
    return delta / largest if largest > 0 else np.zeros(delta.size)


def weighted_mean(s: FloatArray, w: FloatArray) -> float:
    """Weighted arithmetic mean ``sum w s / sum w``."""
    return float(w @ s) / float(w.sum())


def weighted_lehmer(s: FloatArray, w: FloatArray, undefined: float = math.nan) -> float:
    """Weighted Lehmer mean ``sum w s^2 / sum w s`` (Tanabe & Fukunaga 2013, eq. 18); for a divisor of 0 `undefined`."""
    divisor = float(w.dot(s))
    return float((w * s).dot(s)) / divisor if divisor > 0 else undefined


class SuccessHistory:
    """Circular memory of H pairs (M_F, M_CR).

    Parameters
    ----------
    size : int
        Memory length H.
    F, CR : float
        Value of every slot at the start.
    fixed : float or None
        Value of F and CR of a further last slot that never changes (iL-SHADE, jSO: 0.9).
    average, average_F : bool
        Whether a slot takes the middle of its old value and the new mean (iL-SHADE, jSO); ``average_F`` where M_F
        differs.
    undefined : float
        Lehmer mean of CR when all successful CR were 0; NaN makes the slot terminal.
    lehmer_CR : bool
        CR's mean: the weighted arithmetic one of SHADE, or the weighted Lehmer one of L-SHADE, whose slot becomes
        terminal (NaN: CR = 0 from now on) when every successful CR was 0.
    lock_terminal : bool
        Whether a terminal slot stays terminal, as the L-SHADE paper says; in the authors' C++ it can come back.
    """

    def __init__(
        self,
        size: int,
        F: float = 0.5,
        CR: float = 0.5,
        *,
        fixed: float | None = None,
        average: bool = False,
        average_F: bool | None = None,
        lehmer_CR: bool = False,
        lock_terminal: bool = True,
        undefined: float = np.nan,
    ):
        last = [] if fixed is None else [fixed]
        self.F: FloatArray = np.array([F] * size + last)
        self.CR: FloatArray = np.array([CR] * size + last)
        self.position = 0
        self._changing = size
        self._average_CR = average
        self._average_F = average if average_F is None else average_F
        self._undefined = undefined
        self._lehmer_CR = lehmer_CR
        self._lock_terminal = lock_terminal

    @property
    def size(self) -> int:
        """Memory length H, the fixed slot included."""
        return int(self.F.size)

    def update(self, F: FloatArray, CR: FloatArray, delta: FloatArray) -> None:
        """Write the means of one generation's successes into the next slot; without a success nothing changes.

        Parameters
        ----------
        F, CR, delta : ndarray, shape (s,)
            Control parameters of the successful trials and what they improved.
        """
        if not F.size or not delta[delta.argmax()] > 0:
            return
        k, w = self.position, improvement_weights(delta)
        old_F, old_CR = float(self.F[k]), float(self.CR[k])
        self.F[k] = _merged(old_F, weighted_lehmer(F, w), self._average_F)
        if not (self._lock_terminal and math.isnan(old_CR)):
            new_CR = weighted_lehmer(CR, w, self._undefined) if self._lehmer_CR else weighted_mean(CR, w)
            self.CR[k] = _merged(old_CR, new_CR, self._average_CR)
        self.position = (k + 1) % self._changing

    def restart(self, slots: FloatArray | None, F: float, CR: float, rng: np.random.Generator) -> None:
        """Forget everything: fill the slots with F and CR, or with slots drawn from others, shape (2, k)."""
        if slots is None or not slots.size:
            self.F[:], self.CR[:] = F, CR
        else:
            self.F[:] = slots[0, rng.integers(slots.shape[1], size=self.size)]
            self.CR[:] = slots[1, rng.integers(slots.shape[1], size=self.size)]
        self.position = 0

    def state(self) -> dict[str, Any]:
        """Return the memory as arrays and numbers."""
        return {"F": self.F.copy(), "CR": self.CR.copy(), "position": self.position}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.F[:], self.CR[:] = state["F"], state["CR"]
        self.position = int(state["position"])


def _merged(old: float, new: float, average: bool) -> float:
    """Average with the old value if so; a terminal old value has no part in it, a terminal new one prevails."""
    return (old + new) / 2 if average and not math.isnan(old) else new
