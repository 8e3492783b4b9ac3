"""The batch script: as it is written (golden files), and as bash runs it, with stand-ins for srun and scontrol.

After a wanted change of the script, write the golden files anew with ``AUTODE_GOLDEN=write`` and read the difference.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from autode.cluster.script import Submission, render_script
from autode.cluster.settings import validate_slurm
from autode.cluster.sweep import sweep_cells

GOLDEN = Path(__file__).with_name("golden")
HAND_EDITABLE = sorted((Path(__file__).parents[2] / "slurm").glob("*.sbatch"))
SCRIPTS = [*sorted(GOLDEN.glob("*.sbatch")), *HAND_EDITABLE]

SINGLE = Submission("quickstart", "workflows/quickstart.toml", "results/quickstart")
CASES: dict[str, tuple[Submission, dict[str, Any]]] = {
    "defaults": (SINGLE, {}),
    "gpu-nodes": (
        Submission(
            "resnet",
            "my work/resnet.toml",
            "results/resnet",
            overrides=("seed=7", "search.population=32"),
            report=False,
        ),
        {
            "account": "p123",
            "partition": "gpu",
            "time": "08:00:00",
            "nodes": 4,
            "ntasks_per_node": 4,
            "cpus_per_task": 12,
            "gpus_per_node": 4,
            "mem": "480G",
            "exclusive": True,
            "mpi": "pmix",
            "modules": ["GCC/13", "OpenMPI/5"],
            "venv": "/project/p123/venv",
            "extra": ["--constraint=a100"],
        },
    ),
    "container": (
        SINGLE,
        {"container": "containers/autode.sif", "container_args": ["--nv", "--bind=/scratch"], "requeue": False},
    ),
    "steps": (
        Submission("steps", "steps.toml", "results/steps", steps=True),
        {"nodes": 4, "ntasks_per_node": 4, "cpus_per_task": 8, "gpus_per_node": 4},
    ),
    "sweep": (
        Submission(
            "sweep",
            "sweep.toml",
            "results/sweep",
            overrides=("seed=7",),
            cells=tuple(sweep_cells({"search.algorithm": ["lshade", "jde"], "objective.note": ["it's", "1"]})),
        ),
        {"array_throttle": 2, "before": ["export AUTODE_CACHE=$HOME/cache"]},
    ),
}


def rendered(case: str) -> str:
    submission, table = CASES[case]
    return render_script(submission, validate_slurm(table))


@pytest.mark.parametrize("case", CASES)
def test_scripts_are_as_read_and_approved(case: str) -> None:
    path = GOLDEN / f"{case}.sbatch"
    if os.environ.get("AUTODE_GOLDEN") == "write":
        path.write_text(rendered(case))
    assert rendered(case) == path.read_text()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(path: Path) -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("no shellcheck on PATH")
    # SC1091: the virtual environments that the scripts name are not here to be read
    answer = subprocess.run([shellcheck, "--exclude=SC1091", path], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("case", CASES)
def test_directives_stand_before_the_first_command_and_are_sorted(case: str) -> None:
    lines = rendered(case).splitlines()
    directives = [line for line in lines if line.startswith("#SBATCH")]
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert directives == sorted(directives)
    assert all(line in lines[:first] for line in directives)


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the script with an srun that is the given shell code, and a scontrol that says what it was asked."""
    programs = tmp_path / "programs"
    programs.mkdir()
    started: list[subprocess.Popen[str]] = []

    def start(srun: str, case: str = "defaults", **variables: str) -> subprocess.Popen[str]:
        for name, code in {"srun": srun, "scontrol": 'echo "scontrol $*"'}.items():
            (programs / name).write_text(f"#!/bin/bash\n{code}\n")
            (programs / name).chmod(0o755)
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_ID": "42", **variables}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(["bash", "-c", rendered(case)], env=environment, process_group=0, **pipes))
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


Start = Callable[..., "subprocess.Popen[str]"]
READY = "echo ready"


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    output, _ = process.communicate(timeout=30)
    return process.returncode, output.splitlines()


@pytest.mark.parametrize("code", [0, 1, 2, 137])
def test_the_job_ends_as_its_ranks_do(script: Start, code: int) -> None:
    assert ended(script(f"exit {code}")) == (code, [])


