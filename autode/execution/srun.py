"""One job step as its coordinator sees it: the ``srun`` that started it, and the connection that it has opened."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from autode.execution.evaluate import Place, failure, utc_now
from autode.execution.events import EpochDone, Event, Started
from autode.execution.worker import Setup
from autode.trial import INTERRUPTED, TrialResult, TrialTask

#: seconds that an srun gets to end by itself, and then to end its step
_END_S = 10.0


#: the coordinator's ``host:port``, the key both sides prove to know (hexadecimal), and which step is meant;
#: in the environment, which only this user can read, and not on the command line
ADDRESS, KEY, NUMBER = "AUTODE_STEP_ADDRESS", "AUTODE_STEP_KEY", "AUTODE_STEP_NUMBER"


@dataclass(frozen=True)
class Hello:
    """Who calls: the number that the coordinator gave, Slurm's ``JOB.STEP``, and the node."""

    number: int
    step: str
    host: str


@dataclass(frozen=True)
class Order:
    """What the coordinator answers: the trial, all it takes to run it, and the job to requeue should its node die."""

    setup: Setup
    threads: int
    rank: int
    task: TrialTask
    job: str = ""


@dataclass(frozen=True)
class StepStarted(Started):
    """An attempt began in a job step; ``step`` is Slurm's ``JOB.STEP``, as sacct has it."""

    step: str


class JobStep:
    """One srun and its trial.

    Attributes
    ----------
    task : TrialTask or None
        None once its result is known.
    node : str
        Where it was put; empty if Slurm chooses.
    pipe : Connection or None
        None until the step has called, and after it has hung up.
    started : StepStarted or None
    epochs : int
        Finished in this attempt, counted over all attempts.
    words : str
        What srun said last.
    """

    def __init__(self, task: TrialTask, rank: int, command: list[str], environment: dict[str, str], node: str = ""):
        self.task: TrialTask | None = task
        self.rank, self.node = rank, node
        self.pipe: Connection | None = None
        self.hello: Hello | None = None
        self.started: StepStarted | None = None
        self.epochs = 0
        self.words = ""
        self._since, self._time = time.monotonic(), utc_now()
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the coordinator, which asks the trials to save
        )
        assert self._process.stderr is not None
        self.stderr = self._process.stderr
        os.set_blocking(self.stderr.fileno(), False)

    @property
    def ended(self) -> bool:
        """Whether srun has ended, and with it the step."""
        return self._process.poll() is not None

    def begin(self, pipe: Connection, hello: Hello, order: bytes) -> None:
        """Give the step that has called its order."""
        self.pipe, self.hello = pipe, hello
        with suppress(OSError):
            pipe.send(sys.path)
            pipe.send_bytes(order)

    def tell(self, word: str) -> None:
        """Say ``stop`` or ``close``; who is gone need not hear it."""
        if self.pipe is not None:
            with suppress(OSError):
                self.pipe.send((word,))

    def read(self) -> list[Event]:
        """Return all events that have arrived, and pass on what srun has said."""
        self._relay()
        events: list[Event] = []
        try:
            while self.pipe is not None and self.pipe.poll():
                events.append(self._note(self.pipe.recv()))
        except (EOFError, OSError):  # whatever is left of the step is of no use
            self._hang_up()
            self._process.terminate()
        return events

    def _note(self, event: Event) -> Event:
        """Keep what is needed should the step end; a start gets the step's name."""
        if isinstance(event, Started):
            self._since = time.monotonic()
            assert self.hello is not None
            self.started = event = StepStarted(**vars(event), step=self.hello.step)
        elif isinstance(event, EpochDone):
            self.epochs = max(self.epochs, event.epoch)
        else:
            self.task = None
            self.tell("close")
            self._hang_up()
        return event

    def _relay(self) -> None:
        """Pass srun's messages on to the job's log."""
        with suppress(BlockingIOError, ValueError):
            while text := os.read(self.stderr.fileno(), 65536).decode(errors="replace"):
                sys.stderr.write(text)
                self.words = " ".join(text.split("\n")[-2:]).strip() or self.words

    def give_up(self, error: str = "") -> TrialResult:
        """End the step; return its trial's attempt as interrupted."""
        assert self.task is not None
        task, self.task = self.task, None
        place = Place(self.rank, host=self.hello.host if self.hello else "")
        if self.started is not None:
            place, self._time = replace(place, device=self.started.device), self.started.time
        self._hang_up()
        if not self.ended:
            self._process.terminate()  # srun ends its step
        seconds = time.monotonic() - self._since
        return replace(failure(task, place, self._time, seconds, error, epochs=self.epochs), state=INTERRUPTED)

    def _hang_up(self) -> None:
        if self.pipe is not None:
            self.pipe.close()
            self.pipe = None

    def close(self) -> None:
        """Wait for srun to end, with ever more emphasis."""
        self._hang_up()
        for hasten in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(_END_S)
                break
            except subprocess.TimeoutExpired:
                hasten()
        self._process.wait()
        self._relay()
        self.stderr.close()
