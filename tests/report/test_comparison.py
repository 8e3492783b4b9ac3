"""Several studies side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from autode.cli.main import main
from autode.report import load, write_report
from autode.report.comparison import told_apart

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


def test_strategies_are_tested_and_drawn(busy_study: Make, tmp_path: Path) -> None:
    folders = [
        busy_study(trials=trials, seed=seed, algorithm=name, name=f"{name}-{seed}")
        for name, trials in (("lshade", 30), ("jde", 18), ("random", 12))
        for seed in range(6)
    ]
    text = write_report(folders, tmp_path / "out").read_text()
    pairs = pd.read_csv(tmp_path / "out/strategies.csv")
    assert len(pairs[pairs["by"] == "value"]) == 3
    assert (pairs["p_holm"] >= pairs["p"]).all()
    assert "over 6 blocks; Friedman p = " in text
    assert (tmp_path / "out/figures/ranks-value.svg").is_file()
    assert pd.read_csv(tmp_path / "out/by_setting.csv")["search.algorithm"].tolist() == ["jde", "lshade", "random"]


def test_estimates_are_marked_wherever_they_stand(calm_study: Make, tmp_path: Path) -> None:
    """No attempt lacks a reading here, so the estimates can be compared: as estimates."""
    folders = [calm_study(energy="estimated", algorithm=n, seed=s) for n in ("jde", "random") for s in range(5)]
    text = write_report(folders, tmp_path / "out").read_text()
    table = pd.read_csv(tmp_path / "out/savings.csv")
    assert table["baseline"].tolist() == ["random"]
    assert table["energy_class"].tolist() == ["estimated"]
    assert table["saved_low"].notna().all()
    assert "Energy is that of the trials, estimated in all studies." in text
    assert " % (est.)" in text


def test_measured_and_estimated_studies_are_not_compared_in_joules(calm_study: Make, tmp_path: Path) -> None:
    folders = [
        calm_study(energy=kind, algorithm=name, seed=1) for kind, name in (("measured", "jde"), ("estimated", "random"))
    ]
    text = write_report(folders, tmp_path / "out").read_text()
    assert "Energy is not compared: there is no class of energy in which every study is whole." in text
    assert pd.read_csv(tmp_path / "out/by_setting.csv")["energy_j"].isna().all()
    assert not (tmp_path / "out/savings.csv").exists()


def test_a_sweep_gives_the_table_by_its_key(
    busy_study: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(busy_study(trials=12, seed=1, batch_size=size)) for size in (64, 16)]
    assert main(["report", *folders, "--out", str(tmp_path / "out")]) == 0
    table = pd.read_csv(tmp_path / "out/by_setting.csv")
    assert table["objective.batch_size"].tolist() == [16, 64]
    assert main(["report", *folders, "--by", "objective.colour"]) == 2
    assert "no study has the setting 'objective.colour'; they differ in objective.batch_size" in capsys.readouterr().err
    assert main(["report", *folders, "--baseline", "grid"]) == 2
    assert "no study has search.algorithm = 'grid'; there are lshade" in capsys.readouterr().err


def test_studies_of_one_name_are_told_apart_by_their_folders(busy_study: Make) -> None:
    data = load(busy_study(trials=3))
    seeds = [dataclasses.replace(data, path=Path("cells") / f"seed={seed}") for seed in (1, 2)]
    assert told_apart(seeds) == ["seed=1", "seed=2"]
    assert told_apart([data]) == [data.name]
    same = [dataclasses.replace(data, path=Path(parent) / "lshade") for parent in ("mnist", "cifar")]
    assert told_apart(same) == ["mnist/lshade", "cifar/lshade"]
