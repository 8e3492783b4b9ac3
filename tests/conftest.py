"""What several rooms' tests share: workflows with an objective of their own, the command line, and the skip policy."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tomli_w

PROGRAM = [sys.executable, "-m", "autode.cli.main"]

# A bowl in two dimensions that trains in epochs, with a checkpoint, and writes beside itself what it does.
OBJECTIVE = """\
import os, time
from pathlib import Path
from autode.trial import TrialInterrupted

DIARY = Path(__file__).with_name("diary.txt")
EPOCHS, SECONDS = 4, 0.005

def note(*words):
    fd = os.open(DIARY, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, (" ".join(map(str, words)) + "\\n").encode())
    os.close(fd)

def objective(trial):
    note("begin", trial.number, trial.attempt)
    checkpoint = trial.directory / "checkpoint"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    error = (trial.params["x"] - 0.3) ** 2 + (trial.params["k"] - 3) ** 2
    for epoch in range(done + 1, EPOCHS + 1):
        time.sleep(SECONDS)
        note("epoch", trial.number, epoch, os.getpid())
        temporary = checkpoint.with_suffix(".new")
        temporary.write_text(str(epoch))
        temporary.replace(checkpoint)
        trial.report(epoch, error=error + 1.0 / epoch)
        if trial.should_stop():
            raise TrialInterrupted
    note("end", trial.number, trial.attempt)
    return {"error": error, "seed": trial.seed % 1000}
"""
TABLES: dict[str, Any] = {
    "name": "bowl",
    "seed": 1,
    "objective": {"metric": "error"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}, "k": {"type": "int", "low": 0, "high": 9}},
    "search": {"algorithm": "lshade", "population": 6, "evaluations": 24},
    "execution": {"schedule": "generational", "workers": 2},
}


@dataclass(frozen=True)
class Project:
    """A folder with a workflow and its objective, and the ways to run it."""

    folder: Path
    module: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def workflow(self) -> Path:
        return self.folder / "workflow.toml"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def write(self, source: str = OBJECTIVE, **settings: Any) -> Path:
        """Write objective and workflow; a setting is ``table__key=value``, and None takes a key away."""
        (self.folder / f"{self.module}.py").write_text(source)
        tables = json.loads(json.dumps(TABLES))
        if "objective__command" not in settings:
            tables["objective"]["python"] = f"{self.module}:objective"
        for name, value in settings.items():
            *path, key = name.split("__")
            table = tables
            for part in path:
                table = table.setdefault(part, {})
            if value is None:
                del table[key]
            else:
                table[key] = value
        self.workflow.write_text(tomli_w.dumps(tables))
        return self.workflow

    def write_slow(self, **settings: Any) -> Path:
        """Write the bowl with 80 ms a trial, so that there is something to interrupt."""
        return self.write(OBJECTIVE.replace("SECONDS = 4, 0.005", "SECONDS = 4, 0.02"), **settings)

    def arguments(self, *more: object) -> list[str]:
        return ["run", str(self.workflow), "--out", str(self.out), "--no-report", *map(str, more)]

    def start(self, *more: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start ``autode run`` in a process group of its own."""
        process = subprocess.Popen(
            [*before, *PROGRAM, *self.arguments(*more)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            process_group=0,
        )
        self.processes.append(process)
        return process

    def kill_what_runs(self) -> None:
        """End the runs that a failed test has left behind."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.communicate()

    def run(self, *more: object, before: tuple[str, ...] = (), code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run ``autode run`` to its end and check the exit code."""
        process = self.start(*more, before=before)
        out, err = process.communicate(timeout=180)
        assert process.returncode == code, f"exit code {process.returncode}, expected {code}\n{out}\n{err}"
        return subprocess.CompletedProcess(process.args, code, out, err)

    def records(self, kind: str | None = None, out: Path | None = None) -> list[dict[str, Any]]:
        """Return the journal's whole records, which a run may just be writing."""
        from autode.study.journal import read_journal

        path = (out or self.out) / "journal.jsonl"
        if not path.exists():
            return []
        return [record for record in read_journal(path)[0] if kind in (None, record["type"])]

    def results(self, out: Path | None = None) -> dict[int, tuple[Any, ...]]:
        """Return trial -> (parameters, state, value, role), all that must not depend on where and when it ran."""
        asked = {r["trial"]: r for r in self.records("asked", out)}
        return {
            r["trial"]: (asked[r["trial"]]["params"], r["state"], r["value"], asked[r["trial"]]["role"])
            for r in self.records("told", out)
        }

    def diary(self) -> list[list[str]]:
        """Return what the objective noted, one list of words a line."""
        path = self.folder / "diary.txt"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A folder with a bowl to be searched; the module's name is unique, as modules are imported once a process."""
    project = Project(tmp_path, "objective_" + re.sub(r"\W", "_", tmp_path.name))
    project.write()
    yield project
    project.kill_what_runs()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Any, ...]]:
    """The results of the bowl in a run that nothing ended early."""
    project = Project(tmp_path_factory.mktemp("undisturbed"), "objective_undisturbed")
    project.write()
    project.run()
    return project.results()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition with a deadline: ``wait_until(lambda: path.exists(), "the file is there")``.

    With ``process``, which brings the condition about, its end is the end of waiting.
    """

    def wait(
        condition: Callable[[], object], what: str, seconds: float = 60.0, process: subprocess.Popen[str] | None = None
    ) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if process is not None and process.poll() is not None and not condition():
                raise AssertionError(f"the process ended before {what}:\n{process.communicate()}")
            assert time.monotonic() < end, f"after {seconds:g} s still not: {what}"
            time.sleep(0.005)

    return wait


@pytest.fixture(scope="session")
def mpiexec() -> str:
    """The MPI launcher beside this Python, else the one on PATH."""
    beside = Path(sys.executable).parent / "mpiexec"
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec")
    if launcher is None:
        pytest.skip("no mpiexec beside Python or on PATH")
    pytest.importorskip("mpi4py")
    return launcher


# --- the skip policy: where everything must be there, a skip is a failure


def _required() -> set[str]:
    return {name.strip() for name in os.environ.get("AUTODE_REQUIRE", "").split(",") if name.strip()}


def _refuse_skip(report: Any, names: set[str]) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"AUTODE_REQUIRE names {', '.join(sorted(names))}, so this must not be skipped ({reason})"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """Turn the skip of a required test into a failure."""
    report = yield
    names = _required() & {marker.name for marker in item.iter_markers()}
    if report.skipped and names and not hasattr(report, "wasxfail"):
        _refuse_skip(report, names)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Do so as well where a whole file is skipped while it is read, before its markers are known."""
    report = yield
    if report.skipped and isinstance(collector, pytest.Module):
        source = collector.path.read_text(encoding="utf-8")
        names = {name for name in _required() if f"mark.{name}" in source}
        if names:
            _refuse_skip(report, names)
    return report
