"""What a study does with trials that end well, badly or not at all; by the journal it leaves."""

from __future__ import annotations

import math
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from autode import Categorical, Float, Int, Space, Study, Trial
from autode.study import UserError
from autode.study.folder import load_records

SPACE = Space({"x": Float(0.0, 1.0), "k": Int(0, 9), "kind": Categorical(["a", "b"])})


def bowl(trial: Trial) -> float:
    return float((trial.params["x"] - 0.3) ** 2 + (trial.params["k"] - 3) ** 2)


def study(folder: Path, **settings: Any) -> Study:
    settings = {"space": SPACE, "search": {"algorithm": "lshade", "population": 6, "evaluations": 24}, **settings}
    return Study(folder, seed=420, **settings)


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [record for record in load_records(folder) if record["type"] == kind]


def results(folder: Path) -> list[tuple[Any, ...]]:
    params = {record["trial"]: record["params"] for record in records(folder, "asked")}
    told = sorted(records(folder, "told"), key=lambda record: record["trial"])
    return [(record["trial"], params[record["trial"]], record["state"], record["value"]) for record in told]


# --- the same result however many work on it


@pytest.mark.parametrize("algorithm", ["lshade", "rand1bin", "random", "grid"])
def test_generational_results_do_not_depend_on_the_workers(tmp_path: Path, algorithm: str) -> None:
    search = {"algorithm": algorithm, "evaluations": 24} | ({"points": 2} if algorithm == "grid" else {})
    for workers in (1, 2):
        outcome = study(tmp_path / str(workers), schedule="generational", search=search).run(bowl, workers=workers)
        assert (outcome.reason, outcome.exit_code) == ("finished", 0)
    assert len(results(tmp_path / "1")) == (8 if algorithm == "grid" else 24)
    assert results(tmp_path / "1") == results(tmp_path / "2")


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
def test_evaluations_are_exact_and_every_trial_is_told_once(tmp_path: Path, schedule: str) -> None:
    search = {"algorithm": "lshade", "population": 7, "evaluations": 31}
    study(tmp_path, schedule=schedule, search=search).run(bowl, workers=2)
    for kind in ("asked", "told"):
        assert sorted(record["trial"] for record in records(tmp_path, kind)) == list(range(31))


def test_seeds_of_trials_differ_and_repeat(tmp_path: Path) -> None:
    seeds = []
    for name in "ab":
        study(tmp_path / name).run(bowl)
        seeds.append([record["seed"] for record in records(tmp_path / name, "asked")])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 24


# --- trials that fail


def capricious(trial: Trial) -> float | dict[str, float]:
    match trial.number % 5:
        case 0:
            raise RuntimeError("capricious")
        case 1:
            return math.nan
        case 2:
            return {"value": math.inf}
        case 3:
            return {"another": 1.0}
    return bowl(trial)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
def test_failed_trials_get_no_value_and_end_nothing(tmp_path: Path, workers: int, schedule: str) -> None:
    outcome = study(tmp_path, schedule=schedule).run(capricious, workers=workers)
    assert outcome.exit_code == 0
    assert len(results(tmp_path)) == 24
    errors = {
        0: "exception: RuntimeError: capricious",
        1: "nan: value is nan",
        2: "nan: value is inf",
        3: "exception: the objective returned no metric 'value', only another",
    }
    for told in records(tmp_path, "told"):
        error = errors.get(told["trial"] % 5, "")
        assert (told["state"], told["error"]) == ("failed" if error else "completed", error)
        assert (told["value"] is None) == (told["fitness"] is None) == bool(error)
    assert "RuntimeError: capricious" in (tmp_path / "trials/00000/log.txt").read_text()


def test_a_failed_trial_is_worse_than_every_other(tmp_path: Path) -> None:
    def cliff(trial: Trial) -> float:
        if trial.params["x"] < 0.7:  # the way down leads over the edge
            raise ArithmeticError
        return float(trial.params["x"])

    search = {"algorithm": "lshade", "population": 8, "evaluations": 120}
    study(tmp_path, search=search, schedule="generational").run(cliff)
    last = [told["state"] for told in records(tmp_path, "told")[-40:]]
    first = [told["state"] for told in records(tmp_path, "told")[:8]]
    assert Counter(last)["completed"] / 40 > Counter(first)["completed"] / 8
    best = min(told["value"] for told in records(tmp_path, "told") if told["value"] is not None)
    assert best == pytest.approx(0.7, abs=0.02)


def test_a_study_whose_trials_all_fail_runs_to_its_end_and_is_not_called_done(tmp_path: Path) -> None:
    outcome = study(tmp_path).run(lambda trial: math.nan)
    assert (outcome.reason, outcome.exit_code) == ("all trials failed", 2)
    assert {told["state"] for told in records(tmp_path, "told")} == {"failed"}


