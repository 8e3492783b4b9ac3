"""Which executor a study runs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from autode.energy import MeterSet, open_meters
from autode.execution import Executor
from autode.execution.devices import device_of, gpu_count, usable_cores
from autode.execution.evaluate import Objective, Place
from autode.execution.local import ProcessExecutor
from autode.execution.serial import SerialExecutor
from autode.execution.worker import Setup
from autode.study.workflow import Workflow

Workers = int | Literal["mpi"] | Executor | None


def default_workers() -> int:
    """Return one worker a GPU, or one a core where there is no GPU."""
    return gpu_count() or usable_cores()


def process_executor(workflow: Workflow, make_objective: Callable[[], Objective], workers: int) -> ProcessExecutor:
    """Return worker processes on this machine, the GPUs shared out among them in turn."""
    gpus = gpu_count()
    setups = [
        _setup(workflow, make_objective, Place.here(rank, device_of(rank, gpus)), workers) for rank in range(workers)
    ]
    return ProcessExecutor(setups, workflow.execution["threads"])


def mpi_executor(workflow: Workflow, make_objective: Callable[[], Objective], comm: Any) -> Executor:
    """Return all ranks of an MPI world; the others must be in `autode.execution.mpi.serve`."""
    from autode.execution.mpi import MpiExecutor

    return MpiExecutor(comm, _setup(workflow, make_objective, Place(), comm.size), workflow.execution["threads"])


def serial_executor(workflow: Workflow, make_objective: Callable[[], Objective]) -> SerialExecutor:
    """Return this process."""
    device = device_of(0, gpu_count())
    meters = open_meters(
        workflow.energy["meters"],
        devices=[] if device == "cpu" else [device],
        estimate_watts=workflow.energy.get("estimate_watts"),
    )
    return SerialExecutor(make_objective(), meters, device)


def node_meters(workflow: Workflow) -> MeterSet:
    """Return the meters of the coordinating process, which take the whole node's joules."""
    return open_meters(workflow.energy["meters"], estimate_watts=workflow.energy.get("estimate_watts"))


def _setup(workflow: Workflow, make_objective: Callable[[], Objective], place: Place, slots: int) -> Setup:
    watts = workflow.energy.get("estimate_watts")
    return Setup(
        make_objective=make_objective,
        place=place,
        meters=workflow.energy["meters"],
        slots=slots,
        estimate_watts=None if watts is None else (watts[0], watts[1]),
    )
