"""``autode report DIR...``: tables, figures and the page of one study, or of several compared."""

from __future__ import annotations

import argparse
import sys
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
    parser.add_argument(
        "--require-measured", action="store_true", help="exit with 3 if any attempt's joules were not measured"
    )
    parser.add_argument(
        "--allow-mixed", action="store_true", help="let estimated joules join measured ones in a sum, flagged mixed"
    )
    grams = parser.add_argument_group("carbon", "only with an intensity, here or in the workflow's [energy] table")
    grams.add_argument("--carbon-g-per-kwh", type=float, metavar="G", help="grams of CO2 equivalent per kWh")
    grams.add_argument("--carbon-source", metavar="TEXT", help="where that figure is from")
    grams.add_argument("--pue", type=float, metavar="X", help="power usage effectiveness of the data centre")
    grams.add_argument("--embodied-g", type=float, metavar="G", help="share of embodied emissions, grams")
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from autode.cli.folders import study_folders
    from autode.report import write_report
    from autode.report.carbon import KEYS
    from autode.study.errors import UserError
    from autode.study.folder import load_records

    folders = study_folders(arguments.folders)
    for folder in folders:
        load_records(folder)
    options = {"by": arguments.by, "strategy": arguments.strategy, "baseline": arguments.baseline}
    options["allow_mixed"] = arguments.allow_mixed
    options["carbon"] = {name: getattr(arguments, name) for name in KEYS}
    try:
        page = write_report(folders, arguments.out, **options)
    except ValueError as error:
        raise UserError(str(error)) from None
    print(f"report: {page}")
    return max(not_measured(folder) for folder in arguments.folders) if arguments.require_measured else 0


def not_measured(folder: Path) -> int:
    """Say which joules of a study were not measured; return the exit code for ``--require-measured``."""
    from autode.report import load
    from autode.report.summary import unmeasured

    if said := unmeasured(load(folder)):
        print(f"autode: {said}", file=sys.stderr)
    return 3 if said else 0
