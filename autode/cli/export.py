"""``autode export DIR --to FORM``: a study's tables for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Write a study for other programs: its tables as CSV or Parquet (trials, energy, jobs, epochs, confirmations), or its
trials as a study of Optuna (optuna.db, which its dashboard opens). It works while the study runs, too.

examples:
  autode export results/quickstart --to csv --out tables
  autode export results/quickstart --to optuna
"""


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser(
        "export",
        help="write a study for other programs",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="output folder of the study")
    parser.add_argument("--to", required=True, choices=("csv", "parquet", "optuna"), help="the form")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: the study's own folder)")
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Write, and name what was written."""
    from autode.report import load
    from autode.report.export import write_optuna, write_parquet
    from autode.report.tables import write_tables
    from autode.study.errors import UserError
    from autode.study.folder import load_records

    load_records(arguments.folder)
    write = {"csv": write_tables, "parquet": write_parquet, "optuna": write_optuna}[arguments.to]
    try:
        paths = write(load(arguments.folder), arguments.out or arguments.folder)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from None
    print("\n".join(f"written: {path}" for path in paths))
    return 0
