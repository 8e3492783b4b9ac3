"""Re-training after the search: which configurations, with which seeds, and who wins."""

from __future__ import annotations

from typing import Any

from autode.study import confirm
from autode.study.history import History
from autode.study.workflow import Workflow, parse_workflow


def workflow(**table: Any) -> Workflow:
    content = {
        "name": "t",
        "seed": 3,
        "objective": {"python": "module:function"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"algorithm": "random", "evaluations": 4},
        "confirm": table,
    }
    return parse_workflow(content)


def told(number: int, fitness: float | None, **more: Any) -> list[dict[str, Any]]:
    asked = {"type": "asked", "trial": number, "params": {"x": number / 10}, "seed": number, "role": "search", **more}
    state = "failed" if fitness is None else "completed"
    end = {"type": "told", "trial": number, "attempt": 0, "state": state, "fitness": fitness, "value": fitness}
    return [asked, {**end, "metrics": {} if fitness is None else {"error": fitness}, "seconds": 1.0}]


def searched(*fitness: float | None) -> list[dict[str, Any]]:
    return [record for number, one in enumerate(fitness) for record in told(number, one)]


def retrained(of: int | None, *fitness: float | None, first: int) -> list[dict[str, Any]]:
    label = confirm.DEFAULT if of is None else confirm.CANDIDATE
    return [
        record
        for number, one in enumerate(fitness, start=first)
        for record in told(number, one, role="confirm", label=label, of=of)
    ]


def test_the_best_candidates_and_the_default_share_the_same_fresh_seeds() -> None:
    history = History.of(searched(0.3, 0.1, None, 0.2))
    plan = list(confirm.planned(workflow(candidates=2, seeds=3, default={"x": 0.5}), history))
    assert [one.of for one in plan] == [1, 1, 1, 3, 3, 3, None, None, None]
    by_configuration = [[one.seed for one in plan[i : i + 3]] for i in (0, 3, 6)]
    assert by_configuration[0] == by_configuration[1] == by_configuration[2]
    assert len(set(by_configuration[0])) == 3
    assert not set(by_configuration[0]) & {trial.asked["seed"] for trial in history.search_trials}
    assert plan[-1].params == {"x": 0.5}


def test_what_is_in_the_journal_is_not_planned_again() -> None:
    plan = workflow(candidates=1, seeds=2)
    history = History.of(searched(0.3, 0.1))
    first, second = confirm.missing(plan, history)
    asked = {"type": "asked", "trial": 2, "params": {}, "role": "confirm", "label": first.label, "of": first.of}
    history.add({**asked, "seed": first.seed})
    assert confirm.missing(plan, history) == [second]


def test_no_seeds_mean_no_retraining() -> None:
    assert confirm.missing(workflow(), History.of(searched(0.3))) == []


def test_the_winner_is_best_on_average_over_fresh_seeds_whatever_it_was_in_the_search() -> None:
    records = [*searched(0.1, 0.2), *retrained(0, 0.5, 0.3, first=2), *retrained(1, 0.3, 0.3, first=4)]
    assert confirm.winner(History.of(records)) == 1


def test_a_candidate_that_failed_again_is_no_winner() -> None:
    records = [*searched(0.1, 0.2), *retrained(0, 0.1, None, first=2), *retrained(1, 0.3, 0.3, first=4)]
    assert confirm.winner(History.of(records)) == 1


def test_the_default_never_wins_and_nobody_does_before_the_first_retraining() -> None:
    assert confirm.winner(History.of([*searched(0.1), *retrained(None, 0.0, first=1)])) is None


def test_the_answer_is_told_as_mean_and_deviation() -> None:
    records = [*searched(0.1), *retrained(0, 0.2, 0.4, first=1), *retrained(None, 0.5, first=3)]
    assert confirm.describe(History.of(records)) == [
        "winner (trial 0), 2 fresh seeds: error 0.3 +- 0.14",
        "default, 1 fresh seed: error 0.5",
    ]
