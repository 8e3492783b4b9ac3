"""Published figures beside our own: the matrix of AutoDEHypO (Prica, Zamuda, 2025), ResNet-18 by batch size."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from autode.report.costs import common_class, elapsed_s, total_joules
from autode.report.quantities import ESTIMATED, MEASURED, duration, joules
from autode.report.sections import Cell, cell, result
from autode.report.strategies import settings
from autode.report.study_data import StudyData

SOURCE = "AutoDEHypO (Prica, Zamuda, 2025): one DE run a row, seed 420, nodes with four NVIDIA A100, HPC Vega"
#: What has to agree for two figures to stand in one row.
_MATRIX = ("model", "dataset", "epochs", "batch_size")
Row = dict[str, Any]


def published_figures() -> list[Row]:
    """Return the published rows.

    Returns
    -------
    list of dict
        ``model``, ``dataset``, ``epochs``, ``batch_size``, ``best`` (their fitness, an error: less is better),
        ``elapsed_s`` (seconds), ``energy_j`` (joules, sacct's ConsumedEnergy).
    """
    text = (resources.files("autode.report") / "published.csv").read_text(encoding="utf-8")
    rows = []
    for row in csv.DictReader(text.splitlines()):
        hours, minutes, seconds = map(int, row["elapsed"].split(":"))
        rows.append(
            {
                **{"model": row["model"], "dataset": row["dataset"]},
                **{"epochs": int(row["epochs"]), "batch_size": int(row["batch_size"])},
                **{"best": float(row["best"]), "elapsed_s": 3600 * hours + 60 * minutes + seconds},
                "energy_j": round(float(row["energy_mj"]) * 1e6),
            }
        )
    return rows


def beside_published(studies: Sequence[StudyData]) -> list[Row]:
    """Return one row for every study that is a cell of the published matrix.

    Parameters
    ----------
    studies : sequence of StudyData

    Returns
    -------
    list of dict
        The cell's settings, ``algorithm``, ``seed``; ``best``, ``elapsed_s``, ``energy_j`` (None if not whole),
        ``energy_class``, and each of the three with ``published_`` before it; in the order of the published table.
    """
    energy_class = common_class(studies)
    found = []
    for place, figures in enumerate(published_figures()):
        for data in studies:
            ours = dict(settings(data.workflow))
            if all(ours.get(f"objective.{key}") == figures[key] for key in _MATRIX):
                found.append((place, _row(data, ours, figures, energy_class)))
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def _row(data: StudyData, ours: Mapping[str, Any], figures: Row, energy_class: str | None) -> Row:
    best = data.best()
    return {
        **{key: figures[key] for key in _MATRIX},
        "algorithm": ours.get("search.algorithm"),
        "seed": ours.get("seed"),
        "best": None if best is None else float(best["value"]),
        "published_best": figures["best"],
        "elapsed_s": elapsed_s(data),
        "published_elapsed_s": figures["elapsed_s"],
        "energy_j": total_joules(data, energy_class) if energy_class else None,
        "published_energy_j": figures["energy_j"],
        "energy_class": energy_class,
    }


def published_table(rows: Sequence[Row], metric: str) -> tuple[list[str], list[list[Cell]]]:
    """Return the rows of `beside_published` for the page."""
    head = ["data set", "model", "batch size", "strategy", f"best {metric}", "published", "elapsed", "published"]
    head += ["energy", "published"]
    table = []
    for row in rows:
        kind = ESTIMATED if row["energy_class"] == ESTIMATED else MEASURED
        table.append(
            [
                *(cell(row["dataset"]), cell(row["model"]), cell(row["batch_size"]), cell(row["algorithm"])),
                *(result(row["best"]), result(row["published_best"])),
                *(Cell(duration(row[key]), style="number") for key in ("elapsed_s", "published_elapsed_s")),
                Cell(joules(row["energy_j"], kind), style=f"number {kind}"),
                Cell(joules(row["published_energy_j"]), style="number"),
            ]
        )
    return head, table
