"""How told trials are settled: who takes a slot, what is learned from it, when a generation ends."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray, IntArray
from autode.de.strategy import Strategy
from autode.de.table import Draws


class Selection(Strategy):
    """Selection of differential evolution: a trial competes with the present occupant of its slot.

    One rule for both schedules: generational selection settles a whole generation in slot order, asynchronous selection
    settles what was told at once.
    """

    schedule: str
    best_x: FloatArray
    best_f: float
    generations: int
    _best_id: int
    _slot: int
    _archive_rate: float
    _prepared: Draws | None

    def _note_best(self, rows: IntArray, ids: IntArray, values: FloatArray) -> None:
        """Keep the best point; of equal ones the one asked first, whatever the order of telling."""
        least = float(values[values.argmin()])
        if least > self.best_f or least == np.inf:
            return
        k = (values == least).nonzero()[0]
        k = k[ids[k].argmin()]
        if least < self.best_f or ids[k] < self._best_id:
            self.best_f, self._best_id, self.best_x = least, int(ids[k]), self._trials.x[rows[k]].copy()

    def _settle_now(self, rows: IntArray) -> None:
        """Let told trials compete at once; every N of them end a generation."""
        while rows.size:
            left = self._population.n - self._since_tick
            now, rows = rows[:left], rows[left:]
            self._select(now)
            self.nfev += now.size  # lot by lot: the reduction at the end of a generation goes by it
            self._since_tick += now.size
            if self._since_tick >= self._population.n:
                self._end_generation()
        self._trials.discard_told()

    def _settle_batch(self) -> None:
        """Let a whole generation compete, all of it told, in the generational schedule."""
        self._select(self._trials.everything())
        self._trials.clear()
        self._end_generation()

    def _select(self, rows: IntArray) -> None:
        """Set told trials against the present occupants of their slots, in the order of rows."""
        at_once = rows.size == 1 or self.schedule == "generational" or self._trials.distinct(rows)
        for some in (rows,) if at_once else rows[:, None]:
            self._compete(some)

    def _compete(self, rows: IntArray) -> None:
        """Set trials of different slots against the occupants: equal (unless `strict`) or better takes the slot."""
        trials, population = self._trials, self._population
        slots, new = trials.slots, trials.values
        if not trials.is_everything(rows):
            slots, new = slots.take(rows), new.take(rows)
        if slots[0] < 0:  # its slot was deleted meanwhile: it meets the worst (such trials come here one by one)
            slots = np.array([population.worst()])
        old = population.f.take(slots)
        beaten = new >= old if self.strict else new > old
        wins = np.logical_not(beaten, out=beaten).nonzero()[0]  # also against an occupant without a value
        if not wins.size:
            return
        if wins.size < rows.size:
            rows, slots, new, old = rows.take(wins), slots.take(wins), new.take(wins), old.take(wins)
        better = (new < old).nonzero()[0]
        if trials.ids[0] < population.initial_size:  # initial points that win something teach nothing
            better = better[trials.generation[rows[better]] > 0]
        if better.size:
            winners, losers, delta = rows, slots, _difference(old, new)
            if better.size < rows.size:
                winners, losers, delta = rows.take(better), slots.take(better), delta.take(better)
            if self._archive_rate:  # before the occupants are overwritten
                population.put_aside(losers, trials.parameter("archive")[winners])
            self._succeeded(winners, losers, delta)
        population.replace(slots, trials.x.take(rows, axis=0), new)
        self._survived(slots, rows)

    def _end_generation(self) -> None:
        self._adapt()
        # As in the authors' code there is no reduction after the initial population.
        size = self._planned_size() if self.generations > 0 else self._population.n
        if size < self._population.n:
            survivors = self._survivors(size)
            if self._trials.size:
                self._trials.move(self._population.moves(survivors))
            self._population.keep(survivors)
            self._slot %= size
        self._prepared = None
        self.generations += 1
        self._since_tick = 0


def _difference(larger: FloatArray, smaller: FloatArray) -> FloatArray:
    """Subtract; a difference too large for a float is an infinite one."""
    if float(larger[larger.argmax()]) - float(smaller[smaller.argmin()]) < np.inf:
        return larger - smaller
    with np.errstate(over="ignore", invalid="ignore"):
        return larger - smaller
