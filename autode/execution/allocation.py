"""What a Slurm allocation has room for, and the command line of one job step in it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

#: the step in which ``salloc`` runs its shell; other steps may be started from it (slurm.h: SLURM_INTERACTIVE_STEP)
_INTERACTIVE_STEP = "4294967290"
# srun reads the batch script's own options from these; a step of one task has its own
_OF_THE_JOB = re.compile(
    r"(SLURM_(NTASKS.*|NPROCS|NNODES|JOB_NUM_NODES|TASKS_PER_NODE|CPUS_PER_TASK|MEM_PER_.*|GPUS.*|TRES_PER_TASK|GRES.*"
    r"|DISTRIBUTION|NO_KILL|EXCLUSIVE|EXPORT_ENV|JOB_NAME))"
)
#: seconds that Slurm's controller may take to answer
_ANSWER_S = 20.0


@dataclass(frozen=True)
class Allocation:
    """What a job was given, cut into job steps of one trial each. All nodes are taken to be alike.

    Attributes
    ----------
    job : str
        Slurm's number of the job.
    nodes : int
    slots : int
        How many steps run at once.
    cpus : int
        Per step.
    memory : str
        Per step, as ``srun --mem`` takes it; empty where Slurm counts it per CPU.
    gpus : int
        Per step: 1 if the job has any.
    """

    job: str
    nodes: int
    slots: int
    cpus: int = 1
    memory: str = ""
    gpus: int = 0

    @property
    def slots_per_node(self) -> int:
        """How many steps share a node."""
        return -(-self.slots // self.nodes)

    @classmethod
    def here(cls, steps: int | None = None, environment: Mapping[str, str] | None = None) -> Allocation:
        """Return the allocation that this process, a batch script's or salloc's, runs in.

        Parameters
        ----------
        steps : int, optional
            How many steps are to run at once, instead of the job's tasks; the CPUs are shared out evenly then.
        environment : mapping, optional
            Instead of this process's own.

        Raises
        ------
        ValueError
            If there is no allocation, this is a job step itself, or so many steps do not fit.
        """
        env = os.environ if environment is None else environment
        if "SLURM_JOB_ID" not in env:
            raise ValueError("there is no Slurm allocation here; start it with autode submit, sbatch or salloc")
        if env.get("SLURM_STEP_ID", _INTERACTIVE_STEP) != _INTERACTIVE_STEP:
            raise ValueError("this is a job step already; start it from the batch script itself, without srun")
        nodes = int(env.get("SLURM_JOB_NUM_NODES") or env.get("SLURM_NNODES") or 1)
        tasks = int(env.get("SLURM_NTASKS") or nodes * int(env.get("SLURM_NTASKS_PER_NODE") or 1))
        cpus = int(env.get("SLURM_CPUS_PER_TASK") or 1)
        if steps is not None:
            cpus = _cpus_per_node(env) // -(-steps // nodes)
        job = cls(env["SLURM_JOB_ID"], nodes, steps or tasks, cpus)
        gpus = int(env.get("SLURM_GPUS_ON_NODE") or 0)
        for what, has in (("CPU", cpus * job.slots_per_node), *([("GPU", gpus)] if gpus else [])):
            if has < job.slots_per_node:
                fit = f"{job.slots_per_node} steps a node need one {what} each, but a node of the job has"
                raise ValueError(f"{fit} {has or _cpus_per_node(env)}; ask for more of them, or set workers")
        return cls(job.job, nodes, job.slots, cpus, _memory(env, job.slots_per_node), int(gpus > 0))

    def srun(self, name: str, node: str = "") -> list[str]:
        """Return the options of one step: one task with its share of a node, and of no other step's.

        With ``node`` it is put there whatever Slurm takes to be free. Slurm 22.05 never frees the CPUs of steps that
        ran while another node was taken out of the job, and would let the next steps wait for them for ever.
        """
        return [
            "srun",
            # --exact: no more than what is asked for, so that the steps run side by side
            *(["--overlap", "--cpu-bind=none", f"--nodelist={node}"] if node else ["--exact"]),
            "--nodes=1",
            "--ntasks=1",
            f"--cpus-per-task={self.cpus}",
            *([f"--mem={self.memory}"] if self.memory else []),
            *([f"--gres=gpu:{self.gpus}"] if self.gpus else []),
            "--no-kill",
            "--mpi=none",
            "--export=ALL",
            "--input=none",
            f"--job-name={name}",
        ]

    def nodes_left(self) -> list[str]:
        """Ask Slurm which nodes the job still has; an empty list if it does not say."""
        names = _ask("squeue", "--noheader", f"--jobs={self.job}", "--format=%N")
        return _ask("scontrol", "show", "hostnames", names[0]) if names else []


def _ask(*command: str) -> list[str]:
    """Return the words that one of Slurm's programs answers."""
    with suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
        return answer.stdout.split() if answer.returncode == 0 else []
    return []


def batch_job() -> str:
    """Return how to requeue the job whose batch script this process belongs to; empty outside of batch scripts."""
    env = os.environ
    if "SLURMD_NODENAME" not in env or "SLURM_STEP_ID" in env:
        return ""
    if "SLURM_ARRAY_JOB_ID" in env:  # an array's number alone would mean all its tasks
        return f"{env['SLURM_ARRAY_JOB_ID']}_{env['SLURM_ARRAY_TASK_ID']}"
    return env.get("SLURM_JOB_ID", "")


def step_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for an srun: what concerned the job as a whole is left out."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not _OF_THE_JOB.fullmatch(key) or key == "SLURM_MEM_PER_CPU"  # which is a step's share too
    }
    return {**kept, **more}


def _cpus_per_node(env: Mapping[str, str]) -> int:
    """Return the CPUs of the smallest node, from a list such as ``16(x2),8``."""
    return min(int(part.partition("(")[0]) for part in env.get("SLURM_JOB_CPUS_PER_NODE", "1").split(","))


def _memory(env: Mapping[str, str], slots_per_node: int) -> str:
    """Return a step's part of a node's memory; 0 (all of it, and not counted) where the job has no limit."""
    if "SLURM_MEM_PER_CPU" in env:
        return ""
    megabytes = int(env.get("SLURM_MEM_PER_NODE") or 0)
    return f"{megabytes // slots_per_node}M" if megabytes else "0"
