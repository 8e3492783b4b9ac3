"""Trials as job steps of a Slurm allocation: sacct has a row for each, and a dead node takes only its own along.

This process, the batch script's, calls ``srun`` once a trial. The step calls back over the network and is a worker like
any other from then on. A step that ends without its trial's result was ended by its node or by Slurm, because what a
trial does to itself is told by the process that watches over it (`autode.execution.jobstep`): such an attempt is lost,
and whether the trial goes on in another step is the study's to say.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import time
from collections import Counter, deque
from dataclasses import replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge, wait
from typing import Any

from autode.execution.allocation import Allocation, batch_job, step_environment
from autode.execution.evaluate import Place, failure, utc_now
from autode.execution.events import Event, Finished
from autode.execution.interpreter import module_command
from autode.execution.srun import ADDRESS, KEY, NUMBER, Hello, JobStep, Order, StepStarted
from autode.execution.worker import Setup
from autode.trial import INTERRUPTED, LOST, TrialTask

#: what runs in a step
_PROGRAM = "autode.execution.jobstep"
#: times that steps may fail to start, before the first that does, until the run ends: it is not a node's fault then
STARTS_TRIED = 3
#: longest pause, in seconds, after steps that failed to start
_LONGEST_PAUSE_S = 30.0
#: seconds between two looks for lost nodes while a step does not start
_COUNT_EVERY_S = 30.0
#: seconds for a caller to prove that it knows the key; everything else waits meanwhile
_HANDSHAKE_S = 5.0


class StepsError(ValueError):
    """``srun`` does not start job steps here."""


class StepExecutor:
    """Trials in job steps of the Slurm allocation that this process runs in, one step a trial.

    Parameters
    ----------
    setup : Setup
        Rank and device are filled in for each step.
    allocation : Allocation
    threads : int
        Threads of numerical libraries per trial.

    Attributes
    ----------
    slots : int
        Becomes less when the job loses nodes.
    """

    kind = "srun-steps"

    def __init__(self, setup: Setup, allocation: Allocation, threads: int = 1):
        self._setup, self._allocation, self._threads = setup, allocation, threads
        self.slots = self.ranks = allocation.slots
        self._queue: deque[TrialTask] = deque()
        self._steps: dict[int, JobStep] = {}  # those that have ended their trial too, as long as srun runs
        self._count = 0
        self._any_started = False
        self._failed_starts = 0
        self._not_before = 0.0
        self._nodes: list[str] = []  # empty as long as all are there
        self._counted = time.monotonic()
        self._stopping = False
        self._key = secrets.token_bytes(32)
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        self._server = socket.create_server(("", 0), family=family, dualstack_ipv6=dual, backlog=128)

    def submit(self, task: TrialTask) -> None:
        """Start a step for the trial as soon as the job has room for it."""
        self._queue.append(task)
        self._launch()

    def _launch(self) -> None:
        """Call srun for what waits. A step has room only when the srun before it has ended."""
        while self._queue and len(self._steps) < self.slots and time.monotonic() >= self._not_before:
            task, number = self._queue.popleft(), self._count
            self._count += 1
            rank = min(set(range(self.ranks)) - {step.rank for step in self._steps.values()})
            contact = {ADDRESS: self._address, KEY: self._key.hex(), NUMBER: str(number)}
            node = self._emptiest_node()
            command = [*self._allocation.srun(f"trial{task.number:05d}", node), *module_command(_PROGRAM)]
            self._steps[number] = JobStep(task, rank, command, step_environment(contact), node)

    def _emptiest_node(self) -> str:
        """Return where to put the next step, once the job has lost a node; before, Slurm chooses."""
        steps = self._steps.values()
        used = Counter(step.node or (step.hello.host.partition(".")[0] if step.hello else "") for step in steps)
        return min(self._nodes, key=lambda node: used[node], default="")

    @property
    def _address(self) -> str:
        return f"{os.environ.get('SLURMD_NODENAME') or socket.gethostname()}:{self._server.getsockname()[1]}"

    def wait(self, timeout: float) -> list[Event]:
        """Return what arrived from any step within ``timeout`` seconds.

        Raises
        ------
        StepsError
            If srun starts no step at all.
        """
        if self._stopping:
            return self._give_up_unbegun() or self._arrived(timeout)
        if self._unbegun() and time.monotonic() > self._counted + _COUNT_EVERY_S:
            self._count_nodes()
        self._launch()
        return self._arrived(timeout)

    def _unbegun(self) -> list[JobStep]:
        """Return the steps that have not called yet: their srun may wait for room."""
        return [step for step in self._steps.values() if step.task is not None and step.hello is None]

    def _arrived(self, timeout: float) -> list[Event]:
        steps = self._steps.values()
        sources: list[Any] = [
            self._server,
            *(step.stderr for step in steps),
            *(step.pipe for step in steps if step.pipe),
        ]
        if not self._steps:  # what waits, waits for the end of a pause
            timeout = max(0.0, min(timeout, self._not_before - time.monotonic()))
        if self._server in wait(sources, timeout):
            self._answer()
        return [event for number, step in list(self._steps.items()) for event in self._look(number, step)]

    def _look(self, number: int, step: JobStep) -> list[Event]:
        """Return what a step tells; forget it when its srun has ended."""
        ended = step.ended  # asked before the pipe is emptied: nothing can follow then
        events = step.read()
        if events:
            self._any_started, self._failed_starts = True, 0
        if ended:
            del self._steps[number]
            step.close()
            events += self._lost(step) if step.task is not None else []
        return events

    def _answer(self) -> None:
        """Take a step's call and give it its order; strangers are not listened to."""
        connection, _ = self._server.accept()
        pipe = Connection(os.dup(connection.fileno()))
        with connection:
            _limit_receive(connection, _HANDSHAKE_S)
            try:
                deliver_challenge(pipe, self._key)
                answer_challenge(pipe, self._key)
                hello: Hello = pipe.recv()
            except (AuthenticationError, EOFError, OSError):
                pipe.close()
                return
            _limit_receive(connection, 0.0)
        step = self._steps.get(hello.number)
        if step is None or step.task is None or step.pipe is not None:
            pipe.close()
            return
        step.begin(pipe, hello, self._order(step.task, step.rank))
        if self._stopping:
            step.tell("stop")

    def _order(self, task: TrialTask, rank: int) -> bytes:
        import cloudpickle

        order: bytes = cloudpickle.dumps(Order(self._setup, self._threads, rank, task, batch_job()))
        return order

    def _lost(self, step: JobStep) -> list[Event]:
        """Return the end of an attempt whose step is gone; a trial that had not begun just waits for another step."""
        self._count_nodes()
        assert step.task is not None
        if step.started is None:
            self._pause(step.words)
            self._queue.appendleft(step.task)
            return []
        error = f"node_fail: the job step {step.started.step} on {step.started.host} ended before the trial did"
        return [Finished(replace(step.give_up(error), state=LOST))]

    def _pause(self, words: str) -> None:
        """Wait before the next step, longer every time; give up where none has ever started."""
        if time.monotonic() < self._not_before:  # called together with one that has failed already
            return
        self._failed_starts += 1
        if not self._any_started and self._failed_starts >= STARTS_TRIED and not self._stopping:
            said = f": {words}" if words else ""
            raise StepsError(f"srun could not start any job step, {self._failed_starts} times in a row{said}")
        self._not_before = time.monotonic() + min(_LONGEST_PAUSE_S, 2.0 ** (self._failed_starts - 1))

    def _count_nodes(self) -> None:
        """Expect no more room than the nodes have that are left, and from then on choose the nodes."""
        self._counted = time.monotonic()
        nodes = self._allocation.nodes_left()
        if not nodes or len(nodes) >= (len(self._nodes) or self._allocation.nodes):
            return
        self._nodes = nodes
        self.slots = min(self.slots, len(nodes) * self._allocation.slots_per_node)
        for step in self._unbegun():  # left to Slurm, they might wait for ever
            assert step.task is not None
            self._queue.append(step.task)
            step.give_up()

    def _give_up_unbegun(self) -> list[Event]:
        """Return the trials that no step has called for; it would be in vain now."""
        tasks, self._queue = self._queue, deque()
        now = utc_now()
        results = [replace(failure(task, Place(), now, 0.0, ""), state=INTERRUPTED) for task in tasks]
        return [Finished(result) for result in [*results, *(step.give_up() for step in self._unbegun())]]

    def interrupt(self) -> None:
        """Ask all running trials to end at their next epoch."""
        self._stopping = True
        for step in self._steps.values():
            step.tell("stop")

    def abandon(self) -> list[Event]:
        """End the steps that still run; their attempts come back as interrupted."""
        self._stopping = True
        busy = [step for step in self._steps.values() if step.task is not None and step.hello is not None]
        return [*self._give_up_unbegun(), *(Finished(step.give_up()) for step in busy)]

    def close(self, exit_code: int = 0) -> None:
        """End all steps."""
        self.abandon()
        self._server.close()
        for step in self._steps.values():
            step.close()
        self._steps.clear()


def _limit_receive(connection: socket.socket, seconds: float) -> None:
    """Let a read that brings nothing for so long raise an error; 0: let it wait."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(seconds), 0))


__all__ = ["StepExecutor", "StepStarted", "StepsError"]
