"""``autode submit WORKFLOW``: write the sbatch script and hand it to Slurm."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Write one sbatch script from the workflow's [slurm] table into the study's folder, and submit it. The job saves itself
before its time limit and goes back into the queue until the study is done, as it does after a node failure. A [sweep]
table becomes a job array, one study a task.

examples:
  autode submit workflows/quickstart.toml --dry-run
  autode submit workflows/quickstart.toml --set slurm.nodes=2 --set slurm.ntasks_per_node=16 --set slurm.time=04:00:00
"""


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser(
        "submit",
        help="write the sbatch script of a workflow and submit it",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("workflow", type=Path, help="the workflow file (TOML)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="output folder (default: results/<name of the study>)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="TABLE.KEY=VALUE",
        help="replace a setting of the file, slurm.nodes=2 for example; may be given several times",
    )
    parser.add_argument(
        "--no-report", action="store_true", help="leave the report to you: no node waits while it is drawn"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the script; write and submit nothing")
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Submit, or print what would be submitted."""
    from autode.cluster.script import render_script
    from autode.cluster.submission import not_here, plan_submission, studies_of, submit, with_this_venv
    from autode.study.lock import holder

    submission, settings = plan_submission(arguments.workflow, arguments.out, arguments.set)
    submission = replace(submission, report=not arguments.no_report)
    settings = with_this_venv(settings)
    warnings = not_here(settings, studies_of(arguments.workflow, arguments.set))
    if live := holder(Path(submission.out)):
        warnings.append(f"the study in {submission.out} runs already ({live}): a second job would be refused")
    for sentence in warnings:
        print(f"warning: {sentence}", file=sys.stderr)
    if arguments.dry_run:
        print(render_script(submission, settings), end="")
        return 0
    job = submit(submission, settings)
    log = submission.log.replace("%j", str(job)).replace("%A", str(job)).replace("%a", "*")
    print(f"submitted job {job}; log: {log}")
    print(f"where it stands: autode status {submission.out}")
    return 0
