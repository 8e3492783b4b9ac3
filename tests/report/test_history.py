"""Folding records: attempts, states and runs, whatever order and gaps the journal has."""

from __future__ import annotations

from typing import Any

import pytest

from autode.report.job_frame import jobs_frame, seconds_between
from autode.study.history import Attempt, History


def record(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def fold(records: list[dict[str, Any]]) -> History:
    return History.of(records)


ASKED = record("asked", trial=0, params={"x": 1.0}, role="search")
RUN = record("run", run=0, time="2026-05-04T08:00:00Z")
STARTED = record("started", trial=0, attempt=0, run=0, time="2026-05-04T08:00:01Z")
END = record("end", run=0, reason="finished", exit_code=0, time="2026-05-04T08:01:00Z")


@pytest.mark.parametrize(
    ("records", "state"),
    [
        ([RUN, ASKED], "waiting"),
        ([RUN, ASKED, STARTED], "running"),
        ([RUN, ASKED, STARTED, END], "interrupted"),  # the run ended and left the trial to the next
        ([RUN, ASKED, STARTED, record("run", run=1)], "interrupted"),  # killed, and the next run has not begun it
        ([RUN, ASKED, STARTED, record("attempt", trial=0, attempt=0, state="interrupted")], "interrupted"),
        ([RUN, ASKED, STARTED, record("told", trial=0, attempt=0, state="failed", value=None)], "failed"),
        ([RUN, ASKED, record("told", trial=0, attempt=0, state="lost", value=None)], "lost"),
        ([RUN, ASKED, STARTED, record("told", trial=0, attempt=0, state="completed"), END], "completed"),
    ],
)
def test_state_of_a_trial(records: list[dict[str, Any]], state: str) -> None:
    assert fold(records).trials[0].state == state


def test_an_attempt_without_an_end_is_lost_unless_its_run_may_still_live() -> None:
    again = record("started", trial=0, attempt=1, run=1, time="2026-05-04T09:00:01Z")
    history = fold([RUN, ASKED, STARTED, record("run", run=1, time="2026-05-04T09:00:00Z"), again])
    assert [attempt.state for attempt in history.attempts] == ["lost", "running"]


def test_attempts_take_what_the_end_does_not_say_from_the_start() -> None:
    attempt = Attempt(0, 0, start={"host": "a", "rank": 3, "time": "T"}, end={"state": "completed", "rank": None})
    assert (attempt.get("host"), attempt.get("rank"), attempt.get("device"), attempt.started) == ("a", 3, None, "T")


def test_an_attempt_without_readings_says_so() -> None:
    reading = Attempt(7, 2, end={"state": "lost"}).reading
    assert reading.energy_j is None
    assert reading.reason == "an attempt ended without a reading"


def test_records_of_unknown_kinds_are_left_out() -> None:
    history = fold([RUN, record("weather", trial=5), ASKED])
    assert list(history.trials) == [0]


def test_a_killed_run_ends_when_it_was_last_seen() -> None:
    jobs = jobs_frame(fold([RUN, ASKED, STARTED, record("run", run=1, time="2026-05-04T09:00:00Z")]))
    assert list(jobs["state"]) == ["lost", "running"]
    assert jobs["elapsed_s"].tolist() == [1.0, 0.0]
    assert list(jobs["flags"]) == ["end_unknown", "end_unknown"]


def test_a_slurm_job_names_itself_and_its_requeues() -> None:
    slurm = {"job_id": "4711", "restart_count": "2", "job_nodelist": "gn[01-02]"}
    job = jobs_frame(fold([record("run", run=0, time="2026-05-04T08:00:00Z", host="gn01", slurm=slurm), END])).iloc[0]
    assert (job["job"], job["restart"], job["nodes"], job["state"]) == ("4711", 2, "gn[01-02]", "finished")
    assert job["elapsed_s"] == 60.0
    assert job["exit_code"] == 0


def test_times_of_any_iso_form_are_understood() -> None:
    assert seconds_between("2026-05-04T08:00:00Z", "2026-05-04T08:00:00.250000+00:00") == 0.25
    assert seconds_between(None, "2026-05-04T08:00:00Z") is None
