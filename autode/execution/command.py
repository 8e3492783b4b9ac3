"""A command as an objective: any program that takes its hyperparameters as arguments and prints its result."""

from __future__ import annotations

import json
import os
import select
import string
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from autode.execution.lifetime import ENDING_SIGNALS, as_child
from autode.trial import Trial, TrialInterrupted

_LOOK_EVERY_S = 0.2
#: a signal to the whole job may end the command just before the stop request arrives
_REQUEST_MAY_FOLLOW_S = 1.0


class CommandObjective:
    """Runs a command for every trial and reads its result from the last line that it prints.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; ``{name}`` stands for a hyperparameter, ``{seed}``, ``{number}``, ``{epochs}``,
        ``{device}`` and ``{directory}`` for the trial's own unless a hyperparameter has that name. The environment has
        ``AUTODE_TRIAL``: all of it as JSON.

    Notes
    -----
    The last line must be a number or a JSON object of numbers. A line ``{"epoch": 3, "val_error": 0.1}`` before it
    reports an epoch. On a stop request the command gets SIGTERM, and the trial is started again in the next run. It
    dies with the process that started it.
    """

    def __init__(self, command: Sequence[str]):
        self.command = tuple(command)

    def __call__(self, trial: Trial) -> float | dict[str, float]:
        """Run the command for a trial."""
        values = trial_values(trial)
        arguments = [fill_in(part, values) for part in self.command]
        environment = {**os.environ, "AUTODE_TRIAL": json.dumps(values)}
        last = ""
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, preexec_fn=as_child()) as process:
            assert process.stdout is not None
            for line in _lines(process.stdout):
                if line:
                    print(line, flush=True)
                    last = line
                    _report_epoch(trial, line)
                if trial.should_stop():
                    process.terminate()
                    raise TrialInterrupted
        if process.returncode and _was_asked_to_stop(process.returncode, trial):
            raise TrialInterrupted
        if process.returncode:
            raise RuntimeError(f"{arguments[0]} ended with exit code {process.returncode}; its output is in the log")
        return parse_result(last)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield the lines as they come, and an empty text now and then while there are none."""
    rest = b""
    while True:
        if not select.select([stream], [], [], _LOOK_EVERY_S)[0]:
            yield ""
            continue
        data = os.read(stream.fileno(), 65536)
        *whole, rest = (rest + data).split(b"\n")
        yield from (line.decode(errors="replace").strip() for line in whole)
        if not data:
            yield rest.decode(errors="replace").strip()
            return


def _was_asked_to_stop(code: int, trial: Trial) -> bool:
    """Whether a command that died of a signal did so because the run is to end."""
    if code not in {sign * number + base for number in ENDING_SIGNALS for sign, base in ((-1, 0), (1, 128))}:
        return False
    end = time.monotonic() + _REQUEST_MAY_FOLLOW_S
    while not trial.should_stop():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def trial_values(trial: Trial) -> dict[str, Any]:
    """Return what a command may use of a trial, by name."""
    return {
        "seed": trial.seed,
        "number": trial.number,
        "epochs": trial.epochs,
        "device": trial.device,
        "directory": str(trial.directory),
        **trial.params,
    }


def placeholders(part: str) -> list[str]:
    """Return the names in braces of one argument; empty braces have the empty name."""
    return [name for _, name, _, _ in string.Formatter().parse(part) if name is not None]


class _Absent:
    """What stands for the value of an inactive hyperparameter: nothing, in any format."""

    def __format__(self, spec: str) -> str:
        return ""


def fill_in(part: str, values: Mapping[str, Any]) -> str:
    """Replace the placeholders of one argument; that of an inactive hyperparameter becomes empty."""
    absent = _Absent()
    given = {name: values.get(name) for name in placeholders(part)}
    return part.format_map({name: absent if value is None else value for name, value in given.items()})


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
    except (ValueError, TypeError, KeyError):
        return  # a line of the program's own that only looks like a report
