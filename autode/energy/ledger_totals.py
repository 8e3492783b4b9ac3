"""The ledger of a counter of which only the total is known, for any number of works at once.

The rules are those of `autode.energy.ledger`: the node's for who has it to itself, else by slots and time. Time is cut
where something begins or ends; what one slot gets of each piece is added up along the time, and every work takes the
difference between its ends. So the cost grows with the works and not with how many run at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from autode.energy.ledger_shares import Series, split

Key = tuple[str, str, str]  # account, name, rule
FloatArray = npt.NDArray[np.float64]


class Timed(Protocol):
    """What counts of somebody at work: see `autode.energy.ledger.Work`."""

    @property
    def name(self) -> str:
        """Who."""
        ...

    @property
    def account(self) -> str:
        """Where its joules are booked."""
        ...

    @property
    def start(self) -> float:
        """Seconds."""
        ...

    @property
    def end(self) -> float:
        """Seconds."""
        ...

    @property
    def slots(self) -> float:
        """How many it takes."""
        ...


def book_total(counter: Series, slots: float, works: Sequence[Timed], empty: Key) -> dict[Key, int]:
    """Split a counter's growth by slots and time.

    Parameters
    ----------
    counter : Series
        Microjoules.
    slots : float
        Of the node or job, more than zero.
    works : sequence
        Who was at work; only the part inside the counter's time counts.
    empty : tuple of str
        Where the joules of slots without work are booked.

    Returns
    -------
    dict
        Whole microjoules by account, name and rule, which add up to the growth exactly: of every part less than one
        is rounding (largest remainders).
    """
    begin, end = counter.times[0], counter.times[-1]
    starts = np.clip([work.start for work in works], begin, end)
    ends = np.clip([work.end for work in works], begin, end)
    taken = np.array([work.slots for work in works], dtype=float)
    times, places = np.unique(np.concatenate([[begin, end], starts, ends]), return_inverse=True)
    first, last = np.split(places[2:], 2)
    energy = np.diff(np.rint(np.interp(times, counter.times, counter.values)))
    pieces = len(energy)

    def at_work(amounts: FloatArray) -> FloatArray:
        steps = np.bincount(first, amounts, pieces + 1) - np.bincount(last, amounts, pieces + 1)
        # sums of the same slots differ in their last digits
        return np.asarray(np.round(np.cumsum(steps)[:pieces], 9), dtype=np.float64)

    there, used = at_work((last > first).astype(float)), at_work(taken * (last > first))
    alone = (there == 1) & (used >= slots)
    own = _along(np.where(alone, energy, 0.0))
    a_slot = np.where(alone, 0.0, energy / np.maximum(used, slots))
    shared = _along(a_slot)
    weights: dict[Key, float] = {}
    for work, exclusive, part in zip(
        works, own[last] - own[first], (shared[last] - shared[first]) * taken, strict=True
    ):
        for rule, joules in (("node_exclusive", exclusive), ("core_seconds", part)):
            if joules > 0:
                key = work.account, work.name, rule
                weights[key] = weights.get(key, 0.0) + float(joules)
    weights[empty] = float((a_slot * np.maximum(slots - used, 0.0)).sum())
    total = counter.whole_between(begin, end)
    if total <= 0:
        return {}
    return {key: part for key, part in zip(weights, split(total, list(weights.values())), strict=True) if part}


def _along(amounts: FloatArray) -> FloatArray:
    """Return the sum up to each instant."""
    return np.concatenate([[0.0], np.cumsum(amounts)])
