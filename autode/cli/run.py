"""``autode run WORKFLOW``: start a study, or go on with it."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autode.cli.progress import progress_listener

if TYPE_CHECKING:
    from autode.execution.stopping import StopRequest
    from autode.study import Outcome, Study

_DESCRIPTION = """\
Run the study that a workflow file describes, or go on with it: the journal in the output folder is the checkpoint, so
after a kill, a node failure or Ctrl-C the same command continues. Under mpiexec or srun it takes all ranks by itself.

examples:
  autode run workflows/quickstart.toml
  autode run workflows/quickstart.toml --out results/seed7 --set seed=7 --set search.population=16
  mpiexec -n 4 autode run workflows/quickstart.toml
"""


def add_parser(commands: Any) -> None:
    """Describe the command's arguments."""
    parser = commands.add_parser(
        "run",
        help="run a workflow, or go on with it",
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
        help="replace a setting of the file; may be given several times",
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="worker processes on this machine (default: execution.workers, else one a GPU, else one a core)",
    )
    parser.add_argument("--no-report", action="store_true", help="do not write tables, figures and the page at the end")
    parser.add_argument(
        "--require-measured",
        action="store_true",
        help="exit with 3 if joules cannot be measured here, or at the end if those of any attempt were not",
    )
    parser.set_defaults(function=run)


def run(arguments: argparse.Namespace) -> int:
    """Run or continue; return the exit code."""
    from autode.execution.stopping import StopRequest, ignore_signals, stop_on_signals

    stop = StopRequest()
    with stop_on_signals(stop):  # from here on, before the heavy imports, a signal asks and does not kill
        comm = _world()
        code = _lead(arguments, comm, stop) if comm is None or comm.rank == 0 else _follow(comm)
    if comm is not None:
        ignore_signals()  # its work is done, but the ranks wait for each other when MPI ends
    return code


def _world() -> Any:
    """Return MPI's world if this is one rank of several, else None."""
    from autode.execution import mpi
    from autode.execution.lifetime import end_with_parent
    from autode.study import UserError

    try:
        launch = mpi.detect_launch()
        if launch is None:
            return None
        end_with_parent()  # a rank outlives what started it in vain, and keeps Slurm from closing the job
        return mpi.world(launch)
    except ValueError as error:
        raise UserError(str(error)) from None


def _follow(comm: Any) -> int:
    """Be a rank other than 0, which leaves signals to rank 0."""
    from autode.execution import mpi

    return mpi.serve(comm)


def _lead(arguments: argparse.Namespace, comm: Any, stop: StopRequest) -> int:
    """Be the only process, or rank 0."""
    study = _load(arguments, comm)
    if arguments.require_measured and not _measures(study, comm):
        return _not_measured_code()
    listener = progress_listener(study.folder)
    outcome = study.run(workers="mpi" if comm else arguments.workers, comm=comm, listener=listener, stop=stop)
    _report(arguments, study, outcome)
    if arguments.require_measured and not outcome.exit_code:
        from autode.cli.report import not_measured

        return _not_measured_code() if not_measured(study.folder) else 0
    return outcome.exit_code


def _not_measured_code() -> int:
    """Return 3; to a batch script that puts its job back into the queue at 3, which would be for ever, 69.

    The script then ends with 3. 69 is EX_UNAVAILABLE of sysexits.h.
    """
    return 69 if os.environ.get("AUTODE_SELF_REQUEUE") else 3


def _measures(study: Study, comm: Any) -> bool:
    """Whether a meter works here that is no estimate; if none, say why before anything is spent, and let others go."""
    from autode.execution import mpi
    from autode.study.launch import node_meters

    with node_meters(study.workflow) as meters:
        found = meters.availability()
    if any(meter.available and meter.name != "estimate" for meter in found):
        return True
    reasons = "; ".join(f"{meter.name}: {meter.reason}" for meter in found if meter.name != "estimate")
    print(f"autode: --require-measured: no meter works here ({reasons or 'only an estimate'})", file=sys.stderr)
    if comm is not None:
        mpi.dismiss(comm, _not_measured_code())
    return False


def _load(arguments: argparse.Namespace, comm: Any) -> Study:
    """Validate the workflow; if it is wrong, let the other ranks go."""
    from autode.execution import mpi
    from autode.execution.lifetime import hand_over_output
    from autode.study import Study, UserError, load_workflow

    try:
        workflow = load_workflow(arguments.workflow, arguments.set)
        return Study.from_workflow(workflow, arguments.out or Path("results") / workflow.name)
    except UserError:
        if comm is not None:
            mpi.dismiss(comm, 2)
        raise
    except BaseException:
        if comm is not None:  # the others wait for a word that will not come
            traceback.print_exc()
            hand_over_output()
            comm.Abort(1)
        raise


def _report(arguments: argparse.Namespace, study: Study, outcome: Outcome) -> None:
    """Write the report of what there is."""
    from autode.study.session import ALL_FAILED

    if outcome.reason == ALL_FAILED:
        print(f"autode: {outcome}", file=sys.stderr)
    elif outcome.exit_code:
        print(f"{outcome}; the same command goes on from here", file=sys.stderr)
        return
    if not arguments.no_report:
        from autode.report import write_report

        print(f"report: {write_report([study.folder])}")


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, not {text}")
    return number
