"""One rank of a group of MPI ranks that share a trial: runs the objective in a thread while it passes messages.

The trial's communicator lives in this very process, so the objective has to as well; a worker process would have no
MPI. What it prints therefore goes to the job's output, and a trial that hangs cannot be killed alone.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from typing import Any

from autode.energy import MeterSet, open_meters
from autode.execution.devices import device_of, gpu_count
from autode.execution.evaluate import Place, evaluate
from autode.execution.events import Event, Finished
from autode.execution.lifetime import hand_over_output
from autode.execution.local import thread_limits
from autode.execution.mpi import Pause
from autode.execution.worker import Prepared, Setup
from autode.trial import Trial, TrialResult, TrialTask

#: communicators are freed so many at a time, to make all ranks agree seldom
_FREED_AT_ONCE = 16


class TrialCancelled(Exception):  # noqa: N818 - a signal to unwind; the error was another rank's
    """Raised by ``trial.should_stop()`` when another rank of the trial has failed or its time is up."""


class StopAgreement:
    """``trial.should_stop()`` of a trial with several ranks: the leader decides, and all ranks get the same answer.

    It is a collective call on ``trial.comm``: every rank of the trial must call it equally often. The leader does not
    wait for the others. Once it was true it stays true, without asking again.

    Parameters
    ----------
    comm : mpi4py communicator
        The trial's; its rank 0 is the leader.
    wanted : callable
        Asked on the leader only.
    cancelled : callable
        Whether to give up waiting for the leader.
    """

    def __init__(self, comm: Any, wanted: Callable[[], bool], cancelled: Callable[[], bool]):
        self._comm, self._wanted, self._cancelled = comm, wanted, cancelled
        self.calls = 0
        self.stopped = False

    def __call__(self) -> bool:
        """Return the leader's decision.

        Raises
        ------
        TrialCancelled
            If the trial has failed elsewhere meanwhile.
        """
        if not self.stopped:
            self.calls += 1
            word = bytearray([self._comm.rank == 0 and self._wanted()])
            request, pause = self._comm.Ibcast(word, root=0), Pause()
            while not request.Test():
                self._refuse_cancelled()
                pause.after(False)
            self._refuse_cancelled()
            self.stopped = bool(word[0])
        return self.stopped

    def _refuse_cancelled(self) -> None:
        if self._cancelled():
            raise TrialCancelled("another rank of this trial has failed, or its time is up")


@dataclass
class TrialComm:
    """The communicator of one trial, and what tells whether it may be freed.

    Attributes
    ----------
    comm : mpi4py communicator
    agreement : StopAgreement
        On that communicator.
    ending : tuple of str
        How the trial has ended on this rank: state and traceback.
    """

    comm: Any
    agreement: StopAgreement
    ending: tuple[str, str] = ("", "")

    def trace(self) -> tuple[bool, int, tuple[str, str]]:
        """Return whether no message is left here, and what is the same on all ranks if they all went the same way."""
        return bool(self.comm) and not self.comm.Iprobe(), self.agreement.calls, self.ending


@dataclass(frozen=True)
class Seat:
    """Where a rank sits: its group (None for a rank that is left over) and what it shares with others on its node.

    Attributes
    ----------
    device : str
        Its own device.
    devices : tuple of str
        Devices of all its group's ranks on this node.
    measures : bool
        Whether it is the first of its group on this node, which measures for the others.
    alone : bool
        Whether no other rank of its group is on this node.
    groups : int
        How many groups have ranks on this node.
    """

    group: int | None
    device: str
    devices: tuple[str, ...]
    measures: bool
    alone: bool
    groups: int


def group_of(rank: int, ranks: int, size: int) -> int | None:
    """Return the group of a rank: consecutive ranks belong together, and what is left over belongs to none."""
    return rank // size if rank // size < ranks // size else None


def find_seat(comm: Any, size: int) -> Seat:
    """Return this rank's seat; every rank of the world must call this."""
    from mpi4py import MPI

    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    group, device = group_of(comm.rank, comm.size, size), device_of(node.rank, gpu_count())
    neighbours: list[tuple[int | None, int, str]] = node.allgather((group, comm.rank, device))
    node.Free()
    own = [(rank, device) for other, rank, device in neighbours if other == group]
    return Seat(
        group=group,
        device=device,
        devices=tuple(sorted({device for _, device in own} - {"cpu"})),
        measures=comm.rank == min(own)[0],
        alone=len(own) == 1,
        groups=len({other for other, _, _ in neighbours} - {None}),
    )


