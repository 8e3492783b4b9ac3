"""Two objectives in one study: error and joules, or any two metrics; measured and estimated joules never meet."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import autode
from autode.energy import EnergyReading
from autode.study.errors import UserError
from autode.study.fitness import judge
from autode.study.workflow import Workflow, parse_workflow
from autode.trial import COMPLETED, FAILED, TrialResult

SPACE = {"x": autode.Float(0.0, 1.0), "y": autode.Float(0.0, 1.0)}


def objective(trial: autode.Trial) -> dict[str, float]:
    """Schaffer's problem: both cannot be small; y is wasted."""
    x, y = 4 * trial.params["x"] - 1, trial.params["y"]
    return {"error": x**2 + y, "cost": (x - 2) ** 2 + y}


def study(folder: Path, **more: Any) -> autode.Study:
    settings = {"metrics": ["error", "cost"], "search": {"evaluations": 60, "population": 12}, "seed": 1, **more}
    return autode.Study(folder, space=SPACE, meters=["estimate"], schedule="generational", **settings)


def test_a_study_of_two_metrics_finds_their_front(tmp_path: Path) -> None:
    made = study(tmp_path)
    assert made.workflow.search["algorithm"] == "gde3"
    made.run(objective)
    front = made.pareto()
    errors, costs = front["metric.error"].tolist(), front["metric.cost"].tolist()
    assert len(front) >= 10
    assert costs == sorted(costs)
    assert errors == sorted(errors, reverse=True)
    assert made.hypervolume((5.0, 5.0)) > 16.0  # of 20.4 below the true front's
    assert made.hypervolume((5.0, 5.0)) > made.hypervolume((4.0, 4.0)) > made.hypervolume((0.0, 0.0)) == 0.0
    assert made.best is not None
    assert made.best["value"] == min(made.trials()["metric.error"])


def test_it_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    whole, cut = study(tmp_path / "whole"), study(tmp_path / "cut")
    whole.run(objective)
    cut.run(objective)
    journal = tmp_path / "cut" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    for name in ("snapshot.json",):
        (tmp_path / "cut" / name).unlink(missing_ok=True)
    cut.run(objective)
    assert cut.trials()["metric.cost"].tolist() == whole.trials()["metric.cost"].tolist()


def test_directions_turn_the_front_around(tmp_path: Path) -> None:
    made = study(tmp_path, metrics=["gain", "cost"], directions=["maximize", "minimize"])
    made.run(lambda trial: {"gain": -objective(trial)["error"], "cost": objective(trial)["cost"]})
    front = made.pareto()
    assert front["metric.gain"].tolist() == sorted(front["metric.gain"])
    assert made.hypervolume((-5.0, 5.0)) > 14.0


# --- joules as an objective


def workflow(energy_class: str | None = None) -> Workflow:
    goal = {"python": "module:function", "metrics": ["error", "energy_j"]}
    return parse_workflow(
        {
            "name": "t",
            "objective": goal if energy_class is None else {**goal, "energy_class": energy_class},
            "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
            "search": {"evaluations": 10},
        }
    )


def reading(joules: float | None, method: str) -> EnergyReading:
    assurance = "" if joules is None else "D" if method == "modelled" else "B"
    limits = {"energy_low_j": joules, "energy_high_j": joules} if method == "modelled" else {}
    return EnergyReading(energy_j=joules, method=method, source="test", assurance=assurance, **limits)


def result(*energy: EnergyReading) -> TrialResult:
    joules = tuple(one.to_dict() for one in energy)
    return TrialResult(0, 0, COMPLETED, {"error": 0.2}, 1, 1.0, "", "", "host", 0, energy=joules)


def test_the_joules_of_all_attempts_are_the_second_objective() -> None:
    judged = judge(result(reading(30.0, "measured_counter")), workflow(), [reading(12.0, "measured_counter")])
    assert judged.objectives == (0.2, 42.0)
    assert judged.result.metrics == {"error": 0.2, "energy_j": 42.0}


@pytest.mark.parametrize(
    ("now", "earlier", "wanted", "message"),
    [
        (reading(30.0, "modelled"), [], None, "by measured joules, but this trial's are estimated"),
        (reading(30.0, "measured_counter"), [], "estimated", "by estimated joules, but this trial's are measured"),
        (reading(30.0, "measured_counter"), [reading(2.0, "modelled")], None, "are estimated and measured"),
        (
            reading(30.0, "measured_counter"),
            [reading(None, "unavailable")],
            None,
            "an attempt at this trial has no",
        ),
    ],
)
def test_joules_of_another_class_are_no_objective(
    now: EnergyReading, earlier: list[EnergyReading], wanted: str | None, message: str
) -> None:
    judged = judge(result(now), workflow(wanted), earlier)
    assert judged.result.state == FAILED
    assert message in judged.result.error
    assert all(map(math.isnan, judged.objectives))


def test_estimated_joules_count_when_the_study_says_so(tmp_path: Path) -> None:
    made = study(tmp_path, metrics=["error", "energy_j"], energy_class="estimated", search={"evaluations": 8})
    made.run(objective)
    told = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines() if '"told"' in line]
    pairs = [one["objectives"] for one in told if one.get("type") == "told"]
    assert len(pairs) == 8
    assert all(joules >= 0 for _, joules in pairs)


# --- what is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ["error"]}, "metrics: expected a list of two different texts"),
        ({"metrics": ["error", "error"]}, "metrics: expected a list of two different texts"),
        ({"metrics": None, "metric": "error", "directions": ["minimize"] * 2}, "directions: needs metrics"),
        ({"directions": ["up", "down"]}, "directions: expected a list of two"),
        ({"metric": "cost"}, "metric: cannot stand beside metrics"),
        ({"search": {"algorithm": "lshade", "evaluations": 9}}, "lshade takes one metric, [objective] has two"),
    ],
)
def test_wrong_goals_are_named(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        study(tmp_path, **settings)
    assert message in str(error.value)


def test_one_metric_is_searched_by_autode(tmp_path: Path) -> None:
    made = autode.Study(tmp_path, space=SPACE, search={"evaluations": 9}, meters=["estimate"])
    assert made.workflow.search["algorithm"] == "autode"
    assert made.workflow.metric == "value"
