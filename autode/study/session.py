"""One run of a study, from opening its folder to the record of its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from autode.energy import MeterSet
from autode.energy.node_series import FOLDER as NODE_ENERGY
from autode.energy.node_series import NodeRecorder
from autode.energy.perun_regions import PerunRegions
from autode.energy.slurm_live import LiveJob, slurm_job
from autode.execution import Executor
from autode.execution.evaluate import utc_now
from autode.execution.serial import SerialExecutor
from autode.execution.stopping import StopRequest, stop_on_signals
from autode.study.errors import UserError
from autode.study.folder import OpenFolder, open_folder, write_atomically
from autode.study.history import History
from autode.study.journal import Record
from autode.study.launch import node_meters
from autode.study.loop import FINISHED, NO_PROGRESS, SIGNAL, WALL_TIME, Run
from autode.study.provenance import describe_run
from autode.study.snapshot import SNAPSHOT_NAME, State, read_snapshot, resume, take
from autode.study.workflow import Workflow

#: exit codes: done; a fault of ours; the user's input; ended by a signal, and the same command goes on
EXIT_DONE, EXIT_FAULT, EXIT_USER, EXIT_CONTINUE = 0, 1, 2, 3
#: the node's joules are written down this often, so that a run that dies loses no more than that
_NODE_ENERGY_EVERY_S = 30.0
#: why a run ends that was done, and has nothing to show
ALL_FAILED = "all trials failed"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    reason : {"finished", "budget", "signal", "wall time", "no progress", "all trials failed", "refused"}
    signal : str
        Name of the signal, if one ended the run.
    """

    reason: str
    signal: str = ""

    def __str__(self) -> str:
        if self.reason == NO_PROGRESS:
            return (
                "stopped: in two runs of this job, one after the other, no trial has ended and no epoch was reported; "
                "it needs more time for a run (slurm.time, sbatch --time)"
            )
        if self.reason == ALL_FAILED:
            return "all trials failed: repair what their errors in trials.csv say, and begin again with another --out"
        return (
            f"stopped by {self.signal}" if self.signal else f"stopped: {self.reason}" if self.exit_code else self.reason
        )

    @property
    def exit_code(self) -> int:
        """0 when the study is done, 3 when the same command goes on with it, 2 when something must be changed first."""
        user = dict.fromkeys((NO_PROGRESS, ALL_FAILED, "refused"), EXIT_USER)
        return {SIGNAL: EXIT_CONTINUE, WALL_TIME: EXIT_CONTINUE, **user}.get(self.reason, EXIT_DONE)

    @classmethod
    def of_exit_code(cls, code: int) -> Outcome:
        """Return the outcome that another rank's exit code stands for."""
        return cls({EXIT_CONTINUE: SIGNAL, EXIT_USER: "refused"}.get(code, "finished"))


class Listener:
    """Watches a run; this one does nothing.

    Methods are called from the run's own thread; what they take longer than a moment delays the run.
    """

    def begin(self, workflow: Workflow, history: History, executor: Executor) -> None:
        """Get to know the run before its first trial."""

    def record(self, record: Record) -> None:
        """See a record after it was written to the journal."""

    def tick(self) -> None:
        """Be called now and then, also while nothing happens."""

    def end(self, outcome: Outcome) -> None:
        """See how the run ended."""


class NodeEnergy:
    """The joules of the node that coordinates, and those of the Slurm job as long as it lives, cut into records of at
    most half a minute that add up.
    """

    def __init__(self, meters: MeterSet, live: LiveJob):
        self._meters, self._live = meters, live
        self._open()

    def _open(self) -> None:
        self._window = self._meters.window(scope="node")
        self._since = time.monotonic()

    def tick(self) -> list[Record]:
        """Return a record if it is time for one, and what Slurm has said of the job since the last time."""
        said = [reading.to_dict() for reading in self._live.taken()]
        records = [{"type": "energy", "scope": "job", "readings": said, "time": utc_now()}] if said else []
        if time.monotonic() - self._since >= _NODE_ENERGY_EVERY_S:
            records += self.stop()
            self._open()
        return records

    def stop(self) -> list[Record]:
        """Return the last record."""
        readings = [reading.to_dict() for reading in self._window.stop()]
        host = next((reading["host"] for reading in readings), "")
        head = {"type": "energy", "scope": "node", "host": host}
        return [head | {"readings": readings, "time": utc_now()}]


