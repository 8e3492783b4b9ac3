"""A trial that takes its run with it, again and again: tried often enough, then given up, so that the study gets on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from autode.study.folder import load_records
from autode.study.history import History

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
    assert told["error"] == "node_fail: the run died with it 2 times, without one more epoch"
    assert [attempt.state for attempt in history.trials[2].attempts] == ["lost", "failed"]


def test_attempts_that_finish_an_epoch_are_no_reason_to_give_up(tmp_path: Path) -> None:
    assert runs_until_done(tmp_path / "study", limit=1, useful=2) == 3
