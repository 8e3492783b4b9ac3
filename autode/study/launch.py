"""Which executor a study runs on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal

from autode.energy import MeterSet, open_meters
from autode.execution import Executor
from autode.execution.allocation import Allocation
from autode.execution.devices import device_of, gpu_count, usable_cores
from autode.execution.evaluate import Objective, Place
from autode.execution.local import ProcessExecutor
from autode.execution.serial import SerialExecutor
from autode.execution.steps import StepExecutor
from autode.execution.stopping import StopRequest
from autode.execution.worker import Setup
from autode.study.errors import UserError
from autode.study.workflow import Workflow

Workers = int | Literal["mpi"] | Executor | None


def default_workers() -> int:
    """Return one worker a GPU, or one a core where there is no GPU."""
    return gpu_count() or usable_cores()


def process_executor(
    workflow: Workflow, make_objective: Callable[[], Objective], workers: int, series: str = ""
) -> ProcessExecutor:
    """Return worker processes on this machine, the GPUs shared out among them in turn."""
    gpus = gpu_count()
    setups = [
        _setup(workflow, make_objective, Place.here(rank, device_of(rank, gpus)), workers, series)
        for rank in range(workers)
    ]
    return ProcessExecutor(setups, workflow.execution["threads"])


def mpi_executor(
    workflow: Workflow, make_objective: Callable[[], Objective], comm: Any, stop: StopRequest, series: str = ""
) -> Executor:
    """Return all ranks of an MPI world; the others must be in `autode.execution.mpi.serve`.

    A trial on several ranks that hangs asks ``stop`` to end the run.
    """
    setup, threads = _setup(workflow, make_objective, Place(), comm.size, series), workflow.execution["threads"]
    size = workflow.execution["ranks_per_trial"]
    if size > 1:
        from autode.execution.groups import GroupExecutor

        groups, left = divmod(comm.size, size)
        if left:
            split = f"{comm.size} MPI ranks make {groups} group{'s' if groups > 1 else ''} of {size}"
            print(f"autode: {split}; {left} {'ranks stay' if left > 1 else 'rank stays'} idle", file=sys.stderr)
        return GroupExecutor(comm, setup, threads, size, stop.ask)

    from autode.execution.mpi import MpiExecutor

    return MpiExecutor(comm, setup, threads)


def steps_executor(
    workflow: Workflow, make_objective: Callable[[], Objective], workers: int | None, series: str = ""
) -> Executor:
    """Return job steps of this Slurm allocation, ``workers`` or the job's number of tasks at a time."""
    workers = workers or workflow.execution.get("workers")
    try:
        allocation = Allocation.here(workers)
    except ValueError as error:
        raise UserError(f'{_where(workflow)} executor = "srun-steps": {error}') from None
    execution = workflow.execution
    setup = _setup(workflow, make_objective, Place(), allocation.slots_per_node, series)
    return StepExecutor(setup, allocation, execution["threads"])


def check_executor(workflow: Workflow, comm: Any = None) -> None:
    """Raise UserError if MPI ranks were started, or are wanted, for trials that shall be job steps."""
    if workflow.execution["executor"] == "auto":
        return
    if comm is not None:
        raise UserError(
            f'{_where(workflow)} executor = "srun-steps" calls srun for every trial itself; '
            "start it from the batch script as one process, without srun or mpiexec"
        )
    if workflow.execution["ranks_per_trial"] > 1:
        raise UserError(f'{_where(workflow)} executor = "srun-steps" has 1 rank a trial; set ranks_per_trial to 1')


def check_ranks_per_trial(workflow: Workflow, comm: Any = None) -> None:
    """Raise UserError if trials cannot have as many ranks as the workflow says; without ``comm`` there is no MPI."""
    size = workflow.execution["ranks_per_trial"]
    if size == 1:
        return
    where = f"{_where(workflow)} ranks_per_trial:"
    kind = workflow.objective["kind"]
    if kind == "command":
        raise UserError(f'{where} an objective of kind "{kind}" runs on 1 rank, not on {size}; set it to 1')
    if comm is None:
        raise UserError(
            f"{where} {size} ranks a trial need MPI; start it with mpiexec -n N or srun -n N, N at least {size}"
        )
    from autode.execution.groups import check_world

    try:
        check_world(comm.size, size)
    except ValueError as error:
        raise UserError(f"{where} {error}") from None


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


def _where(workflow: Workflow) -> str:
    return f"{workflow.source or 'workflow'}: [execution]"


def _setup(
    workflow: Workflow, make_objective: Callable[[], Objective], place: Place, slots: int, series: str = ""
) -> Setup:
    watts = workflow.energy.get("estimate_watts")
    return Setup(
        make_objective=make_objective,
        place=place,
        meters=workflow.energy["meters"],
        slots=slots,
        estimate_watts=None if watts is None else (watts[0], watts[1]),
        series=series,
    )
