"""Learning-rate schedules: a linear warm-up, then a cosine, a line or a constant; all factors on the base rate."""

from __future__ import annotations

import math


def warmup_cosine(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine down to zero (Loshchilov and Hutter 2017, SGDR, eq. 5).

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


def lr_factor(schedule: str, step: int, steps_per_epoch: int, epochs: int, warmup_share: float) -> float:
    """Factor on the base learning rate for one optimizer step.

    Parameters
    ----------
    schedule : str
        ``"cosine"`` or ``"linear"`` to zero at the end of training, or ``"constant"``.
    step : int
        Number of the step in the whole training, from 0.
    steps_per_epoch, epochs : int
        Their product is the length of training.
    warmup_share : float
        Share of all steps over which the factor rises, below 1. With a constant rate: of the first epoch's steps, so
        that nothing depends on how many epochs there will be, and more of them can be added later.

    Returns
    -------
    float
        Factor in (0, 1].
    """
    steps = steps_per_epoch * (1 if schedule == "constant" else epochs)
    warmup = int(warmup_share * steps)
    if schedule == "cosine":
        return warmup_cosine(step, steps, warmup)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 1.0 if schedule == "constant" else (steps - step) / (steps - warmup)
