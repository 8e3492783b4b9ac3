"""A study as data: its tables, its workflow and its runs, read from an output folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autode.energy import MixedEnergyError
from autode.study.journal import Record, read_journal, unfenced

if TYPE_CHECKING:
    import pandas as pd

JOURNAL = "journal.jsonl"
#: Classes of energy that may be compared with each other, best first.
COMPARABLE = ("measured", "apportioned", "estimated")


@dataclass(frozen=True)
class StudyData:
    """What a study left in its output folder, read only.

    Attributes
    ----------
    trials : DataFrame
        One row a search trial; columns as in trials.csv: trial, generation, state, value, attempt, param.*, metric.*,
        epochs, seconds, energy_j (joules), energy_method, energy_source, host, rank, started, finished, error, and
        further ones.
    jobs : DataFrame
        One row a start of the program, with the job's accounting where ``autode collect`` fetched it.
    energy : DataFrame
        One row per scope (study, job, node, trial) and source, joules.
    epochs : DataFrame
        One row an epoch that was reported.
    confirmations : DataFrame
        One row a re-training with a fresh seed, with the label of what was re-trained (winner, default, ...).
    attempts : DataFrame
        One row an attempt at a trial: when and where it ran.
    workflow : dict
        The workflow as resolved.
    runs : list of dict
        The ``run`` records: versions, host, git state, meters.
    energy_total : dict
        The energy of all attempts together, as the energy columns of a trial.
    winner : int or None
        The trial that is the study's answer, by its re-trainings; None before any has ended.
    name, direction, metric : str
        Name of the study; ``minimize`` or ``maximize``; name of the objective.
    path : pathlib.Path
        The output folder.
    """

    trials: pd.DataFrame
    jobs: pd.DataFrame
    energy: pd.DataFrame
    epochs: pd.DataFrame
    confirmations: pd.DataFrame
    attempts: pd.DataFrame
    workflow: dict[str, Any]
    runs: list[Record]
    energy_total: dict[str, Any]
    winner: int | None
    name: str
    direction: str
    metric: str
    path: Path

    @property
    def sign(self) -> float:
        """Factor that turns values into ones to be minimised."""
        return -1.0 if self.direction == "maximize" else 1.0

    @property
    def program_runs(self) -> pd.DataFrame:
        """The starts of the program with its own state and times, whatever Slurm says of the jobs they were part of."""
        names = ("state", "start", "end", "elapsed_s")
        known = self.jobs[self.jobs["run"].notna()].astype({"run": "int64"})
        return known.drop(columns=[*names]).rename(columns={f"run_{name}": name for name in names})

    def joules(self, rows: pd.DataFrame | None = None, *, allow_mixed: bool = False) -> float:
        """Return the joules of attempts (or trials) together; NaN if none has any.

        Parameters
        ----------
        rows : DataFrame, optional
            Rows of `attempts`, `trials` or `confirmations`; by default all attempts.
        allow_mixed : bool
            Whether measured and estimated joules may meet in the sum.

        Raises
        ------
        MixedEnergyError
            If they would, and were not allowed to.
        """
        rows = self.attempts if rows is None else rows
        known = rows[rows["energy_j"].notna()]
        if (known["energy_class"] == "estimated").nunique() > 1 and not allow_mixed:
            raise MixedEnergyError(
                "some of these joules are measured and others estimated; add them apart, or pass allow_mixed=True"
            )
        return float(known["energy_j"].sum(min_count=1))

    def valued(self) -> pd.DataFrame:
        """Return the trials that brought a value (completed, or stopped early on purpose), as they finished."""
        done = self.trials[self.trials["fitness"].notna()]
        return done.sort_values(["finished", "trial"], kind="stable")

    def best(self) -> pd.Series | None:
        """Return the row of the trial with the best fitness, the earliest of equals; None if there is none yet.

        The fitness is the value, minimised, with the tie-breaker of the workflow if it has one. Of a configuration
        that was evaluated several times the mean counts, and the row is that of its first trial.
        """
        done = self.valued()
        if done.empty:
            return None
        params = [name for name in done.columns if name.startswith("param.")]
        mean = done.groupby(params, sort=False, dropna=False)["fitness"].transform("mean")
        return done.assign(mean=mean).sort_values(["mean", "trial"], kind="stable").drop(columns="mean").iloc[0]

    def comparable_class(self) -> str | None:
        """Return the class of energy that most valued trials have (the better of equals); None without energy."""
        counts = self.valued()["energy_class"].value_counts()
        best = max(COMPARABLE, key=lambda name: (counts.get(name, 0), -COMPARABLE.index(name)))
        return best if counts.get(best, 0) else None

    def comparable(self, energy_class: str | None = None) -> pd.DataFrame:
        """Return the valued trials whose energy is whole and of one class; see `pareto`."""
        if energy_class is not None and energy_class not in COMPARABLE:
            raise ValueError(f"unknown energy class {energy_class!r}; expected one of {', '.join(COMPARABLE)}")
        done = self.valued()
        whole = ~done["energy_flags"].fillna("").str.split().map(lambda flags: bool({"partial", "mixed"} & set(flags)))
        return done[(done["energy_class"] == (energy_class or self.comparable_class())) & whole.astype(bool)]

    def pareto(self, energy_class: str | None = None) -> pd.DataFrame:
        """Return the trials that no other beats in one objective without losing in the other.

        The objectives are the study's two metrics, or else its value and a trial's joules; rows come by the second one.

        Parameters
        ----------
        energy_class : str, optional
            ``measured``, ``apportioned`` or ``estimated``: classes are never mixed. By default the one that most trials
            have. Trials whose energy lacks an attempt (flag ``partial``) or adds different classes (``mixed``) are left
            out.

        Raises
        ------
        ValueError
            For an unknown class.
        """
        from autode.report.pareto import non_dominated

        rows, names, points = self._objectives(energy_class)
        return rows[non_dominated(points)].sort_values([names[1], "trial"], kind="stable")

    def hypervolume(self, reference: tuple[float, float], energy_class: str | None = None) -> float:
        """Return the area that the trials' front dominates, up to a reference point that is worse than all of it.

        Parameters
        ----------
        reference : tuple of float
            The corner, in the units of the two objectives of `pareto` and as the user knows them: with
            ``direction = "maximize"`` below the values. Trials that do not beat it in both add nothing.
        energy_class : str, optional
            See `pareto`.
        """
        from autode.report.pareto import hypervolume

        _, _, points = self._objectives(energy_class)
        first, second = self._signs()
        return hypervolume(points, (first * reference[0], second * reference[1]))

    def _signs(self) -> tuple[float, float]:
        """Return the factors that turn both objectives into ones to be minimised."""
        directions = self.workflow.get("objective", {}).get("directions", [self.direction, "minimize"])
        return -1.0 if directions[0] == "maximize" else 1.0, -1.0 if directions[1] == "maximize" else 1.0

    def _objectives(
        self, energy_class: str | None
    ) -> tuple[pd.DataFrame, tuple[str, str], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
        """Return rows with both objectives, the names of their columns, and the objectives as they are minimised."""
        metrics = self.workflow.get("objective", {}).get("metrics")
        if metrics and energy_class is None:
            names, rows = (f"metric.{metrics[0]}", f"metric.{metrics[1]}"), self.valued()
        else:
            names, rows = ("value", "energy_j"), self.comparable(energy_class)
        if rows.empty:
            return rows, names, np.empty((0, 2))
        return rows, names, rows[[*names]].to_numpy(dtype=float) * np.array(self._signs())


def load(folder: str | os.PathLike[str], *, allow_mixed: bool = False) -> StudyData:
    """Read a study from its output folder, whether it is still running or not.

    Parameters
    ----------
    folder : path-like
        The output folder; its journal.jsonl is the only file needed. A torn last record is left out.
    allow_mixed : bool
        Whether estimated joules may join measured ones in one sum (of a trial's attempts, of the study), which then is
        an estimate flagged ``mixed``. By default estimates are left out of such a sum and it is flagged ``partial``
        and ``estimates_left_out``.

    Raises
    ------
    ValueError
        If the folder has no journal, or one that holds no study, or if its accounting is damaged.
    """
    path = Path(folder)
    if not (path / JOURNAL).is_file():
        raise ValueError(f"{path} has no {JOURNAL}: expected the output folder of a study")
    records, _ = read_journal(path / JOURNAL)
    return from_records(records, path, allow_mixed)


def from_records(records: list[Record], path: Path, allow_mixed: bool = False) -> StudyData:
    """Build the data of a study from its journal's records; see `load`."""
    from autode.energy.node_series import FOLDER, read_node_series
    from autode.report.energy_frame import energy_frame, study_energy
    from autode.report.frames import attempts_frame, confirmations_frame, epochs_frame, trials_frame
    from autode.report.job_frame import jobs_frame
    from autode.report.job_ledger import job_ledgers, live_joules, with_job_readings
    from autode.report.node_ledger import node_joules
    from autode.study import confirm
    from autode.study.accounting import job_accounting, study_jobs, with_live
    from autode.study.history import History

    history = History.of(unfenced(records))
    if not history.study:
        raise ValueError(f"{path / JOURNAL} holds no study record; the run may not have begun")
    accounting = job_accounting(path, study_jobs(run.record for run in history.runs))
    series = read_node_series(path / FOLDER)
    if accounting is not None:
        accounting = with_live(with_live(accounting, live_joules(history)), node_joules(series), "nodes")
    ledgers = job_ledgers(history, accounting, series)
    with_job_readings(history, ledgers)
    workflow = dict(history.study.get("workflow") or {})
    objective = workflow.get("objective") or {}
    return StudyData(
        trials=trials_frame(history, tuple(workflow.get("space") or ()), allow_mixed),
        jobs=jobs_frame(history, accounting),
        energy=energy_frame(history, ledgers, allow_mixed, series),
        epochs=epochs_frame(history),
        confirmations=confirmations_frame(history, allow_mixed),
        attempts=attempts_frame(history),
        workflow=workflow,
        runs=[run.record for run in history.runs],
        winner=confirm.winner(history),
        energy_total=study_energy(history, allow_mixed),
        name=str(history.study.get("name") or path.resolve().name),
        direction=str(objective.get("direction") or "minimize"),
        metric=str(objective.get("metric") or "value"),
        path=path,
    )
