"""The sbatch script: one file that a person can read, edit and submit again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autode.cluster.sweep import Cell

SCRIPT_NAME = "submit.sbatch"
#: options that are passed on as they are: key of the table -> sbatch's name
_OPTIONS = {
    "partition": "partition",
    "account": "account",
    "qos": "qos",
    "time": "time",
    "nodes": "nodes",
    "ntasks_per_node": "ntasks-per-node",
    "cpus_per_task": "cpus-per-task",
    "gpus_per_node": "gpus-per-node",
    "mem": "mem",
}

_TRAPS = """\
# Slurm tells only this shell that the time limit is near (--signal above); the ranks have to hear of it from here. They
# save and end with code 3. At scancel, preemption and requeue Slurm tells the ranks itself, so nothing is passed on (a
# second signal would mean "at once"), and whether the job comes back is Slurm's affair.
export AUTODE_SELF_REQUEUE=1  # with it the program does not say 3 for what --require-measured finds, but 69
signalled='' why=''
trap 'signalled=1 why=time; kill -USR1 "$!" || true' USR1
trap 'signalled=1 why=cancelled' TERM
"""
_WAIT = """\
# a signal ends a wait early: wait again, until it is the ranks that ended it
while :; do
    signalled='' code=0
    wait "$!" || code=$?
    [ -n "$signalled" ] || break
done
[ "$code" -ge 0 ] || code=3  # bash loses the code of what ends in the instant of a signal; the next run finds out
[ "$code" -ne 69 ] || exit 3  # --require-measured, and something was not: another try would find the same

# 0: done; 1, 2: a fault, which another try would only repeat; 3: the same command goes on; above 128: a signal's victim
# 233: srun did not reach a node, which may just have been lost; 140: MPI did not start; or the signal came before the
# ranks were listening
if [ "$code" -eq 233 ] || [ "$code" -eq 140 ] || { [ "$why" = time ] && [ "$code" -gt 128 ]; }; then
    code=3
    if [ "${SLURM_RESTART_COUNT:-0}" -ge 5 ]; then
        echo "the study never begins: it needs more time or a later signal, or srun or MPI does not reach the nodes" >&2
        exit 2
    fi
fi
"""
_REQUEUE = """\
if [ "$code" -eq 3 ] && [ "$why" != cancelled ]; then
    echo "not done yet: back into the queue"
    scontrol requeue "$job" && exit 0
    echo "Slurm does not requeue this job; submit this script again to go on" >&2
fi
exit "$code"
"""
_NO_REQUEUE = """\
if [ "$code" -eq 3 ] && [ "$why" != cancelled ]; then
    echo "not done yet: submit this script again to go on"
fi
exit "$code"
"""


@dataclass(frozen=True)
class Submission:
    """What a job runs.

    Attributes
    ----------
    name : str
        Of the study and of the job.
    workflow : str
        Path of the workflow file, as the job sees it.
    out : str
        The study's folder; for a sweep the folder of the cells' folders.
    overrides : tuple of str
        ``table.key=value`` settings for every cell.
    cells : tuple of Cell
        Empty without a sweep.
    report : bool
        Whether the job writes the report when the study is done; its other nodes wait meanwhile.
    steps : bool
        Whether the study calls srun itself, once a trial, and outlives nodes other than its own.
    """

    name: str
    workflow: str
    out: str
    overrides: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()
    report: bool = True
    steps: bool = False

    @property
    def log(self) -> str:
        """Slurm's pattern of the log's path; a requeued run appends to it."""
        return f"{self.out}/slurm-{'%A_%a' if self.cells else '%j'}.log"


def render_script(submission: Submission, settings: Mapping[str, Any]) -> str:
    """Return the batch script.

    Parameters
    ----------
    submission : Submission
    settings : mapping
        The ``[slurm]`` table as `autode.cluster.settings.validate_slurm` returns it.
    """
    parts = [
        "\n".join([*_head(submission), *_directives(submission, settings)]) + "\n",
        "set -e\n" + "".join(f"{line}\n" for line in _environment(settings)),
        *([_cases(submission.cells, submission.out)] if submission.cells else []),
        _TRAPS,
        _launch(submission, settings),
        _WAIT + _ending(submission, settings),
    ]
    return "\n".join(parts)


def _head(submission: Submission) -> list[str]:
    script = shlex.quote(f"{submission.out}/{SCRIPT_NAME}")
    return [
        "#!/bin/bash",
        f"# {submission.name}: written by autode submit. To go on, or after a change:  sbatch {script}",
    ]


def _directives(submission: Submission, settings: Mapping[str, Any]) -> list[str]:
    """Return the #SBATCH lines, sorted."""
    options = {f"--{name}={settings[key]}" for key, name in _OPTIONS.items() if key in settings}
    options |= {
        f"--job-name={shlex.quote(submission.name)}",
        "--open-mode=append",
        f"--output={shlex.quote(submission.log)}",
        "--requeue" if settings["requeue"] else "--no-requeue",
        f"--signal=B:USR1@{settings['signal_s']}",
        *settings.get("extra", []),
    }
    if submission.steps:
        options.add("--no-kill")
    if settings["exclusive"]:
        options.add("--exclusive")
    if submission.cells:
        throttle = f"%{settings['array_throttle']}" if "array_throttle" in settings else ""
        options.add(f"--array=0-{len(submission.cells) - 1}{throttle}")
    return [f"#SBATCH {option}" for option in sorted(options)]


