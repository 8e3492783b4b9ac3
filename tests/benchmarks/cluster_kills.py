"""The same study as a Slurm job on two of three nodes of the test cluster: ranks, whole jobs and nodes are killed.

What comes after a kill is Slurm's and the job script's affair, as on any cluster: a job whose node is gone is requeued,
one that was killed is submitted again.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from killed_study import Kill, KilledStudy, Tally, alive_after

sys.path.insert(0, str(Path(__file__).parents[1] / "integration/slurm"))

from slurmbed import Cluster
from slurmbed.cluster import ENDED
from slurmbed.requirements import PATH
from slurmbed.waiting import until

NODES, RANKS_PER_NODE = 2, 2
SLURM = f"""\
[slurm]
nodes = {NODES}
ntasks_per_node = {RANKS_PER_NODE}
"""
#: a rank that dies leaves the others a minute (srun --wait=60), so there are few of these
KINDS, WEIGHTS = ("node", "job", "rank"), (6, 3, 1)
_PATIENCE_S = 240


class StudyOfJobs(KilledStudy):
    """One study, submitted and killed until it is done."""

    def __init__(self, folder: Path, schedule: str, seed: int, rng: random.Random, tally: Tally, cluster: Cluster):
        super().__init__(folder, schedule, seed, rng, tally)
        self.cluster, self.job, self.timed = cluster, 0, 0
        with (folder / "workflow.toml").open("a") as workflow:
            workflow.write(SLURM)
        objective = folder / "objective.py"
        objective.write_text(objective.read_text().replace("EPOCH_S = 0.01", "EPOCH_S = 0.1"))

    def cycle(self, kill: bool) -> bool:
        """Let the job get a result further, and kill; return whether the study is done."""
        told_before, mark, first = {r["trial"] for r in self.records("told")}, len(self.diary()), not self.job
        if first:
            self.job = self._submit()
        until(
            lambda: len(self.records("told")) > len(told_before) or self.state() in ENDED,
            f"a result of job {self.job}",
            _PATIENCE_S,
        )
        time.sleep(self.rng.uniform(0.0, 1.5))
        self.tally.restarts += bool(mark)
        met = self._kill_job() if kill and self.state() == "RUNNING" else None
        if met is None:
            until(lambda: self.state() in ENDED, f"the end of job {self.job}", _PATIENCE_S)
        self.count(told_before, mark, met)
        self.time_runs()
        if met is not None:
            self.tally.kills.append(met)
            return False
        if self.state() != "COMPLETED":
            self.tally.restarts_failed.append(f"{self.folder.name}: {self.state()}")
            log = (self.folder / f"out/slurm-{self.job}.log").read_text()[-3000:]
            raise RuntimeError(f"{self.folder}: job {self.job} {self.state()}\n{log}")
        return True

    def time_runs(self) -> None:
        """Note how long the runs of this job took from the opened folder to their first evaluation."""
        begun = [datetime.fromisoformat(record["time"]) for record in self.records("run")]
        started = self.records("started")
        for run in range(self.timed, len(begun)):
            first = [datetime.fromisoformat(record["time"]) for record in started if record["run"] == run]
            self.tally.opened_s += [(first[0] - begun[run]).total_seconds()] if first else []
        self.timed = len(begun)

    def state(self) -> str:
        return self.cluster.job(self.job)["JobState"]

    def _submit(self) -> int:
        program = [sys.executable, "-m", "autode.cli.main", "submit", "workflow.toml", "--out", "out", "--no-report"]
        path = os.pathsep.join([str(Path(sys.executable).parent), PATH])
        said = self.cluster.run(*program, folder=self.folder, env={"PATH": path}).stdout
        found = re.match(r"submitted job (\d+)", said)
        assert found, said
        return int(found[1])

    def _kill_job(self) -> Kill:
        """Kill a node, a rank or all of the job; wait until Slurm has drawn its conclusions."""
        (kind,) = self.rng.choices(KINDS, WEIGHTS)
        below = processes_in(self.folder)
        ranks = sorted(pid for pid, command in below.items() if re.search(r"python\S* \S*bin/autode run", command))
        told = len(self.records("told"))
        if kind == "node":
            self._cut_power()
        else:
            pids = list(below) if kind == "job" else [self.rng.choice(ranks)]
            self.rng.shuffle(pids)
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            until(lambda: self.state() in ENDED, f"the end of job {self.job}", _PATIENCE_S)
            self.job = 0
        met = Kill(f"{kind} on the cluster", self.schedule, self.seed, NODES * RANKS_PER_NODE, False, told)
        met.left_over = len(alive_after(list(below)))
        return met

    def _cut_power(self) -> None:
        """Switch a node of the job off, and on again when Slurm has put the job back into the queue."""
        restarts = int(self.cluster.job(self.job)["Restarts"])
        names = self.cluster.run("scontrol", "show", "hostnames", self.cluster.job(self.job)["NodeList"]).stdout.split()
        dead = int(self.rng.choice(names).removeprefix("node"))
        self.cluster.power_off(dead)
        try:
            requeued = lambda: int(self.cluster.job(self.job)["Restarts"]) > restarts  # noqa: E731
            until(requeued, "Slurm to requeue the job", _PATIENCE_S)
        finally:
            self.cluster.power_on(dead)


def processes_in(folder: Path) -> dict[int, str]:
    """Return the command lines of all processes that work in a folder, on whatever node; Slurm's own are left out."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if (entry / "cwd").readlink() == folder and "slurmstepd" not in command:
                    found[int(entry.name)] = command
    return found


def kill_on_cluster(
    folder: Path, kills: int, seed: int, rng: random.Random, tally: Tally, save: Callable[[Tally], None]
) -> None:
    """Run studies on a cluster of three nodes until there were so many kills more."""
    target, number = len(tally.kills) + kills, 0
    with Cluster(nodes=NODES + 1) as cluster:
        while len(tally.kills) < target:
            schedule = ("generational", "asynchronous")[number % 2]
            name = folder / f"jobs{number}"
            study = StudyOfJobs(name, schedule, seed * 1000 + 500 + number, rng, tally, cluster)
            while not study.cycle(kill=len(tally.kills) < target):
                print(f"{len(tally.kills)} kills", file=sys.stderr, flush=True)
            study.check()
            save(tally)
            number += 1
