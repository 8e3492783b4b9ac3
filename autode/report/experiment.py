"""What a comparison says beside its overview: tables by a setting, tests of the strategies, joules saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from autode.report.costs import JOB, common_class
from autode.report.quantities import ESTIMATED, MEASURED, duration, joules, number
from autode.report.sections import Cell, cell, result
from autode.report.statistics import FEWEST_BLOCKS, Ranking
from autode.report.strategies import STRATEGY, by_setting, differing, rankings, savings
from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd

#: The intervals of one comparison are the same every time it is made.
_SEED = 420
Table = tuple[list[str], list[list[Cell]]]


@dataclass(frozen=True)
class Experiment:
    """Several studies, compared.

    Attributes
    ----------
    key : str
        The setting of the table.
    by_key : pandas.DataFrame
        From `by_setting`.
    rankings : dict of str to Ranking
        By ``value`` and ``energy``, as far as they can be compared.
    savings : pandas.DataFrame
        From `savings`; empty without a baseline.
    energy_class : str or None
        In which class the joules were compared; ``job``: the jobs' own.
    strategies : int
        How many there are.
    """

    key: str
    by_key: pd.DataFrame
    rankings: dict[str, Ranking]
    savings: pd.DataFrame
    energy_class: str | None
    strategy: str = STRATEGY
    metric: str = field(default="value")
    strategies: int = 1


def experiment(
    studies: Sequence[StudyData], by: str | None = None, strategy: str = STRATEGY, baseline: str | None = None
) -> Experiment:
    """Compare studies.

    Parameters
    ----------
    studies : sequence of StudyData
    by : str, optional
        Setting of the table; by default the first in which the studies differ beside seed and strategy, else the
        strategy.
    strategy : str
        Setting that names the strategies.
    baseline : str, optional
        Strategy against which savings are counted; by default ``random`` if it is among them.

    Raises
    ------
    ValueError
        For a setting or a baseline that no study has.
    """
    import pandas as pd

    own = strategy.partition(".")[0] + "." if strategy == STRATEGY else strategy
    keys = [name for name in differing(studies) if name != "seed" and not name.startswith(own)]
    key = by or (keys[0] if keys else strategy)
    present = {_strategy(data, strategy) for data in studies}
    reference = baseline or ("random" if "random" in present and len(present) > 1 else None)
    try:
        saved = savings(studies, reference, np.random.default_rng(_SEED), strategy) if reference else pd.DataFrame()
    except ValueError:
        if baseline:
            raise
        saved = pd.DataFrame()  # nobody asked for it
    return Experiment(
        key=key,
        by_key=by_setting(studies, key),
        rankings=rankings(studies, strategy),
        savings=saved,
        energy_class=common_class(studies),
        strategy=strategy,
        metric=studies[0].metric,
        strategies=len(present),
    )


def _strategy(data: StudyData, strategy: str) -> str:
    from autode.report.strategies import settings

    return str(dict(settings(data.workflow)).get(strategy))


def setting_table(found: Experiment) -> Table:
    """Return the table by a setting, as such tables are published."""
    kind = ESTIMATED if found.energy_class == ESTIMATED else MEASURED
    head = [found.key, "studies", f"best {found.metric}", "mean best", "elapsed", "energy", "J·s", "not in trials"]
    rows = []
    for row in found.by_key.to_dict("records"):
        overhead = row["overhead_share"]
        rows.append(
            [
                *(cell(row[found.key]), cell(row["studies"]), result(row["best"]), result(row["best_mean"])),
                Cell(duration(row["elapsed_s"]), style="number"),
                Cell(joules(row["energy_j"], kind), style=f"number {kind}"),
                Cell(_product(row["edp_js"], kind), style=f"number {kind}"),
                Cell("–" if overhead != overhead else f"{100 * overhead:.1f} %", style="number"),
            ]
        )
    return head, rows


def _product(value: Any, kind: str) -> str:
    return "–" if value != value else f"~ {number(value, 2)} (est.)" if kind == ESTIMATED else number(value)


def pairs_table(found: Experiment) -> Table:
    """Return every pair of strategies and whether they differ."""
    head = ["by", "strategy", "against", "median difference", "p", "p (Holm)", "differ"]
    return head, [
        [
            *(Cell(_quantity(found, name, unit=True)), Cell(row["a"]), Cell(row["b"])),
            *(cell(row["median_difference"]), cell(row["p"], 2), cell(row["p_holm"], 2)),
            Cell("yes" if row["p_holm"] < ranking.alpha else "no"),
        ]
        for name, ranking in found.rankings.items()
        for row in ranking.pairs.to_dict("records")
    ]


def savings_table(found: Experiment) -> Table:
    """Return what strategies save against the baseline at equal accuracy."""
    head = ["strategy", "baseline", "blocks", "joules saved", "95 % interval", "its joules", "the baseline's"]
    rows = []
    for row in found.savings.to_dict("records"):
        kind = ESTIMATED if row["energy_class"] == ESTIMATED else MEASURED
        low, high = row["saved_low"], row["saved_high"]
        mark = " (est.)" if kind == ESTIMATED else ""
        rows.append(
            [
                *(Cell(row["strategy"]), Cell(row["baseline"]), cell(row["blocks"])),
                Cell(f"{100 * row['saved']:.1f} %{mark}".replace("-", "−"), style=f"number {kind}"),
                Cell("too few blocks" if low != low else f"{100 * low:.1f} % to {100 * high:.1f} %".replace("-", "−")),
                Cell(joules(row["joules"], kind), style=f"number {kind}"),
                Cell(joules(row["baseline_joules"], kind), style=f"number {kind}"),
            ]
        )
    return head, rows


def remarks(found: Experiment) -> list[str]:
    """Say in sentences what the tables rest on, and what is missing."""
    said = [_energy_remark(found.energy_class)]
    if not found.rankings and found.strategies > 1:
        said.append(
            f"The strategies ({found.strategy}) are not tested: in no block, which is studies that agree in all else "
            "(seed, data set, evaluations), has every one of them a result."
        )
    for name, ranking in found.rankings.items():
        what = _quantity(found, name)
        if ranking.blocks < FEWEST_BLOCKS:
            said.append(
                f"By {what}: {ranking.blocks} blocks, too few for any pair to differ at {ranking.alpha:g} "
                f"(expected {FEWEST_BLOCKS} or more seeds or data sets)."
            )
        elif ranking.groups:
            named = "; ".join(", ".join(group) for group in ranking.groups)
            said.append(f"By {what}, these do not differ from each other: {named}.")
        else:
            said.append(f"By {what}, all strategies differ.")
    return said


def _energy_remark(energy_class: str | None) -> str:
    if energy_class is None:
        return "Energy is not compared: there is no class of energy in which every study is whole."
    if energy_class == JOB:
        return "Energy is that of the jobs as Slurm accounted it, all that their nodes used."
    return f"Energy is that of the trials, {energy_class} in all studies."


def _quantity(found: Experiment, name: str, unit: bool = False) -> str:
    return ("energy, J" if unit else "energy") if name == "energy" else found.metric
