"""The [slurm] table: defaults, and one sentence for everything that is wrong."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.cluster.settings import time_limit_s, validate_slurm


def test_an_empty_table_asks_for_one_task_and_comes_back_by_itself() -> None:
    assert validate_slurm({}) == {
        "nodes": 1,
        "ntasks_per_node": 1,
        "cpus_per_task": 1,
        "exclusive": False,
        "signal_s": 120,
        "requeue": True,
        "mpi": "pmi2",
    }


def test_what_is_given_is_kept() -> None:
    table = {
        "partition": "gpu",
        "account": "p123",
        "qos": "long",
        "time": "1-12:00",
        "nodes": 4,
        "ntasks_per_node": 8,
        "cpus_per_task": 16,
        "gpus_per_node": 8,
        "mem": "480G",
        "exclusive": True,
        "signal_s": 300,
        "requeue": False,
        "mpi": "pmix",
        "modules": ["GCC", "OpenMPI/5"],
        "container": "autode.sif",
        "container_args": ["--nv"],
        "container_command": ["singularity", "exec"],
        "before": ["export OMP_PROC_BIND=true"],
        "extra": ["--constraint=a100"],
        "array_throttle": 2,
    }
    assert validate_slurm(table) == table


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"node": 2}, "[slurm] node: unknown key; did you mean 'nodes'?"),
        ({"nodes": 0}, "[slurm] nodes: expected a whole number of at least 1, not 0"),
        ({"nodes": True}, "[slurm] nodes: expected a whole number of at least 1, not True"),
        ({"partition": "gpu large"}, "[slurm] partition: expected a text without blanks, not 'gpu large'"),
        ({"time": "2h"}, "[slurm] time: expected a time limit as sbatch takes it"),
        ({"time": "0"}, "[slurm] time: expected a time limit as sbatch takes it"),
        ({"mem": "16 GB"}, "[slurm] mem: expected memory a node"),
        ({"requeue": "yes"}, "[slurm] requeue: expected true or false, not 'yes'"),
        ({"mpi": "none"}, '[slurm] mpi: expected one of "pmi2", "pmix", not \'none\''),
        ({"modules": "GCC"}, "[slurm] modules: expected a list of module names, not 'GCC'"),
        ({"before": ["a\nb"]}, "[slurm] before: expected a list of shell lines"),
        ({"extra": ["constraint=a100"]}, "[slurm] extra: expected a list of sbatch options"),
        ({"extra": ["--signal=USR2@10"]}, "[slurm] extra: --signal is not for this list; the script sets it itself"),
        ({"extra": ["--gpus-per-node=1"]}, "[slurm] extra: --gpus-per-node is not for this list; use the key gpus_per"),
        ({"venv": ".venv", "container": "a.sif"}, "[slurm] venv and container: expected one of the two"),
        ({"container_args": ["--nv"]}, "[slurm] container_args: needs container"),
        (
            {"container_command": "apptainer exec"},
            "[slurm] container_command: expected what starts a container",
        ),
        ({"container_command": []}, "[slurm] container_command: expected what starts a container"),
        ({"time": 2, "signal_s": 120}, "[slurm] signal_s: expected less than the time limit of 120 s, not 120"),
    ],
)
def test_a_wrong_table_is_refused_in_one_sentence(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        validate_slurm(table)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        (90, 90 * 60),
        ("90", 90 * 60),
        ("90:30", 90 * 60 + 30),
        ("2:00:00", 7200),
        ("1-12", 36 * 3600),
        ("1-12:30", 36 * 3600 + 1800),
        ("1-12:30:15", 36 * 3600 + 1815),
    ],
)
def test_time_limits_mean_what_sbatch_takes_them_for(limit: str | int, seconds: int) -> None:
    assert time_limit_s(limit) == seconds


@given(days=st.integers(0, 30), clock=st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)))
def test_days_count_24_hours(days: int, clock: tuple[int, int, int]) -> None:
    hours, minutes, seconds = clock
    with_days = time_limit_s(f"{days}-{hours:02d}:{minutes:02d}:{seconds:02d}")
    assert with_days == time_limit_s(f"{days * 24 + hours}:{minutes:02d}:{seconds:02d}")


def test_a_time_without_quotes_is_taken_for_what_it_looks_like() -> None:
    table = tomllib.loads("time = 04:00:00")
    assert validate_slurm(table)["time"] == "04:00:00"


def test_the_table_can_be_checked_without_torch_or_mpi() -> None:
    code = "import sys, autode.cluster.settings; sys.exit(bool({'torch', 'mpi4py', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