def test_a_study_that_can_go_on_goes_back_into_the_queue(script: Start) -> None:
    assert ended(script("exit 3")) == (0, ["not done yet: back into the queue", "scontrol requeue 42"])


@pytest.mark.parametrize("case", ["defaults", "container"])
def test_joules_that_cannot_be_measured_are_no_reason_to_come_back(script: Start, case: str) -> None:
    """As ``autode run --require-measured`` ends: with 3, and under a script that would requeue at 3 with 69."""
    assert ended(script('exit "${AUTODE_SELF_REQUEUE:+69}"', case=case)) == (3, [])


def test_a_task_of_an_array_does_not_take_the_others_along(script: Start) -> None:
    variables = {"SLURM_ARRAY_JOB_ID": "40", "SLURM_ARRAY_TASK_ID": "2"}
    assert ended(script("exit 3", case="sweep", **variables))[1][-1] == "scontrol requeue 40_2"


def test_a_task_of_an_array_runs_its_cell(script: Start) -> None:
    variables = {"SLURM_ARRAY_JOB_ID": "40", "SLURM_ARRAY_TASK_ID": "1"}
    code, said = ended(script('printf "%s\\n" "$@"', case="sweep", **variables))
    sets = ["--set", "search.algorithm=lshade", "--set", 'objective.note="1"']
    # the cell's settings come after those of the command line and win
    assert (code, said[-8:]) == (0, ["--set", "seed=7", "--out", "results/sweep/algorithm=lshade+note=1", *sets])


def test_without_requeue_the_job_says_how_to_go_on(script: Start) -> None:
    assert ended(script("exit 3", case="container")) == (3, ["not done yet: submit this script again to go on"])


def test_the_ranks_hear_that_the_time_limit_is_near(script: Start) -> None:
    process = script(f"trap 'echo told; exit 3' USR1; {READY}; while :; do read -rt 0.05 <> <(:) || :; done")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGUSR1)
    assert ended(process) == (0, ["told", "not done yet: back into the queue", "scontrol requeue 42"])


def test_ranks_that_were_not_up_yet_when_the_limit_came_near_are_tried_again(script: Start) -> None:
    process = script(f"{READY}; exec sleep 20")  # dies of the signal
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGUSR1)
    code, said = ended(process)
    assert (code, said[-1]) == (0, "scontrol requeue 42")


def test_a_job_whose_limit_always_comes_before_the_ranks_are_up_is_given_up(script: Start) -> None:
    process = script(f"{READY}; exec sleep 20", SLURM_RESTART_COUNT="5")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGUSR1)
    code, said = ended(process)
    assert code == 2
    assert (
        "the study never begins: it needs more time or a later signal, or srun or MPI does not reach the nodes" in said
    )


@pytest.mark.parametrize(
    "unreachable",
    [
        pytest.param("exit 233", id="srun"),  # so it ends, seen on the test cluster: "Communication connection failure"
        pytest.param("exit 140", id="MPI"),  # SIGUSR2: `autode.execution.lifetime.end_if_longer_than`
    ],
)
def test_a_node_that_is_not_reached_is_no_fault_of_the_study(unreachable: str, script: Start) -> None:
    assert ended(script(unreachable, SLURM_RESTART_COUNT="4"))[1][-1] == "scontrol requeue 42"
    assert ended(script(unreachable, SLURM_RESTART_COUNT="5"))[0] == 2


def test_a_cancelled_job_stays_away(script: Start) -> None:
    process = script(f"trap 'exit 3' TERM; {READY}; while :; do read -rt 0.05 <> <(:) || :; done")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [process.pid, *map(int, children)]:  # Slurm tells script and ranks
        os.kill(pid, signal.SIGTERM)
    assert ended(process) == (3, [])


@pytest.mark.parametrize("path", HAND_EDITABLE, ids=lambda path: path.name)
def test_scripts_to_edit_by_hand_come_back_as_the_written_ones_do(path: Path) -> None:
    text = path.read_text()
    model = rendered("sweep" if "--array" in text else "defaults")
    assert after(text, "# a signal ends a wait early") == after(model, "# a signal ends a wait early")
    assert between(text, "# Slurm tells only this shell", "srun ") == between(model, "# Slurm tells only", "srun ")


def after(text: str, mark: str) -> str:
    return text[text.index(mark) :]


def between(text: str, first: str, last: str) -> str:
    rest = after(text, first)
    return rest[: rest.index(f"\n{last}")]
