"""``autode``: the entry point. Parses, calls one command, and turns its errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from autode._version import __version__
from autode.cli import collect, doctor, export, prefetch, report, run, status, submit
from autode.study.errors import UserError
from autode.study.lock import TakenOverError

_DESCRIPTION = """\
Differential evolution over hyperparameters, every trial's joules accounted for.

  autode run workflows/quickstart.toml      search; the same command goes on after a kill
  autode submit workflows/quickstart.toml   the same as a job of Slurm, which goes on by itself
  autode status results/quickstart          where a run stands, also while it runs
  autode collect results/quickstart         what Slurm accounted for its jobs
  autode report results/quickstart          tables, figures and a page
  autode doctor                             what works on this machine
"""
_EPILOG = """\
exit codes: 0 done; 1 a fault of autode's; 2 something wrong in what you gave; 3 stopped early, run it again to go on
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="autode",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"autode {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (run, submit, status, collect, report, export, prefetch, doctor):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.function(arguments)
        sys.stdout.flush()
    except UserError as error:
        print(f"autode: {error}", file=sys.stderr)
        return 2
    except TakenOverError as error:
        print(f"autode: {error}; this run ends without a trace in the study", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as head, has gone
        with suppress(OSError):  # or the flush at the interpreter's end would fail once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
