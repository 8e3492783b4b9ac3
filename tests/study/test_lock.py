"""One writer a study: the lock, who holds it, and how a restarted job takes over from a start that was given up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from autode.study.errors import UserError
from autode.study.folder import open_folder
from autode.study.journal import Journal, read_journal, unfenced
from autode.study.lock import FolderLock, Holder, TakenOverError, holder
from autode.study.workflow import Workflow, parse_workflow

FIRST = Holder("node1", 100, job="4711", restart=0, token="a")
SECOND = Holder("node2", 200, job="4711", restart=1, token="b")


@pytest.fixture
def workflow() -> Workflow:
    content = {
        "name": "t",
        "objective": {"python": "module:function"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"algorithm": "random", "evaluations": 4},
    }
    return parse_workflow(content)


@pytest.fixture
def first(tmp_path: Path) -> Iterator[FolderLock]:
    lock = FolderLock(tmp_path, FIRST)
    yield lock
    lock.release()


def test_a_second_run_is_refused_and_learns_who_is_there(first: FolderLock, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"working on this study \(process 100 on node1, Slurm job 4711\)"):
        FolderLock(tmp_path, Holder("node1", 101))


def test_asking_who_holds_a_lock_does_not_release_it(first: FolderLock, tmp_path: Path) -> None:
    assert holder(tmp_path) == "process 100 on node1, Slurm job 4711"
    with pytest.raises(UserError):
        FolderLock(tmp_path, Holder("node1", 101))


def test_a_released_lock_is_free(tmp_path: Path) -> None:
    FolderLock(tmp_path, FIRST).release()
    assert holder(tmp_path) == ""
    FolderLock(tmp_path, Holder("elsewhere", 1)).release()


@pytest.mark.parametrize(
    "other",
    [
        Holder("node2", 200, job="4712", restart=1),  # another job
        Holder("node2", 200, job="4711", restart=0),  # the same start
        Holder("node2", 200),  # no job at all
    ],
)
def test_only_a_later_start_of_the_same_job_takes_over(first: FolderLock, tmp_path: Path, other: Holder) -> None:
    with pytest.raises(UserError):
        FolderLock(tmp_path, other)


def test_the_start_that_was_given_up_may_not_write_any_more(first: FolderLock, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl", first.check)
    journal.append({"type": "run", "run": 0})
    second = FolderLock(tmp_path, SECOND)
    assert second.took_over
    first._next_look = 0.0  # it looks once a second
    with pytest.raises(TakenOverError, match="process 200 on node2, Slurm job 4711 restart 1"):
        journal.append({"type": "told", "run": 0, "trial": 0})
    journal.close()
    second.release()


def test_what_it_writes_before_it_looks_again_is_left_out(
    tmp_path: Path, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with open_folder(tmp_path, workflow) as old:
        old.journal.append([{"type": "run", "run": old.run}, {"type": "told", "run": old.run, "trial": 0}])
        monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
        with open_folder(tmp_path, workflow) as new:
            assert [record["type"] for record in new.records][-2:] == ["told", "claim"]
            new.journal.append({"type": "run", "run": new.run})
            old.journal.append({"type": "told", "run": old.run, "trial": 1})  # within its second
            new.journal.append({"type": "told", "run": new.run, "trial": 1})
    records, _ = read_journal(tmp_path / "journal.jsonl")
    told = [(record["run"], record["trial"]) for record in unfenced(records) if record["type"] == "told"]
    assert told == [(0, 0), (1, 1)]


def test_a_run_that_died_while_taking_over_does_not_stop_the_next(
    tmp_path: Path, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with open_folder(tmp_path, workflow) as old:
        old.journal.append({"type": "run", "run": old.run})
        monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
        with open_folder(tmp_path, workflow):
            pass  # claimed, and nothing more
    with open_folder(tmp_path, workflow) as after:
        after.journal.append([{"type": "run", "run": after.run}, {"type": "told", "run": after.run, "trial": 0}])
    records, _ = read_journal(tmp_path / "journal.jsonl")
    assert [record["trial"] for record in unfenced(records) if record["type"] == "told"] == [0]


def test_the_kernels_lock_follows_when_the_run_that_was_given_up_ends(tmp_path: Path) -> None:
    old = FolderLock(tmp_path, FIRST)
    second = FolderLock(tmp_path, SECOND)
    old.release()
    assert holder(tmp_path) == ""
    second.check()
    assert holder(tmp_path) == "process 200 on node2, Slurm job 4711 restart 1"
    second.release()


def test_a_lock_file_that_is_not_whole_names_nobody(first: FolderLock, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"host": "node1"}))
    assert holder(tmp_path) == "unknown process"
    with pytest.raises(UserError, match="unknown process"):
        FolderLock(tmp_path, SECOND)
