"""Asking a cluster's sacct for jobs, and knowing when its answer has settled."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Sequence
from datetime import datetime

from autode.study.errors import UserError

#: What is asked for, as far as this sacct knows it: sacct(1) of 22.05 lacks some, later versions have them all.
FIELDS = (
    "JobID", "JobIDRaw", "JobName", "State", "ExitCode", "Submit", "Start", "End", "ElapsedRaw", "NNodes", "NTasks",
    "AllocCPUS", "AllocTRES", "NodeList", "ConsumedEnergy", "ConsumedEnergyRaw", "TRESUsageInTot", "TRESUsageOutTot",
    "TRESUsageOutAve", "CPUTimeRAW", "TotalCPU", "MaxRSS", "Partition", "User", "Cluster", "Flags", "Restarts",
    "Exclusive", "OverSubscribe",
)  # fmt: skip
#: Jobs in one call: a command line is finite.
_JOBS_A_CALL = 500
_TIME = "%Y-%m-%dT%H:%M:%S"
_SETTINGS = re.compile(r"^(AcctGather\w+|JobAcctGather\w+|PrologFlags|SLURM_VERSION|ClusterName)\s*= ?(.*)$", re.M)


class Sacct:
    """The sacct of this machine, asked in UTC.

    Raises
    ------
    UserError
        If there is none, or it does not work.
    """

    def __init__(self) -> None:
        known = {name.lower() for name in _call("sacct", "--helpformat").split()}
        fields = ",".join(name for name in FIELDS if name.lower() in known)
        # --duplicates: the earlier runs of requeued jobs; --noconvert: plain numbers
        self._options = ("--duplicates", "--parsable2", "--noconvert", f"--format={fields}")

    def command(self, jobs: Sequence[str]) -> str:
        """Return the query as a person would type it."""
        return f"TZ=UTC sacct -j {','.join(jobs)} {' '.join(self._options)}"

    def query(self, jobs: Sequence[str]) -> str:
        """Return the text for the jobs: one header, all runs and steps of those that sacct knows.

        Raises
        ------
        UserError
            If sacct fails.
        """
        texts: list[str] = []
        for begin in range(0, len(jobs), _JOBS_A_CALL):
            text = _call("sacct", "-j", ",".join(jobs[begin : begin + _JOBS_A_CALL]), *self._options)
            texts.append(text if not texts else text.partition("\n")[2])
        return "".join(texts)

    def others_on(self, nodes: str, start: datetime, end: datetime, own: Collection[str]) -> list[str]:
        """Return the numbers of other jobs that had one of the nodes for more than a second between two times in UTC.

        A site that hides other users' jobs shows none of them.
        """
        window = (f"--nodelist={nodes}", f"--starttime={start:{_TIME}}", f"--endtime={end:{_TIME}}")
        fields = "--format=JobIDRaw,Start,End"
        text = _call("sacct", "--allusers", "--allocations", "--duplicates", "--parsable2", fields, *window)
        found = []
        for line in text.splitlines()[1:]:
            job, begun, ended = line.split("|")
            since, until = _time(begun), _time(ended) or end
            if job not in own and since and (min(until, end) - max(since, start)).total_seconds() > 1:
                found.append(job)
        return list(dict.fromkeys(found))


def _time(text: str) -> datetime | None:
    """Read a time of sacct; None for ``Unknown`` and ``None``."""
    return datetime.fromisoformat(text) if text[:1].isdigit() else None


def cluster_settings() -> dict[str, str]:
    """Return the settings of Slurm that decide what its joules mean; nothing where scontrol does not answer."""
    try:
        return {name: value.strip() for name, value in _SETTINGS.findall(_call("scontrol", "show", "config"))}
    except UserError:
        return {}


def _call(program: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SACCT_", "SLURM_TIME_"))}
    try:
        answer = subprocess.run(
            [program, *arguments], capture_output=True, text=True, env={**environment, "TZ": "UTC"}, check=False
        )
    except FileNotFoundError:
        raise UserError(
            f"no {program} on PATH; run this on a login node of the cluster, or give the text of sacct with --from-file"
        ) from None
    if answer.returncode:
        raise UserError(f"{program} failed: {' '.join(answer.stderr.split()) or f'exit code {answer.returncode}'}")
    return answer.stdout
