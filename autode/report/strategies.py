"""Several studies as an experiment: which settings they differ in, tables by a setting, and strategies over blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autode.report.costs import common_class, elapsed_s, overhead_share, spending, total_joules
from autode.report.statistics import Ranking, compare_strategies, saving
from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd

#: Settings that say nothing about what was searched for, or how.
_NAMES = ("name", "energy", "execution", "budget", "slurm", "sweep")
STRATEGY = "search.algorithm"


def settings(workflow: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``table.key`` and value of everything in a workflow that decides what a study does."""
    for key, value in workflow.items():
        if not prefix and key in _NAMES:
            continue
        if isinstance(value, Mapping) and prefix != "space.":
            yield from settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, sort_keys=True) if isinstance(value, list | Mapping) else value


def differing(studies: Sequence[StudyData]) -> list[str]:
    """Return the settings in which the studies differ, in the order of the workflow."""
    every = [dict(settings(data.workflow)) for data in studies]
    names = dict.fromkeys(name for one in every for name in one)
    return [name for name in names if len({str(one.get(name)) for one in every}) > 1]


def by_setting(studies: Sequence[StudyData], key: str) -> pd.DataFrame:
    """Return one row a value of a setting: what was found there and what it took.

    Parameters
    ----------
    studies : sequence of StudyData
    key : str
        ``table.key``, such as ``objective.batch_size``.

    Returns
    -------
    pandas.DataFrame
        ``<key>``, ``studies``, ``best`` (of all), ``best_mean``, ``elapsed_s``, ``energy_j``, ``edp_js`` (joules times
        seconds; these three are means a study), ``overhead_share``, ``energy_class`` (``job``: the jobs' own joules).

    Raises
    ------
    ValueError
        If no study has that setting.
    """
    import pandas as pd

    rows = [{key: dict(settings(data.workflow)).get(key), **_costs(data, common_class(studies))} for data in studies]
    table = pd.DataFrame(rows)
    if table[key].isna().all():
        raise ValueError(
            f"no study has the setting {key!r}; they differ in {', '.join(differing(studies)) or 'nothing'}"
        )
    best = "max" if studies[0].sign < 0 else "min"
    return table.groupby(key, dropna=False, as_index=False).agg(
        studies=("best", "size"),
        best=("best", best),
        best_mean=("best", "mean"),
        **{name: (name, _mean_of_all) for name in ("elapsed_s", "energy_j", "edp_js", "overhead_share")},
        energy_class=("energy_class", "first"),
    )


def _mean_of_all(values: pd.Series) -> float:
    """Return the mean; NaN if one is missing, as a mean of the others is that of another set."""
    return float(values.to_numpy(float).mean())


def _costs(data: StudyData, energy_class: str | None) -> dict[str, Any]:
    found, energy = data.best(), total_joules(data, energy_class) if energy_class else None
    overhead = overhead_share(data)
    return {
        "best": np.nan if found is None else float(found["value"]),
        "elapsed_s": elapsed_s(data),
        "energy_j": np.nan if energy is None else energy,
        "edp_js": np.nan if energy is None else energy * elapsed_s(data),
        "overhead_share": np.nan if overhead is None else overhead,
        "energy_class": energy_class,
    }


def blocks(studies: Sequence[StudyData], values: Sequence[float | None], strategy: str = STRATEGY) -> pd.DataFrame:
    """Return one value a study as a table of blocks by strategies: a block is all that is not the strategy.

    What comes with a strategy alone (``search.*`` beside ``search.evaluations``) does not make a block. Of several
    studies in one place the mean stands there.

    Returns
    -------
    pandas.DataFrame, shape (blocks, strategies)
        NaN where a strategy did not run, or has no value.
    """
    import pandas as pd

    table = strategy.partition(".")[0] + "."
    rows = []
    for data, value in zip(studies, values, strict=True):
        every = dict(settings(data.workflow))
        block = {k: v for k, v in every.items() if not k.startswith(table) or k == "search.evaluations"}
        block = block if table == "search." else {k: v for k, v in every.items() if k != strategy}
        rows.append((json.dumps(block, sort_keys=True, default=str), str(every.get(strategy)), value))
    frame = pd.DataFrame(rows, columns=["block", "strategy", "value"]).astype({"value": float})
    return frame.pivot_table(index="block", columns="strategy", values="value", aggfunc=_mean_of_all, dropna=False)


