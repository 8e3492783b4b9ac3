"""The report of one or several output folders, written beside the results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autode.report.study_data import load


def write_report(
    folders: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str] | None = None,
    *,
    by: str | None = None,
    strategy: str = "search.algorithm",
    baseline: str | None = None,
    allow_mixed: bool = False,
    carbon: Mapping[str, Any] | None = None,
) -> Path:
    """Write tables, figures and the page.

    Parameters
    ----------
    folders : sequence of path-like
        One output folder: its report. Several: a comparison of their studies, and nothing is written into them.
    out : path-like, optional
        Where to write; by default the study's own folder, for several ``comparison`` beside the first.
    by, strategy, baseline : str, optional
        For several: the setting of the table (``objective.batch_size``), the setting that names the strategies, and
        the strategy against which savings are counted; see `autode.report.experiment.experiment`.
    allow_mixed : bool
        Whether estimated joules may join measured ones in a sum; see `autode.report.load`.
    carbon : mapping, optional
        Of `autode.report.carbon.KEYS`, before what the workflow states in ``[energy]``. Without ``carbon_g_per_kwh``
        there or here nothing is said of carbon.

    Returns
    -------
    pathlib.Path
        The page: report.html or comparison.html.

    Raises
    ------
    ValueError
        If no folder is given, one is not the output folder of a study, or several cannot be compared.
    """
    from autode.report.tables import write_tables

    studies = [load(folder, allow_mixed=allow_mixed) for folder in folders]
    if not studies:
        raise ValueError("no folder given; expected at least one output folder")
    if len(studies) > 1:
        from autode.report.comparison import write_comparison

        target = Path(out) if out else studies[0].path.parent / "comparison"
        return write_comparison(studies, target, by, strategy, baseline)
    from autode.report.carbon import Intensity
    from autode.report.page import write_page

    target = Path(out) if out else studies[0].path
    write_tables(studies[0], target)
    stated = Intensity.stated(studies[0].workflow.get("energy") or {}, **(carbon or {}))
    return write_page(studies[0], target, stated)
