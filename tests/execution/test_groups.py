"""Trials on several ranks: who belongs together, and what comes out when the ranks of a trial end differently."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.execution.events import EpochDone, Started
from autode.execution.groups import TrialUnderWay, check_world
from autode.execution.member import StopAgreement, TrialCancelled, group_of
from autode.trial import COMPLETED, FAILED, INTERRUPTED, STOPPED, TrialResult, TrialTask

TASK = TrialTask(number=7, params={"x": 0.5}, seed=1, directory="/nowhere", attempt=2, timeout_s=5.0)
STARTED = Started(trial=7, attempt=2, host="node1", rank=4, device="cpu", time="2024-01-01T00:00:00.000Z")


def part(rank: int, state: str = COMPLETED, error: str = "", **more: Any) -> TrialResult:
    fields: dict[str, Any] = {
        "number": 7,
        "attempt": 2,
        "state": state,
        "metrics": {"value": float(rank)} if state == COMPLETED else {},
        "epochs": 3 if rank == 4 else 0,
        "seconds": 1.0,
        "cpu_seconds": 0.5,
        "started": STARTED.time,
        "finished": "2024-01-01T00:00:01.000Z",
        "host": "node1",
        "rank": rank,
        "error": error,
        "traceback": f"Traceback of {error}" if error else "",
    }
    return TrialResult(**{**fields, **more})


def under_way(*parts: TrialResult, **more: Any) -> TrialUnderWay:
    """A trial on ranks 4, 5, 6 whose parts have arrived in this order."""
    return TrialUnderWay(TASK, range(4, 7), 0.0, STARTED, parts={one.rank: one for one in parts}, **more)


# --- who belongs together


def test_consecutive_ranks_belong_together_and_the_rest_to_none() -> None:
    assert [group_of(rank, 5, 2) for rank in range(5)] == [0, 0, 1, 1, None]
    assert [group_of(rank, 3, 1) for rank in range(3)] == [0, 1, 2]
    assert [group_of(rank, 3, 4) for rank in range(3)] == [None, None, None]


@given(ranks=st.integers(1, 300), size=st.integers(1, 40))
def test_every_group_is_whole_and_fewer_ranks_than_a_group_are_left(ranks: int, size: int) -> None:
    groups = [group_of(rank, ranks, size) for rank in range(ranks)]
    whole = ranks // size
    assert groups == [group for group in range(whole) for _ in range(size)] + [None] * (ranks - whole * size)


def test_a_world_smaller_than_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="a trial needs 4 ranks, but the MPI world has 3; start 4 ranks or more"):
        check_world(3, 4)


# --- what comes out


def test_the_leader_speaks_for_a_trial_that_went_well() -> None:
    trial = under_way(part(6), part(4), part(5))
    assert trial.missing == []
    result = trial.result()
    assert (result.state, result.metrics, result.rank, result.epochs) == (COMPLETED, {"value": 4.0}, 4, 3)
    assert result.cpu_seconds == 1.5  # of all ranks
    assert not trial.spoilt


@pytest.mark.parametrize("state", [STOPPED, INTERRUPTED])
def test_the_leader_says_how_a_trial_ended_early(state: str) -> None:
    result = under_way(part(4, state), part(5, state), part(6)).result()
    assert (result.state, result.error) == (state, "")


def test_joules_of_all_nodes_are_kept_apart() -> None:
    one, two = {"source": "rapl", "host": "node1"}, {"source": "rapl", "host": "node2"}
    result = under_way(part(4, energy=(one,)), part(5), part(6, host="node2", energy=(two,))).result()
    assert result.energy == (one, two)


def test_joules_of_two_nodes_add_up_and_those_of_one_do_not() -> None:
    from autode.energy import EnergyReading, headline

    reading = EnergyReading(10.0, "measured_counter", "rapl", assurance="B", domains=("cpu_pkg",), seconds=1.0)
    first, second = replace(reading, host="node1"), replace(reading, host="node2")
    both, same = headline([first, second]), headline([first, first])
    assert both is not None
    assert same is not None
    assert (both.energy_j, same.energy_j) == (20.0, 10.0)


def test_the_first_failure_is_the_cause_and_names_its_rank() -> None:
    trial = under_way(
        part(4), part(6, FAILED, "nan: FloatingPointError: loss"), part(5, FAILED, "exception: TrialCancelled: other")
    )
    result = trial.result()
    assert (result.state, result.metrics, result.rank) == (FAILED, {}, 4)
    assert result.error == "nan: rank 6: FloatingPointError: loss"
    assert result.traceback.index("rank 6 on node1:\nTraceback") < result.traceback.index("rank 5 on node1:\nTraceback")
    assert trial.spoilt


def test_ranks_that_fail_alike_leave_nothing_behind() -> None:
    error = "exception: ValueError: bad"
    assert not under_way(*(part(rank, FAILED, error) for rank in (4, 5, 6))).spoilt


def test_who_does_not_come_back_is_named() -> None:
    result = under_way(part(5, FAILED, "exception: ValueError: bad"), epochs=2).result()
    assert result.error == (
        "exception: rank 5: ValueError: bad; ranks 4, 6 did not come back within 10 s, so the run had to end"
    )
    assert (result.number, result.attempt, result.rank, result.host, result.epochs) == (7, 2, 4, "node1", 2)
    assert result.started == STARTED.time


def test_a_trial_out_of_time_failed_even_if_its_ranks_come_back_well() -> None:
    result = under_way(part(4), part(5), part(6), error="timeout: the trial ran longer than 5 s").result()
    assert (result.state, result.metrics, result.error) == (FAILED, {}, "timeout: the trial ran longer than 5 s")


def test_an_attempt_that_was_given_up_goes_on_in_the_next_run() -> None:
    result = under_way(part(5, FAILED, "exception: ValueError: bad"), epochs=2).interrupted()
    assert (result.state, result.epochs, result.error, result.attempt) == (INTERRUPTED, 2, "", 2)


# --- time


def test_the_time_limit_begins_with_the_leaders_word() -> None:
    trial = TrialUnderWay(TASK, range(4, 7), begun_s=100.0)
    assert not trial.out_of_time(110.0)  # still importing
    assert trial.out_of_time(166.0)
    trial.note(STARTED)
    assert not trial.out_of_time(trial.begun_s + 4.9)
    assert trial.out_of_time(trial.begun_s + 5.1)
    assert not TrialUnderWay(replace(TASK, timeout_s=0.0), range(2), begun_s=0.0).out_of_time(1e9)


def test_the_epochs_are_the_leaders_last() -> None:
    trial = under_way()
    for epoch in (1, 3, 2):
        trial.note(EpochDone(7, 2, epoch, {}, 0.1, STARTED.time))
    assert trial.epochs == 3


# --- stopping together; a whole group of ranks does so in tests/integration/test_groups.py


class Alone:
    """A communicator of one rank, or a rank that waits for a leader who says nothing."""

    def __init__(self, rank: int = 0):
        self.rank, self.calls = rank, 0

    def Ibcast(self, word: bytearray, root: int) -> Alone:  # noqa: N802 - mpi4py's name
        self.calls += 1
        return self

    def Test(self) -> bool:  # noqa: N802
        return self.rank == 0


def test_a_decision_to_stop_stays_and_is_sent_once() -> None:
    wanted, comm = [False], Alone()
    agreement = StopAgreement(comm, lambda: wanted[0], lambda: False)
    assert not agreement()
    wanted[0] = True
    assert agreement()
    wanted[0] = False
    assert agreement()
    assert comm.calls == agreement.calls == 2


def test_waiting_for_the_leader_ends_when_the_trial_has_failed() -> None:
    looks = iter([False, False, True])
    with pytest.raises(TrialCancelled, match="another rank of this trial has failed"):
        StopAgreement(Alone(rank=1), lambda: True, lambda: next(looks))()
