"""A study that is run under ``mpiexec`` and killed until it is done, and the count of what that has done to it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from machine import mpiexec

from autode.study.journal import read_journal

TRIALS = 120
OBJECTIVE = """\
import os, time
from pathlib import Path

DIARY = Path(__file__).with_name("diary.txt")
EPOCH_S = 0.01

def note(word, trial):
    fd = os.open(DIARY, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, f"{word} {trial.number} {trial.attempt}\\n".encode())
    os.close(fd)

def objective(trial):
    note("begin", trial)
    checkpoint = trial.directory / "checkpoint"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    error = (trial.params["x"] - 0.3) ** 2 + (trial.params["k"] - 3) ** 2
    for epoch in range(done + 1, 4):
        time.sleep(EPOCH_S)
        new = checkpoint.with_suffix(".new")
        new.write_text(str(epoch))
        new.replace(checkpoint)
        trial.report(epoch, error=error + 1 / epoch)
    note("end", trial)
    return {"error": error, "seed": trial.seed % 1000}
"""
WORKFLOW = """\
name = "kills"
seed = {seed}
[objective]
python = "objective:objective"
metric = "error"
[space]
x = {{ type = "float", low = 0.0, high = 1.0 }}
k = {{ type = "int", low = 0, high = 9 }}
[search]
algorithm = "lshade"
population = 12
evaluations = {trials}
[execution]
schedule = "{schedule}"
"""


@dataclass
class Kill:
    """One kill and what it met."""

    kind: str
    schedule: str
    seed: int
    ranks: int
    starting: bool
    told: int
    ended_untold: int = 0
    left_over: int = 0


@dataclass
class Tally:
    """What the campaign counts."""

    kills: list[Kill] = field(default_factory=list)
    studies: int = 0
    trials: int = 0
    lost: int = 0
    repeated: int = 0
    restarts: int = 0
    restarts_failed: list[str] = field(default_factory=list)
    different: int = 0
    failed_by_worker_kill: int = 0
    fresh_s: list[float] = field(default_factory=list)
    restart_s: list[float] = field(default_factory=list)
    opened_s: list[float] = field(default_factory=list)


class KilledStudy:
    """One study, run and killed until it is done."""

    def __init__(self, folder: Path, schedule: str, seed: int, rng: random.Random, tally: Tally):
        self.folder, self.schedule, self.seed, self.rng, self.tally = folder, schedule, seed, rng, tally
        folder.mkdir()
        (folder / "objective.py").write_text(OBJECTIVE)
        (folder / "workflow.toml").write_text(WORKFLOW.format(seed=seed, trials=TRIALS, schedule=schedule))
        self.diary_file = folder / "diary.txt"
        self.below: list[int] = []

    def records(self, kind: str, out: str = "out") -> list[dict[str, Any]]:
        path = self.folder / out / "journal.jsonl"
        return [r for r in read_journal(path)[0] if r["type"] == kind] if path.exists() else []

    def diary(self) -> list[list[str]]:
        return [line.split() for line in self.diary_file.read_text().splitlines()] if self.diary_file.exists() else []

    def start(self, ranks: int) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "autode.cli.main", "run", "workflow.toml", "--out", "out", "--no-report"]
        log = (self.folder / "output.txt").open("ab")
        command = [mpiexec(), "-n", str(ranks), *program]
        return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, process_group=0)

    def cycle(self, kill: bool) -> bool:
        """Start the program and kill it (or not); return whether the study is done."""
        begun_before, told_before = len(self.records("started")), {r["trial"] for r in self.records("told")}
        mark, ranks, since = len(self.diary()), self.rng.randint(2, 4), time.time()
        first = not self.records("run")
        process = self.start(ranks)
        met = self._kill(process, ranks, told_before) if kill else None
        code = process.wait(180)
        if met is not None:
            self.tally.kills.append(met)
            met.left_over = len(alive_after(self.below))
        if code != 0 and (met is None or met.kind == "worker"):
            self.tally.restarts_failed.append(f"{self.folder.name}: exit code {code}")
            output = (self.folder / "output.txt").read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self.folder}: exit code {code} after {met}\n{output}")
        self.count(told_before, mark, met)
        self._time(begun_before, since, first)
        self.tally.restarts += not first
        return code == 0

    def _kill(self, process: subprocess.Popen[bytes], ranks: int, told: set[int]) -> Kill | None:
        """Wait for a random instant and kill; None if the program ended before it."""
        starting = self.rng.random() < 0.2
        kinds = ["job", "rank"] if self.schedule == "generational" or starting else ["job", "rank", "worker"]
        kind, delay = self.rng.choice(kinds), self.rng.uniform(0.0, 1.5)
        if not starting:
            while len(self.records("told")) <= len(told) and process.poll() is None:
                time.sleep(0.02)
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
            return None
        victims = self._victims(process.pid, kind)
        if not victims:
            kind, victims = "job", self._victims(process.pid, "job")
        self.below = list(processes_below(process.pid))
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return Kill(kind, self.schedule, self.seed, ranks, starting, len(self.records("told")))

    def _victims(self, launcher: int, kind: str) -> list[int]:
        below = processes_below(launcher)
        if kind == "job":
            pids = [launcher, *below]
            self.rng.shuffle(pids)
            return pids
        module = {"rank": "autode.cli.main", "worker": "autode.execution.worker"}[kind]
        pids = sorted(pid for pid, command in below.items() if module in command)
        return [self.rng.choice(pids)] if pids else []

    def count(self, told_before: set[int], mark: int, met: Kill | None) -> None:
        """Compare the journal and the objective's own notes before and after."""
        told = {r["trial"] for r in self.records("told")}
        self.tally.lost += len(told_before - told)
        new = self.diary()[mark:]
        self.tally.repeated += len(told_before & {int(trial) for word, trial, _ in new if word == "begin"})
        if met is not None:
            met.ended_untold = len({int(trial) for word, trial, _ in self.diary() if word == "end"} - told)

    def _time(self, begun_before: int, since: float, first: bool) -> None:
        """Note how long the start took: to the first evaluation, and from the opened folder to there."""
        started = self.records("started")[begun_before:]
        if started:
            begun = datetime.fromisoformat(started[0]["time"]).timestamp()
            (self.tally.fresh_s if first else self.tally.restart_s).append(begun - since)
            run = next(r for r in self.records("run") if r["run"] == started[0]["run"])
            self.tally.opened_s.append(begun - datetime.fromisoformat(run["time"]).timestamp())

    def check(self) -> None:
        """Count what is wrong with a study that is done."""
        told = Counter(r["trial"] for r in self.records("told"))
        self.tally.repeated += sum(told.values()) - len(told)
        self.tally.lost += len(set(range(TRIALS)) - set(told))
        self.tally.failed_by_worker_kill += sum(r["state"] == "failed" for r in self.records("told"))
        self.tally.studies, self.tally.trials = self.tally.studies + 1, self.tally.trials + TRIALS
        if self.schedule == "generational":
            self.diary_file.unlink()
            run = [sys.executable, "-m", "autode.cli.main", "run", "workflow.toml", "--out", "whole", "--no-report"]
            subprocess.run([*run, "--workers", "2"], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
            self.tally.different += self.results("out") != self.results("whole")

    def results(self, out: str) -> list[tuple[Any, ...]]:
        """Return number, point, seed, state and metrics of every trial, to the last bit."""
        asked = {r["trial"]: (r["point"], r["params"], r["seed"], r["generation"]) for r in self.records("asked", out)}
        told = {r["trial"]: (r["state"], r["value"], r["fitness"], r["metrics"]) for r in self.records("told", out)}
        return [(number, asked[number], told[number]) for number in sorted(told)]


def processes_below(pid: int) -> dict[int, str]:
    """Return the command lines of all descendants of a process."""
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    below: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in below | {pid}} - below:
        below |= more
    return {child: commands.get(child, "") for child in below}


def alive_after(left: list[int], patience_s: float = 10.0) -> list[int]:
    """Return which of some processes are still there after a while."""
    end = time.monotonic() + patience_s
    while left and time.monotonic() < end:
        left = [pid for pid in left if Path(f"/proc/{pid}").exists()]
        time.sleep(0.01)
    return left
