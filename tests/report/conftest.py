"""A factory of realistic studies: seeded journals written by the real writer, with every state and kind of energy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autode import Categorical, Float, Int, Ordinal, Space
from autode.energy import EnergyReading
from autode.study.journal import Journal

EPOCH_ZERO = datetime(2026, 5, 4, 8, 0, 0, tzinfo=UTC)
SPACE = Space(
    {
        "lr": Float(1e-4, 1.0, log=True),
        "batch_size": Ordinal([16, 32, 64, 128]),
        "freeze_depth": Int(0, 5),
        "optimizer": Categorical(["sgd", "adamw"]),
        "momentum": Float(0.5, 0.99, when={"optimizer": "sgd"}),
    }
)


def clock(seconds: float) -> str:
    return (EPOCH_ZERO + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reading(kind: str, seconds: float, host: str = "node01", watts: float = 6.0) -> EnergyReading:
    """A reading of a trial that took so many seconds."""
    edges: dict[str, Any] = {"host": host, "seconds": seconds, "t_start": clock(0), "t_end": clock(seconds)}
    joules = watts * seconds
    if kind == "measured":
        return EnergyReading(
            joules, "measured_counter", "rapl", "B", ("cpu_pkg", "dram"), coverage=1.0, n_samples=9, **edges
        )
    if kind == "apportioned":
        shared: dict[str, Any] = {"share_rule": "cpu_time", "share": 0.5}
        return EnergyReading(joules, "apportioned", "rapl", "C", ("cpu_pkg", "dram"), coverage=1.0, **shared, **edges)
    if kind == "estimated":
        band: dict[str, Any] = {"energy_low_j": 0.3 * joules, "energy_high_j": 2.5 * joules}
        return EnergyReading(joules, "modelled", "estimate", "D", ("cpu_pkg",), **band, **edges)
    return EnergyReading(None, "unavailable", "rapl", reason="no powercap tree on this machine", **edges)


class StudyFactory:
    """Writes the journal of a study, event by event, on a clock of its own."""

    def __init__(
        self,
        folder: Path,
        energy: str = "estimated",
        direction: str = "minimize",
        seed: int = 420,
        name: str = "glyphs",
        algorithm: str = "lshade",
        batch_size: int | None = None,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.energy, self.rng = folder, energy, np.random.default_rng(seed)
        self.journal = Journal(folder / "journal.jsonl")
        self.best: tuple[float, dict[str, Any], int] = (np.inf, {}, -1)
        self.sign = -1.0 if direction == "maximize" else 1.0
        self.now, self.run_number, self.asked, self.free = 0.0, -1, 0, [0.0, 0.0]
        objective: dict[str, Any] = {
            "kind": "finetune",
            "model": "resnet18",
            "metric": "val_error",
            "direction": direction,
        }
        objective |= {"batch_size": batch_size} if batch_size else {}
        search = {"algorithm": algorithm, "population": 12, "evaluations": 132}
        self.workflow = {"name": name, "seed": seed, "objective": objective, "space": SPACE.to_dict(), "search": search}
        self.write("study", schema=1, autode="0.1.0", name=name, created=clock(0), identity={}, workflow=self.workflow)

    def write(self, kind: str, **fields: Any) -> None:
        self.journal.append({"type": kind, "run": self.run_number, **fields}, durable=False)

    def start_run(self, slurm: dict[str, Any] | None = None) -> None:
        self.run_number += 1
        self.now += 2.0
        self.free = [self.now, self.now]
        meters = [
            {
                "name": "rapl",
                "available": self.energy == "measured",
                "reason": "no powercap tree on this machine",
                "domains": [],
            }
        ]
        versions = {"autode": "0.1.0", "python": "3.11.7", "torch": "2.15.0"}
        where = {"host": "node01", "pid": 4711, "execution": "processes", "slots": 2, "ranks": 1, "slurm": slurm}
        git = {"commit": "0123abc", "dirty": False}
        self.write("run", time=clock(self.now), **where, versions=versions, git=git, meters=meters)

    def end_run(self, reason: str = "done", exit_code: int = 0) -> None:
        self.write("end", reason=reason, exit_code=exit_code, time=clock(self.now))

    def ask(self, params: dict[str, Any] | None = None, **fields: Any) -> int:
        number, self.asked = self.asked, self.asked + 1
        point = self.rng.random(SPACE.dimension)
        given = {
            "proposal": number,
            "generation": number // 12,
            "point": point.tolist(),
            "epochs": 3,
            "role": "search",
            "seed": 7 * number,
        }
        params = params if params is not None else SPACE.decode(point)
        self.params = params
        self.write("asked", trial=number, params=params, time=clock(self.now), **{**given, **fields})
        return number

    def begin(self, trial: int, attempt: int = 0, rank: int = 0) -> None:
        where = {"host": "node01", "rank": rank, "device": "cpu", "time": clock(self.now)}
        self.write("started", trial=trial, attempt=attempt, **where)

    def error_of(self, params: dict[str, Any]) -> float:
        """A smooth objective with a best learning rate, a weaker optimizer and a little noise."""
        distance = (np.log10(params["lr"]) + 1.8) ** 2 / 4
        return float(0.02 + 0.1 * distance + 0.02 * (params["optimizer"] == "adamw") + 0.004 * self.rng.random())

    def finish(
        self, trial: int, seconds: float, *, state: str = "completed", attempt: int = 0, rank: int = 0, **fields: Any
    ) -> None:
        error = self.error_of(self.params)
        done = state == "completed"
        metrics = {"val_error": error, "val_loss": 3 * error, "train_loss": 2 * error} if done else {}
        value = (1 - error if self.sign < 0 else error) if done else None
        if done and "metrics" not in fields and error < self.best[0]:
            self.best = (error, self.params, trial)
        for epoch in (1, 2, 3) if done else ():
            curve = {name: figure * (1 + 2.0 / epoch) for name, figure in metrics.items()}
            self.write(
                "epoch",
                trial=trial,
                attempt=attempt,
                epoch=epoch,
                metrics=curve,
                seconds=seconds * epoch / 3,
                energy_j=None,
            )
        energy = [reading(self.energy_kind(trial), seconds).to_dict()]
        final = {
            "value": value,
            "fitness": None if value is None else self.sign * value,
            "metrics": metrics,
            "energy": energy,
        }
        times = {
            "started": clock(self.now),
            "finished": clock(self.now + seconds),
            "seconds": seconds,
            "cpu_seconds": 0.9 * seconds,
        }
        place = {"host": "node01", "rank": rank, "epochs": 3 if done else 0, "error": "", "attempt": attempt}
        kind = "told" if state in ("completed", "stopped", "failed") else "attempt"
        self.write(kind, trial=trial, state=state, **{**place, **final, **times, **fields})

    def energy_kind(self, trial: int) -> str:
        if self.energy == "mixed":
            return "measured" if trial % 3 else "estimated"
        return self.energy

    def trial(self, state: str = "completed", **fields: Any) -> int:
        """Ask, begin and finish one trial on the worker that is free first."""
        rank = int(np.argmin(self.free))
        self.now = self.free[rank]
        number = self.ask()
        self.begin(number, rank=rank)
        seconds = float(2.0 + 4.0 * self.rng.random())
        error = "nan: the loss is not finite" if state == "failed" else ""
        self.finish(number, seconds, state=state, rank=rank, **{"error": error, **fields})
        self.free[rank] = self.now + seconds + 0.2
        return number

    def join(self) -> None:
        """Wait until both workers are free."""
        self.now = max(self.now, *self.free)
        self.free = [self.now, self.now]

    def confirm(self, label: str, of: int | None, seed: int, accuracy: float, error: float = 0.03) -> None:
        number = self.ask(params=dict(self.best[1]), role="confirm", label=label, of=of, seed=seed, generation=None)
        self.begin(number)
        error = error + 0.001 * (seed % 3)
        metrics = {"val_error": error, "test_accuracy": accuracy, "test_error": 1 - accuracy}
        value = 1 - error if self.sign < 0 else error
        self.finish(number, 3.0, metrics=metrics, value=value, fitness=self.sign * value)
        self.now += 3.0


def write_busy_study(folder: Path, trials: int = 60, **options: Any) -> Path:
    """A study with failures, a killed run, an interrupted trial, re-training and node readings."""
    study = StudyFactory(folder, **options)
    study.start_run()
    for number in range(trials // 2):
        study.trial(state="failed" if number % 9 == 7 else "completed")
    study.join()
    lost = study.ask()
    study.begin(lost)  # the run is killed here: no end record
    study.now += 30.0
    study.start_run(slurm={"job_id": "812", "restart_count": 1})
    study.begin(lost, attempt=1)
    study.finish(lost, 2.5, state="interrupted", attempt=1)
    study.now += 2.5
    study.end_run("signal", 3)
    study.now += 20.0
    study.start_run(slurm={"job_id": "813"})
    study.begin(lost, attempt=2)
    study.finish(lost, 3.5, attempt=2)
    study.free[0] += 3.5
    while study.asked < trials:
        study.trial(state="failed" if study.asked % 9 == 7 else "completed")
    study.join()
    for seed in range(5):
        study.confirm("candidate", lost, 1000 + seed, 0.970, error=0.04)
        study.confirm("candidate", study.best[2], 1000 + seed, 0.980 + 0.001 * seed)
        study.confirm("default", None, 1000 + seed, 0.960 + 0.001 * seed)
    for _ in range(2):  # cut into pieces that add up
        node = {**reading(study.energy_kind(1), study.now / 2, watts=40.0).to_dict(), "scope": "node"}
        study.write("energy", scope="node", host="node01", readings=[node])
    study.end_run()
    study.journal.close()
    return folder


@pytest.fixture
def busy_study(tmp_path: Path) -> Callable[..., Path]:
    """Call it for a study's folder: ``busy_study(energy="measured", trials=40)``."""
    counter = iter(range(1000))
    return lambda **options: write_busy_study(tmp_path / f"study{next(counter)}", **options)


