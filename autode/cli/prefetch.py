"""``autode prefetch WORKFLOW``: on a node with internet access, fetch what the batch nodes will need."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autode.study import Workflow

#: the settings that say what is fetched: studies that share them need the same
_FETCHED = ("dataset", "path", "model", "weights")
_DESCRIPTION = """\
Fetch the data set and the weights that a workflow names into this user's cache, and check them against the published
checksums. Run it once on the login node: batch nodes often have no internet, and a trial never downloads anything.
Run it again to check that nothing in the cache has changed. Without internet it says what to bring by hand, and where.
With a [sweep] table, what all its cells need is fetched.

examples:
  autode prefetch workflows/batch-sizes.toml
  autode prefetch workflows/quickstart.toml --set objective.dataset=mnist --set objective.weights=imagenet
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
        help="replace a setting of the file; may be given several times",
    )
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, and say where it lies."""
    from autode.cluster.submission import studies_of

    studies = [one for one in studies_of(arguments.workflow, arguments.set) if one.objective["kind"] == "finetune"]
    if not studies:
        print("nothing to fetch: only fine-tuning objectives have data sets and weights that autode knows")
        return 0
    needs = {tuple(one.objective.get(key) for key in _FETCHED): one for one in studies}
    paths = dict.fromkeys(path for study in needs.values() for path in _fetch(study))
    print("\n".join(f"in the cache: {path}" for path in paths) or "nothing to fetch: data and weights come with autode")
    return 0


def _fetch(study: Workflow) -> list[Path]:
    from autode.study import UserError
    from autode.study.objectives import finetune_settings

    try:
        paths: list[Path] = importlib.import_module("autode.training.prefetch").prefetch(
            finetune_settings(study.objective), str(study.folder), warn=_warn
        )
    except (ValueError, ConnectionError) as error:
        raise UserError(f"{study.source}: {error}") from None
    return paths


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
