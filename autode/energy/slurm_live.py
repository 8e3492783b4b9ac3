"""What Slurm knows of a job's joules while it runs: ``sstat``, the only record of a run that dies with its node.

``sacct`` shows nothing before a step ends, and of a node that died nothing ever. The joules are those of whole nodes,
counted since the job began.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping

from autode.energy.record import EnergyReading
from autode.energy.sacct_values import job_step
from autode.energy.sacct_values import joules as as_joules

#: Seconds between two questions: soon at first, as a short run may die as well as a long one; each asks every node.
FIRST_S, LONGEST_S = 2.0, 30.0
_ANSWER_S = 20.0
SOURCE = "sstat"


def live_joules(job: str) -> float | None:
    """Ask ``sstat`` for the joules of a running job so far; None if it has none or does not answer.

    The ``extern`` step counts all nodes all the time; without it (no ``PrologFlags=Contain``) the step with most does.
    """
    command = ["sstat", "--allsteps", "--parsable2", "--noheader", "--noconvert", "--format=JobID,ConsumedEnergyRaw"]
    try:
        answer = subprocess.run(
            [*command, "-j", job],
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=False,
            env=_plain_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_sstat(answer.stdout) if answer.returncode == 0 else None


def parse_sstat(text: str) -> float | None:
    """Read the lines ``JOB.STEP|joules``; None if no step has joules."""
    steps: dict[str, float] = {}
    for line in text.splitlines():
        name, bar, energy = line.partition("|")
        try:
            step, value = job_step(name)[1], as_joules(energy.strip())
        except ValueError:
            continue  # a remark among the lines
        if bar and 1 < value < float("inf"):  # 0 and 1 are what plugins begin with
            steps[step] = value
    return steps.get("extern", max(steps.values(), default=None))


def slurm_job(environment: Mapping[str, str] = os.environ) -> str:
    """Return the number of the job that this process runs in, if there is an ``sstat`` to ask; else nothing."""
    return environment.get("SLURM_JOB_ID", "") if shutil.which("sstat") else ""


class LiveJob:
    """Asks for the joules of this process's job now and then, in a thread; `taken` hands out what has come.

    Parameters
    ----------
    job : str
        Number of the job; empty: nothing is ever asked.
    first_s, longest_s : float
        Pause before the second question, and the longest; it doubles.
    """

    def __init__(self, job: str, first_s: float = FIRST_S, longest_s: float = LONGEST_S):
        self._job, self._pause, self._longest = job, first_s, longest_s
        self._lock = threading.Lock()
        self._waiting: list[EnergyReading] = []
        self._so_far = 0.0
        self._leave = threading.Event()
        if job:
            threading.Thread(target=self._ask, name="autode-sstat", daemon=True).start()

    def _ask(self) -> None:
        while not self._leave.is_set():
            value = live_joules(self._job)
            if value is not None and value > self._so_far:
                self._keep(value)
            if self._leave.wait(self._pause):
                return
            self._pause = min(2 * self._pause, self._longest)

    def _keep(self, value: float) -> None:
        gained, self._so_far = value - self._so_far, value
        reading = EnergyReading(gained, "scheduler_counter", SOURCE, "C", scope="job", flags=("live",))
        with self._lock:
            self._waiting.append(reading)

    def taken(self) -> list[EnergyReading]:
        """Return the joules that were added since the last call, in pieces that add up."""
        with self._lock:
            pieces, self._waiting = self._waiting, []
        return pieces

    def close(self) -> None:
        """Ask no more; a question under way is not waited for."""
        self._leave.set()


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SSTAT_")}
