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
from multiprocessing.connection import Connection, wait
from typing import Any

from autode.execution.evaluate import failure, utc_now
from autode.execution.events import Event, Finished, Started
from autode.execution.worker import Setup
from autode.trial import INTERRUPTED, TrialResult, TrialTask

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
        self._threads = threads
        self.task: TrialTask | None = None
        self._sent = 0.0
        self._started = ""
        self._stopping_since: float | None = None
        self._start()

    def _start(self) -> None:
        """Start the process and send it its setup."""
        import cloudpickle

        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autode.execution.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=worker_environment(self._threads, self._setup.place.device),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self.pipe = Connection(ours.detach())
        self._send_setup(cloudpickle.dumps(self._setup))

    def _send_setup(self, data: bytes) -> None:
        with suppress(BrokenPipeError):  # a process that died at once is noticed when its pipe is read
            self.pipe.send_bytes(data)

    def submit(self, task: TrialTask) -> None:
        """Start a trial on this idle worker."""
        self.task, self._sent, self._started = task, time.monotonic(), utc_now()
        if self.process.poll() is not None:
            self._restart()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(("run", task))

    @property
    def deadline(self) -> float:
        """Monotonic time at which the running trial must have ended."""
        if self.task is None or not self.task.timeout_s:
            return float("inf")
        return self._sent + self.task.timeout_s

    def read(self) -> list[Event]:
        """Return all events that have arrived; a dead process brings the failure of its trial and is replaced."""
        events: list[Event] = []
        try:
            while self.pipe.poll():
                event = self.pipe.recv()
                events.append(event)
                if isinstance(event, Finished):
                    self.task = None
        except (EOFError, ConnectionResetError, OSError):
            events.extend(self._buried())
        if time.monotonic() > self.deadline:
            events.extend(self._timed_out())
        return events

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
        task, self.task = self.task, None
        result = failure(task, self._setup.place, self._started, time.monotonic() - self._sent, "")
        return TrialResult.from_dict({**result.to_dict(), "state": INTERRUPTED})

    def close(self) -> None:
        """End the process: politely when idle, by force when busy."""
        if self.task is None:
            with suppress(BrokenPipeError, ConnectionResetError, OSError):
                self.pipe.send(("close",))
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2.0)
        self.kill()

    def kill(self) -> None:
        """End the process at once."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.pipe.close()

    def _restart(self) -> None:
        self.kill()
        self._start()

    def _timed_out(self) -> list[Event]:
        assert self.task is not None
        return self._failed(f"timeout: the trial ran longer than {self.task.timeout_s:g} s", restart=True)

    def _buried(self) -> list[Event]:
        """Turn the death of the process into the failure of its trial."""
        self.process.wait()
        if self.task is None:
            return []
        return self._failed(describe_death(self.process.returncode), restart=True)

    def _failed(self, error: str, *, restart: bool) -> list[Event]:
        assert self.task is not None
        result = failure(self.task, self._setup.place, self._started, time.monotonic() - self._sent, error)
        self.task = None
        if restart:
            self._restart()
        return [Finished(result)]


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


def worker_environment(threads: int, device: str = "cpu") -> dict[str, str]:
    """Return the environment of a worker: no trace of MPI, and as many threads as it may use."""
    environment: dict[str, Any] = {k: v for k, v in os.environ.items() if not k.startswith(_MPI_VARIABLES)}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "AUTODE_THREADS"):
        environment[name] = str(threads)
    return environment


def describe_death(code: int) -> str:
    """Return the error of a trial whose process ended by itself."""
    if code == -signal.SIGKILL:
        return "host_oom: the trial's process was killed (signal 9), most likely for using too much memory"
    if code < 0:
        return f"exception: the trial's process died of signal {-code} ({signal.Signals(-code).name})"
    return f"exception: the trial's process ended by itself with exit code {code}"


__all__ = ["LocalWorker", "ProcessExecutor", "Started", "describe_death", "worker_environment"]
