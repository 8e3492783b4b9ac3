"""``autode report DIR...``: tables, figures and the page of one study, or of several compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Write trials.csv, energy.csv, jobs.csv, epochs.csv, figures and report.html from a study's output folder. It needs only
the folder: no GPU, no cluster, no network; it works while the study runs, too. Several folders are compared.

examples:
  autode report results/quickstart
  autode report results/lshade results/random --out results/comparison
  autode report results/sweep/* --by objective.batch_size --baseline random
"""


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser(
        "report",
        help="write tables, figures and a page",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="output folder of a study")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: the study's own folder)")
    parser.add_argument("--by", metavar="KEY", help="several: setting of the table, objective.batch_size for example")
    parser.add_argument(
        "--strategy", default="search.algorithm", metavar="KEY", help="several: setting that names the strategies"
    )
    parser.add_argument("--baseline", metavar="NAME", help="several: strategy against which saved joules are counted")
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from autode.report import write_report
    from autode.study.errors import UserError
    from autode.study.folder import load_records

    for folder in arguments.folders:
        load_records(folder)
    options = {"by": arguments.by, "strategy": arguments.strategy, "baseline": arguments.baseline}
    try:
        page = write_report(arguments.folders, arguments.out, **options)
    except ValueError as error:
        raise UserError(str(error)) from None
    print(f"report: {page}")
    return 0
