"""Worker processes of this machine, and the parent's end of their pipes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from autode.execution.evaluate import Place, begun, failure, utc_now
from autode.execution.events import EpochDone, Event, Finished, Started
from autode.execution.interpreter import module_command
from autode.execution.lifetime import kill_group
from autode.execution.output import keep_output, scratch_log
from autode.execution.pipes import readable
from autode.execution.worker import Setup
from autode.trial import INTERRUPTED, TrialResult, TrialTask

#: what is told about a trial that goes on may wait so many seconds for its end: a short trial is then told of at once
TOGETHER_S = 5e-3
#: a SIGKILL of a whole job reaches its processes one after the other: a worker's counts as a failure of its trial only
#: if this process is still there so many seconds later
KILL_SPREAD_S = 0.5
#: seconds that a worker process may take to start, besides its first trial's time limit
_START_S = 60.0
# what would make a worker believe that it is an MPI rank itself
_MPI_VARIABLES = ("PMI_", "PMIX_", "PMI2_", "OMPI_", "PRTE_", "HYDRA_", "HYDI_", "MPI_LOCAL", "MPIR_")


class LocalWorker:
    """One worker process.

    Parameters
    ----------
    setup : Setup
        Sent to the process when it starts, and again when it has to be replaced.
    threads : int
        Threads that numerical libraries may use in it.
    """

    def __init__(self, setup: Setup, threads: int = 1):
        self._setup = setup
        self._place = setup.place if setup.place.host else replace(setup.place, host=Place.here().host)
        self._threads = threads
        self.task: TrialTask | None = None
        self._since = 0.0
        self._running = False
        self._started = ""
        self._epochs = 0
        self._start()

    def _start(self) -> None:
        """Start the process and send it its setup."""
        import cloudpickle

        self._ready = False  # whether a trial begins as soon as it is submitted: the objective is there
        self._said: list[Event] = []  # events that this end knows of itself

        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [*module_command("autode.execution.worker"), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=worker_environment(self._threads),
            stdin=subprocess.DEVNULL,
            process_group=0,  # so that a trial can be killed with all processes that it has started
        )
        theirs.close()
        self.pipe = Connection(ours.detach())
        self._send_setup(cloudpickle.dumps(self._setup))

    def _send_setup(self, data: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # a process that died at once is noticed later
            self.pipe.send(sys.path)
            self.pipe.send_bytes(data)

    def submit(self, task: TrialTask) -> None:
        """Start a trial on this idle worker."""
        self.task, self._since, self._started = task, time.monotonic(), utc_now()
        self._running, self._epochs = False, 0
        if self.process.poll() is not None:
            self._restart()
        if self._ready:  # a message less; the first time the process says when it has prepared the objective
            begin = begun(task, self._place)
            self._started = begin.time
            self._said.append(begin)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(("run", task, self._started if self._ready else ""))

    @property
    def deadline(self) -> float:
        """Monotonic time at which the running trial must have ended."""
        if self.task is None or not self.task.timeout_s:
            return float("inf")
        return self._since + self.task.timeout_s + (0.0 if self._running else _START_S)

    def read(self) -> list[Event]:
        """Return all events that have arrived; a dead process brings the failure of its trial and is replaced."""
        events, self._said = self._said, []
        gone = self.process.poll() is not None  # asked before the pipe is emptied: nothing can follow then
        try:
            while readable(self.pipe):
                events.append(self.pipe.recv())
        except (EOFError, OSError):
            gone = True
        for event in events:
            self._note(event)
        if self.task is not None and gone:
            events.append(self._fail(self._cause_of_death()))
        elif self.task is not None and time.monotonic() > self.deadline:
            events.append(self._fail(f"timeout: the trial ran longer than {self.task.timeout_s:g} s"))
        return events

    def _note(self, event: Event) -> None:
        """Keep what is needed should the process die."""
        if isinstance(event, Started):  # the start of the process does not count towards the time limit
            self._since, self._running = time.monotonic(), True
        elif isinstance(event, EpochDone):
            self._epochs = max(self._epochs, event.epoch)
        else:
            self.task, self._ready = None, True

    @property
    def silent(self) -> bool:
        """Whether there is nothing to `read` before the process sends something."""
        return not self._said

    def interrupt(self) -> None:
        """Ask the running trial to save and end."""
        if self.task is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.pipe.send(("stop",))

    def abandon(self) -> TrialResult | None:
        """Kill the process; return the running trial's attempt as interrupted, so that the next run goes on with it."""
        self.kill()
        if self.task is None:
            return None
        return replace(self._result_of_death(""), state=INTERRUPTED)

    def close(self) -> None:
        """End the process: politely when idle, by force when busy; nothing if it was killed already."""
        if self.pipe.closed:
            return
        if self.task is None:
            with suppress(BrokenPipeError, ConnectionResetError, OSError):
                self.pipe.send(("close",))
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2.0)
        self.kill()

    def kill(self) -> None:
        """End the process at once, and keep what its trial had printed."""
        kill_group(self.process.pid)
        self.process.wait()
        keep_output(scratch_log(self.process.pid), None if self.task is None else Path(self.task.directory))
        self.pipe.close()

    def _restart(self) -> None:
        self.kill()
        self._start()

    def _cause_of_death(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(2.0)
            if code == -signal.SIGKILL:
                time.sleep(KILL_SPREAD_S)
            return describe_death(code)
        return "exception: the trial closed the connection of its process"

    def _fail(self, error: str) -> Finished:
        """Kill what is left, begin anew, and return the failure of the trial."""
        self._restart()
        return Finished(self._result_of_death(error))

    def _result_of_death(self, error: str) -> TrialResult:
        """Return the result of the trial whose process is gone."""
        assert self.task is not None
        task, self.task = self.task, None
        seconds = time.monotonic() - self._since
        return failure(task, self._place, self._started, seconds, error, epochs=self._epochs)


class ProcessExecutor:
    """Trials on worker processes of this machine.

    Parameters
    ----------
    setups : sequence of Setup
        One a worker.
    threads : int
        Threads per worker.
    """

    kind = "processes"

    def __init__(self, setups: Sequence[Setup], threads: int = 1):
        self._workers = [LocalWorker(setup, threads) for setup in setups]
        self.slots = self.ranks = len(self._workers)

    def submit(self, task: TrialTask) -> None:
        """Give the trial to an idle worker."""
        next(worker for worker in self._workers if worker.task is None).submit(task)

    def wait(self, timeout: float) -> list[Event]:
        """Return what arrived on any pipe within ``timeout`` seconds."""
        busy = [worker for worker in self._workers if worker.task is not None]
        if not busy:
            return []
        soonest = min(worker.deadline for worker in busy) - time.monotonic()
        if not all(worker.silent for worker in busy):  # the end of a short trial is told together with its start
            timeout = min(timeout, TOGETHER_S)
        wait([worker.pipe for worker in busy], max(0.0, min(timeout, soonest)))
        return [event for worker in busy for event in worker.read()]

    def interrupt(self) -> None:
        """Ask all running trials to end at their next epoch."""
        for worker in self._workers:
            worker.interrupt()

    def abandon(self) -> list[Event]:
        """Kill what still runs; its attempts come back as interrupted."""
        results = [worker.abandon() for worker in self._workers]
        return [Finished(result) for result in results if result is not None]

    def close(self, exit_code: int = 0) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.close()


def worker_environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker: no trace of MPI, and as many threads as it may use."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_MPI_VARIABLES)}
    return {**environment, **thread_limits(threads)}


def thread_limits(threads: int) -> dict[str, str]:
    """Return the environment variables by which numerical libraries learn how many threads they may use."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "AUTODE_THREADS")
    return dict.fromkeys(names, str(threads))


def describe_death(code: int) -> str:
    """Return the error of a trial whose process ended by itself."""
    if code == -signal.SIGKILL:
        return "host_oom: the trial's process was killed (signal 9), most likely for using too much memory"
    if code < 0:
        return f"exception: the trial's process died of signal {-code} ({signal.Signals(-code).name})"
    return f"exception: the trial's process ended by itself with exit code {code}"


__all__ = ["LocalWorker", "ProcessExecutor", "Started", "describe_death", "worker_environment"]
