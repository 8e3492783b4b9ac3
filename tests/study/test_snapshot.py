"""The snapshot beside the journal: it spares time, and whatever happens to it costs nothing but time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from autode import Categorical, Float, Int, Space, Study, Trial
from autode.cli.status import describe
from autode.study import Listener, snapshot
from autode.study.folder import JOURNAL_NAME, load_records, open_folder
from autode.study.history import History
from autode.study.snapshot import SNAPSHOT_NAME, load_history, read_snapshot, resume

SPACE = Space({"x": Float(0.0, 1.0), "k": Int(0, 9), "kind": Categorical(["a", "b"])})
ALGORITHMS = ("lshade", "rand1bin", "random")


class EndedError(Exception):
    """Ends a run in the middle, as a kill would: nothing more is written."""


class EndAfter(Listener):
    def __init__(self, results: int):
        self._left = results

    def record(self, record: dict[str, Any]) -> None:
        self._left -= record["type"] == "told"
        if self._left < 0:
            raise EndedError


def bowl(trial: Trial) -> float:
    trial.report(1, loss=1.0)
    if trial.number % 7 == 3:
        raise RuntimeError("seven")
    return float((trial.params["x"] - 0.3) ** 2 + trial.params["k"])


def study(folder: Path, algorithm: str = "lshade", schedule: str = "asynchronous", evaluations: int = 60) -> Study:
    settings = {"algorithm": algorithm, "evaluations": evaluations}
    if algorithm != "random":
        settings["population"] = 8
    confirm = {"candidates": 2, "seeds": 2}
    return Study(folder, space=SPACE, search=settings, schedule=schedule, seed=3, confirm=confirm)


def results(folder: Path) -> list[tuple[Any, ...]]:
    told = {r["trial"]: (r["state"], r["value"]) for r in load_records(folder) if r["type"] == "told"}
    asked = {r["trial"]: (r["params"], r["seed"], r["role"]) for r in load_records(folder) if r["type"] == "asked"}
    return [(number, *asked[number], *told[number]) for number in sorted(asked)]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a snapshot every few results."""
    monkeypatch.setattr("autode.study.loop.RESULTS_BETWEEN", 5)


def interrupted(folder: Path, after: int = 33, **settings: Any) -> Path:
    with pytest.raises(EndedError):
        study(folder, **settings).run(bowl, listener=EndAfter(after))
    assert (folder / SNAPSHOT_NAME).exists()
    return folder


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_study_goes_on_from_its_snapshot_as_if_it_had_never_ended(
    tmp_path: Path, algorithm: str, schedule: str
) -> None:
    study(tmp_path / "whole", algorithm, schedule).run(bowl)
    broken = interrupted(tmp_path / "broken", algorithm=algorithm, schedule=schedule)
    interrupted(broken, after=8, algorithm=algorithm, schedule=schedule)
    assert study(broken, algorithm, schedule).run(bowl).exit_code == 0
    assert results(broken) == results(tmp_path / "whole")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_state_is_the_one_that_the_whole_journal_leads_to(tmp_path: Path, algorithm: str) -> None:
    workflow = study(interrupted(tmp_path, algorithm=algorithm), algorithm).workflow
    with open_folder(tmp_path, workflow, read_snapshot(tmp_path / SNAPSHOT_NAME, workflow)) as folder:
        assert folder.snapshot is not None
        assert len(folder.records) < len(load_records(tmp_path)) / 3
        search, history, proposals = resume(workflow, folder.snapshot, folder.records)
        searched, told, proposed = resume(workflow, None, folder.all_records())
    assert search.state_dict() == searched.state_dict()
    assert proposals.items() <= proposed.items()
    assert [vars(run) for run in history.runs] == [vars(run) for run in told.runs]
    assert history.unfinished == told.unfinished
    assert [(t.asked, t.told) for t in history.best(9)] == [(t.asked, t.told) for t in told.best(9)]
    for name in ("study", "asked", "done", "failed", "generation", "measured_j", "recent_seconds", "seconds"):
        assert getattr(history, name) == getattr(told, name), name


@pytest.mark.parametrize("after", [33, 62])
def test_where_a_study_stands_is_told_from_its_snapshot_and_what_follows(
    tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(tmp_path, after=after)
    whole = describe(History.of(load_records(tmp_path)), tmp_path)
    monkeypatch.setattr("autode.study.snapshot.load_records", None)  # it need not read everything
    assert describe(load_history(tmp_path), tmp_path) == whole


def same_as_without(folder: Path) -> bool:
    """Open a folder and tell whether its snapshot was used; what comes out must not depend on it."""
    workflow = study(folder).workflow
    with open_folder(folder, workflow, read_snapshot(folder / SNAPSHOT_NAME, workflow)) as opened:
        search, history, _ = resume(workflow, opened.snapshot, opened.records)
        whole = History.of(load_records(folder))
        assert (history.asked, history.done) == (whole.asked, whole.done)
        assert search.state_dict() == resume(workflow, None, opened.all_records())[0].state_dict()
        return opened.snapshot is not None


def test_cut_at_any_byte_a_snapshot_is_ignored(tmp_path: Path) -> None:
    path = interrupted(tmp_path, after=12) / SNAPSHOT_NAME
    workflow, data = study(tmp_path).workflow, path.read_bytes()
    whole = read_snapshot(path, workflow)
    assert whole is not None
    for size in range(len(data) - 1):  # the last byte is a newline
        path.write_bytes(data[:size])
        assert read_snapshot(path, workflow) is None
    assert not same_as_without(tmp_path)


def test_a_missing_snapshot_costs_only_time(tmp_path: Path) -> None:
    (interrupted(tmp_path) / SNAPSHOT_NAME).unlink()
    assert not same_as_without(tmp_path)


def test_the_journal_cut_at_any_record_wins_over_its_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    journal = interrupted(tmp_path, after=17) / JOURNAL_NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    used = []
    for count in range(1, len(lines) + 1):
        journal.write_bytes(b"".join(lines[:count]))
        used.append(same_as_without(tmp_path))
    assert used == sorted(used)  # a journal that is shorter than the snapshot says it is makes the snapshot worthless
    assert {False, True} == set(used)


def test_a_journal_that_was_changed_makes_the_snapshot_worthless(tmp_path: Path) -> None:
    journal = interrupted(tmp_path) / JOURNAL_NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    epoch = next(i for i, line in enumerate(lines) if b'"type":"epoch"' in line)
    journal.write_bytes(b"".join(lines[:epoch] + lines[epoch + 1 :]))
    assert not same_as_without(tmp_path)


def test_the_snapshot_of_another_version_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(tmp_path)
    monkeypatch.setattr(snapshot, "__version__", "another")
    assert not same_as_without(tmp_path)


def test_a_short_study_leaves_no_snapshot(tmp_path: Path) -> None:
    study(tmp_path, evaluations=4).run(bowl)
    assert not (tmp_path / SNAPSHOT_NAME).exists()
