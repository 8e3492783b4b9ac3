"""Several studies side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from autode.report import load, write_report

Make = Callable[..., Path]


def test_studies_are_compared_in_a_folder_of_their_own(busy_study: Make) -> None:
    folders = [
        busy_study(trials=20, seed=seed, name=f"study-{seed}", energy=kind)
        for seed, kind in ((1, "measured"), (2, "mixed"))
    ]
    before = [sorted(folder.iterdir()) for folder in folders]
    page = write_report(folders)
    assert page == folders[0].parent / "comparison" / "comparison.html"
    assert [sorted(folder.iterdir()) for folder in folders] == before
    text = page.read_text()
    assert "Comparison of 2 studies" in text
    assert "study-1" in text
    assert "study-2" in text
    assert "//www" not in text
    assert (page.parent / "figures" / "convergence.png").stat().st_size > 10_000


def test_the_overview_keeps_classes_of_energy_apart(busy_study: Make, tmp_path: Path) -> None:
    folders = [busy_study(trials=20, energy=kind) for kind in ("measured", "mixed", "unavailable")]
    write_report(folders, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "comparison.csv")
    assert list(table["measured_j"].notna()) == [True, True, False]
    assert list(table["estimated_j"].notna()) == [False, True, False]
    for folder, row in zip(folders, table.to_dict("records"), strict=True):
        best = load(folder).best()
        assert best is not None
        assert (row["best_trial"], row["best_value"]) == (best["trial"], best["value"])


def test_studies_without_a_result_can_stand_beside_others(busy_study: Make, empty_study: Path, tmp_path: Path) -> None:
    text = write_report([busy_study(trials=12), empty_study], tmp_path).read_text()
    assert "of the 1 studies with a result" not in text
    assert "Best val_error so far" in text


def test_values_of_different_goals_are_not_compared(busy_study: Make, tmp_path: Path) -> None:
    folders = [busy_study(trials=12, direction=direction) for direction in ("minimize", "maximize")]
    with pytest.raises(ValueError, match="studies of different goals cannot be compared"):
        write_report(folders, tmp_path)
