"""A study keeps the series of its node's counters in its folder, with one writer however many processes there are."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

import autode
from autode.energy.conformance.powercap import PACKAGE, PowercapTree
from autode.energy.node_series import FOLDER, read_node_series


def sleep_a_while(trial: autode.Trial) -> float:
    time.sleep(0.6)
    return float(trial.params["x"])


@pytest.mark.parametrize("workers", [1, 2])
def test_the_nodes_joules_are_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with PowercapTree.of_a_node(tmp_path / "powercap") as tree:
        monkeypatch.setenv("AUTODE_POWERCAP", str(tree.root))
        over = threading.Event()
        spent: list[tuple[float, float]] = []

        def consume() -> None:
            while not over.wait(0.02):
                tree.add(PACKAGE, 2.0)
                spent.append((time.time(), tree.spent_j[PACKAGE]))

        thread = threading.Thread(target=consume)
        thread.start()
        space = autode.Space({"x": autode.Float(0.0, 1.0)})
        search = {"algorithm": "random", "evaluations": 4}
        study = autode.Study(tmp_path / "out", space=space, search=search, metric="m", meters=["rapl"], seed=1)
        try:
            study.run(sleep_a_while, workers=workers)
        finally:
            over.set()
            thread.join()
    (series,) = read_node_series(tmp_path / "out" / FOLDER)
    assert series.job == "7"
    nodes = study.data().energy
    (node,) = nodes[nodes["scope"] == "node"].to_dict("records")
    seen = int(series.energy_uj[-1].sum()) * 1e-6
    truth = np.diff(np.interp(series.times[[0, -1]], *zip(*spent, strict=True))).item()
    assert seen == pytest.approx(truth, abs=10.0), "to a few steps of 2 J"
    assert 0 < node["joules"] <= seen + 10.0, "the run's own record is within it"
    assert series.times[-1] - series.times[0] >= 4 * 0.6 / workers
