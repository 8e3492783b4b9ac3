"""Trials on several MPI ranks each: rank 0's end. The world is split into groups; a group works on one trial at a time.

A rank that fails fails the trial. The others, which may wait for it in a collective call for ever, are asked to give up
and get a time of grace. If they do not come back the run ends, as a thread in MPI cannot be killed: what is known is
written down first, so that the same command goes on behind the trial that hung.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from autode.execution.evaluate import Place, failure, utc_now
from autode.execution.events import EpochDone, Event, Finished, Started
from autode.execution.lifetime import hand_over_output
from autode.execution.member import GroupMember
from autode.execution.mpi import Comm, MpiExecutor
from autode.execution.output import add_to_log
from autode.execution.worker import Setup
from autode.trial import FAILED, INTERRUPTED, TrialResult, TrialTask

#: seconds that the other ranks of a trial get to come back after one has failed or the time is up
GRACE_S = 10.0
#: seconds that a group may take to import the objective, besides its trial's time limit
_START_S = 60.0
#: why a run ends whose ranks do not come back; the rest of "stopped by ..."
HUNG = "a trial that hangs in MPI"
#: a trial whose ranks failed in different ways costs a communicator for good, and MPICH has about 2000 in a process
SPOILT_LIMIT = 1000
SPOILT = "many trials that failed on some of their ranks"


def check_world(ranks: int, ranks_per_trial: int) -> None:
    """Raise unless this MPI can run trials on that many ranks.

    Raises
    ------
    ValueError
        If the world is smaller than a group, or MPI takes no calls from several threads.
    """
    if ranks < ranks_per_trial:
        raise ValueError(
            f"a trial needs {ranks_per_trial} ranks, but the MPI world has {ranks}; "
            f"start {ranks_per_trial} ranks or more, or set it to at most {ranks}"
        )
    from mpi4py import MPI

    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        raise ValueError(
            "trials on several ranks need an MPI that takes calls from several threads (MPI_THREAD_MULTIPLE), "
            "which this one does not; use another MPI, or set it to 1"
        )


@dataclass
class TrialUnderWay:
    """What rank 0 knows about a trial on a group of ranks.

    Attributes
    ----------
    task : TrialTask
    ranks : range
        The group's ranks in the world; the first is the leader.
    begun_s : float
        Monotonic time of its start, or of its submission until then.
    started : Started or None
        The leader's word.
    epochs : int
        Reported by the leader.
    parts : dict of int to TrialResult
        Rank -> how the objective ended there, in the order in which the ranks came back.
    error : str
        Why it has failed, whatever the parts say.
    give_up_s : float
        Monotonic time at which those who have not come back are given up.
    """

    task: TrialTask
    ranks: range
    begun_s: float
    started: Started | None = None
    epochs: int = 0
    parts: dict[int, TrialResult] = field(default_factory=dict)
    error: str = ""
    give_up_s: float = float("inf")

    @property
    def spoilt(self) -> bool:
        """Whether messages may be left on its communicator, which is then never used again."""
        return len({(part.state, part.traceback) for part in self.parts.values()}) > 1

    @property
    def missing(self) -> list[int]:
        """Ranks that have not come back."""
        return [rank for rank in self.ranks if rank not in self.parts]

    def note(self, event: Started | EpochDone) -> None:
        """Keep what the leader says."""
        if isinstance(event, Started):
            self.started, self.begun_s = event, time.monotonic()
        else:
            self.epochs = max(self.epochs, event.epoch)

    def out_of_time(self, now: float) -> bool:
        """Whether the time limit has passed; the import of the objective does not count."""
        limit = self.task.timeout_s
        return bool(limit) and now > self.begun_s + limit + (0.0 if self.started else _START_S)

    def result(self) -> TrialResult:
        """Return the trial's result: the leader's if all ranks came back well, else the first failure."""
        leader = self.parts.get(self.ranks[0]) or self._unknown()
        known = [self.parts[rank] for rank in self.ranks if rank in self.parts]
        cpu = [part.cpu_seconds for part in known if part.cpu_seconds is not None]
        whole = replace(
            leader,
            cpu_seconds=sum(cpu) if cpu else None,
            energy=tuple(reading for part in known for reading in part.energy),
        )
        error = self._whole_error()
        return replace(whole, state=FAILED, metrics={}, error=error, traceback=self._tracebacks()) if error else whole

    def interrupted(self) -> TrialResult:
        """Return the attempt of a trial that did not end in time, which the next run goes on with."""
        return replace(self._unknown(), state=INTERRUPTED, error="")

    def _unknown(self) -> TrialResult:
        """Return a result in the place of the leader, which has not come back."""
        place = Place(self.ranks[0]) if self.started is None else Place(self.started.rank, host=self.started.host)
        started = utc_now() if self.started is None else self.started.time
        return failure(self.task, place, started, time.monotonic() - self.begun_s, "", epochs=self.epochs)

    def _whole_error(self) -> str:
        """Return the first error, the rank named, and who did not come back; empty if there is none."""
        first = next((part for part in self.parts.values() if part.state == FAILED), None)
        error = self.error
        if not error and first is not None:
            kind, _, message = first.error.partition(": ")
            error = f"{kind}: rank {first.rank}: {message}"
        if not error or not self.missing:
            return error
        return f"{error}; {_named(self.missing)} did not come back within {GRACE_S:g} s, so the run had to end"

    def _tracebacks(self) -> str:
        """Return the tracebacks of all ranks, each under its rank, in the order in which they came."""
        parts = [part for part in self.parts.values() if part.traceback]
        return "\n".join(f"rank {part.rank} on {part.host}:\n{part.traceback}" for part in parts)


def _named(ranks: Sequence[int]) -> str:
    return f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))}"


class GroupExecutor(MpiExecutor):
    """Rank 0's end of an MPI world in which each trial has several ranks. Ranks that fill no group stay idle.

    Parameters
    ----------
    comm : mpi4py communicator
        The world; the other ranks must be in `autode.execution.mpi.serve`.
    setup : Setup
        Place and slots are filled in by each rank.
    threads : int
        Threads of numerical libraries per rank.
    ranks_per_trial : int
        Size of a group.
    ask_to_stop : callable
        Called with the reason when the run must end because ranks hang.
    """

    def __init__(
        self, comm: Comm, setup: Setup, threads: int, ranks_per_trial: int, ask_to_stop: Callable[[str], None]
    ):
        super().__init__(comm, setup, threads, partial(GroupMember, size=ranks_per_trial))
        self._size, self._ask_to_stop = ranks_per_trial, ask_to_stop
        self.slots = comm.size // ranks_per_trial
        self.ranks = self.slots * ranks_per_trial
        self._idle = list(range(self.ranks - ranks_per_trial, -1, -ranks_per_trial))  # leaders; rank 0's group is last
        self._trials: dict[int, TrialUnderWay] = {}
        self._spoilt = 0
        self._hung = False

    def submit(self, task: TrialTask) -> None:
        """Send the trial to all ranks of an idle group."""
        leader = self._idle.pop(0)
        self._at[task.number] = leader
        self._trials[task.number] = TrialUnderWay(task, range(leader, leader + self._size), time.monotonic())
        for rank in self._trials[task.number].ranks:
            self._order(rank, "submit", task)

    def abandon(self) -> list[Event]:
        """Give up what still runs; its attempts come back as interrupted, and its ranks end with the job."""
        given_up = list(self._trials.values())
        self._hung = self._hung or bool(given_up)
        self._trials.clear()
        self._at.clear()
        return [Finished(trial.interrupted()) for trial in given_up]

    def close(self, exit_code: int = 0) -> None:
        """Let the ranks go with this exit code; if trials hang, the job ends with it as soon as this process does."""
        if self._hung or self._trials:
            atexit.register(self._end_job, exit_code)
        else:
            super().close(exit_code)

    def _end_job(self, exit_code: int) -> None:
        """End all ranks: MPI's own end would wait for those that hang."""
        hand_over_output()
        self._comm.Abort(exit_code)

    def _order(self, rank: int, kind: str, *content: object) -> None:
        if rank == 0:
            getattr(self._own, kind)(*content)
        else:
            self._comm.send((kind, *content), rank)

    def _arrived(self) -> list[Event]:
        """Return what has arrived, with one end for each trial, when all its ranks have come back or are given up."""
        events = [event for one in super()._arrived() for event in self._take(one)]
        return events + self._overdue(time.monotonic())

    def _take(self, event: Event) -> list[Event]:
        """Return the event of a trial that came from one of its ranks."""
        number = event.result.number if isinstance(event, Finished) else event.trial
        trial = self._trials.get(number)
        if trial is None:  # given up before
            return []
        if not isinstance(event, Finished):
            trial.note(event)
            return [event]
        trial.parts[event.result.rank] = event.result
        if not trial.missing:
            return [self._end(trial)]
        if event.result.state == FAILED:
            self._call_back(trial)
        return []

    def _overdue(self, now: float) -> list[Event]:
        """Call back what runs too long, and return the ends of trials whose ranks do not come back."""
        events: list[Event] = []
        for trial in list(self._trials.values()):
            if not trial.error and trial.give_up_s == float("inf") and trial.out_of_time(now):
                trial.error = f"timeout: the trial ran longer than {trial.task.timeout_s:g} s"
                self._call_back(trial)
            if now > trial.give_up_s:
                self._hung = True
                self._ask_to_stop(HUNG)
                events.append(self._end(trial))
        return events

    def _call_back(self, trial: TrialUnderWay) -> None:
        """Ask the ranks that still run a failed trial to give up, and begin their time of grace."""
        if trial.give_up_s == float("inf"):
            trial.give_up_s = time.monotonic() + GRACE_S
            for rank in trial.missing:
                self._order(rank, "cancel")

    def _end(self, trial: TrialUnderWay) -> Finished:
        """Return the end of a trial, its tracebacks in its log."""
        del self._trials[trial.task.number]
        self._spoilt += trial.spoilt
        if trial.spoilt and self._spoilt >= SPOILT_LIMIT:
            self._ask_to_stop(SPOILT)
        result, folder = trial.result(), Path(trial.task.directory)
        if result.traceback:
            add_to_log(folder, result.traceback.encode())
        with suppress(OSError):  # clusters count files, and now nobody is about to write into it
            folder.rmdir()
        return Finished(result)
