"""A study under ``perun monitor``: one collector, trials as regions, and their joules read back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import autode.cli.monitored
from autode.energy import read_perun
from autode.energy.perun_regions import PerunRegions, running_perun

HERE = socket.gethostname()


class Marks:
    def __init__(self) -> None:
        self.names: list[str] = []

    def mark_event(self, name: str) -> None:
        self.names.append(name)


def test_a_trial_is_a_region_from_its_start_to_its_end() -> None:
    marks = Marks()
    regions = PerunRegions(marks)
    regions.record({"type": "run", "run": 0})
    regions.record({"type": "started", "trial": 3, "attempt": 0, "host": HERE})
    regions.record({"type": "started", "trial": 4, "attempt": 1, "host": HERE})
    regions.record({"type": "told", "trial": 3, "attempt": 0})
    regions.record({"type": "attempt", "trial": 4, "attempt": 1})
    assert marks.names == ["trial00003.0", "trial00004.1", "trial00003.0", "trial00004.1"]


@pytest.mark.parametrize(
    "record", [{"type": "started", "trial": 1, "host": "another"}, {"type": "told", "trial": 1, "attempt": 0}]
)
def test_trials_of_other_hosts_and_runs_are_not_this_perun_s(record: dict[str, Any]) -> None:
    marks = Marks()
    PerunRegions(marks).record(record)
    assert marks.names == []


def test_under_mpi_a_rank_marks_its_own_trials() -> None:
    marks = Marks()
    regions = PerunRegions(marks, rank=0)
    for trial, rank in ((0, 0), (1, 1)):
        regions.record({"type": "started", "trial": trial, "attempt": 0, "host": HERE, "rank": rank})
    for trial in (1, 0):
        regions.record({"type": "told", "trial": trial, "attempt": 0})
    assert marks.names == ["trial00000.0", "trial00000.0"]


def test_without_perun_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "perun.core", raising=False)
    assert running_perun() is None
    PerunRegions().record({"type": "started", "trial": 1, "host": HERE})


def test_a_perun_that_was_only_imported_monitors_nothing() -> None:
    code = "import perun.core\nfrom autode.energy.perun_regions import running_perun\nassert running_perun() is None"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


OBJECTIVE = "import time\n\ndef objective(trial):\n    time.sleep(1.0)\n    return trial.params['x']\n"
# what a file given to --live-callback-files imports is there before perun builds its back-ends: a sensor of 42 W
SENSOR = """\
import numpy as np
from perun import backend
from perun.data_model.measurement_type import Magnitude, MetricMetaData, Unit
from perun.data_model.sensor import DeviceType, Sensor

class Steady(backend.Backend):
    id, name, description = "steady", "Steady", "42 W"

    def setup(self):
        pass

    def close(self):
        pass

    def availableSensors(self):
        return {"cpu_0_steady": (self.id, DeviceType.CPU, Unit.WATT)}

    def getSensors(self, names):
        limits = np.float32(0), np.float32(1e6), np.float32(-1)
        about = MetricMetaData(Unit.WATT, Magnitude.ONE, np.dtype("float32"), *limits)
        return [Sensor("cpu_0_steady", DeviceType.CPU, {}, about, lambda: np.float32(42.0))] if names else []

backend.available_backends["steady"] = Steady
"""


@pytest.mark.slow
def test_a_study_under_perun_monitor(project: Any, tmp_path: Path) -> None:
    project.write(OBJECTIVE, search__evaluations=4, search__population=4)
    (tmp_path / "steady_sensor.py").write_text(SENSOR)
    sensor = tmp_path / "register.py"
    sensor.write_text(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport steady_sensor\n")
    command = [str(Path(sys.executable).with_name("perun")), "monitor", "--live-callback-files", str(sensor)]
    command += ["--app-name", "study", "--data-out", str(tmp_path / "perun"), "--sampling-period", "0.1"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    answer = subprocess.run(
        [*command, autode.cli.monitored.__file__, *project.arguments()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=300,
        check=False,
    )
    assert len(project.records("told")) == 4, answer.stdout + answer.stderr
    rows = read_perun(tmp_path / "perun" / "study.hdf5")
    regions = rows[(rows["scope"] == "region") & (rows["domain"] == "total")].set_index("region")
    assert sorted(regions.index) == [f"trial{number:05d}.0" for number in range(4)]
    timely = regions[regions["seconds"] > 0.5]  # on a busy machine perun is told late of a start
    assert len(timely)
    for row in timely.itertuples():
        assert row.energy_j == pytest.approx(42.0 * row.seconds * row.coverage, rel=0.02)


@pytest.mark.slow
@pytest.mark.mpi
def test_every_rank_under_perun_marks_its_own_trials(project: Any, mpiexec: str, tmp_path: Path) -> None:
    project.write(OBJECTIVE, search__evaluations=6, search__population=6)
    (tmp_path / "steady_sensor.py").write_text(SENSOR)
    sensor = tmp_path / "register.py"
    sensor.write_text(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport steady_sensor\n")
    command = [mpiexec, "-n", "2", str(Path(sys.executable).with_name("perun")), "monitor"]
    command += ["--live-callback-files", str(sensor), "--app-name", "study", "--data-out", str(tmp_path / "perun")]
    answer = subprocess.run(
        [*command, "--sampling-period", "0.1", autode.cli.monitored.__file__, *project.arguments()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        timeout=300,
        check=False,
    )
    told = project.records("told")
    assert len(told) == 6, answer.stdout + answer.stderr
    rows = read_perun(tmp_path / "perun" / "study.hdf5")
    regions = rows[(rows["scope"] == "region") & (rows["domain"] == "total")]
    marked = {(region, int(rank)) for region, rank in zip(regions["region"], regions["rank"], strict=True)}
    assert marked == {(f"trial{one['trial']:05d}.0", one["rank"]) for one in told}
    assert {rank for _, rank in marked} == {0, 1}
    for row in regions[regions["seconds"] > 0.5].itertuples():
        assert row.energy_j == pytest.approx(42.0 * row.seconds * row.coverage, rel=0.02)
        assert "whole_node" in row.flags
