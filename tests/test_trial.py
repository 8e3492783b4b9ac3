"""What a trial is: plain data that crosses process borders, and the handle an objective gets."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from autode.trial import Trial, TrialResult, TrialStopped, TrialTask, derive_seed

RESULT = TrialResult(
    number=3,
    attempt=1,
    state="completed",
    metrics={"val_error": 0.25},
    epochs=4,
    seconds=1.5,
    started="2026-05-04T08:00:00.000Z",
    finished="2026-05-04T08:00:01.500Z",
    host="node01",
    rank=2,
    cpu_seconds=1.25,
    energy=({"energy_j": 9.0, "source": "rapl"},),
)


def test_seeds_depend_on_all_parts_and_on_nothing_else() -> None:
    seeds = {derive_seed(study, role, i) for study in range(5) for role in ("trial", "confirm") for i in range(50)}
    assert len(seeds) == 500
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(420, "trial", 7) == 6047125792984935412  # printf 420/trial/7 | sha256sum


def test_a_result_survives_the_journal() -> None:
    assert TrialResult.from_dict(json.loads(json.dumps(RESULT.to_dict()))) == RESULT


def test_a_result_is_read_from_a_record_with_further_keys() -> None:
    assert TrialResult.from_dict({**RESULT.to_dict(), "value": 0.25, "type": "told"}) == RESULT


def test_a_task_is_plain_data() -> None:
    task = TrialTask(0, {"lr": 0.1}, seed=1, directory="trials/00000", epochs=2)
    assert pickle.loads(pickle.dumps(task)) == task
    assert json.loads(json.dumps(task.to_dict())) == task.to_dict()


def test_a_trial_reports_epochs_as_plain_numbers(tmp_path: Path) -> None:
    seen: list[tuple[int, dict[str, float]]] = []
    trial = Trial(0, {}, 1, tmp_path, on_report=lambda epoch, metrics: seen.append((epoch, metrics)))
    trial.report(1, val_error=1)
    assert seen == [(1, {"val_error": 1.0})]
    with pytest.raises(ValueError, match="could not convert"):
        trial.report(2, val_error="low")


def test_a_trial_outside_of_a_study_needs_nobody_to_listen(tmp_path: Path) -> None:
    trial = Trial(0, {"lr": 0.1}, 1, tmp_path)
    trial.report(1, val_error=0.5)
    assert not trial.should_stop()


def test_a_trial_is_told_to_stop(tmp_path: Path) -> None:
    asked = [False]
    trial = Trial(0, {}, 1, tmp_path, stop_requested=lambda: asked[0])
    assert not trial.should_stop()
    asked[0] = True
    assert trial.should_stop()


def test_stopping_early_carries_the_result_so_far() -> None:
    assert TrialStopped({"val_error": 0.5}).metrics == {"val_error": 0.5}
