"""``autode prefetch WORKFLOW``: on a node with internet access, fetch what the batch nodes will need."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Fetch the data set and the weights that a workflow names into this user's cache, and check them against the published
checksums. Run it once on the login node: batch nodes often have no internet, and a trial never downloads anything.
Run it again to check that nothing in the cache has changed. Without internet it says what to bring by hand, and where.

example:
  autode prefetch workflows/mnist.toml
"""


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser(
        "prefetch",
        help="fetch data and weights on the login node",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("workflow", type=Path, help="the workflow file (TOML)")
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, and say where it lies."""
    from autode.study import UserError, load_workflow
    from autode.study.objectives import finetune_settings

    workflow = load_workflow(arguments.workflow)
    if workflow.objective["kind"] != "finetune":
        print("nothing to fetch: only fine-tuning objectives have data sets and weights that autode knows")
        return 0
    try:
        paths = importlib.import_module("autode.training.prefetch").prefetch(
            finetune_settings(workflow.objective), str(workflow.folder), warn=_warn
        )
    except (ValueError, ConnectionError) as error:
        raise UserError(f"{arguments.workflow}: {error}") from None
    print("\n".join(f"in the cache: {path}" for path in paths) or "nothing to fetch: data and weights come with autode")
    return 0


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
