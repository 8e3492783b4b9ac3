"""What the journal says happened: the state from which a run goes on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from autode.energy import EnergyReading, headline, is_estimate
from autode.study.journal import Record


@dataclass
class TrialHistory:
    """One trial so far.

    Attributes
    ----------
    asked : dict
        Its ``asked`` record.
    attempts : int
        Attempts that were started.
    open_attempt : dict or None
        ``started`` record of an attempt of which no end is known.
    told : dict or None
        Its final record.
    """

    asked: Record
    attempts: int = 0
    open_attempt: Record | None = None
    told: Record | None = None
    last_sign: str = ""

    @property
    def number(self) -> int:
        """The trial's number."""
        return int(self.asked["trial"])

    @property
    def is_search(self) -> bool:
        """Whether the trial counts as an evaluation."""
        return bool(self.asked["role"] == "search")


@dataclass
class History:
    """All trials and what they used, in the order of the journal.

    Attributes
    ----------
    trials : dict of int to TrialHistory
    measured_j, estimated_j : float or None
        Joules of all attempts, measured (or apportioned) and estimated ones apart; None while there is no figure.
    """

    trials: dict[int, TrialHistory] = field(default_factory=dict)
    study: Record | None = None
    runs: list[Record] = field(default_factory=list)
    ends: list[Record] = field(default_factory=list)
    measured_j: float | None = None
    estimated_j: float | None = None
    _times: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, records: Iterable[Record]) -> History:
        """Build the history of a journal."""
        history = cls()
        for record in records:
            history.add(record)
        return history

    def add(self, record: Record) -> None:
        """Take one more record into account."""
        kind = record["type"]
        self._note_time(record)
        if kind == "study":
            self.study = record
        elif kind == "run":
            self.runs.append(record)
        elif kind == "end":
            self.ends.append(record)
        elif kind == "asked":
            self.trials[record["trial"]] = TrialHistory(record)
        elif kind in ("started", "epoch", "told", "attempt"):
            self._add_to_trial(kind, record)

    def _add_to_trial(self, kind: str, record: Record) -> None:
        trial = self.trials[record["trial"]]
        if kind == "started":
            trial.attempts = record["attempt"] + 1
            trial.open_attempt = record
        elif kind == "epoch":
            trial.last_sign = record["time"]
        else:
            trial.open_attempt = None
            trial.told = record if kind == "told" else None
            self._add_energy(record)

    def _add_energy(self, record: Record) -> None:
        reading = headline([EnergyReading.from_dict(one) for one in record.get("energy", ())])
        if reading is None or reading.energy_j is None:
            return
        if is_estimate(reading):
            self.estimated_j = (self.estimated_j or 0.0) + reading.energy_j
        else:
            self.measured_j = (self.measured_j or 0.0) + reading.energy_j

    def _note_time(self, record: Record) -> None:
        """Keep the first and last sign of life of every run."""
        time = record.get("time") or record.get("finished")
        if time is None:
            return
        if record["type"] == "run":
            self._times.append((time, time))
        elif self._times:
            start, last = self._times[-1]
            self._times[-1] = (start, max(last, time))

    @property
    def seconds(self) -> float:
        """Wall time of all runs so far, to the last sign of life of each."""
        return sum(self.span_s(start, end) for start, end in self._times)

    @staticmethod
    def span_s(start: str, end: str) -> float:
        """Return the seconds between two times of the journal."""
        return (_instant(end) - _instant(start)).total_seconds()

    @property
    def search_trials(self) -> list[TrialHistory]:
        """The trials that count as evaluations."""
        return [trial for trial in self.trials.values() if trial.is_search]

    @property
    def unfinished(self) -> list[TrialHistory]:
        """Trials that were asked and not told, by number."""
        return [trial for _, trial in sorted(self.trials.items()) if trial.told is None]

    def best(self, count: int = 1) -> list[TrialHistory]:
        """Return the best search trials, best first; ties go to the earlier one."""
        done = [t for t in self.search_trials if t.told is not None and t.told["fitness"] is not None]
        return sorted(done, key=lambda t: (t.told["fitness"], t.number))[:count]  # type: ignore[index]


def _instant(time: str) -> datetime:
    return datetime.fromisoformat(time.replace("Z", "+00:00"))


def fitness_of(told: Record) -> float:
    """Return the fitness of a ``told`` record; NaN (null in JSON) means that the trial failed."""
    return math.nan if told["fitness"] is None else float(told["fitness"])
