"""Several studies as an experiment: tables by a setting, strategies over seeds, joules saved at equal accuracy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autode.report import StudyData, load
from autode.report.costs import common_class, elapsed_s, overhead_share, spending, total_joules
from autode.report.strategies import blocks, by_setting, differing, rankings, savings

Make = Callable[..., Path]


def changed(data: StudyData, **settings: Any) -> StudyData:
    """The same study with other settings, ``table__key=value``."""
    workflow = copy.deepcopy(data.workflow)
    for name, value in settings.items():
        *path, key = name.split("__")
        table = workflow
        for part in path:
            table = table.setdefault(part, {})
        table[key] = value
    return replace(data, workflow=workflow)


def scaled(data: StudyData, joules: float = 1.0, value: float = 0.0, **settings: Any) -> StudyData:
    """The same study with all joules multiplied and all values shifted."""
    attempts = data.attempts.assign(energy_j=data.attempts["energy_j"] * joules)
    trials = data.trials.assign(value=data.trials["value"] + value, fitness=data.trials["fitness"] + value)
    return changed(replace(data, attempts=attempts, trials=trials), **settings)


@pytest.fixture
def study(busy_study: Make) -> Callable[..., StudyData]:
    """Call it for a study whose attempts all have joules: also the one that a kill ended."""

    def make(energy: str = "measured", seed: int = 1, trials: int = 16) -> StudyData:
        data = load(busy_study(energy=energy, seed=seed, trials=trials))
        attempts = data.attempts.copy()
        gap = attempts["energy_class"] == "unavailable"
        if energy in ("measured", "apportioned", "estimated"):
            attempts.loc[gap, ["energy_j", "energy_class"]] = [50.0, energy]
        return changed(replace(data, attempts=attempts), seed=seed)

    return make


@pytest.fixture
def experiment(study: Callable[..., StudyData]) -> list[StudyData]:
    """Three strategies on eight seeds: ``cheap`` finds the same for half the joules, ``poor`` finds worse."""
    studies = []
    for seed in range(8):
        plain = study(seed=seed)
        studies.append(scaled(plain, 1.0, search__algorithm="lshade"))
        studies.append(scaled(plain, 0.5, search__algorithm="cheap"))
        studies.append(scaled(plain, 2.0, 0.1 + 0.01 * seed, search__algorithm="poor"))
    return studies


def test_the_settings_in_which_studies_differ(experiment: list[StudyData]) -> None:
    assert differing(experiment) == ["seed", "search.algorithm"]
    assert differing(experiment[:1]) == []


def test_a_table_by_batch_size_as_it_is_published(study: Callable[..., StudyData]) -> None:
    studies = [changed(study(seed=seed), objective__batch_size=size) for size in (64, 16) for seed in (1, 2)]
    table = by_setting(studies, "objective.batch_size")
    assert table["objective.batch_size"].tolist() == [16, 64]
    assert table["studies"].tolist() == [2, 2]
    small = [data for data in studies if data.workflow["objective"]["batch_size"] == 16]
    bests = [float(data.trials["value"].min()) for data in small]
    row = table.iloc[0]
    assert (row["best"], row["best_mean"]) == (min(bests), pytest.approx(np.mean(bests)))
    assert row["elapsed_s"] == pytest.approx(np.mean([elapsed_s(data) for data in small]))
    energies = [float(data.attempts["energy_j"].sum()) for data in small]
    assert row["energy_j"] == pytest.approx(np.mean(energies))
    assert row["edp_js"] == pytest.approx(
        np.mean([e * elapsed_s(data) for e, data in zip(energies, small, strict=True)])
    )
    assert row["energy_class"] == "measured"
    with pytest.raises(ValueError, match=r"no study has the setting 'objective.x'; they differ in seed"):
        by_setting(studies, "objective.x")


class TestClasses:
    """Joules of different classes meet nowhere."""

    @pytest.mark.parametrize(
        ("kinds", "expected"),
        [
            (("measured", "measured"), "measured"),
            (("estimated", "estimated"), "estimated"),
            (("measured", "estimated"), None),
            (("measured", "mixed"), None),
            (("unavailable", "measured"), None),
        ],
    )
    def test_studies_are_compared_in_a_class_that_all_have(
        self, study: Callable[..., StudyData], kinds: tuple[str, str], expected: str | None
    ) -> None:
        studies = [changed(study(energy=kind), search__algorithm=kind) for kind in kinds]
        assert common_class(studies) == expected
        table = by_setting(studies, "search.algorithm")
        assert table["energy_j"].notna().all() == (expected is not None)

    def test_a_study_of_several_classes_has_no_sum(self, study: Callable[..., StudyData]) -> None:
        data = study(energy="mixed")
        assert [total_joules(data, kind) for kind in ("measured", "apportioned", "estimated", "job")] == [None] * 4
        assert spending(data, "measured") is None

    def test_accounted_jobs_come_first(self, study: Callable[..., StudyData]) -> None:
        data = study()
        jobs = data.jobs.assign(energy_j=[1000.0, 2000.0, 500.0], flags=[None, None, "counted_above"])
        assert total_joules(replace(data, jobs=jobs), "job") == 3000.0
        assert common_class([replace(data, jobs=jobs)]) == "job"
        assert total_joules(replace(data, jobs=jobs.assign(flags="partial")), "job") is None, "a part is no sum"

    def test_what_no_trial_used_is_overhead(self, study: Callable[..., StudyData]) -> None:
        data = study()
        assert overhead_share(data) is None
        rows = pd.DataFrame([{"scope": "job", "account": "trial", "joules": 1800.0}])
        jobs = data.jobs.assign(energy_j=1000.0, flags=None)
        assert overhead_share(replace(data, jobs=jobs, energy=rows)) == pytest.approx(0.4)


def test_joules_to_reach_an_accuracy_count_failures(study: Callable[..., StudyData]) -> None:
    data = study(trials=30)
    spent = spending(data, "measured")
    assert spent is not None
    search = data.attempts[data.attempts["role"] == "search"]
    assert spent.joules[-1] == pytest.approx(search["energy_j"].sum()), "failed and lost attempts included"
    best = float(data.trials["value"].min())
    winner = data.trials.loc[data.trials["value"].idxmin()]
    before = search[search["finished"].fillna(search["started"]) <= winner["finished"]]
    assert spent.to_reach(best) == pytest.approx(before["energy_j"].sum())
    assert spent.to_reach(1e9) <= spent.to_reach(best)
    assert np.isnan(spent.to_reach(best - 1e-9))


def test_more_may_be_better(busy_study: Make) -> None:
    data = load(busy_study(energy="measured", direction="maximize", trials=20))
    whole = data.attempts.assign(energy_class="measured", energy_j=data.attempts["energy_j"].fillna(1.0))
    spent = spending(replace(data, attempts=whole), "measured")
    assert spent is not None
    assert np.nanmax(spent.best) == spent.best[-1] == data.trials["value"].max()
    assert not np.isnan(spent.to_reach(float(data.trials["value"].max())))


def test_blocks_are_what_the_strategies_share(experiment: list[StudyData]) -> None:
    table = blocks(experiment, [float(number) for number in range(24)])
    assert table.shape == (8, 3)
    assert list(table.columns) == ["cheap", "lshade", "poor"]
    assert table.notna().all().all()
    larger = [changed(data, search__population=50 + i) for i, data in enumerate(experiment)]
    assert blocks(larger, [0.0] * 24).shape == (8, 3), "a strategy's own settings make no block"
    other = [*experiment, changed(experiment[0], objective__dataset="mnist")]
    assert blocks(other, [0.0] * 25).isna().sum().sum() == 2


def test_strategies_are_ranked_by_value_and_by_energy(experiment: list[StudyData]) -> None:
    found = rankings(experiment)
    value, energy = found["value"], found["energy"]
    assert value.ranks.to_dict() == {"cheap": 1.5, "lshade": 1.5, "poor": 3.0}
    assert value.groups == [("cheap", "lshade")]
    assert energy.ranks.to_dict() == {"cheap": 1.0, "lshade": 2.0, "poor": 3.0}
    assert energy.groups == []
    assert energy.p < 0.001
    assert rankings(experiment[:3])["value"].blocks == 1


def test_without_a_common_class_energy_is_not_ranked(study: Callable[..., StudyData]) -> None:
    studies = [changed(study(energy=kind), search__algorithm=kind) for kind in ("measured", "estimated")]
    assert list(rankings(studies)) == ["value"]
    assert savings(studies, "measured", np.random.default_rng(1)).empty


def test_joules_saved_at_equal_accuracy(experiment: list[StudyData]) -> None:
    table = savings(experiment, "lshade", np.random.default_rng(420)).set_index("strategy")
    cheap, poor = table.loc["cheap"], table.loc["poor"]
    assert cheap["saved"] == pytest.approx(0.5)
    assert (cheap["saved_low"], cheap["saved_high"]) == (pytest.approx(0.5), pytest.approx(0.5))
    assert poor["saved"] < 0, "what is worse spends more to reach what both reached"
    assert poor["saved_low"] <= poor["saved"] <= poor["saved_high"]
    assert cheap["blocks"] == 8
    assert cheap["energy_class"] == "measured"


def test_wrong_baselines_are_said(experiment: list[StudyData]) -> None:
    with pytest.raises(ValueError, match=r"no study has search.algorithm = 'jde'; there are cheap, lshade, poor"):
        savings(experiment, "jde", np.random.default_rng(1))
    with pytest.raises(ValueError, match="a strategy ran twice in one block"):
        savings([*experiment, experiment[0]], "lshade", np.random.default_rng(1))
