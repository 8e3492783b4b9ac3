"""What the top of the page says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from autode.report import load, sections, summary
from autode.report.study_data import StudyData

Make = Callable[..., Path]


@pytest.fixture
def data(busy_study: Make) -> StudyData:
    return load(busy_study(trials=40))


@pytest.mark.parametrize(
    ("objective", "subject"),
    [
        ({"model": "resnet18", "dataset": "digits"}, "resnet18 on digits"),
        ({"kind": "python", "python": "mine:f"}, "mine:f"),
        ({"kind": "command"}, "command"),
        ({}, "a Python function"),
    ],
)
def test_one_sentence_says_what_was_searched(data: StudyData, objective: dict[str, str], subject: str) -> None:
    workflow = {"objective": objective, "search": {"algorithm": "shade", "population": 8}}
    sentence = summary.what_was_searched(dataclasses.replace(data, workflow=workflow))
    assert sentence == f"shade (population 8) over 5 hyperparameters of {subject}, to minimise val_error."


def test_the_winner_comes_first_among_the_re_trained(data: StudyData) -> None:
    rows = summary.confirmation_rows(data)
    assert [row["label"] for row in rows] == ["winner", "candidate", "default"]
    assert rows[0]["of"] == data.winner
    assert rows[0]["test_accuracy"] == "0.9820 ± 0.0016"
    assert (rows[0]["n"], rows[0]["asked"]) == (5, 5)
    assert summary.confirmation_metrics(data) == ["test_accuracy", "test_error", "val_error"]


def test_re_trainings_without_a_result_are_counted(data: StudyData) -> None:
    table = data.confirmations.copy()
    table.loc[table.index[0], "state"] = "failed"
    rows = summary.confirmation_rows(dataclasses.replace(data, confirmations=table))
    assert sorted((row["n"], row["asked"]) for row in rows) == [(4, 5), (5, 5), (5, 5)]


def test_the_answer_is_the_re_trained_winner_or_else_the_best_of_the_search(data: StudyData, empty_study: Path) -> None:
    answer, best = summary.answer(data), data.best()
    assert answer is not None
    assert best is not None
    assert answer["trial"] == data.winner
    searched = summary.answer(dataclasses.replace(data, confirmations=data.confirmations.iloc[:0]))
    assert searched is not None
    assert searched["trial"] == best["trial"]
    assert summary.answer(load(empty_study)) is None


def test_a_configuration_names_value_and_range(data: StudyData) -> None:
    best = data.trials[data.trials["param.optimizer"] == "adamw"].iloc[0]
    rows = {name: (value, where) for name, value, where in summary.configuration(data, best)}
    assert rows["momentum"] == ("not active", "0.5 to 0.99")
    assert rows["optimizer"] == ("adamw", "sgd, adamw")
    assert rows["lr"][1] == "0.0001 to 1, log scale"


def test_trials_are_counted_by_state(data: StudyData, empty_study: Path) -> None:
    assert summary.states_line(data) == "36 completed, 4 failed"
    assert summary.states_line(load(empty_study)) == "none yet"


def test_energy_is_told_by_part(data: StudyData) -> None:
    parts = dict(sections.by_role(data.attempts))
    assert list(parts) == ["search", "of which failed, lost or interrupted", "re-training"]
    assert len(parts["search"]) + len(parts["re-training"]) == len(data.attempts)
    assert set(parts["of which failed, lost or interrupted"]["state"]) == {"failed", "lost", "interrupted"}


def test_the_table_of_trials_has_the_best_first_and_failures_last(data: StudyData) -> None:
    head, rows = sections.trials_table(data)
    value = head.index("val_error")
    keys = [row[value].key for row in rows]
    known = [float(key) for key in keys if key != ""]
    assert known == sorted(known)
    assert keys[len(known) :] == [""] * 4
    assert {row[head.index("error")].text for row in rows} == {"nan", "–"}
    assert all(len(row) == len(head) for row in rows)
    attempts = {row[0].text: row[head.index("attempts")].text for row in rows}
    assert sorted(attempts.values())[-1] == "3"


def test_provenance_and_meters(data: StudyData) -> None:
    facts = dict(sections.provenance(data))
    assert facts["source"] == "0123abc"
    assert facts["seed"] == "420"
    assert "torch 2.15.0" in facts["versions"]
    assert [cell.text for cell in sections.meters_table(data)[1][0]] == [
        "rapl",
        "no",
        "–",
        "no powercap tree on this machine",
    ]
    dirty = [{**data.runs[-1], "git": {"commit": "0123abc", "dirty": True}}]
    assert (
        dict(sections.provenance(dataclasses.replace(data, runs=dirty)))["source"] == "0123abc with uncommitted changes"
    )


def test_runs_say_how_they_ended(data: StudyData) -> None:
    head, rows = sections.runs_table(data)
    state = head.index("state")
    assert [row[state].text for row in rows] == [
        "killed: no end recorded",
        "signal (exit code 3)",
        "done (exit code 0)",
    ]
    assert [row[state].style for row in rows] == ["state lost", "state interrupted", "state completed"]
