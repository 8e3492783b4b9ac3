"""Joules that nobody measured: refused on demand, and never added to measured ones without being asked to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import autode
from autode.cli.main import main
from autode.cli.report import not_measured
from autode.energy import MixedEnergyError
from autode.report import load
from autode.report.energy_frame import HEADLINE

Make = Callable[..., Path]
QUICK = "def objective(trial):\n    return trial.params['x']\n"
SMALL = {"search__evaluations": 4, "search__population": 4}


@pytest.mark.parametrize("kind", ["measured", "apportioned"])
def test_a_study_that_was_measured_passes(calm_study: Make, kind: str) -> None:
    assert not_measured(calm_study(energy=kind)) == 0


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("estimated", "of 12 attempts the joules are not measured: 12 estimated"),
        ("mixed", "of 12 attempts the joules are not measured: 4 estimated"),
        ("unavailable", "12 without a reading (no powercap tree on this machine)"),
    ],
)
def test_a_study_that_was_not_exits_with_3_and_says_what(
    calm_study: Make, capsys: pytest.CaptureFixture[str], kind: str, said: str
) -> None:
    assert not_measured(calm_study(energy=kind)) == 3
    assert said in capsys.readouterr().err


def test_the_report_is_written_all_the_same(calm_study: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = calm_study(energy="mixed")
    assert main(["report", str(folder), "--require-measured"]) == 3
    assert (folder / "report.html").is_file()
    assert "4 estimated" in capsys.readouterr().err


def test_a_killed_attempt_without_a_reading_is_not_measured(busy_study: Make) -> None:
    assert not_measured(busy_study(energy="measured", trials=20)) == 3


def test_a_study_that_has_not_begun_was_not_measured(empty_study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not_measured(empty_study) == 3
    assert "no attempt has ended" in capsys.readouterr().err


def test_a_run_that_cannot_measure_ends_before_its_first_trial(
    project: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTODE_POWERCAP", str(tmp_path / "nowhere"))
    project.write(QUICK, **SMALL, energy__meters=["rapl", "estimate"])
    assert main([*project.arguments(), "--require-measured"]) == 3
    assert "no meter works here (rapl: no RAPL packages" in capsys.readouterr().err
    assert not project.out.exists()
    monkeypatch.setenv("AUTODE_SELF_REQUEUE", "1")  # our batch scripts set it: 3 would put the job back into the queue
    assert main([*project.arguments(), "--require-measured"]) == 69
    assert not project.out.exists()


def test_a_script_that_requeues_itself_is_told_that_it_is_of_no_use(
    project: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A study that is done, and was not measured, would else run for ever: 3, requeue, nothing left to do, 3."""
    tree = tmp_path / "powercap" / "intel-rapl:0"
    tree.mkdir(parents=True)
    (tree / "name").write_text("package-0\n")
    (tree / "energy_uj").write_text("5\n")
    (tree / "max_energy_range_uj").write_text("1000000\n")  # 1 J: between two samples it may have wrapped many times
    monkeypatch.setenv("AUTODE_POWERCAP", str(tmp_path / "powercap"))
    project.write(QUICK, **SMALL, energy__meters=["rapl"])
    assert main([*project.arguments(), "--require-measured"]) == 3, "a meter is there, but no joules can be told"
    assert len(load(project.out).trials) == 4
    monkeypatch.setenv("AUTODE_SELF_REQUEUE", "1")
    assert main([*project.arguments(), "--require-measured"]) == 69
    assert len(load(project.out).attempts) == 4


# --- sums


@pytest.fixture
def mixed_trial(calm_study: Make) -> Path:
    """A study whose last trial has one measured attempt of 30 J and one estimated attempt of 50 J."""
    from autode.study.journal import Journal

    folder = calm_study(energy="measured")
    journal = Journal(folder / "journal.jsonl")
    head = {"run": 0, "trial": 12, "host": "n", "rank": 0, "metrics": {}, "epochs": 1, "seconds": 1.0, "error": ""}
    measured = {"energy_j": 30.0, "method": "measured_counter", "source": "rapl", "assurance": "B"}
    modelled = {"energy_j": 50.0, "method": "modelled", "source": "estimate", "assurance": "D"}
    asked = {"type": "asked", "trial": 12, "params": {}, "proposal": 12, "epochs": 1, "seed": 1, "role": "search"}
    journal.append({**asked, "run": 0, "time": "2026-05-04T09:00:00Z"})
    journal.append({"type": "attempt", **head, "attempt": 0, "state": "interrupted", "energy": [measured]})
    done = {"state": "completed", "value": 0.5, "fitness": 0.5, "finished": "2026-05-04T09:00:01Z"}
    journal.append({"type": "told", **head, **done, "attempt": 1, "energy": [modelled]})
    journal.close()
    return folder


def test_a_sum_over_attempts_leaves_estimates_out_and_says_so(mixed_trial: Path) -> None:
    data = load(mixed_trial)
    trial = data.trials.iloc[-1]
    assert (trial["energy_j"], trial["energy_class"]) == (30.0, "measured")
    assert trial["energy_flags"].split() == ["estimates_left_out", "partial"]
    assert trial["trial"] not in set(data.comparable()["trial"]), "it is not whole"
    total = data.energy[data.energy["source"] == HEADLINE].iloc[0]
    assert total["method"] == "measured_counter"
    assert {"partial", "estimates_left_out"} <= set(total["flags"].split())
    assert total["joules"] == pytest.approx(data.energy_total["energy_j"])


def test_with_the_flag_they_are_added_as_a_marked_estimate(mixed_trial: Path) -> None:
    data = autode.load(mixed_trial, allow_mixed=True)
    trial = data.trials.iloc[-1]
    assert (trial["energy_j"], trial["energy_class"], trial["energy_flags"]) == (80.0, "estimated", "mixed")
    total = data.energy[data.energy["source"] == HEADLINE].iloc[0]
    assert (total["method"], total["flags"]) == ("modelled", "mixed")


def test_the_sum_of_rows_refuses_to_mix(mixed_trial: Path) -> None:
    data = load(mixed_trial)
    with pytest.raises(MixedEnergyError, match="some of these joules are measured and others estimated"):
        data.joules()
    measured = data.attempts[data.attempts["energy_class"] == "measured"]
    assert data.joules(allow_mixed=True) == pytest.approx(data.joules(measured) + 50.0)


def test_the_command_has_the_flag_too(mixed_trial: Path) -> None:
    assert main(["report", str(mixed_trial), "--allow-mixed"]) == 0
    assert pd.read_csv(mixed_trial / "trials.csv")["energy_j"].iloc[-1] == 80.0


def test_joules_of_nothing_are_not_zero(calm_study: Make) -> None:
    data = load(calm_study(energy="unavailable"))
    assert data.joules() != data.joules()
