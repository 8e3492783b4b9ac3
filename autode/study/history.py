"""The journal folded into runs, trials and their attempts: the state from which a run goes on and a report is made."""

from __future__ import annotations

import bisect
import itertools
import json
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from autode.energy import EnergyReading, headline, is_estimate, total, unavailable
from autode.study.journal import Record
from autode.trial import FAILED, INTERRUPTED, LOST

#: States of a trial without a result: it is being evaluated (as far as the journal tells), or nobody has begun it.
RUNNING, WAITING = "running", "waiting"


@dataclass
class Attempt:
    """One try at a trial.

    Attributes
    ----------
    trial, number : int
        The trial and the attempt's number, from 0.
    start : dict
        The ``started`` record; empty if the journal has none.
    end : dict
        The ``told`` or ``attempt`` record; empty while there is none.
    last_sign : str
        Time of its last epoch; empty before the first.
    reported : int
        The last epoch that it told of; 0 before the first.
    live : bool
        Whether the run that started it has not ended as far as the journal tells.
    """

    trial: int
    number: int
    start: Record = field(default_factory=dict)
    end: Record = field(default_factory=dict)
    last_sign: str = ""
    reported: int = 0
    live: bool = True

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field of the end record, or of the start record where the end has none."""
        value = self.end.get(name)
        return self.start.get(name, default) if value is None else value

    @property
    def state(self) -> str:
        """The recorded state; ``running`` or ``lost`` for an attempt that has no end."""
        return str(self.end.get("state") or (RUNNING if self.live else LOST))

    @property
    def epochs(self) -> int:
        """The last epoch that it is known to have finished."""
        return max(self.reported, int(self.end.get("epochs") or 0))

    @property
    def started(self) -> str | None:
        """When it began, ISO 8601 UTC."""
        return self.end.get("started") or self.start.get("time")

    @cached_property
    def readings(self) -> list[EnergyReading]:
        """All its energy readings, one a source; ask only when it has ended."""
        return readings_of(self.end)

    @cached_property
    def reading(self) -> EnergyReading:
        """The one figure that stands for it, or the record that says why there is none."""
        if not self.readings:
            return unavailable("none", "an attempt ended without a reading")
        return headline(self.readings) or total(self.readings)


def readings_of(record: Record) -> list[EnergyReading]:
    """Return the readings in a record's field ``energy`` or ``readings``."""
    return [EnergyReading.from_dict(one) for one in record.get("energy") or record.get("readings") or ()]