def test_a_trial_that_kills_its_process_fails_alone(tmp_path: Path) -> None:
    def murderous(trial: Trial) -> float:
        import os

        if trial.number == 5:
            os.kill(os.getpid(), 9)
        return float(trial.params["x"])

    study(tmp_path).run(murderous, workers=2)
    failed = [told for told in records(tmp_path, "told") if told["state"] == "failed"]
    assert [(told["trial"], told["error"].split(":")[0]) for told in failed] == [(5, "host_oom")]


# --- what is optimised


def test_maximising_finds_the_top(tmp_path: Path) -> None:
    search = {"algorithm": "lshade", "population": 8, "evaluations": 160}
    maximise = study(tmp_path, direction="maximize", metric="score", search=search)
    maximise.run(lambda trial: 10.0 - bowl(trial))
    told = records(tmp_path, "told")
    assert max(record["value"] for record in told) > 9.99
    assert all(record["fitness"] == -record["value"] for record in told)
    assert all(record["metrics"] == {"score": record["value"]} for record in told)  # a plain number takes the name


def test_the_tie_breaker_orders_equal_values(tmp_path: Path) -> None:
    from autode.study import load_workflow

    (tmp_path / "wf.toml").write_text(
        'name = "ties"\n[space]\nx = { type = "float", low = 0, high = 1 }\n'
        '[search]\nalgorithm = "random"\nevaluations = 5\n'
        '[objective]\npython = "json:loads"\nmetric = "error"\ntie_breaker = { metric = "loss", weight = 1e-3 }\n'
    )
    ties = Study.from_workflow(load_workflow(tmp_path / "wf.toml"), tmp_path / "out")
    ties.run(lambda trial: {"error": 0.5, "loss": trial.params["x"]})
    for told in records(tmp_path / "out", "told"):
        assert told["value"] == 0.5
        assert told["fitness"] == pytest.approx(0.5 + 1e-3 * told["metrics"]["loss"])


# --- budgets


def test_a_budget_of_seconds_ends_the_run(tmp_path: Path) -> None:
    def slow(trial: Trial) -> float:
        time.sleep(0.1)
        return bowl(trial)

    search = {"algorithm": "random", "evaluations": 1000}
    outcome = study(tmp_path, budget={"seconds": 0.7}, search=search).run(slow)
    assert (outcome.reason, outcome.exit_code) == ("budget", 0)
    assert 1 <= len(results(tmp_path)) <= 8
    assert study(tmp_path, budget={"seconds": 0.7}, search=search).run(slow).reason == "budget"
    count = len(results(tmp_path))
    more = study(tmp_path, budget={"seconds": 1.4}, search=search).run(slow)  # a larger budget goes on
    assert more.reason == "budget"
    assert len(results(tmp_path)) > count


def test_a_budget_of_joules_counts_estimates_where_there_is_nothing_better(tmp_path: Path) -> None:
    def busy(trial: Trial) -> float:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return bowl(trial)

    search = {"algorithm": "random", "evaluations": 1000}
    outcome = study(tmp_path, budget={"joules": 1.0}, meters=["estimate"], search=search).run(busy)
    assert (outcome.reason, outcome.exit_code) == ("budget", 0)
    joules = [told["energy"][0]["energy_j"] for told in records(tmp_path, "told")]
    assert 0.5 < sum(joules) <= 1.0 + max(joules)  # no trial is begun that would probably take more than is left


# --- asynchronous search


def moments(folder: Path) -> dict[int, tuple[datetime, datetime]]:
    """Return trial -> begin and end."""
    return {
        told["trial"]: (datetime.fromisoformat(told["started"]), datetime.fromisoformat(told["finished"]))
        for told in records(folder, "told")
    }


def uneven(trial: Trial) -> float:
    time.sleep(0.4 if trial.number % 4 == 0 else 0.02)
    return bowl(trial)


def outlasting(trial: Trial) -> float:
    """The first trial does not end before one of the generation after it has."""
    ended = trial.folder.parent
    if trial.number == 0:
        patience = time.monotonic() + 60
        while not (ended / "trial6").exists():
            assert time.monotonic() < patience, "nobody goes on while a trial of the first generation runs"
            time.sleep(0.01)
    ended.mkdir(parents=True, exist_ok=True)
    (ended / f"trial{trial.number}").touch()
    return bowl(trial)


