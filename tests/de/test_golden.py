"""Short runs on a fixed seed, compared with committed results: no refactoring changes a result unnoticed.

Regenerate, after a change that is meant to change results, with ``python tests/de/test_golden.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autode import de

GOLDEN = Path(__file__).with_name("golden.json")
SCHEDULES = ("generational", "asynchronous")
#: Of autode only the start: its surrogates are linear algebra, whose last bits differ between processors and decide.
EVALUATIONS = {"autode": 16}


def ellipsoid(x):
    return (10.0 ** np.arange(x.shape[1]) * (x - 0.3) ** 2).sum(axis=1)


def short_run(name: str, schedule: str) -> dict[str, object]:
    setup = {"max_evaluations": EVALUATIONS.get(name, 160), "population": 16, "schedule": schedule, "seed": 20_240}
    optimizer = de.make(name, [(-1, 2)] * 4, x0=[1, 1, 1, 1], **setup)
    while not optimizer.finished:
        batch = optimizer.ask(5)
        optimizer.tell(batch.ids[::-1], ellipsoid(batch.x[::-1]))
    return {"x": optimizer.best_x.tolist(), "f": optimizer.best_f, "sum": float(optimizer.population.sum())}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", de.ALGORITHMS)
def test_the_run_is_the_committed_one(name, schedule):
    expected = json.loads(GOLDEN.read_text())[f"{name} {schedule}"]
    found = short_run(name, schedule)
    # The last bits of tan and arctan differ between processors; 160 evaluations do not amplify that beyond this.
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-9), key


def test_every_committed_run_is_compared():
    assert set(json.loads(GOLDEN.read_text())) == {
        f"{name} {schedule}" for name in de.ALGORITHMS for schedule in SCHEDULES
    }


if __name__ == "__main__":
    runs = {f"{name} {schedule}": short_run(name, schedule) for name in de.ALGORITHMS for schedule in SCHEDULES}
    GOLDEN.write_text(json.dumps(runs, indent=1) + "\n")
