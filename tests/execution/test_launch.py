"""Where a process finds itself: under which launcher, with which devices."""

from __future__ import annotations

import pytest

from autode.execution.devices import device_of, gpu_count, usable_cores
from autode.execution.mpi import Launch, detect_launch


@pytest.mark.parametrize(
    ("environment", "launch"),
    [
        ({}, None),
        ({"PMI_SIZE": "1"}, None),
        ({"PMI_SIZE": "3", "PMI_RANK": "0"}, Launch(3, "mpiexec")),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, Launch(2, "mpiexec")),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}, None),  # a batch script: one process
        ({"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}, Launch(4, "srun")),
        ({"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "PMI_SIZE": "4"}, Launch(4, "srun")),
        ({"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1"}, None),
    ],
)
def test_the_launcher_is_told_by_its_environment(environment: dict[str, str], launch: Launch | None) -> None:
    found = detect_launch(environment)
    assert (found and (found.size, found.launcher)) == (launch and (launch.size, launch.launcher))


@pytest.mark.parametrize(
    ("visible", "count"), [("", 0), ("-1", 0), ("NoDevFiles", 0), ("0", 1), ("0,3", 2), ("GPU-1a2b,GPU-3c4d", 2)]
)
def test_gpus_are_those_that_the_job_was_given(monkeypatch: pytest.MonkeyPatch, visible: str, count: int) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_count() == count


def test_workers_take_the_gpus_in_turn() -> None:
    assert [device_of(slot, 2) for slot in range(4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert device_of(5, 0) == "cpu"


def test_at_least_one_core_is_usable() -> None:
    assert usable_cores() >= 1
