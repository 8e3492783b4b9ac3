"""Several studies side by side: overview, tables by a setting, tests of the strategies, figures, one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from autode.report import summary
from autode.report.experiment import Experiment, experiment, pairs_table, remarks, savings_table, setting_table
from autode.report.figures import above_zero, styled
from autode.report.figures.overlay import draw_overlay
from autode.report.figures.ranks import draw_ranks
from autode.report.figures.style import metric_label
from autode.report.page import render
from autode.report.published import SOURCE, beside_published, published_table
from autode.report.quantities import UNAVAILABLE, number
from autode.report.sections import Cell, cell, result
from autode.report.strategies import STRATEGY
from autode.report.study_data import StudyData
from autode.report.svg import inline_svg, save_figure
from autode.report.tables import write_bytes, write_csv
from autode.report.tradeoff import tradeoff_table, tradeoffs

if TYPE_CHECKING:
    import pandas as pd


def write_comparison(
    studies: Sequence[StudyData],
    folder: Path,
    by: str | None = None,
    strategy: str = STRATEGY,
    baseline: str | None = None,
) -> Path:
    """Write comparison.html, comparison.csv, further tables and the figures into a folder; return the page's path.

    ``by``, ``strategy`` and ``baseline`` are those of `autode.report.experiment.experiment`; its tables are written as
    by_setting.csv, strategies.csv and savings.csv, what the joules bought as tradeoff.csv, and cells of a published
    matrix as published.csv.

    Raises
    ------
    ValueError
        If the studies do not optimise one metric in one direction: their values mean different things. Or if no study
        has a setting or a baseline that was asked for.
    """
    import pandas as pd

    goals = {(data.metric, data.direction) for data in studies}
    if len(goals) > 1:
        words = "; ".join(f"{data.name}: {data.direction} {data.metric}" for data in studies)
        raise ValueError(f"studies of different goals cannot be compared ({words}); expected one metric and direction")
    found = experiment(studies, by, strategy, baseline)
    write_csv(overview(studies), folder / "comparison.csv")
    _write_experiment(found, folder)
    bought = tradeoffs(studies, told_apart(studies))
    if len(bought):
        write_csv(bought, folder / "tradeoff.csv")
    published = beside_published(studies)
    if published:
        write_csv(pd.DataFrame(published), folder / "published.csv")
    figures = _write_figures(studies, found, folder / "figures")
    text = render(
        "comparison.html",
        studies=studies,
        figures=figures,
        overview=_overview_table(studies),
        goal=metric_label(studies[0]),
        found=found,
        setting=setting_table(found),
        pairs=pairs_table(found),
        savings=savings_table(found),
        tradeoff=tradeoff_table(bought),
        target=number(bought["target"].iloc[0]) if len(bought) else "",
        remarks=remarks(found),
        published=published_table(published, studies[0].metric),
        published_source=SOURCE,
    )
    write_bytes(folder / "comparison.html", text.encode())
    return folder / "comparison.html"


def overview(studies: Sequence[StudyData]) -> pd.DataFrame:
    """Return one row a study: what it found and what it took; energy by class, as classes are never added."""
    import pandas as pd

    return pd.DataFrame(_overview_rows(studies))


def _overview_rows(studies: Sequence[StudyData]) -> list[dict[str, Any]]:
    return [_overview_row(data, name) for data, name in zip(studies, told_apart(studies), strict=True)]


def told_apart(studies: Sequence[StudyData]) -> list[str]:
    """Return what to call the studies: their names if these differ, else their folders, else the whole paths."""
    for names in ([data.name for data in studies], [data.path.name for data in studies]):
        if len(set(names)) == len(studies):
            return names
    return [str(data.path) for data in studies]


def _overview_row(data: StudyData, name: str) -> dict[str, Any]:
    best, ended = data.best(), data.attempts[data.attempts["state"] != "running"]
    energy = ended.groupby("energy_class")["energy_j"].sum()
    return {
        "study": name,
        "algorithm": (data.workflow.get("search") or {}).get("algorithm"),
        "seed": data.workflow.get("seed"),
        "trials": len(data.trials),
        "failed": int(data.trials["state"].isin(["failed", "lost"]).sum()),
        "best_trial": None if best is None else int(best["trial"]),
        "best_value": None if best is None else float(best["value"]),
        "elapsed_s": float(data.jobs["elapsed_s"].sum()),
        **{
            f"{kind}_j": float(energy[kind]) if kind in energy else None
            for kind in ("measured", "apportioned", "estimated")
        },
        "attempts_without_energy": int((ended["energy_class"] == UNAVAILABLE).sum()),
        "path": str(data.path),
    }


def _overview_table(studies: Sequence[StudyData]) -> tuple[list[str], list[list[Cell]]]:
    head = [
        "study",
        "algorithm",
        "seed",
        "trials",
        "failed",
        f"best {studies[0].metric}",
        "winner re-trained",
        "running time",
        "energy",
        "interval",
    ]
    return head, [_overview_cells(data, row) for data, row in zip(studies, _overview_rows(studies), strict=True)]


def _overview_cells(data: StudyData, row: dict[str, Any]) -> list[Cell]:
    energy = summary.energy_lines(data.attempts)
    winner = next((one for one in summary.confirmation_rows(data) if one["of"] is not None), None)
    metrics = summary.confirmation_metrics(data)
    trained = f"{metrics[0]} {winner[metrics[0]]} (n = {winner['n']})" if winner and metrics else "–"
    return [
        *(cell(row[name]) for name in ("study", "algorithm", "seed", "trials", "failed")),
        *(result(row["best_value"]), Cell(trained)),
        Cell(summary.wall_time(data), style="number"),
        Cell("; ".join(line.text for line in energy) or UNAVAILABLE, style="number"),
        Cell("; ".join(line.interval for line in energy if line.interval) or "–"),
    ]


def _write_experiment(found: Experiment, folder: Path) -> None:
    """Write the tables of an experiment, those that say something."""
    import pandas as pd

    write_csv(found.by_key, folder / "by_setting.csv")
    pairs = [ranking.pairs.assign(by=name, friedman_p=ranking.p) for name, ranking in found.rankings.items()]
    if pairs:
        write_csv(pd.concat(pairs, ignore_index=True), folder / "strategies.csv")
    if len(found.savings):
        write_csv(found.savings, folder / "savings.csv")


def _write_figures(studies: Sequence[StudyData], found: Experiment, folder: Path) -> list[dict[str, Any]]:
    result_of = {"value": studies[0].metric, "energy": "energy"}
    with styled():
        overlay = draw_overlay([above_zero(data) for data in studies], told_apart(studies))
        drawings = [("convergence", "Convergence", overlay)]
        drawings += [
            (f"ranks-{name}", f"Strategies by {result_of[name]}", draw_ranks(ranking, result_of[name]))
            for name, ranking in found.rankings.items()
        ]
        written = []
        for name, heading, drawing in drawings:
            if drawing is not None:
                text = save_figure(drawing.figure, folder / name)
                svg = Markup(inline_svg(text, name, f"{heading}. {drawing.caption}", drawing.titles))
                written.append({"name": name, "heading": heading, "wide": True, "caption": drawing.caption, "svg": svg})
    return written
