"""A real job on nodes of known power: what this cluster accounts for it, against watts times seconds."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

from autode.cluster.sacct import Sacct
from autode.energy import job_runs, read_sacct
from autode.energy.conformance import Verdict
from autode.study.errors import UserError

#: A job that is over has its records within this many seconds.
_SETTLED_S = 60.0


def slurm_verdicts(watts: float, nodes: int = 1, seconds: int = 120, wait_s: float = 3600.0) -> Iterator[Verdict]:
    """Submit a job that sleeps, exclusively, and judge the joules that accounting has for it.

    Parameters
    ----------
    watts : float
        What one node draws, idle as it is.
    nodes : int
    seconds : int
        Length of the job; its joules are known to 2 % and the second to which Slurm cuts times.
    wait_s : float
        Longest wait for the job to start and end, seconds.

    Raises
    ------
    UserError
        If the job cannot be submitted or does not end in time.
    """
    sacct = Sacct()
    job = _submit(nodes, seconds)
    text = _accounting(sacct, job, time.monotonic() + wait_s)
    rows = read_sacct(text)
    run = job_runs(rows).iloc[0]
    elapsed = float(run["elapsed_s"])
    truth, limit = watts * nodes * elapsed, 0.02 + 1.0 / max(elapsed, 1.0)
    about = f"job {job}, {elapsed:.0f} s on {run['nodes']}, from {run['energy_from']}"
    yield Verdict("slurm", f"{nodes} x {watts:g} W, {run['state']}", truth, float(run["energy_j"]), limit, detail=about)
    mean = float(run["mean_node_power_w"])
    yield Verdict("slurm", "mean power of a node", watts, mean, limit, "W", about)


def _submit(nodes: int, seconds: int) -> str:
    limit = f"--time={seconds // 60 + 2}"
    command = ["sbatch", "--parsable", "--exclusive", f"--nodes={nodes}", limit, "--output=/dev/null"]
    try:
        answer = subprocess.run(
            [*command, f"--wrap=sleep {seconds}"], capture_output=True, text=True, check=False, timeout=120
        )
    except FileNotFoundError:
        raise UserError("no sbatch on PATH; run this on a login node of the cluster") from None
    if answer.returncode:
        raise UserError(f"sbatch failed: {' '.join(answer.stderr.split())}")
    return answer.stdout.strip().partition(";")[0]


def _accounting(sacct: Sacct, job: str, deadline: float) -> str:
    """Return what sacct says of a job once it has ended and its joules have come, or had a minute to come."""
    over = 0.0
    while time.monotonic() < deadline:
        text = sacct.query([job])
        rows = read_sacct(text) if text.count("\n") > 1 else None
        if rows is not None and len(rows) and rows["end"].notna()[rows["step"] == ""].all():
            over = over or time.monotonic()
            if job_runs(rows)["energy_j"].notna().all() or time.monotonic() > over + _SETTLED_S:
                return text
        time.sleep(2.0)
    raise UserError(f"job {job} has not ended in time; see squeue -j {job}")
