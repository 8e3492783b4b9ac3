"""What an executor tells the study while trials run, and the contract every executor keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from autode.trial import TrialResult, TrialTask


@dataclass(frozen=True)
class Started:
    """An attempt at a trial began on some worker."""

    trial: int
    attempt: int
    host: str
    rank: int
    device: str
    time: str


@dataclass(frozen=True)
class EpochDone:
    """A trial reported an epoch; ``seconds`` counts from the start of the attempt, ``energy_j`` likewise if known."""

    trial: int
    attempt: int
    epoch: int
    metrics: Mapping[str, float]
    seconds: float
    time: str
    energy_j: float | None = None


@dataclass(frozen=True)
class Finished:
    """An attempt at a trial ended, in whatever way."""

    result: TrialResult


Event = Started | EpochDone | Finished


class Executor(Protocol):
    """Runs trials somewhere. One thread calls it; nothing here knows which search asked for the trials."""

    #: how the study names this executor in its journal
    kind: str
    #: how many trials run at once
    slots: int
    #: MPI ranks or processes that take part
    ranks: int

    def submit(self, task: TrialTask) -> None:
        """Start a trial; call only while fewer than ``slots`` are under way."""

    def wait(self, timeout: float) -> list[Event]:
        """Return what happened, as soon as something did; an empty list after ``timeout`` seconds."""

    def interrupt(self) -> None:
        """Ask the running trials to save and end at their next epoch; `wait` then brings their results."""

    def abandon(self) -> list[Event]:
        """Kill what still runs after `interrupt` and a time of grace; its attempts come back as interrupted."""

    def close(self, exit_code: int = 0) -> None:
        """End the workers; trials still running are abandoned."""