def test_asynchronous_workers_do_not_wait_for_each_other(tmp_path: Path) -> None:
    search = {"algorithm": "lshade", "population": 4, "evaluations": 12}
    study(tmp_path, schedule="asynchronous", search=search).run(outlasting, workers=2)
    assert {record["state"] for record in records(tmp_path, "told")} == {"completed"}
    generation = {record["trial"]: record["generation"] for record in records(tmp_path, "asked")}
    assert generation[0] < generation[6]


def test_a_generation_begins_when_the_last_one_has_ended(tmp_path: Path) -> None:
    search = {"algorithm": "lshade", "population": 4, "evaluations": 12}
    study(tmp_path, schedule="generational", search=search).run(uneven, workers=2)
    spans, generation = moments(tmp_path), {r["trial"]: r["generation"] for r in records(tmp_path, "asked")}
    for later in range(1, max(generation.values()) + 1):
        ends = [spans[trial][1] for trial in spans if generation[trial] == later - 1]
        assert max(ends) <= min(spans[trial][0] for trial in spans if generation[trial] == later)


# --- re-training


def test_the_best_and_the_default_are_trained_again_with_the_same_fresh_seeds(tmp_path: Path) -> None:
    def noisy(trial: Trial) -> float:
        return bowl(trial) + trial.seed % 100 / 1000

    default = {"x": 0.5, "k": 5, "kind": "a"}
    confirm = {"candidates": 2, "seeds": 3, "default": default}
    study(tmp_path, confirm=confirm, schedule="generational").run(noisy, workers=2)
    asked = records(tmp_path, "asked")
    search, again = asked[:24], asked[24:]
    assert [record["role"] for record in asked] == ["search"] * 24 + ["confirm"] * 9
    ranking = sorted((told["value"], told["trial"]) for told in records(tmp_path, "told") if told["trial"] < 24)
    assert [record["of"] for record in again] == [ranking[0][1]] * 3 + [ranking[1][1]] * 3 + [None] * 3
    assert [record["label"] for record in again] == ["candidate"] * 6 + ["default"] * 3
    assert again[0]["params"] == search[ranking[0][1]]["params"]
    assert again[-1]["params"] == default
    seeds = [record["seed"] for record in again]
    assert seeds[:3] == seeds[3:6] == seeds[6:]  # paired
    assert not set(seeds) & {record["seed"] for record in search}  # never seen by the search
    assert len(results(tmp_path)) == 33


# --- going on


def test_a_finished_study_that_is_run_again_does_nothing(tmp_path: Path) -> None:
    study(tmp_path).run(bowl)
    before = results(tmp_path)
    assert study(tmp_path).run(bowl, workers=2).reason == "finished"
    assert results(tmp_path) == before
    assert len(records(tmp_path, "started")) == 24


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
def test_a_run_that_ended_early_goes_on_to_the_same_set_of_trials(tmp_path: Path, schedule: str) -> None:
    class EnoughError(Exception):
        pass

    from autode.study import Listener

    class EndAfter(Listener):
        """Stands for a fault: ends the run when so many trials are told."""

        def __init__(self, count: int):
            self.left = count

        def record(self, record: dict[str, Any]) -> None:
            self.left -= record["type"] == "told"
            if self.left == 0:
                raise EnoughError

    study(tmp_path / "whole", schedule=schedule).run(bowl)
    for count in (1, 5, 6, 7):
        with pytest.raises(EnoughError):
            study(tmp_path / "parts", schedule=schedule).run(bowl, listener=EndAfter(count))
    study(tmp_path / "parts", schedule=schedule).run(bowl)
    assert results(tmp_path / "parts") == results(tmp_path / "whole")


def test_a_study_is_not_continued_with_another_search(tmp_path: Path) -> None:
    study(tmp_path).run(bowl)
    with pytest.raises(UserError, match=r"another study; .*search.evaluations \(was 24, is 25\)"):
        study(tmp_path, search={"algorithm": "lshade", "population": 6, "evaluations": 25}).run(bowl)


# --- the Python interface


def test_a_study_needs_its_objective(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs the objective function"):
        study(tmp_path).run()


@pytest.mark.parametrize("workers", [0, -1, True, "two", 1.5])
def test_workers_that_make_no_sense_are_refused(tmp_path: Path, workers: Any) -> None:
    with pytest.raises(UserError, match="workers"):
        study(tmp_path).run(bowl, workers=workers)


def test_what_cannot_be_sent_to_workers_is_said_before_anything_runs(tmp_path: Path) -> None:
    lock = __import__("threading").Lock()
    with pytest.raises(Exception, match=r"(?i)pickle"):
        study(tmp_path).run(lambda trial: float(lock.locked()), workers=2)
    assert records(tmp_path, "asked") == []
