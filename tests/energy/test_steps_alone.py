"""Steps that had a node to themselves: whose joules in accounting are their own."""

from __future__ import annotations

import pytest

from autode.energy import read_sacct
from autode.energy.ledger import Meter, Work
from autode.energy.ledger_shares import Series
from autode.energy.steps_alone import apportion_steps, steps_alone

HEAD = "JobID|State|Start|End|NNodes|NodeList|ConsumedEnergyRaw\n"


def row(step: str, start: int, end: int, node: str, joules: int | str = 100) -> str:
    return f"5.{step}|COMPLETED|2026-01-01T00:{start:02}:00|2026-01-01T00:{end:02}:00|1|{node}|{joules}\n"


@pytest.mark.parametrize(
    ("rows", "alone"),
    [
        (row("0", 0, 2, "n1") + row("1", 2, 4, "n1"), {"0": 100.0, "1": 100.0}),
        (row("0", 0, 2, "n1") + row("1", 1, 4, "n1") + row("2", 5, 6, "n1"), {"2": 100.0}),
        (row("0", 0, 9, "n1") + row("1", 1, 2, "n1") + row("2", 5, 6, "n1"), {}),
        (row("0", 0, 2, "n1") + row("1", 0, 2, "n2"), {"0": 100.0, "1": 100.0}),
        (row("0", 0, 2, "n1", "") + row("1", 2, 3, "n1"), {"1": 100.0}),
        (row("0", 0, 2, "n[1-2]") + row("1", 1, 3, "n3"), {}),  # who was on several nodes hides who was on which
        (row("batch", 0, 9, "n1") + row("extern", 0, 9, "n1") + row("0", 1, 2, "n1"), {"0": 100.0}),
    ],
)
def test_who_was_alone(rows: str, alone: dict[str, float]) -> None:
    assert steps_alone(read_sacct(HEAD + rows)).get(("5", 0), {}) == alone


def test_the_rest_goes_by_slots_and_time() -> None:
    """10 s on two nodes of two slots: one step alone on its node for 6 s, another trial for 5 s in one slot."""
    meter = Meter("5.0", Series.steady(0.0, 10.0, 1000e6), slots=4, by_time_only=True)
    ledger = apportion_steps(meter, [Work("a", 0, 6, slots=2), Work("b", 0, 5)], {"a": 440.0})
    assert ledger is not None
    assert ledger.by_name() == {"a": 440_000_000, "b": 560_000_000 * 5 / 28}
    assert ledger.account_uj("idle") == 560_000_000 * 23 / 28
    rules = {entry.name: entry.share_rule for entry in ledger.entries}
    assert rules == {"a": "step_exclusive", "b": "core_seconds", "empty slots": "core_seconds"}
    uncertainty = {entry.name: entry.u_j / (entry.energy_uj * 1e-6) for entry in ledger.entries}
    assert uncertainty["a"] == pytest.approx(0.05)
    assert uncertainty["b"] > 0.30


def test_steps_that_have_more_than_their_job_are_not_believed() -> None:
    meter = Meter("5.0", Series.steady(0.0, 10.0, 100e6), slots=1, by_time_only=True)
    assert apportion_steps(meter, [Work("a", 0, 10)], {"a": 101.0}) is None


def test_what_no_slot_is_left_for_is_unattributed() -> None:
    meter = Meter("5.0", Series.steady(0.0, 10.0, 100e6), slots=1, by_time_only=True)
    ledger = apportion_steps(meter, [Work("a", 0, 10)], {"a": 90.0})
    assert ledger is not None
    assert ledger.account_uj("unattributed") == 10_000_000
