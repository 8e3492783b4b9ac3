"""Schedules by which the population shrinks over the budget."""

from __future__ import annotations


def linear_size(initial: int, final: int, nfev: int, max_evaluations: int) -> int:
    """Plan the population size by linear reduction, LPSR (Tanabe & Fukunaga 2014, eq. 10).

    After nfev evaluations: ``round(initial + (final - initial) nfev / max_evaluations)``, halves rounded up, never
    below ``final``.
    """
    planned = initial + (final - initial) * min(1.0, nfev / max_evaluations)
    return max(final, int(planned + 0.5))


def nonlinear_size(initial: int, final: int, nfev: int, max_evaluations: int) -> int:
    """Plan the population size by non-linear reduction, NLPSR (Stanovov, Akhmedova & Semenkin 2021).

    ``round((final - initial) r^(1-r) + initial)`` with ``r = nfev / max_evaluations``: large early, small late.
    """
    share = min(1.0, nfev / max_evaluations)
    planned = (final - initial) * share ** (1.0 - share) + initial
    return min(initial, max(final, int(planned + 0.5)))