def _environment(settings: Mapping[str, Any]) -> Iterable[str]:
    """Yield the lines that make the program available."""
    if settings.get("modules"):
        yield f"module load {shlex.join(settings['modules'])}"
    yield from settings.get("before", [])
    if "venv" in settings:
        yield f"source {shlex.quote(settings['venv'] + '/bin/activate')}"


def _cases(cells: Iterable[Cell], out: str) -> str:
    """Return the choice of a sweep's cell by the number of the array task."""
    lines = ["# one cell of the sweep a task of the array", 'case "$SLURM_ARRAY_TASK_ID" in']
    for number, cell in enumerate(cells):
        options = ["--out", f"{out}/{cell.name}", *_set_options(cell.overrides)]
        lines.append(f"    {number}) cell=({shlex.join(options)}) ;;")
    return "\n".join([*lines, '    *) echo "the sweep has no cell $SLURM_ARRAY_TASK_ID" >&2; exit 2 ;;', "esac\n"])


def cell_count(script: str) -> int:
    """Return how many cells of a sweep a script has."""
    return len(re.findall(r"^    \d+\) cell=", script, re.MULTILINE))


def _launch(submission: Submission, settings: Mapping[str, Any]) -> str:
    """Return the one srun, or none. Since Slurm 22.05 it does not take over --cpus-per-task by itself."""
    srun = ["srun", f"--mpi={settings['mpi']}", f"--cpus-per-task={settings['cpus_per_task']}"]
    # Ranks may end with code 3 one after the other, which must not kill the later ones. When one dies, though, the
    # others would wait for it for ever: they have a minute.
    srun += ["--kill-on-bad-exit=0", "--wait=60"]
    lines = [] if submission.steps else [shlex.join(srun)]
    if "container" in settings:
        command = settings.get("container_command", ["apptainer", "exec"])
        lines.append(shlex.join([*command, *settings.get("container_args", []), settings["container"]]))
    # the last of two settings wins, and that must be the cell's
    place = '"${cell[@]}"' if submission.cells else shlex.join(["--out", submission.out])
    run = shlex.join(["autode", "run", submission.workflow, *_set_options(submission.overrides)])
    lines.append(" ".join([run, place, *([] if submission.report else ["--no-report"])]))
    return " \\\n    ".join(lines) + " &\n"


def _set_options(overrides: Iterable[str]) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


def _ending(submission: Submission, settings: Mapping[str, Any]) -> str:
    if not settings["requeue"]:
        return _NO_REQUEUE
    job = "$SLURM_JOB_ID"
    if submission.cells:  # an array's number alone would mean all its tasks
        job = "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    return _REQUEUE.replace("$job", job)
