"""What may still be spent: joules and seconds of the study, and the wall time of this job."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime

from autode.study.history import History


class Budget:
    """Decides whether another trial may start.

    Parameters
    ----------
    budget : mapping
        ``joules`` and ``seconds`` of the whole study, over all runs; 0 means no limit.
    history : History
        What was spent; it grows while the run goes on.
    wall_s : float or None
        Seconds until this job is ended from outside; None if nobody will.

    Notes
    -----
    ``joules`` counts measured joules. Only where a study has no measured ones does it count estimates. A trial is
    expected to take what the longest of the latest trials took, and as many joules as their mean.
    """

    def __init__(self, budget: Mapping[str, float], history: History, wall_s: float | None = None):
        self._joules, self._seconds = float(budget["joules"]), float(budget["seconds"])
        self._history = history
        self._before_s = history.seconds
        self._since = time.monotonic()
        self._wall_s = wall_s

    @property
    def spent_s(self) -> float:
        """Wall time of all runs, this one included."""
        return self._before_s + time.monotonic() - self._since

    @property
    def spent_j(self) -> float:
        """Joules of all attempts that have ended."""
        spent = self._history.measured_j
        return (spent if spent is not None else self._history.estimated_j) or 0.0

    @property
    def trial_s(self) -> float:
        """Seconds that another trial is expected to take; 0 before the first one has ended."""
        return max(self._history.recent_seconds, default=0.0)

    def exhausted(self, running: int) -> bool:
        """Whether the study's budget allows no trial beside the ``running`` ones."""
        ended = self._history.done + len(self._history.confirmations)
        expected_j = self.spent_j / ended * (running + 1) if ended else 0.0
        return bool(
            (self._joules and self.spent_j + expected_j > self._joules)
            or (self._seconds and self.spent_s + self.trial_s > self._seconds)
        )

    @property
    def out_of_wall_time(self) -> bool:
        """Whether another trial would probably not end before the job does."""
        return self._wall_s is not None and time.monotonic() - self._since + self.trial_s > self._wall_s


def wall_time_left(setting_s: float, grace_s: float, environment: Mapping[str, str] | None = None) -> float | None:
    """Return the seconds until this job should have ended by itself.

    Parameters
    ----------
    setting_s : float
        The workflow's ``wall_time_s``; 0 asks Slurm.
    grace_s : float
        Kept free at the end.
    environment : mapping, optional
        Instead of the process's.
    """
    env = os.environ if environment is None else environment
    if setting_s:
        return setting_s - grace_s
    end = _slurm_end(env)
    return None if end is None else end - time.time() - grace_s


def _slurm_end(env: Mapping[str, str]) -> float | None:
    """Return when Slurm will end this job, seconds since the epoch; None without a limit or outside of Slurm."""
    if env.get("SLURM_JOB_END_TIME", "").isdecimal():
        return float(env["SLURM_JOB_END_TIME"])
    if "SLURM_JOB_ID" not in env:
        return None
    job = env["SLURM_JOB_ID"]
    if "SLURM_ARRAY_TASK_ID" in env:  # the last task of an array has the array's number, which stands for all tasks
        job = f"{env['SLURM_ARRAY_JOB_ID']}_{env['SLURM_ARRAY_TASK_ID']}"
    try:
        answer = subprocess.run(
            ["scontrol", "show", "job", "-o", job],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\bEndTime=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", answer.stdout)
    return datetime.fromisoformat(found.group(1)).timestamp() if found else None
