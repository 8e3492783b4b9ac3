"""Learning-rate schedule: linear warm-up, then half a cosine down to zero (Loshchilov and Hutter 2017, SGDR, eq. 5)."""

from __future__ import annotations

import math


def warmup_cosine(step: int, steps: int, warmup: int) -> float:
    """Factor on the base learning rate for one optimizer step.

    Parameters
    ----------
    step : int
        Number of the step, from 0.
    steps : int
        Steps in the whole training, at least 1.
    warmup : int
        Steps over which the factor rises linearly to 1; fewer than `steps`.

    Returns
    -------
    float
        Factor in (0, 1].
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