@dataclass
class TrialHistory:
    """A trial: what was asked, all attempts in order, and the final record (None if there is none)."""

    asked: Record
    attempts: list[Attempt] = field(default_factory=list)
    told: Record | None = None

    @property
    def number(self) -> int:
        """The trial's number."""
        return int(self.asked["trial"])

    @property
    def role(self) -> str:
        """Either ``search`` (counts as an evaluation) or ``confirm``."""
        return str(self.asked.get("role") or "search")

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt whose end is not known, if there is one."""
        return self.attempts[-1] if self.attempts and not self.attempts[-1].end else None

    @property
    def losses(self) -> int:
        """How many attempts in a row, up to the last, were lost, or have no end yet, without one more epoch."""
        fruitless = (attempt.state in (RUNNING, LOST) and not attempt.last_sign for attempt in reversed(self.attempts))
        return sum(1 for _ in itertools.takewhile(bool, fruitless))

    @property
    def state(self) -> str:
        """The final state, or ``running``, ``interrupted`` (to be continued), or ``waiting``."""
        if self.told is not None:
            return str(self.told["state"])
        if not self.attempts:
            return WAITING
        return RUNNING if self.attempts[-1].state == RUNNING else INTERRUPTED


@dataclass
class RunHistory:
    """One start of the program: its ``run`` record, its ``end`` record (empty if none) and the last time seen.

    ``progress`` counts the trials that ended in it, and the epochs that no attempt before had finished.
    """

    record: Record
    end: Record = field(default_factory=dict)
    last_seen: str = ""
    progress: int = 0

    @property
    def seconds(self) -> float:
        """Wall time to its last sign of life."""
        return span_s(self.record["time"], self.last_seen)


@dataclass
class History:
    """All that a journal holds, by kind; `add` keeps it up to date at a cost that does not grow with the journal.

    Attributes
    ----------
    study : dict
        The ``study`` record.
    runs, trials, epochs, energy
        What happened, in the order of the journal; trials by number.
    done, failed, generation : int
        Evaluations that have ended, how many of them failed, and the latest generation asked for.
    recent_seconds : deque of float
        Seconds that the latest evaluations took.
    confirmations : list of TrialHistory
        The re-trainings after the search.
    measured_j, estimated_j : float or None
        Joules of all attempts, measured (or apportioned) and estimated ones apart; None while there is no figure.
    forgotten : int
        Trials that are counted but not held: a snapshot left them out.
    """

    study: Record = field(default_factory=dict)
    runs: list[RunHistory] = field(default_factory=list)
    trials: dict[int, TrialHistory] = field(default_factory=dict)
    epochs: list[Record] = field(default_factory=list)
    energy: list[Record] = field(default_factory=list)
    measured_j: float | None = None
    estimated_j: float | None = None
    done: int = 0
    failed: int = 0
    generation: int = 0
    recent_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=50))
    confirmations: list[TrialHistory] = field(default_factory=list)
    forgotten: int = 0
    _open: dict[int, TrialHistory] = field(default_factory=dict)
    _ranked: list[tuple[float, int]] = field(default_factory=list)
    _same: dict[str, tuple[float, int, list[int]]] = field(default_factory=dict)  # mean, first and all trials

    @classmethod
    def of(cls, records: Iterable[Record]) -> History:
        """Fold the records of a journal."""
        history = cls()
        for record in records:
            history.add(record)
        return history

    def add(self, record: Record) -> None:
        """Take one more record into account; kinds that it does not know are left out: newer journals stay readable."""
        take = getattr(self, f"_take_{record['type']}", None)
        if take is not None:
            take(record)
        self._note_time(record)

    @property
    def asked(self) -> int:
        """How many trials were asked for, which is the number of the next one."""
        return self.forgotten + len(self.trials)

    @property
    def attempts(self) -> list[Attempt]:
        """Every attempt, by trial and number."""
        return [attempt for number in sorted(self.trials) for attempt in self.trials[number].attempts]

    @property
    def search_trials(self) -> list[TrialHistory]:
        """The trials that count as evaluations."""
        return [trial for trial in self.trials.values() if trial.role == "search"]

    @property
    def unfinished(self) -> list[TrialHistory]:
        """Trials that were asked and not told, by number."""
        return [trial for _, trial in sorted(self._open.items())]

    @property
    def seconds(self) -> float:
        """Wall time of all runs so far, to the last sign of life of each."""
        return sum(run.seconds for run in self.runs)

    def best(self, count: int = 1) -> list[TrialHistory]:
        """Return the best configurations' first trials, best first by the mean of all their trials.

        Ties go to the earlier one; trials that failed do not count.
        """
        return [self.trials[number] for _, number in self._ranked[:count]]

    def same_as(self, trial: TrialHistory) -> list[TrialHistory]:
        """Return all search trials with a fitness that have the configuration of one, it included."""
        return [self.trials[number] for number in self._same[_configuration(trial)][2]]

    def _rank(self, trial: TrialHistory, fitness: float) -> None:
        """Let a told trial count: its configuration stands where the mean fitness of its trials puts it."""
        key = _configuration(trial)
        mean, first, same = self._same.get(key, (fitness, trial.number, []))
        if same:
            del self._ranked[bisect.bisect_left(self._ranked, (mean, first))]
        same.append(trial.number)
        mean += (fitness - mean) / len(same)
        first = min(first, trial.number)
        self._same[key] = mean, first, same
        bisect.insort(self._ranked, (mean, first))

    def _take_study(self, record: Record) -> None:
        self.study = record

    def _take_run(self, record: Record) -> None:
        self.runs.append(RunHistory(record))
        for attempt in self.attempts:  # whatever an earlier run left open died with it
            attempt.live = False

    def _take_end(self, record: Record) -> None:
        for run in self.runs:
            if run.record["run"] == record["run"]:
                run.end = record
        for attempt in self.attempts:
            attempt.live = False

    def _take_asked(self, record: Record) -> None:
        trial = self.trials[record["trial"]] = self._open[record["trial"]] = TrialHistory(record)
        if trial.role == "confirm":
            self.confirmations.append(trial)
        else:
            self.generation = max(self.generation, int(record.get("generation") or 0))

    def _take_started(self, record: Record) -> None:
        self._attempt(record).start = record

    def _take_epoch(self, record: Record) -> None:
        self.epochs.append(record)
        epoch, trial, attempt = int(record.get("epoch") or 0), self.trials[record["trial"]], self._attempt(record)
        if self.runs and epoch > max(one.epochs for one in trial.attempts):
            self.runs[-1].progress += 1
        attempt.last_sign, attempt.reported = record.get("time", ""), max(attempt.reported, epoch)

    def _take_told(self, record: Record) -> None:
        self._take_attempt(record)
        trial = self._open.pop(record["trial"])
        trial.told = record
        if self.runs:
            self.runs[-1].progress += 1
        if trial.role == "search":
            self.done += 1
            self.failed += trial.state == FAILED
            self.recent_seconds.append(float(record.get("seconds") or 0.0))
            if not math.isnan(fitness := fitness_of(record)):
                self._rank(trial, fitness)

    def _take_attempt(self, record: Record) -> None:
        self._attempt(record).end = record
        self._add_energy(record)

    def _take_energy(self, record: Record) -> None:
        self.energy.append(record)

    def _attempt(self, record: Record) -> Attempt:
        """Return the attempt that a record is about, which comes into being with its first one."""
        attempts = self.trials[record["trial"]].attempts
        number = int(record.get("attempt") or 0)
        for attempt in attempts:
            if attempt.number == number:
                return attempt
        attempts.append(Attempt(record["trial"], number))
        attempts.sort(key=lambda attempt: attempt.number)
        return self._attempt(record)

    def _add_energy(self, record: Record) -> None:
        if not any(one.get("energy_j") is not None for one in record.get("energy") or ()):
            return
        reading = headline(readings_of(record))
        if reading is None or reading.energy_j is None:
            return
        if is_estimate(reading):
            self.estimated_j = (self.estimated_j or 0.0) + reading.energy_j
        else:
            self.measured_j = (self.measured_j or 0.0) + reading.energy_j

    def _note_time(self, record: Record) -> None:
        """Remember the last sign of life of the present run: a killed run has no ``end``."""
        time = record.get("time") or record.get("finished")
        if time and self.runs:
            self.runs[-1].last_seen = max(str(time), self.runs[-1].last_seen)


def span_s(start: str, end: str) -> float:
    """Return the seconds between two times of the journal."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _configuration(trial: TrialHistory) -> str:
    """Return what is equal for trials of the same hyperparameters."""
    return json.dumps(trial.asked["params"], sort_keys=True)


def fitness_of(told: Record) -> float:
    """Return the fitness of a ``told`` record; NaN (null in JSON) means that the trial failed."""
    fitness = told.get("fitness")
    return math.nan if fitness is None else float(fitness)
