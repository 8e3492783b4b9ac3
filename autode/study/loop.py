"""The run loop: asks the search, writes down, lets the executor run, writes down, tells the search.

One turn takes what has happened, tells the search, asks it for as many trials as there are free workers, writes all of
that with one call and starts the trials. Only then is the disk asked to sync, in the background: a result costs at
most one sync, and neither a worker nor a message waits for it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from autode.execution import EpochDone, Event, Executor, Finished, Started
from autode.execution.evaluate import utc_now
from autode.execution.stopping import StopRequest
from autode.search import Search
from autode.study import confirm
from autode.study.budget import Budget, wall_time_left
from autode.study.fitness import judge, searched_fitness
from autode.study.history import Attempt, History, TrialHistory, span_s
from autode.study.journal import Journal, Record
from autode.study.snapshot import RESULTS_BETWEEN
from autode.study.workflow import Workflow
from autode.trial import FAILED, INTERRUPTED, LOST, TrialResult, TrialTask, derive_seed

#: why a run ended
FINISHED, BUDGET, SIGNAL, WALL_TIME, NO_PROGRESS = "finished", "budget", "signal", "wall time", "no progress"
_LOOK_EVERY_S = 0.5


@dataclass
class Run:
    """Everything one run works with.

    Attributes
    ----------
    workflow : Workflow
    search : Search
        Brought up to date with the journal.
    proposals : dict of int to int
        Trial number -> the search's id of its proposal.
    history : History
    journal : Journal
    executor : Executor
    folder : str
        Output folder.
    number : int
        Number of this run.
    stop : StopRequest
    listener : callable
        Sees every record after it was written.
    tick : callable
        Called now and then; what it returns is written down.
    save : callable
        Called now and then with nothing unwritten, to leave a snapshot.
    """

    workflow: Workflow
    search: Search
    proposals: dict[int, int]
    history: History
    journal: Journal
    executor: Executor
    folder: str
    number: int
    stop: StopRequest
    listener: Callable[[Record], None]
    tick: Callable[[], list[Record]]
    save: Callable[[], None]

    def __post_init__(self) -> None:
        self._queue: deque[TrialHistory] = deque(self.history.unfinished)
        self._running: dict[int, TrialHistory] = {}
        self._unwritten: list[Record] = []
        self._unsynced = False
        self._saved = self.history.done
        self._submitted = 0  # a run starts at least one trial, or a chain of short jobs would never get anywhere
        execution = self.workflow.execution
        wall_s = wall_time_left(float(execution["wall_time_s"]), float(execution["grace_s"]))
        self._budget = Budget(self.workflow.budget, self.history, wall_s)

    def run(self) -> str:
        """Go on until the study is done, a budget or the job's time is used up, or a signal comes; return which."""
        self._close_lost_attempts()
        while not self.stop:
            trials = self._next_trials()
            self._write()
            for trial in trials:
                self.executor.submit(self._task(trial))
            self._sync_soon()
            self._save()
            if not self._running:
                return self._why_idle()
            for event in self.executor.wait(_LOOK_EVERY_S):
                self._handle(event)
            self._note(self.tick(), durable=False)
        return self._wind_down()

    def hear(self, event: Event) -> None:
        """Write down at once what happens to a trial that has the thread of the run."""
        self._handle(event)
        self._write()

    def record(self, records: list[Record]) -> None:
        """Write records of the run itself, durably."""
        self._note(records)
        self._write()
        self._sync()

    def _note(self, records: list[Record], *, durable: bool = True) -> None:
        """Take records into memory, to be written before anything else happens; each carries the number of this run."""
        records = [{**record, "run": self.number} for record in records]
        self._unwritten.extend(records)
        self._unsynced = self._unsynced or (durable and bool(records))
        for record in records:
            self.history.add(record)

    def _write(self) -> None:
        """Hand what was noted to the operating system: it now survives a kill of this process."""
        records, self._unwritten = self._unwritten, []
        self.journal.append(records, durable=False)
        for record in records:
            self.listener(record)

    def _sync_soon(self) -> None:
        """Have what was written survive a power cut too; the next trials run already and need not wait for the disk."""
        if self._unsynced:
            self.journal.sync_soon()
            self._unsynced = False

    def _sync(self) -> None:
        """Make what was written survive a power cut before going on."""
        if self._unsynced:
            self.journal.sync()
            self._unsynced = False

    def _save(self) -> None:
        """Leave a snapshot if there is much that it would spare the next run to replay."""
        if self.history.done - self._saved >= RESULTS_BETWEEN:
            self.save()
            self._saved = self.history.done

    def _next_trials(self) -> list[TrialHistory]:
        """Fill the free slots: first with what was asked before, then with new proposals."""
        trials: list[TrialHistory] = []
        while len(self._running) < self.executor.slots:
            if self._budget.exhausted(len(self._running)) or (self._submitted and self._budget.out_of_wall_time):
                break
            if not self._queue and not self._ask():
                break
            trial = self._queue.popleft()
            self._running[trial.number] = trial
            self._submitted += 1
            trials.append(trial)
        return trials

    def _why_idle(self) -> str:
        """Say why nothing runs and nothing was started."""
        if self._queue or not self.search.finished:
            return BUDGET if self._budget.exhausted(0) else WALL_TIME
        return FINISHED

    def _ask(self) -> bool:
        """Get new proposals, or after the search the re-trainings; False if there are none now."""
        records = self._ask_search() or self._ask_confirmations()
        if not records:
            return False
        self._note(records)
        self._queue.extend(self.history.trials[record["trial"]] for record in records)
        return True

    def _ask_search(self) -> list[Record]:
        generational = self.workflow.execution["schedule"] == "generational"
        proposals = self.search.ask(None if generational else self.executor.slots - len(self._running))
        first = self.history.asked
        records = []
        for number, proposal in enumerate(proposals, start=first):
            self.proposals[number] = proposal.id
            seed = derive_seed(self.workflow.seed, "trial", number)
            more = {"proposal": proposal.id, "generation": proposal.generation, "point": list(proposal.point)}
            records.append(self._asked(number, dict(proposal.params), seed, "search", **more))
        return records

    def _ask_confirmations(self) -> list[Record]:
        if not self.search.finished:
            return []
        first = self.history.asked
        return [
            self._asked(number, one.params, one.seed, "confirm", label=one.label, of=one.of)
            for number, one in enumerate(confirm.missing(self.workflow, self.history), start=first)
        ]

    def _asked(self, number: int, params: dict[str, Any], seed: int, role: str, **more: Any) -> Record:
        epochs = self.workflow.objective.get("epochs")
        head = {"type": "asked", "trial": number, "role": role, "params": params, "seed": seed, "epochs": epochs}
        return {**head, **more, "time": utc_now()}

    def _task(self, trial: TrialHistory) -> TrialTask:
        asked = trial.asked
        return TrialTask(
            number=trial.number,
            params=asked["params"],
            seed=asked["seed"],
            directory=f"{self.folder}/trials/{trial.number:05d}",
            epochs=asked["epochs"],
            attempt=len(trial.attempts),
            role=asked["role"],
            timeout_s=float(self.workflow.execution["trial_timeout_s"]),
        )

    def _handle(self, event: Event) -> None:
        """Write down what an executor reports, then act on it."""
        if isinstance(event, Started):
            self._note([{"type": "started", **vars(event)}], durable=False)
        elif isinstance(event, EpochDone):
            self._note([{"type": "epoch", **vars(event)}], durable=False)
        elif isinstance(event, Finished):
            self._finish(event.result)

    def _finish(self, result: TrialResult) -> None:
        del self._running[result.number]
        if result.state in (INTERRUPTED, LOST):
            if self._put_down(self.history.trials[result.number], result) and not self.stop:
                self._queue.append(self.history.trials[result.number])
            return
        self._tell(result)

    def _put_down(self, trial: TrialHistory, result: TrialResult) -> bool:
        """Write down an attempt that brought no result; whether its trial goes on in another.

        A trial that has taken its process or its run with it time and again, without finishing one more epoch, is a
        failed one: else a chain of restarted jobs would never get past it.
        """
        limit = int(self.workflow.execution["max_losses"])
        if result.state == LOST and trial.losses >= limit:
            self._tell(replace(result, state=FAILED, error=f"{result.error}, {limit} times without one more epoch"))
            return False
        self._note([_ended("attempt", result)])
        return True

    def _tell(self, result: TrialResult) -> None:
        """Write down a trial's result and tell the search."""
        trial = self.history.trials[result.number]
        judged = judge(result, self.workflow, [attempt.reading for attempt in trial.attempts if attempt.end])
        told = {**_ended("told", judged.result), "value": judged.value, "fitness": judged.fitness}
        if judged.objectives:
            told["objectives"] = list(judged.objectives)
        self._note([told])
        if trial.role == "search":
            self.search.tell([self.proposals[result.number]], [searched_fitness(told)])

    def _close_lost_attempts(self) -> None:
        """Write down the end of attempts whose run died: their seconds count, and so they are not forgotten."""
        for trial in self.history.unfinished:
            if trial.open_attempt is not None and not self._put_down(trial, _lost(trial.open_attempt)):
                self._queue.remove(trial)

    def _wind_down(self) -> str:
        """Let running trials save and end; kill what takes too long, or when a second signal comes."""
        self.executor.interrupt()
        end = time.monotonic() + float(self.workflow.execution["grace_s"])
        while self._running and time.monotonic() < end and self.stop.count < 2:
            for event in self.executor.wait(0.1):
                self._handle(event)
            self._write()
        for event in self.executor.abandon():
            self._handle(event)
        self._write()
        self._sync()
        return SIGNAL


def _ended(kind: str, result: TrialResult) -> Record:
    """Return the record of an attempt that ended; the traceback stays in the trial's log."""
    content = dict(vars(result))
    del content["traceback"]
    return {"type": kind, "trial": content.pop("number"), **content}


def _lost(attempt: Attempt) -> TrialResult:
    """Return the result of an attempt that its run did not live to end."""
    started = attempt.start["time"]
    last = max(attempt.last_sign, started)
    return TrialResult(
        number=attempt.trial,
        attempt=attempt.number,
        state=LOST,
        metrics={},
        epochs=0,
        seconds=span_s(started, last),
        started=started,
        finished=last,
        host=attempt.start["host"],
        rank=attempt.start["rank"],
        error="node_fail: the run ended before the trial did",
    )
