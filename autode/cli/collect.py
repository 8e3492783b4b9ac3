"""``autode collect DIR``: what Slurm accounted for the jobs that worked on a study."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Ask sacct for every job that worked on a study, keep its untouched text with a checksum in DIR/accounting/, and fill
jobs.csv: joules, where they come from, efficiency, mean power, for every run of every job, the lost ones too. Records
of a job that has just ended need seconds to arrive: they are waited for. Run it again any time.

examples:
  autode collect results/quickstart
  autode collect results/small-sweep/*/
  autode collect results/quickstart --from-file sacct.txt
"""


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser(
        "collect",
        help="fetch what Slurm accounted for a study's jobs",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="output folder of a study")
    parser.add_argument(
        "--from-file", type=Path, metavar="FILE", help="text that sacct printed elsewhere, with header, or its --json"
    )
    parser.add_argument(
        "--wait", type=_seconds, default=30.0, metavar="S", help="longest wait for records to arrive (default: 30 s)"
    )
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Collect, write the tables, and print a block a run."""
    from autode.cli.folders import study_folders

    folders = study_folders(arguments.folders)
    for folder in folders:
        if len(folders) > 1:
            print(f"{folder}:")
        _collect_one(folder, arguments.from_file, arguments.wait)
    return 0


def _collect_one(folder: Path, source: Path | None, wait_s: float) -> None:
    from autode.cluster.collect import collect, collect_file
    from autode.report import load
    from autode.report.efficiency import efficiency_block
    from autode.report.tables import write_tables

    found = collect_file(folder, source) if source else collect(folder, wait_s)
    data = load(folder)
    write_tables(data, folder)
    print("\n".join(line for row in data.jobs.to_dict("records") for line in efficiency_block(row)))
    for job in found.unknown:
        print(f"job {job}: no row of it")
    for job in found.unsettled:
        print(f"job {job}: has not ended, or its joules have not arrived; collect again later")
    print(f"kept: {found.file}\nwritten: {folder / 'jobs.csv'}")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds >= 0, not {text!r}")
    return value
