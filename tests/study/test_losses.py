"""A trial that takes its run with it, again and again: tried often enough, then given up, so that the study gets on."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autode import Float, Space, Study
from autode.execution import EpochDone, Event, Finished
from autode.execution.evaluate import Place, begun, failure
from autode.study import Listener
from autode.study.folder import load_records
from autode.study.history import History
from autode.study.session import gets_nowhere
from autode.trial import COMPLETED, LOST, TrialTask

# trial 2 dies with its run; before that it finishes an epoch in the first `useful` attempts
SCRIPT = """
import os, signal, sys
import autode

def objective(trial):
    if trial.number == 2:
        if trial.attempt < {useful}:
            trial.report(1, error=1.0)
        os.kill(os.getpid(), signal.SIGKILL)
    return trial.params["x"]

space = autode.Space({{"x": autode.Float(0.0, 1.0)}})
search = {{"algorithm": "random", "evaluations": 4}}
study = autode.Study(sys.argv[1], space=space, search=search, execution={{"max_losses": {limit}}})
study.run(objective)
"""


def runs_until_done(folder: Path, limit: int, useful: int = 0) -> int:
    """Run the same script until it ends well; return how many runs died."""
    for died in range(20):
        script = SCRIPT.format(limit=limit, useful=useful)
        if subprocess.run([sys.executable, "-c", script, str(folder)], timeout=120, check=False).returncode == 0:
            return died
    raise AssertionError("the study never ended")


def test_a_trial_that_always_kills_its_run_is_given_up(tmp_path: Path) -> None:
    assert runs_until_done(tmp_path / "study", limit=2) == 2
    history = History.of(load_records(tmp_path / "study"))
    assert [trial.state for trial in history.search_trials] == ["completed", "completed", "failed", "completed"]
    told = history.trials[2].told
    assert told is not None
    assert told["error"] == "node_fail: the run ended before the trial did, 2 times without one more epoch"
    assert [attempt.state for attempt in history.trials[2].attempts] == ["lost", "failed"]


def test_attempts_that_finish_an_epoch_are_no_reason_to_give_up(tmp_path: Path) -> None:
    assert runs_until_done(tmp_path / "study", limit=1, useful=2) == 3


# --- attempts that are lost while their run goes on


class Losing:
    """An executor that loses every attempt at one trial; in the first ``useful`` ones an epoch is done."""

    kind, slots, ranks = "losing", 1, 1

    def __init__(self, victim: int, useful: int = 0):
        self.victim, self.useful = victim, useful
        self.tasks: list[TrialTask] = []

    def submit(self, task: TrialTask) -> None:
        self.tasks.append(task)

    def wait(self, timeout: float) -> list[Event]:
        task = self.tasks[-1]
        begin = begun(task, Place())
        result = failure(task, Place(), begin.time, 0.0, "node_fail: its node is gone")
        if task.number != self.victim:
            return [begin, Finished(replace(result, state=COMPLETED, metrics={"value": 1.0}, error=""))]
        epochs = [EpochDone(task.number, task.attempt, task.attempt + 1, {}, 0.0, begin.time)]
        return [begin, *epochs[: task.attempt < self.useful], Finished(replace(result, state=LOST))]

    def interrupt(self) -> None:
        """Nothing runs between two calls."""

    def abandon(self) -> list[Event]:
        return []

    def close(self, exit_code: int = 0) -> None:
        """Nothing to end."""


class EndAfterLosses(Listener):
    def __init__(self, losses: int):
        self.left = losses

    def record(self, record: dict[str, Any]) -> None:
        self.left -= record["type"] == "attempt"
        if self.left == 0:
            raise KeyboardInterrupt


def study(folder: Path, limit: int) -> Study:
    search = {"algorithm": "random", "evaluations": 3}
    return Study(folder, space=Space({"x": Float(0.0, 1.0)}), search=search, execution={"max_losses": limit})


def objective(trial: Any) -> float:
    raise AssertionError("the executor above calls no objective")


def test_losses_count_over_all_runs(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        study(tmp_path, limit=3).run(objective, workers=Losing(1), listener=EndAfterLosses(2))
    executor = Losing(1)
    study(tmp_path, limit=3).run(objective, workers=executor)
    assert [(task.number, task.attempt) for task in executor.tasks] == [(1, 2), (2, 0)]
    attempts = History.of(load_records(tmp_path)).trials[1].attempts
    assert [attempt.state for attempt in attempts] == ["lost", "lost", "failed"]
    assert attempts[-1].end["error"] == "node_fail: its node is gone, 3 times without one more epoch"


def test_a_lost_attempt_with_an_epoch_is_no_reason_to_give_up(tmp_path: Path) -> None:
    executor = Losing(1, useful=4)
    study(tmp_path, limit=2).run(objective, workers=executor)
    assert [task.number for task in executor.tasks].count(1) == 6, "four useful ones, and two in a row that were not"


# --- runs that get nowhere


def history(*runs: dict[str, Any], told_in: int | None = None, epochs: dict[int, int] | None = None) -> History:
    """Return a study of one trial with these runs; in some of them it ended, or finished that epoch."""
    records: list[dict[str, Any]] = [{"type": "study"}]
    for number, run in enumerate(runs):
        slurm = {"job_id": run.get("job", "7")} if run.get("job", "7") else None
        records.append({"type": "run", "run": number, "time": "2026-01-01T00:00:00Z", "slurm": slurm})
        if not number:
            records.append({"type": "asked", "trial": 0, "role": "search"})
        records.append({"type": "started", "trial": 0, "attempt": number, "run": number})
        if number in (epochs or {}):
            records.append({"type": "epoch", "trial": 0, "attempt": number, "epoch": (epochs or {})[number]})
        end = {"state": "interrupted"}
        records.append({"type": "told" if number == told_in else "attempt", "trial": 0, "attempt": number, **end})
        if number < len(runs) - 1 and "signal" in run:
            records.append({"type": "end", "run": number, "reason": "signal", "signal": run["signal"]})
    return History.of(records)


LIMIT = {"signal": "SIGUSR1"}


def test_two_runs_without_progress_are_enough() -> None:
    assert gets_nowhere(history(LIMIT, LIMIT), "signal", "SIGUSR1")
    assert not gets_nowhere(history(LIMIT), "signal", "SIGUSR1"), "one is not"


@pytest.mark.parametrize("run", [0, 1])
def test_a_result_or_a_new_epoch_is_progress(run: int) -> None:
    assert not gets_nowhere(history(LIMIT, LIMIT, told_in=run), "signal", "SIGUSR1")
    assert not gets_nowhere(history(LIMIT, LIMIT, epochs={run: 1}), "signal", "SIGUSR1")


def test_the_same_epoch_once_more_is_none() -> None:
    assert not gets_nowhere(history(LIMIT, LIMIT, epochs={0: 1, 1: 2}), "signal", "SIGUSR1")
    assert gets_nowhere(history(LIMIT, LIMIT, LIMIT, epochs={0: 2, 1: 1, 2: 2}), "signal", "SIGUSR1")


@pytest.mark.parametrize("before", [{**LIMIT, "job": "6"}, {**LIMIT, "job": ""}, {"signal": "SIGTERM"}, {}], ids=str)
def test_only_a_job_that_requeued_itself_is_stopped(before: dict[str, Any]) -> None:
    assert not gets_nowhere(history(before, LIMIT), "signal", "SIGUSR1")


def test_who_cancels_knows_why() -> None:
    assert not gets_nowhere(history(LIMIT, LIMIT), "signal", "SIGTERM")
    assert not gets_nowhere(history(LIMIT, LIMIT), "finished", "")
