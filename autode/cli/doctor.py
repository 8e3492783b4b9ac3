"""``autode doctor``: what works on this machine, what does not, and why."""

from __future__ import annotations

import argparse
from typing import Any

_DESCRIPTION = """\
Try everything that a study may need and say what works here: Python and packages, GPUs, MPI, Slurm, containers, energy
sensors, the embedded weights. Nothing is changed. The exit code is 1 if something that every study needs is broken.
"""
_MARKS = {"ok": "[green]works[/green]", "absent": "[yellow]not here[/yellow]", "broken": "[red]broken[/red]"}


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser("doctor", help="say what works on this machine", description=_DESCRIPTION)
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line a check."""
    from rich.console import Console
    from rich.table import Table

    from autode.cluster.checks import all_checks

    table = Table(box=None, pad_edge=False, show_header=False)
    findings = list(all_checks())
    for finding in findings:
        table.add_row(finding.subject, _MARKS[finding.state], finding.detail)
    Console(highlight=False).print(table)
    return int(any(finding.state == "broken" and finding.essential for finding in findings))