class GroupMember:
    """The worker of one rank of a group. Making one is a collective call of the whole world.

    Parameters
    ----------
    comm : mpi4py communicator
        The world.
    setup : Setup
        Place and slots are filled in here.
    threads : int
        Threads that numerical libraries may use, as far as they are not loaded yet.
    size : int
        Ranks a group.
    """

    def __init__(self, comm: Any, setup: Setup, threads: int, size: int):
        from mpi4py import MPI

        os.environ.update(thread_limits(threads))
        self._world, self._setup = comm, setup
        self._seat = seat = find_seat(comm, size)
        self._place = Place.here(comm.rank, seat.device)
        self._group = comm.Split(MPI.UNDEFINED if seat.group is None else seat.group, comm.rank)
        hosts = {self._place.host} if seat.group is None else set(self._group.allgather(self._place.host))
        self._several_nodes = len(hosts) > 1
        self._comms: list[TrialComm] = []  # of this trial and those before it
        self._meters = _meters(setup, seat)
        self._recorder = setup.record_node()
        self._objective: Prepared | None = None
        self.pipe, self._events = Pipe(duplex=False)
        self.task: TrialTask | None = None
        self._stop = self._cancelled = False

    def submit(self, task: TrialTask) -> None:
        """Start a trial."""
        self.task, self._stop, self._cancelled = task, False, False
        # a daemon, so that a trial that hangs does not keep the process from ending
        threading.Thread(target=self._run, args=(task,), name=f"trial-{task.number}", daemon=True).start()

    def read(self) -> list[Event]:
        """Return all events that have arrived from the trial's thread."""
        events: list[Event] = []
        while self.pipe.poll():
            event = self.pipe.recv()
            events.append(event)
            if isinstance(event, Finished):
                self.task = None
        return events

    def interrupt(self) -> None:
        """Ask the running trial to save and end; only the leader's word counts."""
        self._stop = True

    def cancel(self) -> None:
        """Make ``should_stop()`` raise, as the trial has failed already."""
        self._cancelled = True

    def abandon(self) -> TrialResult | None:
        """Refuse: a thread cannot be killed, and what rank 0 does instead takes the whole job."""
        raise NotImplementedError("a trial in a thread cannot be killed")

    def close(self) -> None:
        """Close the meters, unless a trial that hangs still uses them."""
        if self._recorder is not None:
            self._recorder.close()
        if self.task is None:
            self._meters.close()

    def _run(self, task: TrialTask) -> None:
        """Be the trial's thread."""
        try:
            result = self._evaluate(task)
            self._events.send(Finished(result))
        except BaseException:  # not the objective's, whose errors are results
            traceback.print_exc()
            hand_over_output()
            self._world.Abort(1)  # without it the others would wait for this rank for ever
            raise

    def _fresh_comm(self) -> TrialComm:
        """Return a communicator of its own for a trial: messages that one trial leaves behind do not reach the next.

        MPI gives the numbers of freed communicators to new ones, and with them what is still under way. So they are
        freed when several further trials have passed, and only those that all ranks left in the same way.
        """
        if len(self._comms) == 2 * _FREED_AT_ONCE:
            old, self._comms = self._comms[:_FREED_AT_ONCE], self._comms[_FREED_AT_ONCE:]
            for one, *traces in zip(old, *self._group.allgather([one.trace() for one in old]), strict=True):
                if traces[0][0] and len(set(traces)) == 1:
                    one.comm.Free()
        comm = self._group.Dup()
        agreement = StopAgreement(comm, lambda: self._stop, lambda: self._cancelled)
        self._comms.append(TrialComm(comm, agreement))
        return self._comms[-1]

    def _evaluate(self, task: TrialTask) -> TrialResult:
        """Run the objective; all ranks of the group start it at once."""
        self._objective = objective = self._objective or Prepared(self._setup.make_objective, self._place.device)
        fresh = self._fresh_comm()  # all ranks meet here, so time limit and meters begin when the slowest is ready
        comm, agreement = fresh.comm, fresh.agreement

        def with_comm(trial: Trial) -> Any:
            trial.comm, trial.stop_requested = comm, agreement
            return objective(trial)

        emit = self._events.send if comm.rank == 0 else _ignore
        stopped: Callable[[], bool] = lambda: agreement.stopped  # noqa: E731
        result = evaluate(task, with_comm, self._meters, self._place, emit, stopped, keep_folder=True)
        fresh.ending = result.state, result.traceback
        return replace(result, energy=self._energy(result))

    def _energy(self, result: TrialResult) -> tuple[dict[str, Any], ...]:
        """Return what this rank has measured for those of its group on this node.

        What goes by the CPU time of a process knows nothing of the other ranks' processes, and says so.
        """
        if not self._seat.measures:
            return ()
        host = {"host": result.host} if self._several_nodes else {}
        return tuple({**reading, **host, **self._flags(reading)} for reading in result.energy)

    def _flags(self, reading: dict[str, Any]) -> dict[str, Any]:
        by_cpu_time = reading.get("share_rule") == "cpu_time" or reading["method"] == "modelled"
        return {"flags": [*reading.get("flags", ()), "partial"]} if by_cpu_time and not self._seat.alone else {}


def _meters(setup: Setup, seat: Seat) -> MeterSet:
    """Open the meters of the group's first rank on each node; the others' joules are in its figures already."""
    if seat.group is None or not seat.measures:
        return MeterSet([], [])
    return open_meters(setup.meters, devices=seat.devices, slots=seat.groups, estimate_watts=setup.estimate_watts)


def _ignore(event: Event) -> None:
    """Drop what a rank other than the leader reports."""
