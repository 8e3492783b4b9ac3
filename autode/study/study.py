"""A study: one search over one space with one objective, kept in one folder."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autode.execution import Executor
from autode.execution.evaluate import Objective
from autode.execution.lifetime import hand_over_output
from autode.execution.steps import StepsError
from autode.execution.stopping import StopRequest
from autode.space import Space
from autode.study import launch
from autode.study.errors import UserError
from autode.study.objectives import GivenObjective, ObjectiveSource, require_inputs, source_of
from autode.study.session import EXIT_FAULT, EXIT_USER, Listener, Outcome, run_session
from autode.study.workflow import Workflow, parse_workflow

if TYPE_CHECKING:
    import pandas as pd

    from autode import StudyData


class Study:
    """A study in a folder. Making one reads and writes nothing; `run` starts it or goes on with it.

    Parameters
    ----------
    folder : path-like
        Output folder.
    space : Space
    search : mapping
        ``algorithm``, ``population``, ``evaluations`` and options of the algorithm.
    metrics, directions : sequence of two str, optional
        Two metrics instead of ``metric`` and ``direction``; ``"energy_j"`` is a trial's joules.
    energy_class : {"measured", "estimated"}, optional
        Which joules count where ``"energy_j"`` is a metric; a trial that has others fails.
    metric : str
        Which of the objective's metrics is optimised; an objective that returns a plain number gives it this name.
    direction : {"minimize", "maximize"}
    seed : int
    schedule : {"asynchronous", "generational"}
    budget : mapping, optional
        ``joules``, ``seconds``: total over all runs.
    meters : "auto" or sequence of str
    confirm : mapping, optional
        ``candidates``, ``seeds``, ``default``: re-training after the search.
    epochs : int, optional
        Fidelity handed to every trial.
    execution : mapping, optional
        Further keys of the workflow's ``[execution]`` table.

    Raises
    ------
    UserError
        If a setting is wrong.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        space: Space | Mapping[str, Any],
        search: Mapping[str, Any],
        metric: str | None = None,
        direction: str | None = None,
        metrics: Sequence[str] | None = None,
        directions: Sequence[str] | None = None,
        energy_class: str | None = None,
        seed: int = 0,
        schedule: str = "asynchronous",
        budget: Mapping[str, float] | None = None,
        meters: str | Sequence[str] = "auto",
        confirm: Mapping[str, Any] | None = None,
        epochs: int | None = None,
        execution: Mapping[str, Any] | None = None,
    ):
        several = {"metrics": metrics and list(metrics), "directions": directions and list(directions)}
        goal = {"metric": metric, "direction": direction, **several, "energy_class": energy_class, "epochs": epochs}
        objective = {"kind": "python", "python": "caller:objective"}
        content = {
            "name": Path(folder).name or "study",
            "seed": seed,
            "objective": objective | {name: value for name, value in goal.items() if value is not None},
            "space": (space if isinstance(space, Space) else Space(space)).to_dict(),
            "search": dict(search),
            "execution": {"schedule": schedule, **(execution or {})},
            "budget": dict(budget or {}),
            "energy": {"meters": meters if isinstance(meters, str) else list(meters)},
            "confirm": dict(confirm or {}),
        }
        self.folder = Path(folder)
        self.workflow = parse_workflow(content)
        self._source: Callable[[], Objective] | None = None

    @classmethod
    def from_workflow(cls, workflow: Workflow, folder: str | Path) -> Study:
        """Return the study that a workflow describes."""
        study = cls.__new__(cls)
        study.folder, study.workflow = Path(folder), workflow
        study._source = source_of(workflow)
        return study

    def run(
        self,
        objective: Objective | None = None,
        workers: launch.Workers = 1,
        *,
        comm: Any = None,
        listener: Listener | None = None,
        stop: StopRequest | None = None,
    ) -> Outcome:
        """Run the study, or go on with it, until it is done or a signal comes.

        Parameters
        ----------
        objective : callable, optional
            Called with a `Trial`; not needed for a study made from a workflow.
        workers : int, "mpi" or Executor
            1 evaluates in this process; more are worker processes; ``"mpi"`` takes all ranks of the world (call `run`
            on every rank). With the executor ``"srun-steps"``: how many job steps run at once, None for one a task.
        comm : mpi4py communicator, optional
            Instead of the world.
        listener : Listener, optional
        stop : StopRequest, optional
            What signals have asked for before this was called.

        Raises
        ------
        UserError
            If the folder is not usable, or holds another study.
        """
        make = self._recipe(objective)
        if workers == "mpi" or comm is not None:
            return self._run_mpi(make, comm, listener or Listener(), StopRequest() if stop is None else stop)
        if workers is None or isinstance(workers, int):
            launch.check_executor(self.workflow)
            launch.check_ranks_per_trial(self.workflow)
        self._check_new(make)
        try:
            return run_session(
                self.workflow, self.folder, lambda: self._executor(make, workers), listener or Listener(), stop
            )
        except StepsError as error:
            raise UserError(str(error)) from None

    def data(self) -> StudyData:
        """Return everything the folder holds; the same as ``autode.load(folder)``."""
        import autode

        return autode.load(self.folder)

    def trials(self) -> pd.DataFrame:
        """Return one row a trial of the search, as in trials.csv."""
        return self.data().trials

    @property
    def best(self) -> pd.Series | None:
        """The row of the best trial of the search; None before the first result."""
        return self.data().best()

    def pareto(self) -> pd.DataFrame:
        """Return the trials that no other beats in one objective without losing in the other.

        The objectives are both metrics of a study that has two, else its metric and a trial's joules.
        """
        return self.data().pareto()

    def hypervolume(self, reference: tuple[float, float]) -> float:
        """Return the area that the front of `pareto` dominates up to a reference point, in the objectives' units."""
        return self.data().hypervolume(reference)

    def _recipe(self, objective: Objective | None) -> Callable[[], Objective]:
        make = GivenObjective(objective) if objective is not None else self._source
        if make is None:
            raise UserError("run() needs the objective function: study.run(objective)")
        return make

    def _check_new(self, make: Callable[[], Objective]) -> None:
        """Refuse a study whose data are missing before it has a folder; one that has may need them no more."""
        if not self.folder.exists():
            require_inputs(make, self.workflow)

    @property
    def _series(self) -> str:
        """Where the series of the nodes' counters lie, for processes anywhere."""
        from autode.energy.node_series import FOLDER

        return str(self.folder.resolve() / FOLDER)

    def _executor(self, make: Callable[[], Objective], workers: launch.Workers) -> Executor:
        require_inputs(make, self.workflow)
        by_step = self.workflow.execution["executor"] == "srun-steps"
        if workers is None and not by_step:
            workers = self.workflow.execution.get("workers") or launch.default_workers()
        if not isinstance(workers, int | str | float | None):
            return workers
        if isinstance(workers, str | float | bool) or (workers is not None and workers < 1):
            raise UserError(f'workers: expected a whole number of at least 1, "mpi" or an executor, not {workers!r}')
        if by_step or workers is None:
            return launch.steps_executor(self.workflow, make, workers, self._series)
        if workers == 1 and not isinstance(make, ObjectiveSource):
            return launch.serial_executor(self.workflow, make)
        return launch.process_executor(self.workflow, make, workers, self._series)

    def _run_mpi(self, make: Callable[[], Objective], comm: Any, listener: Listener, stop: StopRequest) -> Outcome:
        from autode.execution import mpi

        if comm is None:
            from mpi4py import MPI

            comm = MPI.COMM_WORLD
        if comm.rank > 0:
            return Outcome.of_exit_code(mpi.serve(comm))
        served = False

        def executor() -> Executor:
            nonlocal served
            require_inputs(make, self.workflow)
            made = launch.mpi_executor(self.workflow, make, comm, stop, self._series)
            served = True
            return made

        try:
            launch.check_executor(self.workflow, comm)
            launch.check_ranks_per_trial(self.workflow, comm)
            self._check_new(make)
            return run_session(self.workflow, self.folder, executor, listener, stop)
        except UserError:
            if not served:  # the other ranks still wait for their first order
                mpi.dismiss(comm, EXIT_USER)
            raise
        except BaseException:
            if not served:  # nobody knows what they have heard
                traceback.print_exc()
                hand_over_output()
                comm.Abort(EXIT_FAULT)
            raise
