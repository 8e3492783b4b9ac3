"""``autode doctor``: what works on this machine, what does not, and why; whether its joules can be trusted."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autode.cluster.checks import Finding
    from autode.energy.conformance import Verdict

_DESCRIPTION = """\
Try everything that a study may need and say what works here: Python and packages, GPUs, MPI, Slurm, containers, energy
sensors, the embedded weights. Nothing is changed. The exit code is 1 if something that every study needs is broken.

With --profile, say which features of a site profile work on this machine: partition, GPUs, account, MPI, container,
modules, energy.

With --conformance, judge every meter, every reader of accounting and the ledger against joules that are known. With
--watts-per-node, too, a job that sleeps is submitted, and what the cluster accounts for it is judged. The exit code is
1 if any case fails.

examples:
  autode doctor
  autode doctor --profile slurm
  autode doctor --conformance
  autode doctor --conformance --watts-per-node 200 --nodes 2
"""
_MARKS = {
    "ok": "[green]works[/green]",
    "absent": "[yellow]not here[/yellow]",
    "broken": "[red]broken[/red]",
    "note": "[cyan]know[/cyan]",
}


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser(
        "doctor",
        help="say what works on this machine",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", metavar="NAME", help="a site profile by its name, or the path of a .toml file")
    parser.add_argument("--conformance", action="store_true", help="judge meters, readers and ledger by known joules")
    parser.add_argument("--all", action="store_true", help="conformance: print every case, not only a line a subject")
    parser.add_argument(
        "--watts-per-node", type=float, metavar="W", help="conformance: what an idle node draws; submits a job"
    )
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="nodes of that job (default: 1)")
    parser.add_argument("--seconds", type=int, default=120, metavar="S", help="its length (default: 120)")
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line a check."""
    if arguments.conformance:
        return _judge(arguments)
    if arguments.profile:
        return _print_findings(_site_findings(arguments.profile), "the profile fits what could be tried here")
    from autode.cluster.checks import all_checks

    return _print_findings(all_checks(), "what every study needs works here")


def _site_findings(name: str) -> list[Finding]:
    from autode.cluster.site_checks import site_findings
    from autode.cluster.site_profile import load_profile
    from autode.study.errors import UserError

    try:
        profile = load_profile(name)
    except ValueError as error:
        raise UserError(f"--profile: {error}") from None
    # what does not fit the profile is all that was asked for
    return [replace(finding, essential=True) for finding in site_findings(profile)]


def _print_findings(findings: Iterable[Finding], praise: str) -> int:
    """Print a line a finding, and a last one; return 1 if something essential is broken."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    found = list(findings)
    for finding in found:
        table.add_row(finding.subject, _MARKS[finding.state], finding.detail)
    Console(highlight=False).print(table)
    broken = [finding.subject for finding in found if finding.state == "broken" and finding.essential]
    print(f"to be repaired: {', '.join(broken)}" if broken else praise)
    return int(bool(broken))


def _judge(arguments: argparse.Namespace) -> int:
    """Run the conformance suite; return 1 if a case fails."""
    from autode.cluster.conformance import slurm_verdicts
    from autode.energy.conformance import verdicts
    from autode.study.errors import UserError

    if arguments.watts_per_node is not None and not (
        arguments.watts_per_node > 0 and arguments.nodes > 0 and arguments.seconds > 0
    ):
        raise UserError("--watts-per-node, --nodes and --seconds must be greater than zero")
    found = list(verdicts())
    if arguments.watts_per_node is not None:
        found += slurm_verdicts(arguments.watts_per_node, arguments.nodes, arguments.seconds)
    failed = [verdict for verdict in found if not verdict.passed]
    for subject in dict.fromkeys(verdict.subject for verdict in found):
        own = [verdict for verdict in found if verdict.subject == subject]
        passed = sum(verdict.passed for verdict in own)
        worst = max(own, key=lambda verdict: verdict.error)
        print(f"{subject:<11} {passed}/{len(own)} passed, largest error {worst.error:.3%} ({worst.case})")
    _print_cases([verdict for verdict in found if arguments.all or not verdict.passed])
    return int(bool(failed))


def _print_cases(cases: Iterable[Verdict]) -> None:
    for one in cases:
        truth, found = ("none" if value is None else f"{value:.6g} {one.unit}" for value in (one.truth, one.found))
        mark = "passed" if one.passed else "FAILED"
        about = f" [{one.detail}]" if one.detail else ""
        print(f"{mark} {one.subject}: {one.case}: truth {truth}, found {found}{about}")
