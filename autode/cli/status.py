"""``autode status DIR``: where a study stands, also while it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Say what is done, what is running, the best so far, the joules so far and the time left. Reads the journal only, so it
works on any machine that sees the folder, while the study runs and afterwards. Of a sweep's folder: a line a study.

examples:
  autode status results/quickstart
  autode status results/small-sweep
"""


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser(
        "status",
        help="say where a study stands",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="output folder of a study, or of a sweep")
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Print where the study stands."""
    from autode.study.snapshot import load_history

    script = _sweep_at(arguments.folder)
    if script:
        _tell_sweep(arguments.folder, script)
        return 0
    history = load_history(arguments.folder)
    for label, text in describe(history, arguments.folder):
        print(f"{label:<9} {text}")
    return 0


def _sweep_at(folder: Path) -> str:
    """Return the batch script of a folder that was submitted and has no study of its own; empty otherwise."""
    from autode.cluster.script import SCRIPT_NAME
    from autode.study.folder import JOURNAL_NAME

    if (folder / JOURNAL_NAME).exists() or not (folder / SCRIPT_NAME).exists():
        return ""
    return (folder / SCRIPT_NAME).read_text(encoding="utf-8")


def _tell_sweep(folder: Path, script: str) -> None:
    """Print a line a study of a sweep; or say that nothing has begun yet."""
    from autode.cluster.script import cell_count
    from autode.study.errors import UserError
    from autode.study.folder import JOURNAL_NAME
    from autode.study.snapshot import load_history

    cells = sorted(path.parent for path in folder.glob(f"*/{JOURNAL_NAME}"))
    if not cells:
        raise UserError(f"{folder}: no study in this folder yet; it begins when its job does (squeue --me)")
    width = max(len(cell.name) for cell in cells)
    for cell in cells:
        lines = dict(describe(load_history(cell), cell))
        best = lines.get("best", "nothing yet").partition(":")[0]
        print(f"{cell.name:<{width}}  {lines['trials'].partition(', gen')[0]}, best {best}; {lines['state']}")
    print(f"{len(cells)} of {cell_count(script)} studies have begun; autode status {folder}/STUDY says more of one")


def describe(history: Any, folder: Path) -> list[tuple[str, str]]:
    """Return the lines of the answer as (label, text)."""
    from autode.cli.wording import duration, joules, number
    from autode.study import confirm
    from autode.study.lock import holder
    from autode.study.summary import evaluations_of, summarize

    workflow = history.study["workflow"]
    slots = history.runs[-1].record["slots"] if history.runs else 1
    live = holder(folder)
    summary = summarize(
        history, workflow, evaluations_of(workflow) or history.asked - len(history.confirmations), slots
    )
    lines = [
        ("study", f"{history.study['name']} ({workflow['search']['algorithm']}, seed {workflow['seed']}) in {folder}"),
        ("state", _state(history, live)),
        (
            "trials",
            f"{summary.done}/{summary.evaluations} done, {summary.failed} failed, generation {summary.generation}",
        ),
    ]
    if summary.retrainings:
        lines.append(("re-train", f"{summary.retrained}/{summary.retrainings} done"))
        lines.extend(("", text) for text in confirm.describe(history))
    if live:
        lines.append(("running", ", ".join(_running(history)) or "nothing"))
    if summary.best_params is not None:
        settings = " ".join(f"{k}={number(v) if isinstance(v, float) else v}" for k, v in summary.best_params.items())
        metric = workflow["objective"]["metric"]
        lines.append(("best", f"{metric} {number(summary.best_value)} in trial {summary.best_trial}: {settings}"))
    spent = joules(summary.measured_j, summary.estimated_j).removeprefix("energy ")
    on_slurm = history.runs and history.runs[-1].record.get("slurm")
    more = "; autode collect fetches what Slurm counted" if on_slurm and spent == "unavailable" else ""
    lines.append(("energy", f"{spent} in trials{more}"))
    left = f", about {duration(summary.left_s)} left" if live and summary.left_s else ""
    lines.append(("time", f"{duration(summary.seconds)} over {len(history.runs)} run(s){left}"))
    return lines


def _state(history: Any, live: str) -> str:
    """Say in words whether the study runs, is done, or waits to be continued."""
    from autode.study.session import ALL_FAILED, Outcome

    if live:
        return f"running ({live})"
    end = history.runs[-1].end if history.runs else {}
    if not end:
        return "its last run died; run the same command to go on"
    if end["reason"] == ALL_FAILED:
        return str(Outcome(ALL_FAILED))
    if end["exit_code"]:
        return f"stopped by {end['signal'] or end['reason']}; run the same command to go on"
    return f"done ({end['reason']})"


def _running(history: Any) -> list[str]:
    """Name the trials under way and where."""
    return [
        f"{trial.number} on {trial.open_attempt.get('host')}:{trial.open_attempt.get('rank')}"
        for trial in history.unfinished
        if trial.open_attempt is not None and trial.open_attempt.live
    ]
