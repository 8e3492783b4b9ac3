"""Grams of carbon: only with a stated intensity, beside the joules and never in their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from autode.cli.main import main
from autode.report import load
from autode.report.carbon import Intensity, carbon_frame, carbon_table
from autode.report.page import page_facts
from autode.study import UserError
from autode.study.parsing import parse_energy

Make = Callable[..., Path]


def test_sci_by_hand(calm_study: Make) -> None:
    """12 trials; E in kWh times PUE times g/kWh, plus embodied grams, per trial."""
    data = load(calm_study(energy="measured"))
    joules = data.attempts["energy_j"].sum()
    (row,) = carbon_frame(data, Intensity(300.0, "site", pue=1.2, embodied_g=50.0)).to_dict("records")
    assert (row["scope"], row["energy_class"], row["trials"]) == ("trials", "measured", 12)
    assert row["energy_j"] == pytest.approx(joules)
    assert row["energy_kwh"] == pytest.approx(joules / 3.6e6)
    assert row["energy_with_pue_j"] == pytest.approx(1.2 * joules)
    assert row["operational_g"] == pytest.approx(joules / 3.6e6 * 1.2 * 300)
    assert row["sci_g_per_trial"] == pytest.approx((row["operational_g"] + 50) / 12)


def test_embodied_emissions_that_nobody_stated_are_said_to_be_left_out(calm_study: Make) -> None:
    found = carbon_frame(load(calm_study(energy="measured")), Intensity(300.0))
    assert found["embodied_g"].isna().all()
    head, (cells,) = carbon_table(found)
    assert cells[head.index("embodied gCO2e")].text == "not included"


@pytest.mark.parametrize("kind", ["estimated", "unavailable", "mixed"])
def test_what_was_not_measured_has_no_grams(calm_study: Make, kind: str) -> None:
    assert carbon_frame(load(calm_study(energy=kind)), Intensity(300.0)).empty


def test_without_an_intensity_nothing_is_said_of_carbon(calm_study: Make) -> None:
    assert Intensity.stated({"pue": 1.3}) is None
    assert page_facts(load(calm_study(energy="measured")))["carbon"] is None


def test_the_command_goes_before_the_workflow() -> None:
    workflow = {"meters": "auto", "carbon_g_per_kwh": 100.0, "carbon_source": "2024 mean", "pue": 1.5}
    assert Intensity.stated(workflow) == Intensity(100.0, "2024 mean", 1.5)
    given: dict[str, Any] = {"carbon_g_per_kwh": 250.0, "carbon_source": "today", "pue": None, "embodied_g": None}
    assert Intensity.stated(workflow, **given) == Intensity(250.0, "today", 1.5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"g_per_kwh": -1.0}, "grams per kWh"),
        ({"pue": 0.9}, "PUE must be at least 1"),
        ({"embodied_g": -1.0}, "embodied"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Intensity(**{"g_per_kwh": 1.0, **wrong})


def test_the_workflow_states_it_in_its_table_energy() -> None:
    assert parse_energy("w", {"carbon_g_per_kwh": 230, "pue": 1.1})["pue"] == 1.1
    with pytest.raises(UserError, match="pue: expected a number of at least 1"):
        parse_energy("w", {"pue": 0.5})


def test_the_command_writes_a_table_and_a_section(calm_study: Make) -> None:
    folder = calm_study(energy="measured")
    assert main(["report", str(folder), "--carbon-g-per-kwh", "230", "--pue", "1.2"]) == 0
    written = pd.read_csv(folder / "carbon.csv")
    assert written["g_per_kwh"].tolist() == [230.0]
    assert "SCI, g per trial" in (folder / "report.html").read_text()


def test_watt_hours_stand_beside_joules(calm_study: Make) -> None:
    data = load(calm_study(energy="measured"))
    assert data.trials["energy_wh"].tolist() == pytest.approx((data.trials["energy_j"] / 3600).tolist())
    assert data.energy["watt_hours"].tolist() == pytest.approx((data.energy["joules"] / 3600).tolist())
    assert load(calm_study(energy="unavailable")).trials["energy_wh"].isna().all()
