"""A command as an objective: any program that takes its hyperparameters as arguments and prints its result."""

from __future__ import annotations

import json
import os
import string
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from autode.trial import Trial, TrialInterrupted


class CommandObjective:
    """Runs a command for every trial and reads its result from the last line that it prints.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; ``{name}`` stands for a hyperparameter, ``{seed}``, ``{number}``, ``{epochs}``,
        ``{device}`` and ``{directory}`` for the trial's own. The environment has ``AUTODE_TRIAL``: all of it as JSON.

    Notes
    -----
    The last line must be a number or a JSON object of numbers. A line ``{"epoch": 3, "val_error": 0.1}`` before it
    reports an epoch. On a stop request the command gets SIGTERM, and the trial is started again in the next run.
    """

    def __init__(self, command: Sequence[str]):
        self.command = tuple(command)

    def __call__(self, trial: Trial) -> float | dict[str, float]:
        """Run the command for a trial."""
        values = trial_values(trial)
        arguments = [fill_in(part, values) for part in self.command]
        environment = {**os.environ, "AUTODE_TRIAL": json.dumps(values)}
        last = ""
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                last = line.strip() or last
                _report_epoch(trial, last)
                if trial.should_stop():
                    process.terminate()
                    raise TrialInterrupted
        if process.returncode:
            raise RuntimeError(f"{arguments[0]} ended with exit code {process.returncode}; its output is in the log")
        return parse_result(last)


def trial_values(trial: Trial) -> dict[str, Any]:
    """Return what a command may use of a trial, by name."""
    return {
        **trial.params,
        "seed": trial.seed,
        "number": trial.number,
        "epochs": trial.epochs,
        "device": trial.device,
        "directory": str(trial.directory),
    }


def placeholders(part: str) -> list[str]:
    """Return the names in braces of one argument."""
    return [name for _, name, _, _ in string.Formatter().parse(part) if name]


def fill_in(part: str, values: Mapping[str, Any]) -> str:
    """Replace the placeholders of one argument; that of an inactive hyperparameter becomes empty."""
    return part.format_map({name: values.get(name, "") for name in placeholders(part)})


def parse_result(line: str) -> float | dict[str, float]:
    """Read a result line.

    Raises
    ------
    ValueError
        If it is neither a number nor a JSON object of numbers.
    """
    try:
        value = json.loads(line)
        return {str(k): float(v) for k, v in value.items()} if isinstance(value, dict) else float(value)
    except (ValueError, TypeError):
        raise ValueError(
            f"the command's last line is {line[:80]!r}; expected a number or a JSON object such as "
            '{"val_error": 0.02}'
        ) from None


def _report_epoch(trial: Trial, line: str) -> None:
    """Pass on a line that reports an epoch."""
    if not line.startswith("{") or '"epoch"' not in line:
        return
    try:
        metrics = json.loads(line)
        trial.report(metrics.pop("epoch"), **metrics)
    except (ValueError, TypeError, AttributeError):
        return  # a line of the program's own that only looks like a report
