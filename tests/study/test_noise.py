"""A study whose search evaluates the best configuration again: the recommended one is the best by its mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import autode
from autode.study.folder import JOURNAL_NAME, load_records
from autode.study.history import History
from autode.study.snapshot import load_history

SPACE = autode.Space({"a": autode.Float(0.0, 1.0), "kind": autode.Categorical(["x", "y"])})


def noisy(trial: autode.Trial) -> float:
    luck = float(np.random.default_rng(trial.number).normal(0.0, 0.3))
    return trial.params["a"] ** 2 + (trial.params["kind"] == "y") + luck


def study(folder: Path, schedule: str = "generational") -> autode.Study:
    search = {"algorithm": "lshade", "evaluations": 30, "population": 6, "resample": 3}
    return autode.Study(folder, space=SPACE, search=search, metric="error", seed=4, schedule=schedule)


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
def test_the_best_is_the_best_by_mean(tmp_path: Path, schedule: str) -> None:
    one = study(tmp_path / "study", schedule)
    one.run(noisy, workers=1)
    trials = one.trials()
    assert len(trials) == 30
    means = trials.groupby(["param.a", "param.kind"])["value"].agg(["mean", "count"])
    assert means["count"].sum() - len(means) == 10  # every third was a repetition
    params = [one.best["param.a"], one.best["param.kind"]]
    assert params == list(means["mean"].idxmin())
    history = History.of(load_records(tmp_path / "study"))
    assert list(history.best()[0].asked["params"].values()) == params
    assert len(history.same_as(history.best()[0])) == means.loc[tuple(params), "count"]
    assert [t.number for t in load_history(tmp_path / "study").best(5)] == [t.number for t in history.best(5)]


def test_a_study_that_is_cut_goes_on_with_the_same_trials(tmp_path: Path) -> None:
    whole, cut = study(tmp_path / "whole"), study(tmp_path / "cut")
    whole.run(noisy, workers=1)
    cut.run(noisy, workers=1)
    journal = tmp_path / "cut" / JOURNAL_NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: len(lines) * 2 // 3]))
    study(tmp_path / "cut").run(noisy, workers=1)
    columns = ["param.a", "param.kind", "value"]
    assert study(tmp_path / "cut").trials()[columns].equals(whole.trials()[columns])