def run_session(
    workflow: Workflow,
    path: Path,
    make_executor: Callable[[], Executor],
    listener: Listener,
    stop: StopRequest | None = None,
) -> Outcome:
    """Run a study, or go on with it, until it is done, its budget is used up, or a signal comes.

    Parameters
    ----------
    workflow : Workflow
    path : pathlib.Path
        Output folder.
    make_executor : callable
        Called once the folder is known to be usable.
    listener : Listener
    stop : StopRequest, optional
        What signals have asked for before this was called.

    Raises
    ------
    UserError
        If the folder is not usable, or holds another study.
    """
    stop = StopRequest() if stop is None else stop
    with ExitStack() as stack:
        snapshot = read_snapshot(path / SNAPSHOT_NAME, workflow)
        folder = stack.enter_context(open_folder(path, workflow, snapshot))
        state = search, history, proposals = _resume(workflow, folder)
        meters = stack.enter_context(node_meters(workflow))
        _refuse_unmeasurable_budget(workflow, meters)
        stack.enter_context(stop_on_signals(stop))
        recorder = NodeRecorder(path.resolve() / NODE_ENERGY, workflow.energy["meters"])
        stack.callback(recorder.close)
        executor = make_executor()
        if isinstance(executor, SerialExecutor):  # its trials have the thread that would otherwise pass the request on
            executor.stop_requested = lambda: bool(stop)
        code = EXIT_FAULT
        stack.callback(lambda: executor.close(code))
        live = LiveJob(
            slurm_job() if workflow.energy["meters"] == "auto" or "slurm" in workflow.energy["meters"] else ""
        )
        stack.callback(live.close)
        energy = NodeEnergy(meters, live)

        def tick() -> list[Record]:
            listener.tick()
            return energy.tick()

        regions = PerunRegions(rank=0 if executor.kind == "mpi" else None)  # other ranks mark their own

        def seen(record: Record) -> None:
            listener.record(record)
            regions.record(record)

        run = Run(
            workflow=workflow,
            search=search,
            proposals=proposals,
            history=history,
            journal=folder.journal,
            executor=executor,
            folder=str(path.resolve()),
            number=folder.run,
            stop=stop,
            listener=seen,
            tick=tick,
            save=lambda: write_atomically(path / SNAPSHOT_NAME, take(workflow, folder.journal, folder.run, state)),
        )
        if isinstance(executor, SerialExecutor):
            executor.emit = run.hear
        outcome = _run(run, energy, listener, meters)
        code = outcome.exit_code
    return outcome


def _run(run: Run, energy: NodeEnergy, listener: Listener, meters: MeterSet) -> Outcome:
    """Run the loop between the records of the run's begin and end."""
    listener.begin(run.workflow, run.history, run.executor)
    run.record([_run_record(run.executor, meters)])
    reason = run.run()
    if gets_nowhere(run.history, reason, run.stop.name):
        reason = NO_PROGRESS
    elif reason == FINISHED and 0 < run.history.done == run.history.failed:
        reason = ALL_FAILED
    outcome = Outcome(reason, run.stop.name if reason in (SIGNAL, NO_PROGRESS) else "")
    end = {"type": "end", "reason": reason, "exit_code": outcome.exit_code, "time": utc_now()}
    run.record([*energy.stop(), end | {"signal": outcome.signal}])
    listener.end(outcome)
    return outcome


def gets_nowhere(history: History, reason: str, signal: str) -> bool:
    """Whether a job that requeues itself near its time limit has ended two runs in a row without getting any further.

    Parameters
    ----------
    history : History
        Up to now.
    reason, signal : str
        Why the present run ends, and the signal, if one came. Who cancels or preempts a job will know what to do next.
    """
    if len(history.runs) < 2 or not _at_its_limit(reason, signal) or any(run.progress for run in history.runs[-2:]):
        return False
    before, now = history.runs[-2:]
    jobs = [(run.record.get("slurm") or {}).get("job_id", "") for run in (before, now)]
    return jobs[0] == jobs[1] != "" and _at_its_limit(before.end.get("reason", ""), before.end.get("signal", ""))


def _at_its_limit(reason: str, signal: str) -> bool:
    """Whether the time limit, and not a person, ended a run."""
    return reason == WALL_TIME or (reason == SIGNAL and signal not in ("SIGINT", "SIGTERM"))


def _resume(workflow: Workflow, folder: OpenFolder) -> State:
    """Return search and history as the journal left them; a search that has changed is the user's to know."""
    if folder.snapshot is not None:
        with suppress(KeyError, TypeError, ValueError):  # whatever is wrong with a snapshot, the journal has it all
            return resume(workflow, folder.snapshot, folder.records)
    try:
        return resume(workflow, None, folder.all_records())
    except ValueError as error:
        hint = "use the version that began the study, or another --out"
        raise UserError(f"{folder.path}: {error}; {hint}") from None


def _refuse_unmeasurable_budget(workflow: Workflow, meters: MeterSet) -> None:
    """Refuse a budget in joules where nothing can count them."""
    joules = workflow.budget["joules"]
    if joules and not any(meter.available for meter in meters.availability()):
        raise UserError(
            f"{workflow.source or 'workflow'}: [budget] joules: {joules:g} J cannot be counted: no meter works here; "
            'set energy.meters = ["estimate"] to count estimated joules, or remove the budget'
        )


def _run_record(executor: Executor, meters: MeterSet) -> Record:
    return {
        "type": "run",
        "time": utc_now(),
        "execution": executor.kind,
        "slots": executor.slots,
        "ranks": executor.ranks,
        "meters": [vars(meter) for meter in meters.availability()],
        **describe_run(),
    }