def rankings(studies: Sequence[StudyData], strategy: str = STRATEGY) -> dict[str, Ranking]:
    """Compare the strategies by ``value`` and by ``energy``; what cannot be compared is left out.

    Energy is of one class in which every study is whole; see `autode.report.costs.common_class`.
    """
    found = {}
    best = [data.best() for data in studies]
    values = [None if row is None else data.sign * float(row["value"]) for data, row in zip(studies, best, strict=True)]
    quantities = {"value": values}
    if energy_class := common_class(studies):
        quantities["energy"] = [total_joules(data, energy_class) for data in studies]
    for name, one in quantities.items():
        table = blocks(studies, one, strategy).dropna()
        if table.shape[1] > 1 and len(table):
            found[name] = compare_strategies(table)
    return found


def savings(
    studies: Sequence[StudyData], baseline: str, rng: np.random.Generator, strategy: str = STRATEGY
) -> pd.DataFrame:
    """Return what each strategy saves against a baseline at equal accuracy.

    In every block the target is the worse of the two final results, which both reached; what each had spent when it
    first did, failed and lost attempts included, is compared.

    Parameters
    ----------
    studies : sequence of StudyData
    baseline : str
        Name of the strategy.
    rng : numpy.random.Generator
        For the bootstrap intervals.
    strategy : str
        Setting that names the strategies.

    Returns
    -------
    pandas.DataFrame
        ``strategy``, ``baseline``, ``blocks``, ``saved`` (share of the baseline's joules), ``saved_low``,
        ``saved_high`` (95 %), ``joules``, ``baseline_joules`` (sums), ``energy_class``. Empty where no class of energy
        is whole in all studies.

    Raises
    ------
    ValueError
        If no study has the baseline's strategy, or one strategy ran twice in a block.
    """
    import pandas as pd

    energy_class = common_class(studies, jobs=False)
    places: dict[str, dict[str, StudyData]] = {}
    index = blocks(studies, list(range(len(studies))), strategy)
    if baseline not in index.columns:
        raise ValueError(f"no study has {strategy} = {baseline!r}; there are {', '.join(map(str, index.columns))}")
    if int(index.notna().to_numpy().sum()) < len(studies):
        raise ValueError(f"a strategy ran twice in one block; let the studies differ in seed or in {strategy}")
    for name in index.columns:
        places[name] = {str(block): studies[int(at)] for block, at in index[name].dropna().items()}
    rows = [_saving(name, baseline, places, energy_class, rng) for name in places if name != baseline and energy_class]
    columns = ("strategy", "baseline", "blocks", "saved", "saved_low", "saved_high", "joules", "baseline_joules")
    return pd.DataFrame([row for row in rows if row], columns=[*columns, "energy_class"])


def _saving(
    name: str,
    baseline: str,
    places: Mapping[str, Mapping[str, StudyData]],
    energy_class: str,
    rng: np.random.Generator,
) -> dict[str, Any] | None:
    ours, theirs = [], []
    for block in sorted(places[name].keys() & places[baseline].keys()):
        pair = [spending(places[one][block], energy_class) for one in (name, baseline)]
        if pair[0] is None or pair[1] is None or np.isnan([pair[0].best[-1], pair[1].best[-1]]).any():
            continue
        sign = pair[0].sign
        target = sign * max(sign * pair[0].best[-1], sign * pair[1].best[-1])
        ours.append(pair[0].to_reach(target))
        theirs.append(pair[1].to_reach(target))
    if not ours or not min(theirs) > 0:
        return None
    saved, low, high = saving(ours, theirs, rng)
    return {
        **{"strategy": name, "baseline": baseline, "blocks": len(ours), "saved": saved, "saved_low": low},
        **{"saved_high": high, "joules": sum(ours), "baseline_joules": sum(theirs), "energy_class": energy_class},
    }
