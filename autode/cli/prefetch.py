"""``autode prefetch WORKFLOW``: on a node with internet access, fetch what the batch nodes will need."""

from __future__ import annotations

import argparse
import copy
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autode.study.workflow import Workflow

_DESCRIPTION = """\
Fetch the data sets and the weights that a workflow names, in any cell of its sweep, into this user's cache, and check
them against the published checksums. Run it once on the login node: batch nodes often have no internet, and a trial
never downloads anything.
Run it again to check that nothing in the cache has changed. Without internet it says what to bring by hand, and where.

examples:
  autode prefetch workflows/mnist.toml
  autode prefetch workflows/mnist.toml --set objective.model=resnet50
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
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="TABLE.KEY=VALUE",
        help="replace a setting of the file, as for autode run; may be given several times",
    )
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, and say where it lies."""
    from autode.study import UserError
    from autode.study.objectives import finetune_settings

    wanted = [one for one in _workflows(arguments.workflow, arguments.set) if one.objective["kind"] == "finetune"]
    if not wanted:
        print("nothing to fetch: only fine-tuning objectives have data sets and weights that autode knows")
        return 0
    fetch = importlib.import_module("autode.training.prefetch").prefetch
    paths: list[Path] = []
    try:
        for needs in {_needs(one): one for one in wanted}.values():
            paths += fetch(finetune_settings(needs.objective), str(needs.folder), warn=_warn)
    except (ValueError, ConnectionError) as error:
        raise UserError(f"{arguments.workflow}: {error}") from None
    lines = [f"in the cache: {path}" for path in dict.fromkeys(paths)]
    print("\n".join(lines) or "nothing to fetch: data and weights come with autode")
    return 0


def _workflows(path: Path, overrides: list[str]) -> list[Workflow]:
    """Return the workflow, or that of each cell of its sweep."""
    from autode.cluster.sweep import sweep_cells
    from autode.study import UserError
    from autode.study.workflow import apply_override, parse_workflow, read_tables

    content = read_tables(path)
    for override in overrides:
        apply_override(content, override)
    try:
        cells = [cell.overrides for cell in sweep_cells(content.pop("sweep", {}))] or [()]
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    workflows = []
    for cell in cells:
        tables = copy.deepcopy(content)
        for override in cell:
            apply_override(tables, override)
        workflows.append(parse_workflow(tables, source=str(path), folder=path.resolve().parent))
    return workflows


def _needs(workflow: Workflow) -> tuple[Any, ...]:
    """Return what tells one workflow's data and weights from another's."""
    return tuple(workflow.objective.get(key) for key in ("dataset", "path", "model", "weights"))


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
