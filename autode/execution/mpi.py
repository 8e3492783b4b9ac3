"""Trials on all ranks of an MPI world. Rank 0 serves and evaluates too: each rank has a worker process for that.

The ranks themselves only pass messages: they look at MPI and at their worker's pipe in turn and sleep in between,
because a blocking MPI receive would spin on the core that the trial needs.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from autode.energy.perun_regions import PerunRegions
from autode.execution.devices import device_of, gpu_count
from autode.execution.evaluate import Place
from autode.execution.events import Event, Finished, Started
from autode.execution.library import load_mpi
from autode.execution.lifetime import hand_over_output
from autode.execution.local import TOGETHER_S, LocalWorker
from autode.execution.pipes import readable
from autode.execution.worker import Setup
from autode.trial import TrialResult, TrialTask

#: shortest and longest sleep between two looks, and the share of the time waited so far that a sleep may take
_SHORTEST_S, _LONGEST_S, _SHARE = 2e-4, 5e-3, 5e-3
#: a busy rank looks for orders this often; its trial's end wakes it at once
_BUSY_S = 0.02


class Comm(Protocol):
    """The part of an mpi4py communicator that is used here."""

    size: int
    rank: int

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Send from one rank to all."""

    def send(self, obj: Any, dest: int) -> None:
        """Send to one rank."""

    def recv(self) -> Any:
        """Receive from any rank."""

    def Iprobe(self) -> bool:  # noqa: N802 - mpi4py's name
        """Tell whether a message waits."""

    def Abort(self, errorcode: int) -> None:  # noqa: N802
        """End all ranks at once."""


class Worker(Protocol):
    """What runs the trials of one rank: takes orders, and says through a pipe what happens."""

    task: TrialTask | None
    pipe: Any

    def submit(self, task: TrialTask) -> None:
        """Start a trial."""

    def read(self) -> list[Event]:
        """Return all events that have arrived."""

    def interrupt(self) -> None:
        """Ask the running trial to save and end."""

    def abandon(self) -> TrialResult | None:
        """Give up the running trial."""

    def close(self) -> None:
        """End."""


@dataclass(frozen=True)
class Launch:
    """What the launcher's environment says: how many ranks it started, how, and for which MPI."""

    size: int
    launcher: str
    flavor: str = "mpich"


def detect_launch(environment: Mapping[str, str] | None = None) -> Launch | None:
    """Return what launched this process if it is one rank of several; None outside of MPI.

    A batch script has Slurm's variables too; only a job step (``srun``) has ``SLURM_STEP_ID`` and a task count.
    """
    env = os.environ if environment is None else environment
    in_step = "SLURM_STEP_ID" in env
    flavor = "openmpi" if "OMPI_COMM_WORLD_SIZE" in env or "PMIX_RANK" in env else "mpich"
    variables = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", *(["SLURM_STEP_NUM_TASKS"] if in_step else [])]
    size = max(int(env.get(variable, "0")) for variable in variables)
    return Launch(size, "srun" if in_step else "mpiexec", flavor) if size > 1 else None


def world(launch: Launch) -> Comm:
    """Return MPI's world communicator.

    Raises
    ------
    ValueError
        If it is smaller than the launcher said: N separate worlds of one rank would each run the whole study.
    """
    comm: Comm = load_mpi(launch.launcher, launch.flavor).COMM_WORLD
    if comm.size != launch.size:
        repair = (
            "start it with srun --mpi=pmi2 (MPICH) or srun --mpi=pmix (Open MPI)"
            if launch.launcher == "srun"
            else "start it with the mpiexec of the MPI that mpi4py uses (autode doctor names it)"
        )
        raise ValueError(f"{launch.launcher} started {launch.size} ranks but MPI sees a world of {comm.size}; {repair}")
    return comm


def dismiss(comm: Comm, exit_code: int) -> None:
    """Let the other ranks go before any trial ran, with this exit code."""
    comm.bcast(exit_code)


def serve(comm: Comm) -> int:
    """Be a rank other than 0: run what rank 0 sends until it says to close.

    Returns
    -------
    int
        The exit code that rank 0 chose for all.
    """
    try:
        return _serve(comm)
    except Exception:
        traceback.print_exc()
        hand_over_output()
        comm.Abort(1)  # without it the others would wait for this rank for ever
        raise


def _serve(comm: Comm) -> int:
    import cloudpickle

    order = comm.bcast(None)
    if isinstance(order, int):
        return order
    worker: Worker = cloudpickle.loads(order)(comm)
    pause, regions = Pause(), PerunRegions()
    while True:
        events = _read_together(worker)
        if events:
            _mark(regions, events)
            comm.send(events, 0)
        ordered = comm.Iprobe()
        if ordered:
            kind, *content = comm.recv()
            if kind in ("close", "abandon"):
                regions.end_all()
            if kind == "close":
                worker.close()
                return int(content[0])
            _obey(worker, kind, content, comm)
        if worker.task is None:
            pause.after(ordered or bool(events))
        elif not (ordered or worker.pipe.closed):
            readable(worker.pipe, _BUSY_S)