@pytest.fixture
def calm_study(tmp_path: Path) -> Callable[..., Path]:
    """Call it for the folder of a study of one run in which nothing died: ``calm_study(energy="measured", seed=3)``."""
    counter = iter(range(1000))

    def make(**options: Any) -> Path:
        study = StudyFactory(tmp_path / f"calm{next(counter)}", **options)
        study.start_run()
        for _ in range(12):
            study.trial()
        study.join()
        study.end_run()
        study.journal.close()
        return study.folder

    return make


@pytest.fixture
def empty_study(tmp_path: Path) -> Path:
    """A study whose run has just begun."""
    study = StudyFactory(tmp_path / "empty")
    study.start_run()
    study.journal.close()
    return tmp_path / "empty"


@pytest.fixture(scope="session", params=["estimated", "unavailable"])
def reported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Kind of energy and folder of a study whose report has been written."""
    from autode.report import write_report

    folder = write_busy_study(tmp_path_factory.mktemp("reported") / request.param, energy=request.param, trials=40)
    (folder / "workflow.toml").write_text('name = "glyphs" # <as resolved>\n')
    write_report([folder])
    return request.param, folder


@pytest.fixture
def failed_study(tmp_path: Path) -> Path:
    """A study in which every trial failed."""
    study = StudyFactory(tmp_path / "failed")
    study.start_run()
    for _ in range(14):
        study.trial(state="failed")
    study.join()
    study.end_run()
    study.journal.close()
    return tmp_path / "failed"
