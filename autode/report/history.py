"""The journal folded into runs, trials and their attempts: plain Python, no pandas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from autode.energy import EnergyReading, headline, total, unavailable
from autode.study.journal import Record
from autode.trial import INTERRUPTED, LOST

#: The key of a record that tells its kind.
KIND = "type"
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
    live : bool
        Whether the run that started it has not ended as far as the journal tells.
    """

    trial: int
    number: int
    start: Record = field(default_factory=dict)
    end: Record = field(default_factory=dict)
    live: bool = False

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field of the end record, or of the start record where the end has none."""
        value = self.end.get(name)
        return self.start.get(name, default) if value is None else value

    @property
    def state(self) -> str:
        """The recorded state; ``running`` or ``lost`` for an attempt that has no end."""
        return str(self.end.get("state") or (RUNNING if self.live else LOST))

    @property
    def started(self) -> str | None:
        """When it began, ISO 8601 UTC."""
        return self.end.get("started") or self.start.get("time")

    @cached_property
    def readings(self) -> list[EnergyReading]:
        """All its energy readings, one a source."""
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
    def role(self) -> str:
        """Either ``search`` or ``confirm``."""
        return str(self.asked.get("role") or "search")

    @property
    def state(self) -> str:
        """The final state, or ``running``, ``interrupted`` (to be continued), or ``waiting``."""
        if self.told is not None:
            return str(self.told["state"])
        if not self.attempts:
            return WAITING
        return RUNNING if self.attempts[-1].state == RUNNING else INTERRUPTED


@dataclass
class Run:
    """One start of the program: its ``run`` record, its ``end`` record (empty if none) and the last time seen."""

    record: Record
    end: Record = field(default_factory=dict)
    last_seen: str | None = None


@dataclass
class History:
    """All that a journal holds, by kind."""

    study: Record = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    trials: dict[int, TrialHistory] = field(default_factory=dict)
    epochs: list[Record] = field(default_factory=list)
    energy: list[Record] = field(default_factory=list)

    @property
    def attempts(self) -> list[Attempt]:
        """Every attempt, by trial and number."""
        return [attempt for number in sorted(self.trials) for attempt in self.trials[number].attempts]


def fold(records: Iterable[Record]) -> History:
    """Sort records into a history; kinds that it does not know are left out, so that newer journals stay readable."""
    history = History()
    attempts: dict[tuple[int, int], Attempt] = {}
    for record in records:
        _TAKE.get(record.get(KIND, ""), _ignore)(history, attempts, record)
        _note_time(history, record)
    for key in sorted(attempts):
        _trial(history, key[0]).attempts.append(attempts[key])
    if history.runs and not history.runs[-1].end:
        last = history.runs[-1].record.get("run")
        for attempt in attempts.values():
            attempt.live = attempt.start.get("run") == last
    return history


Attempts = dict[tuple[int, int], Attempt]


def _ignore(history: History, attempts: Attempts, record: Record) -> None:
    """Leave a record out."""


def _take_study(history: History, attempts: Attempts, record: Record) -> None:
    history.study = record


def _take_run(history: History, attempts: Attempts, record: Record) -> None:
    history.runs.append(Run(record))


def _take_end(history: History, attempts: Attempts, record: Record) -> None:
    for run in history.runs:
        if run.record.get("run") == record.get("run"):
            run.end = record


def _take_asked(history: History, attempts: Attempts, record: Record) -> None:
    _trial(history, record["trial"]).asked = record


def _take_started(history: History, attempts: Attempts, record: Record) -> None:
    _attempt(attempts, record).start = record


def _take_attempt(history: History, attempts: Attempts, record: Record) -> None:
    _attempt(attempts, record).end = record


def _take_told(history: History, attempts: Attempts, record: Record) -> None:
    _attempt(attempts, record).end = record
    _trial(history, record["trial"]).told = record


def _take_epoch(history: History, attempts: Attempts, record: Record) -> None:
    history.epochs.append(record)


def _take_energy(history: History, attempts: Attempts, record: Record) -> None:
    history.energy.append(record)


_TAKE = {
    "study": _take_study,
    "run": _take_run,
    "asked": _take_asked,
    "started": _take_started,
    "epoch": _take_epoch,
    "told": _take_told,
    "attempt": _take_attempt,
    "energy": _take_energy,
    "end": _take_end,
}


def _trial(history: History, number: int) -> TrialHistory:
    return history.trials.setdefault(number, TrialHistory({"trial": number}))


def _attempt(attempts: Attempts, record: Record) -> Attempt:
    key = (int(record["trial"]), int(record.get("attempt") or 0))
    if key not in attempts:
        attempts[key] = Attempt(*key)
    return attempts[key]


def _note_time(history: History, record: Record) -> None:
    """Remember the last sign of life of the present run: a killed run has no ``end``."""
    time = record.get("time") or record.get("finished")
    if time and history.runs:
        history.runs[-1].last_seen = max(str(time), history.runs[-1].last_seen or "")
