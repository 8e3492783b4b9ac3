"""What other programs find in an exported study."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

import autode
from autode.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "docs/example-study"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A copy of the study that the documentation shows."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "study"))


def test_csv_has_the_tables_of_the_report(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(study), "--to", "csv", "--out", str(tmp_path / "tables")]) == 0
    names = ("trials", "energy", "jobs", "epochs", "confirmations")
    assert capsys.readouterr().out == "".join(f"written: {tmp_path / 'tables' / name}.csv\n" for name in names)
    trials = pd.read_csv(tmp_path / "tables/trials.csv")
    assert trials["value"].equals(autode.load(study).trials["value"])


def test_parquet_has_the_same_tables(study: Path) -> None:
    pytest.importorskip("pyarrow")
    assert main(["export", str(study), "--to", "parquet"]) == 0
    data = autode.load(study)
    assert pd.read_parquet(study / "trials.parquet").to_csv() == data.trials.to_csv()
    energy = pd.read_parquet(study / "energy.parquet")
    assert energy["joules"].equals(data.energy["joules"])
    assert energy["id"].tolist() == data.energy["id"].map(str).tolist(), "trials and nodes are named in one column"


def test_optuna_finds_parameters_values_epochs_and_joules(study: Path) -> None:
    optuna = pytest.importorskip("optuna")
    for _ in range(2):  # anew each time, not twice as much
        assert main(["export", str(study), "--to", "optuna"]) == 0
    data = autode.load(study)
    found = optuna.load_study(study_name="example", storage=f"sqlite:///{study / 'optuna.db'}")
    ended = data.trials[data.trials["state"].isin(["completed", "stopped", "failed", "lost"])]
    assert [trial.user_attrs["trial"] for trial in found.trials] == ended["trial"].tolist()
    completed = data.trials[data.trials["state"] == "completed"].set_index("trial")
    assert found.best_value == completed["value"].min()
    for trial in found.trials:
        if trial.state.name != "COMPLETE":
            continue
        row = completed.loc[trial.user_attrs["trial"]]
        assert trial.value == row["value"]
        assert trial.params["lr"] == row["param.lr"]
        assert ("momentum" in trial.params) is (trial.params["optimizer"] == "sgd"), "it has no part in the others"
        assert len(trial.intermediate_values) == row["epochs"]
        assert trial.user_attrs.get("energy_j") == (row["energy_j"] if row["energy_j"] == row["energy_j"] else None)


@pytest.mark.parametrize(("form", "package"), [("parquet", "pyarrow"), ("optuna", "optuna")])
def test_a_package_that_is_missing_is_named(
    study: Path, form: str, package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if package == "pyarrow" and importlib.util.find_spec(package):
        pytest.skip("where there is a pyarrow, pandas cannot do without")
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["export", str(study), "--to", form]) == 2
    assert capsys.readouterr().err.startswith(f"autode: --to {form}: needs {package}, which is not installed here")


def test_a_folder_without_a_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path), "--to", "csv"]) == 2
    assert "no study in this folder" in capsys.readouterr().err
