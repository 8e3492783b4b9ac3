"""What the joules of several studies bought: energy to a common accuracy, and the area that each front dominates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autode.report.costs import common_class, spending
from autode.report.pareto import hypervolume, non_dominated
from autode.report.quantities import ESTIMATED, joules
from autode.report.sections import Cell, cell, result
from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("study", "energy_class", "target", "joules_to_target", "best", "joules", "front", "hypervolume")


def tradeoffs(studies: Sequence[StudyData], names: Sequence[str]) -> pd.DataFrame:
    """Return what each study got for its joules.

    Parameters
    ----------
    studies : sequence of StudyData
    names : sequence of str
        What to call them.

    Returns
    -------
    pandas.DataFrame
        One row a study: ``target`` is the worst of the studies' final results, which all of them reached;
        ``joules_to_target`` what a search had spent when it first did, failed and lost attempts included; ``best`` and
        ``joules`` of the whole search; ``front`` the number of trials that no other of the study beats;
        ``hypervolume`` (0..1) the area that they dominate (Zitzler and Thiele, 1999), both axes scaled to the box that
        the trials of all studies span, its worst corner the reference. Empty where no class of energy is whole in
        every study.
    """
    import pandas as pd

    energy_class = common_class(studies, jobs=False)
    spent = [spending(data, energy_class) for data in studies] if energy_class else []
    finals = [one.best[-1] for one in spent if one is not None and not np.isnan(one.best[-1])]
    if energy_class is None or not finals:
        return pd.DataFrame(columns=list(COLUMNS))
    sign = studies[0].sign
    target = sign * max(sign * final for final in finals)
    fronts = [_points(data, energy_class) for data in studies]
    every = np.concatenate(fronts)
    low, span = every.min(axis=0), np.ptp(every, axis=0)
    rows = []
    for name, one, points in zip(names, spent, fronts, strict=True):
        area = hypervolume((points - low) / span, (1.0, 1.0)) if (span > 0).all() else np.nan
        rows.append(
            {
                **{"study": name, "energy_class": energy_class, "target": target},
                "joules_to_target": one.to_reach(target) if one else np.nan,
                "best": one.best[-1] if one else np.nan,
                "joules": one.joules[-1] if one else np.nan,
                **{"front": int(non_dominated(points).sum()), "hypervolume": area},
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _points(data: StudyData, energy_class: str) -> npt.NDArray[np.float64]:
    """Return value (to be minimised) and joules of every trial with both."""
    rows = data.valued()
    rows = rows[(rows["energy_class"] == energy_class) & rows["energy_j"].notna()]
    return np.column_stack([data.sign * rows["value"].to_numpy(float), rows["energy_j"].to_numpy(float)])


def tradeoff_table(found: pd.DataFrame) -> tuple[list[str], list[list[Cell]]]:
    """Return the table of the page."""
    head = ["study", "energy to the target", "final best", "energy of the search", "trials on its front", "hypervolume"]
    return head, [_cells(row) for row in found.to_dict("records")]


def _cells(row: dict[Any, Any]) -> list[Cell]:
    kind = ESTIMATED if row["energy_class"] == ESTIMATED else "measured"
    return [
        cell(row["study"]),
        Cell(joules(row["joules_to_target"], kind), style=f"number {kind}"),
        result(row["best"]),
        Cell(joules(row["joules"], kind), style=f"number {kind}"),
        cell(row["front"]),
        cell(row["hypervolume"], 3),
    ]
