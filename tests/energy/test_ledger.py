"""Who used which joule: exact sums for any input, and the right names where the truth is known."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autode.energy import read_sacct
from autode.energy.conformance.bookings import simulated_node
from autode.energy.ledger import Entry, Ledger, Meter, Work, apportion
from autode.energy.ledger_shares import Series, split
from autode.energy.reconciliation import reconcile
from autode.energy.runs import job_runs

MILLION = 1_000_000


# --- sums


@given(
    st.integers(-(10**16), 10**16),
    st.lists(st.floats(0, 1e9), min_size=1, max_size=20).filter(lambda weights: max(weights) > 0),
)
def test_a_split_adds_up_and_no_part_is_a_unit_off(amount: int, weights: list[float]) -> None:
    parts = split(amount, weights)
    assert sum(parts) == amount
    scaled = [round(weight / max(weights) * 2**53) for weight in weights]
    for part, weight in zip(parts, scaled, strict=True):
        assert abs(part - Fraction(amount) * weight / sum(scaled)) < 1


def test_of_equal_remainders_the_first_gets_the_unit() -> None:
    assert split(10, [1, 1, 1]) == [4, 3, 3]
    assert split(-10, [1, 1, 1]) == [-4, -3, -3]
    assert split(0, [3, 1]) == [0, 0]


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [-1.0, 2.0], [math.nan], [math.inf]])
def test_weights_that_mean_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        split(5, weights)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=30, unique=True), st.floats(1e-3, 1e12))
def test_growths_of_adjoining_times_add_up(times: list[float], amount: float) -> None:
    series = Series.steady(0.0, 100.0, amount)
    ordered = sorted([0.0, *times, 100.0])
    pieces = [series.whole_between(*pair) for pair in itertools.pairwise(ordered)]
    assert sum(pieces) == round(amount)


@pytest.mark.parametrize(
    ("times", "values", "said"),
    [
        ((0, 1), (0,), "two points"),
        ((0,), (0,), "two points"),
        ((0, 0), (0, 1), "ascend"),
        ((0, 1), (5, 4), "must not fall"),
    ],
)
def test_a_series_that_cannot_be_is_refused(times: tuple[float, ...], values: tuple[float, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Series(times, values)


@st.composite
def busy_nodes(draw: st.DrawFn) -> tuple[Meter, list[Work]]:
    """A node with a counter of random growth, and works that overlap as they like, outside of its time too."""
    growth = draw(st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
    counter = Series(tuple(range(len(growth) + 1)), tuple(itertools.accumulate(growth, initial=0)))
    gpus = {
        name: Series((0, len(growth)), (0, draw(st.integers(0, 10**9))))
        for name in draw(st.sets(st.sampled_from(["a", "b"])))
    }
    works = []
    for number in range(draw(st.integers(0, 6))):
        start = draw(st.floats(-2, 9))
        end = start + draw(st.floats(0.001, 9))
        cpu = Series.steady(start, end, draw(st.floats(0, 20))) if draw(st.booleans()) else None
        account = draw(st.sampled_from(["trial", "lost", "overhead"]))
        slots = 0.0 if account == "overhead" else draw(st.sampled_from([1.0, 2.0]))
        works.append(
            Work(str(number), start, end, account, slots, cpu, tuple(draw(st.sets(st.sampled_from(["a", "b"])))))
        )
    cpu = Series.steady(0, len(growth), draw(st.floats(0, 90))) if draw(st.booleans()) else None
    idle = draw(st.none() | st.floats(0, 900))
    slots = draw(st.sampled_from([0.0, 1.0, 2.0, 4.0]))
    return Meter("n", counter, slots, idle, cpu, gpus, draw(st.booleans()), draw(st.booleans())), works


@settings(max_examples=300, deadline=None)
@given(busy_nodes())
def test_every_microjoule_is_booked_once(node: tuple[Meter, list[Work]]) -> None:
    meter, works = node
    ledger = apportion(meter, works)
    total = meter.counter.values[-1]
    if not meter.gpus_inside:
        total += sum(series.values[-1] for series in meter.gpus.values())
    assert sum(entry.energy_uj for entry in ledger.entries) == ledger.total_uj == total
    assert all(entry.energy_uj >= 0 and 0 <= entry.share <= 1 + 1e-12 for entry in ledger.entries)
    accounts = ("trial", "overhead", "lost", "idle", "unattributed")
    assert sum(ledger.account_uj(name) for name in accounts) == total
    known = {work.name for work in works}
    assert all(entry.name in known for entry in ledger.entries if entry.account in ("trial", "lost", "overhead"))
    assert all(math.isfinite(entry.u_j) and entry.u_j >= 0 for entry in ledger.entries)


@settings(max_examples=100, deadline=None)
@given(busy_nodes(), st.integers(1, 10**11))
def test_a_reconciled_ledger_adds_up_to_the_job(node: tuple[Meter, list[Work]], job_uj: int) -> None:
    ledger = apportion(*node)
    closed, result = reconcile(ledger, job_uj)
    assert sum(entry.energy_uj for entry in closed.entries) == closed.total_uj == job_uj
    assert result.residual_j == pytest.approx((job_uj - ledger.total_uj) * 1e-6)
    assert closed.by_name() == ledger.by_name(), "trials keep what their nodes' meters saw"


def test_a_ledger_that_does_not_add_up_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="the ledger has 5 microjoules, its meters 6"):
        Ledger((Entry("n", "trial", "1", "cpu_time", 5, 1.0, 0.0),), 6)


# --- rules


def joules(ledger: Ledger, account: str = "trial") -> dict[str, float]:
    return {name: energy / MILLION for name, energy in ledger.by_name(account).items()}


def steady(seconds: float, watts: float) -> Series:
    return Series.steady(0.0, seconds, watts * seconds * 1e6)


def test_who_has_the_node_to_itself_gets_it_all() -> None:
    ledger = apportion(Meter("n", steady(100, 200), idle_w=80.0), [Work("1", 0, 60), Work("2", 60, 100, "lost")])
    assert joules(ledger) == {"1": 12_000.0}
    assert joules(ledger, "lost") == {"2": 8_000.0}
    assert {entry.share_rule for entry in ledger.entries} == {"node_exclusive"}


def test_a_gpu_belongs_to_who_has_it() -> None:
    gpus = {"GPU-a": steady(100, 300), "GPU-b": steady(100, 50), "GPU-c": steady(100, 30)}
    works = [Work("1", 0, 100, devices=("GPU-a",)), Work("2", 0, 50, devices=("GPU-b",))]
    ledger = apportion(Meter("n", steady(100, 500), slots=2, gpus=gpus), works)
    gpu = {e.name: e.energy_uj / MILLION for e in ledger.entries if e.share_rule == "gpu_exclusive"}
    assert gpu == {"1": 30_000.0, "2": 2_500.0, "GPU-b": 2_500.0, "GPU-c": 3_000.0}
    assert {e.account for e in ledger.entries if e.name.startswith("GPU")} == {"idle"}


def test_gpus_come_on_top_of_counters_that_lack_them() -> None:
    meter = Meter("n", steady(10, 100), gpus={"g": steady(10, 300)}, gpus_inside=False)
    assert joules(apportion(meter, [Work("1", 0, 10, devices=("g",))])) == {"1": 4_000.0}


def test_gpus_that_have_more_than_their_node_are_cut_and_flagged() -> None:
    ledger = apportion(Meter("n", steady(10, 100), gpus={"g": steady(10, 120)}), [Work("1", 0, 10, devices=("g",))])
    assert joules(ledger) == {"1": 1_000.0}
    assert ledger.entries[0].flags == ("gpu_exceeds_node",)


def test_idle_power_goes_to_slots_and_the_rest_to_who_computed() -> None:
    works = [
        Work("busy", 0, 100, cpu=Series.steady(0, 100, 90.0)),
        Work("lazy", 0, 100, cpu=Series.steady(0, 100, 10.0)),
    ]
    ledger = apportion(Meter("n", steady(100, 180), slots=4, idle_w=80.0), works)
    assert joules(ledger) == {"busy": 2_000.0 + 9_000.0, "lazy": 2_000.0 + 1_000.0}
    assert joules(ledger, "idle") == {"empty slots": 4_000.0}


def test_cpu_time_of_nobody_we_know_is_unattributed() -> None:
    meter = Meter("n", steady(100, 200), slots=2, idle_w=100.0, cpu=Series.steady(0, 100, 100.0))
    ledger = apportion(
        meter, [Work("1", 0, 100, cpu=Series.steady(0, 100, 75.0)), Work("2", 0, 100, cpu=Series.steady(0, 100, 0.0))]
    )
    assert joules(ledger, "unattributed") == {"others": 2_500.0}
    assert joules(ledger) == {"1": 5_000.0 + 7_500.0, "2": 5_000.0}


def test_a_total_is_split_by_slots_and_time() -> None:
    works = [Work("1", 10, 60), Work("2", 20, 100), Work("start", 0, 10, "overhead", 2.0)]
    ledger = apportion(Meter("job", steady(100, 400), slots=2, by_time_only=True), works)
    assert joules(ledger) == {"1": 50 * 200.0, "2": 80 * 200.0}
    assert joules(ledger, "overhead") == {"start": 4_000.0}
    assert joules(ledger, "idle") == {"empty slots": (40 + 10) * 200.0}


def piece_by_piece(seconds: int, watts: float, slots: float, works: list[Work]) -> dict[tuple[str, str], float]:
    """The rules for a total, written as they are said: microjoules by name and rule, piece by piece."""
    found: dict[tuple[str, str], float] = {}
    edges = sorted({0.0, float(seconds), *(min(max(t, 0.0), seconds) for w in works for t in (w.start, w.end))})
    for start, stop in itertools.pairwise(edges):
        active = [work for work in works if work.start <= start and work.end >= stop and work.end > work.start]
        energy, used = watts * (stop - start) * 1e6, sum(work.slots for work in active)
        if len(active) == 1 and used >= slots:
            parts = {(active[0].name, "node_exclusive"): energy}
        else:
            a_slot = energy / max(used, slots)
            parts = {(work.name, "core_seconds"): a_slot * work.slots for work in active}
            parts["empty slots", "core_seconds"] = a_slot * max(slots - used, 0.0)
        for key, part in parts.items():
            found[key] = found.get(key, 0.0) + part
    return found


@given(
    st.lists(st.tuples(st.integers(-3, 12), st.integers(0, 9), st.sampled_from([0.0, 1.0, 2.0])), max_size=8),
    st.sampled_from([1.0, 2.0, 4.0]),
)
def test_a_total_of_many_works_is_split_as_piece_by_piece(given_: list[tuple[int, int, float]], slots: float) -> None:
    works = [Work(str(n), float(at), float(at + length), slots=own) for n, (at, length, own) in enumerate(given_)]
    ledger = apportion(Meter("job", steady(10, 400), slots, by_time_only=True), works)
    truth = piece_by_piece(10, 400.0, slots, works)
    found = {(entry.name, entry.share_rule): entry.energy_uj for entry in ledger.entries}
    assert found.keys() <= truth.keys()
    for key, energy in truth.items():
        assert found.get(key, 0) == pytest.approx(energy, abs=1.01)


def test_shares_known_less_well_are_more_uncertain() -> None:
    works = [Work("1", 0, 100, cpu=Series.steady(0, 100, 50)), Work("2", 0, 100, cpu=Series.steady(0, 100, 50))]
    by_use = apportion(Meter("n", steady(100, 200), slots=2), works).entries[0]
    by_time = apportion(Meter("n", steady(100, 200), slots=2, by_time_only=True), works).entries[0]
    alone = apportion(Meter("n", steady(100, 100)), works[:1]).entries[0]
    assert by_use.energy_uj == by_time.energy_uj == alone.energy_uj
    assert alone.u_j < by_use.u_j < by_time.u_j
    assert by_time.u_j == pytest.approx(math.hypot(0.05, 0.30) * 10_000)


@pytest.mark.parametrize("wrong", [{"account": "idle"}, {"end": -1.0}, {"slots": -1.0}])
def test_work_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="work"):
        Work(**{"name": "1", "start": 0.0, "end": 1.0, **wrong})  # type: ignore[arg-type]


# --- the truth is known


@pytest.mark.parametrize("seed", range(5))
def test_four_trials_at_once_each_get_their_own_joules(seed: int) -> None:
    meter, works, truth = simulated_node(np.random.default_rng(seed))
    ledger = apportion(meter, works)
    found = joules(ledger)
    errors = {name: found[name] / truth[name] - 1 for name in truth}
    assert len(truth) > 15
    assert max(map(abs, errors.values())) <= 0.05, errors
    assert ledger.total_uj == meter.counter.values[-1]
    uncertainty = {name: sum(e.u_j for e in ledger.entries if e.name == name) for name in truth}
    within = [abs(found[name] - truth[name]) <= 2 * uncertainty[name] for name in truth]
    assert np.mean(within) >= 0.95, "the stated uncertainty covers the errors at k = 2"


def test_a_sum_of_steps_would_have_been_twice_the_truth() -> None:
    """Two trials at a time as srun steps: each step's row carries the joules of the whole node."""
    rows = ["JobID|State|Start|End|ElapsedRaw|NNodes|NodeList|ConsumedEnergyRaw"]
    day = "2026-01-01T00:"
    rows += [
        f"5|COMPLETED|{day}00:00|{day}10:00|600|1|n1|",
        f"5.extern|COMPLETED|{day}00:00|{day}10:00|600|1|n1|120000",
    ]
    works = []
    for number in range(10):
        begin, end = 2 * (number // 2), 2 * (number // 2) + 2
        rows.append(f"5.{number}|COMPLETED|{day}{begin:02d}:00|{day}{end:02d}:00|120|1|n1|24000")
        works.append(Work(str(number), 60.0 * begin, 60.0 * end))
    table = read_sacct("\n".join(rows) + "\n")
    steps = table[table["step"].str.isdigit()]["energy_j"].sum()
    run = job_runs(table).iloc[0]
    ledger = apportion(Meter("5", Series.steady(0, 600, run["energy_j"] * 1e6), slots=2, by_time_only=True), works)
    assert steps == 240_000.0 == 2 * run["energy_j"]
    assert sum(joules(ledger).values()) == 120_000.0
    assert set(joules(ledger).values()) == {12_000.0}


# --- the job


def test_what_only_the_job_saw_is_unattributed() -> None:
    nodes = apportion(Meter("n1", steady(100, 150)), [Work("1", 0, 100)])
    nodes += apportion(Meter("n2", steady(100, 150)), [Work("2", 0, 100)])
    closed, result = reconcile(nodes, 40_000 * MILLION)
    assert (result.residual_j, result.residual, result.flags) == (10_000.0, 0.25, ())
    assert joules(closed, "unattributed") == {"residual": 10_000.0}
    assert [entry.share for entry in closed.entries] == [0.375, 0.375, 0.25]


@pytest.mark.parametrize(("job_w", "flags"), [(140, ()), (60, ("negative_residual",)), (900, ("large_residual",))])
def test_sums_that_do_not_fit_are_flagged(job_w: float, flags: tuple[str, ...]) -> None:
    nodes = apportion(Meter("n1", steady(100, 150)), [Work("1", 0, 100)])
    assert reconcile(nodes, round(job_w * 100 * MILLION))[1].flags == flags


def test_a_job_without_joules_cannot_be_reconciled() -> None:
    with pytest.raises(ValueError, match="must be greater than zero"):
        reconcile(apportion(Meter("n1", steady(100, 150)), []), 0)