def _mark(regions: PerunRegions, events: Sequence[Event]) -> None:
    """Tell the perun of this rank, if there is one, which trials begin and end here."""
    for event in events:
        if isinstance(event, Started):
            regions.begin(event.trial, event.attempt)
        elif isinstance(event, Finished):
            regions.end(event.result.number, event.result.attempt)


def _read_together(worker: Worker) -> list[Event]:
    """Return what the worker has sent; the start of a trial waits a moment for what follows it."""
    if worker.task is None:
        return []
    events = worker.read()
    if events and worker.task is not None and readable(worker.pipe, TOGETHER_S):
        events += worker.read()
    return events


def _obey(worker: Worker, kind: str, content: list[Any], comm: Comm) -> None:
    """Carry out one order of rank 0; it has the name of the worker's method."""
    result = getattr(worker, kind)(*content)
    if kind == "abandon":
        comm.send(("abandoned", result), 0)


class Pause:
    """Sleeps between two looks, the longer the longer nothing happens: waiting costs no core, short trials no time."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def after(self, something_happened: bool, pipe: Any = None) -> None:
        """Sleep a little, or until the pipe has something to read."""
        now = time.monotonic()
        if something_happened:
            self._since = now
            return
        seconds = min(max(_SHORTEST_S, _SHARE * (now - self._since)), _LONGEST_S)
        if pipe is not None and not pipe.closed:
            readable(pipe, seconds)
        else:
            time.sleep(seconds)


def _at_this_rank(comm: Any, setup: Setup) -> Setup:
    """Fill in what differs between ranks: rank, device, host, and how many ranks share the node."""
    from mpi4py import MPI

    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    local_rank, on_node = node.rank, node.size
    node.Free()
    return replace(setup, place=Place.here(comm.rank, device_of(local_rank, gpu_count())), slots=on_node)


def worker_process(comm: Comm, setup: Setup, threads: int) -> LocalWorker:
    """Start this rank's worker process; every rank must call this."""
    return LocalWorker(_at_this_rank(comm, setup), threads)


class MpiExecutor:
    """Rank 0's end: a queue that every rank, itself included, is served from.

    Parameters
    ----------
    comm : mpi4py communicator
        The world; the other ranks must be in `serve`.
    setup : Setup
        Place and slots are filled in by each rank.
    threads : int
        Threads per worker.
    make_worker : callable
        ``(comm, setup=, threads=)``, called on every rank at once; returns its worker.
    """

    kind = "mpi"

    def __init__(self, comm: Comm, setup: Setup, threads: int = 1, make_worker: Callable[..., Worker] = worker_process):
        import cloudpickle

        self._comm = comm
        make = partial(make_worker, setup=setup, threads=threads)
        comm.bcast(cloudpickle.dumps(make))
        self._own = make(comm)
        self._idle = list(range(comm.size - 1, -1, -1))
        self._at: dict[int, int] = {}  # trial -> rank
        self.slots = self.ranks = comm.size

    def submit(self, task: TrialTask) -> None:
        """Send the trial to an idle rank."""
        rank = self._idle.pop(0)
        self._at[task.number] = rank
        if rank == 0:
            self._own.submit(task)
        else:
            self._comm.send(("submit", task), rank)

    def wait(self, timeout: float) -> list[Event]:
        """Return what came from any rank within ``timeout`` seconds."""
        pause, end = Pause(), time.monotonic() + timeout
        events: list[Event] = []
        while True:
            arrived = self._look()
            if arrived and not events:
                end = min(end, time.monotonic() + TOGETHER_S)
            events += arrived
            if any(isinstance(event, Finished) for event in arrived) or time.monotonic() >= end:
                return events
            pause.after(bool(arrived), self._own.pipe if self._own.task is not None else None)

    def _look(self) -> list[Event]:
        """Return what has arrived by now, and note which ranks became idle."""
        events = self._arrived()
        for event in events:
            if isinstance(event, Finished):
                self._idle.append(self._at.pop(event.result.number))
        return events

    def _arrived(self) -> list[Event]:
        """Return what has arrived from this rank's worker and from the other ranks."""
        events = self._own.read() if self._own.task is not None else []
        while self._comm.Iprobe():
            events += self._comm.recv()
        return events

    def interrupt(self) -> None:
        """Ask all running trials to end at their next epoch."""
        self._own.interrupt()
        for rank in self._at.values():
            if rank:
                self._comm.send(("interrupt",), rank)

    def abandon(self) -> list[Event]:
        """Kill what still runs; its attempts come back as interrupted."""
        events: list[Event] = []
        for rank in sorted(set(self._at.values())):
            events.extend(self._abandon_at(rank))
        self._at.clear()
        return events

    def _abandon_at(self, rank: int) -> list[Event]:
        if rank == 0:
            result = self._own.abandon()
            return [] if result is None else [Finished(result)]
        self._comm.send(("abandon",), rank)
        events: list[Event] = []
        while True:  # events that were under way arrive before the answer
            message = self._comm.recv()
            if isinstance(message, tuple):
                return events if message[1] is None else [*events, Finished(message[1])]
            events += message

    def close(self, exit_code: int = 0) -> None:
        """End all ranks' workers and let the ranks go with this exit code."""
        for rank in range(1, self._comm.size):
            self._comm.send(("close", exit_code), rank)
        self._own.close()
