"""Reading a study: what the tables hold, for finished, killed, live and empty studies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autode.report import load
from autode.report.tables import TABLES, write_tables
from autode.study.journal import Journal, read_journal

Make = Callable[..., Path]
PROMISED = {
    "trials": "trial generation state value attempt epochs seconds"
    " energy_j energy_method energy_source host rank started finished error",
    "energy": "scope id source joules method assurance domains coverage share_rule flags",
    "jobs": "job restart state start end elapsed_s nodes energy_j energy_from"
    " cpu_efficiency mem_efficiency mean_power_w flags",
    "epochs": "trial epoch train_loss val_loss val_error seconds energy_j",
    "confirmations": "label of trial seed state metric.test_accuracy",
}


def records_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [record for record in read_journal(folder / "journal.jsonl")[0] if record["type"] == kind]


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_the_promised_columns(busy_study: Make, name: str) -> None:
    table = getattr(load(busy_study(trials=12)), name)
    assert set(PROMISED[name].split()) <= set(table.columns)


def test_promised_columns_of_trials_come_in_the_promised_order(busy_study: Make) -> None:
    columns = list(load(busy_study(trials=12)).trials.columns)
    params = ["param.lr", "param.batch_size", "param.freeze_depth", "param.optimizer", "param.momentum"]
    assert columns[:10] == ["trial", "generation", "state", "value", "attempt", *params]
    assert columns.index("epochs") > max(columns.index(name) for name in columns if name.startswith("metric."))


def test_one_row_a_search_trial_with_what_was_asked_and_told(busy_study: Make) -> None:
    folder = busy_study(trials=40)
    trials = load(folder).trials.set_index("trial")
    asked = {record["trial"]: record for record in records_of(folder, "asked") if record["role"] == "search"}
    told = {record["trial"]: record for record in records_of(folder, "told")}
    assert list(trials.index) == sorted(asked)
    for number, row in trials.iterrows():
        assert row["param.lr"] == asked[number]["params"]["lr"]
        assert row["state"] == told[number]["state"]
        assert row["value"] == told[number]["value"] or (np.isnan(row["value"]) and told[number]["value"] is None)


def test_whole_numbers_stay_whole_and_inactive_hyperparameters_are_missing(busy_study: Make) -> None:
    trials = load(busy_study(trials=40)).trials
    assert trials["param.batch_size"].dtype == "int64"
    assert trials.loc[trials["param.optimizer"] == "adamw", "param.momentum"].isna().all()
    assert trials.loc[trials["param.optimizer"] == "sgd", "param.momentum"].notna().all()


def test_a_failed_trial_keeps_its_error_and_has_no_value(busy_study: Make) -> None:
    trials = load(busy_study(trials=40)).trials
    failed = trials[trials["state"] == "failed"]
    assert len(failed) > 2
    assert failed["value"].isna().all()
    assert (failed["error"].str.split(":").str[0] == "nan").all()


def test_seconds_and_joules_of_lost_and_interrupted_attempts_stay_in_the_trial(busy_study: Make) -> None:
    folder = busy_study(energy="measured", trials=40)
    trials = load(folder).trials
    restarted = trials[trials["attempt"] > 0].iloc[0]
    assert restarted["attempt"] == 2
    assert restarted["seconds"] == pytest.approx(2.5 + 3.5)
    assert restarted["energy_j"] == pytest.approx(6.0 * (2.5 + 3.5))
    assert restarted["energy_flags"] == "partial"  # the killed attempt left no reading
    assert restarted["started"] < restarted["finished"]


def test_attempts_show_what_became_of_each(busy_study: Make) -> None:
    attempts = load(busy_study(trials=20)).attempts
    restarted = attempts[attempts["trial"] == attempts.loc[attempts["attempt"] == 2, "trial"].iloc[0]]
    assert list(restarted["state"]) == ["lost", "interrupted", "completed"]
    assert list(restarted["run"]) == [0, 1, 2]


def test_runs_of_the_program_are_jobs(busy_study: Make) -> None:
    jobs = load(busy_study(trials=20)).jobs
    assert list(jobs["job"]) == ["local", "812", "813"]
    assert list(jobs["state"]) == ["lost", "signal", "done"]
    assert list(jobs["flags"].isna()) == [False, True, True]
    assert jobs["energy_j"].isna().all()  # only the batch system's accounting can say
    assert (jobs["elapsed_s"] >= 0).all()


def test_confirmations_are_apart_from_the_search(busy_study: Make) -> None:
    data = load(busy_study(trials=20))
    assert set(data.confirmations["label"]) == {"candidate", "default"}
    assert set(data.confirmations["trial"]).isdisjoint(data.trials["trial"])
    assert (data.confirmations.groupby(["label", "of"], dropna=False)["seed"].nunique() == 5).all()
    default = data.confirmations[data.confirmations["label"] == "default"]
    assert default["of"].isna().all()
    assert default["metric.test_accuracy"].mean() == pytest.approx(0.962)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_winner_is_the_candidate_with_the_best_mean_after_re_training(busy_study: Make, direction: str) -> None:
    data = load(busy_study(trials=20, direction=direction))
    means = data.confirmations.dropna(subset="of").groupby("of")["metric.val_error"].mean()
    assert len(means) == 2
    assert data.winner == means.idxmin()


def test_what_a_replaced_writer_wrote_is_left_out(busy_study: Make) -> None:
    folder = busy_study(trials=20)
    journal = Journal(folder / "journal.jsonl")
    late = {"type": "told", "run": 0, "trial": 3, "attempt": 0, "state": "completed", "value": -1.0, "fitness": -1.0}
    journal.append(late)  # by the first run, long after the third has begun
    journal.close()
    best = load(folder).best()
    assert best is not None
    assert best["value"] > 0


def test_one_row_an_epoch(busy_study: Make) -> None:
    folder = busy_study(trials=20)
    epochs = load(folder).epochs
    assert len(epochs) == len(records_of(folder, "epoch"))
    assert list(epochs.columns[:2]) == ["trial", "epoch"]


@pytest.mark.parametrize(("direction", "pick"), [("minimize", "idxmin"), ("maximize", "idxmax")])
def test_best_follows_the_direction(busy_study: Make, direction: str, pick: str) -> None:
    data = load(busy_study(trials=30, direction=direction))
    best = data.best()
    assert best is not None
    assert best["trial"] == data.trials.loc[getattr(data.trials["value"], pick)(), "trial"]


def test_a_live_study_can_be_read(busy_study: Make) -> None:
    folder = busy_study(trials=20)
    journal = folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    begun = max(i for i, line in enumerate(lines) if f'"{"type"}":"started"'.encode() in line)
    journal.write_bytes(b"".join(lines[: begun + 1]) + b'{"crc":"0000')  # a torn write behind it
    data = load(folder)
    assert data.jobs["state"].iloc[-1] == "running"
    assert data.attempts["state"].iloc[-1] == "running"


def test_trials_that_nobody_began_are_waiting_and_interrupted_ones_say_so(busy_study: Make) -> None:
    folder = busy_study(trials=20)
    records, _ = read_journal(folder / "journal.jsonl")
    stop = next(i for i, record in enumerate(records) if record["type"] == "end")
    (folder / "journal.jsonl").unlink()
    journal = Journal(folder / "journal.jsonl")
    journal.append(
        [*records[: stop + 1], {"type": "asked", "run": 1, "trial": 99, "params": {"lr": 0.1}, "role": "search"}]
    )
    journal.close()
    states = load(folder).trials.set_index("trial")["state"]
    assert states[99] == "waiting"
    assert states[10] == "interrupted"


def test_a_study_without_trials_has_empty_tables_with_all_columns(empty_study: Path) -> None:
    data = load(empty_study)
    assert data.best() is None
    assert len(data.pareto()) == 0
    for name in TABLES:
        assert len(getattr(data, name)) == (1 if name == "jobs" else 0)
    assert {"trial", "state", "value", "param.lr", "energy_j", "error"} <= set(data.trials.columns)


def test_a_folder_without_a_study_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no journal\.jsonl: expected the output folder of a study"):
        load(tmp_path)
    (tmp_path / "journal.jsonl").touch()
    with pytest.raises(ValueError, match="holds no study record"):
        load(tmp_path)


def test_the_same_journal_gives_the_same_bytes(busy_study: Make, tmp_path: Path) -> None:
    folder = busy_study(energy="mixed", trials=30)
    first, second = tmp_path / "first", tmp_path / "second"
    write_tables(load(folder), first)
    write_tables(load(folder), second)
    for name in TABLES:
        content = (first / f"{name}.csv").read_bytes()
        assert content == (second / f"{name}.csv").read_bytes()
        assert content.count(b"\n") == len(getattr(load(folder), name)) + 1


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = "import sys, autode.report; print({'pandas', 'matplotlib', 'torch', 'jinja2', 'scipy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
