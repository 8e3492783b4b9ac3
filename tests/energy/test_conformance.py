"""The suite of known joules: all of it passes here, and it notices what is commonly got wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autode.cli.main import main
from autode.energy import rapl
from autode.energy.conformance import Verdict, accounts, bookings, counters, perun_result, verdicts
from autode.energy.tracks import CounterTrack


@pytest.fixture(scope="module")
def all_verdicts() -> list[Verdict]:
    with pytest.MonkeyPatch.context() as patch:
        # perun asks for a description of the processor, which takes two seconds and no part in any figure
        patch.setattr("cpuinfo.get_cpu_info", lambda: {"brand_raw": "test"})
        return list(verdicts())


def test_everything_passes(all_verdicts: list[Verdict]) -> None:
    assert [verdict for verdict in all_verdicts if not verdict.passed] == []


@pytest.mark.parametrize(
    ("subject", "fewest", "limit"),
    [
        ("rapl", 5, 0.005),
        ("nvml", 4, 0.005),
        ("perun", 5, 0.005),
        ("read_perun", 6, 0.005),
        ("sacct", 60, 0.005),
        ("ledger", 12, 0.05),
        ("sampler", 1, 0.005),
    ],
)
def test_the_limits_are_those_promised(all_verdicts: list[Verdict], subject: str, fewest: int, limit: float) -> None:
    own = [verdict for verdict in all_verdicts if verdict.subject == subject]
    assert len(own) >= fewest
    assert max(verdict.limit for verdict in own) <= limit


# --- verdicts


@pytest.mark.parametrize(
    ("truth", "found", "passed"),
    [
        (100.0, 100.4, True),
        (100.0, 99.4, False),
        (100.0, None, False),
        (100.0, math.nan, False),
        (None, None, True),
        (math.nan, None, True),
        (None, 0.0, False),  # nothing to be had is not zero
        (0.0, 0.004, True),
        (0.0, 0.006, False),
    ],
)
def test_a_verdict(truth: float | None, found: float | None, passed: bool) -> None:
    assert Verdict("x", "y", truth, found).passed is passed


# --- it notices


def failing(found: list[Verdict], word: str) -> bool:
    return any(word in verdict.case and not verdict.passed for verdict in found)


def rapl_verdicts(folder: Path) -> Iterator[Verdict]:
    return counters.powercap_verdicts(folder, "rapl", rapl.open_rapl)


def test_wraps_that_are_not_undone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(CounterTrack, "_step", lambda self, last, t, counts: abs(counts - last[1]) * self.unit_j)
    assert failing(list(rapl_verdicts(tmp_path)), "wraps")


def test_failed_reads_that_count_as_zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept: Callable[[Path], Callable[[], float | None]] = rapl._reader
    monkeypatch.setattr(rapl, "_reader", lambda path: lambda: kept(path)() or 0)
    monkeypatch.setattr(CounterTrack, "_possible", lambda self, seconds: math.inf)  # and nobody doubts the wrap
    assert failing(list(rapl_verdicts(tmp_path)), "every fifth read fails")


@pytest.mark.parametrize("wrong", ["job_row", "sum_of_steps"])
def test_figures_that_are_taken_from_the_wrong_row(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    import autode.energy

    right = autode.energy.job_runs

    def naive(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = rows[(rows["step"] == "") == (wrong == "job_row")]
        sums = chosen.groupby(["job", "run"])["energy_j"].sum(min_count=1)
        runs = right(rows)
        return runs.assign(energy_j=sums.reindex(pd.MultiIndex.from_frame(runs[["job", "run"]])).to_numpy())

    monkeypatch.setattr(autode.energy, "job_runs", naive)
    monkeypatch.setattr(accounts, "DRESSES", {"--parsable2": accounts.DRESSES["--parsable2"]})
    found = list(accounts.account_verdicts())
    assert failing(found, "time limit" if wrong == "job_row" else "in pairs")
    assert failing(found, "counted twice")


def test_rounded_joules_are_within_the_rounding_and_exact_ones_exact() -> None:
    limits = {dress: limit for dress, (_, _, limit) in accounts.DRESSES.items()}
    assert limits.pop("rounded, watts beside joules") == 0.005
    assert set(limits.values()) == {1e-9}


def test_pue_that_is_left_in(tmp_path: Path) -> None:
    """The figure that perun itself states would be 54 % off."""
    document = perun_result.perun_document(pue=1.5, overhead_w=10.0)
    stated = document["nodes"][0]["run1"]["nodes"][0]["0"]["nodes"][0]["n1"]["metrics"]["energy"]["value"]
    (run, *_) = [one for one in perun_result.perun_verdicts(tmp_path) if "PUE" in one.case]
    assert run.passed
    assert not Verdict("perun", "as stated", run.truth, stated).passed


def test_a_ledger_that_knows_no_use_is_more_than_5_percent_off() -> None:
    from dataclasses import replace

    from autode.energy.ledger import apportion

    meter, works, truth = bookings.simulated_node(np.random.default_rng(0))
    found = apportion(replace(meter, by_time_only=True, gpus={}), works).by_name()
    assert max(abs(found[name] * 1e-6 / truth[name] - 1) for name in truth) > 0.05


# --- the command


def test_the_command_prints_a_line_a_subject(
    all_verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("autode.energy.conformance.verdicts", lambda: iter(all_verdicts))
    assert main(["doctor", "--conformance"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len({verdict.subject for verdict in all_verdicts})
    assert any(line.startswith("sacct       ") and "passed, largest error" in line for line in lines)


def test_a_failure_is_named_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Verdict("rapl", "an hour", 100.0, 100.0), Verdict("rapl", "a day", 100.0, 200.0, detail="3 wraps")]
    monkeypatch.setattr("autode.energy.conformance.verdicts", lambda: iter(found))
    assert main(["doctor", "--conformance"]) == 1
    assert "FAILED rapl: a day: truth 100 J, found 200 J [3 wraps]" in capsys.readouterr().out


def test_every_case_is_printed_on_demand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = [Verdict("nvml", "reloaded", None, None)]
    monkeypatch.setattr("autode.energy.conformance.verdicts", lambda: iter(found))
    assert main(["doctor", "--conformance", "--all"]) == 0
    assert "passed nvml: reloaded: truth none, found none" in capsys.readouterr().out


def test_a_node_of_no_watts_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--conformance", "--watts-per-node", "0"]) == 2
    assert "must be greater than zero" in capsys.readouterr().err
