"""A command as an objective: any program that takes arguments and prints its result."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autode.execution.command import CommandObjective, fill_in, parse_result, placeholders
from autode.trial import Trial, TrialInterrupted


def shell(script: str) -> CommandObjective:
    return CommandObjective(["sh", "-c", script])


def python(script: str) -> CommandObjective:
    return CommandObjective([sys.executable, "-c", script.replace("{", "{{").replace("}", "}}")])


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(7, {"lr": 0.125, "layers": 3, "optimizer": "sgd"}, 11, tmp_path, epochs=4)


# --- arguments


@pytest.mark.parametrize(
    ("part", "filled"),
    [
        ("--lr={lr}", "--lr=0.125"),
        ("{lr:.2e}", "1.25e-01"),
        ("{layers}-{optimizer}", "3-sgd"),
        ("--seed={seed}", "--seed=11"),
        ("{number}/{epochs}/{device}", "7/4/cpu"),
        ("{{not a placeholder}}", "{not a placeholder}"),
        ("--momentum={momentum}", "--momentum="),  # inactive
        ("--momentum={momentum:.3f}", "--momentum="),
        ("plain", "plain"),
    ],
)
def test_placeholders_become_values(trial: Trial, part: str, filled: str) -> None:
    values = {**trial.params, "seed": 11, "number": 7, "epochs": 4, "device": "cpu", "directory": "x"}
    assert fill_in(part, values) == filled


def test_the_names_in_braces_are_found() -> None:
    assert placeholders("--a={lr:.3g} {b} {{c}} {}") == ["lr", "b", ""]


def test_the_command_gets_arguments_and_the_whole_trial_in_its_environment(trial: Trial, tmp_path: Path) -> None:
    command = CommandObjective(["sh", "-c", 'echo "$1" > "$2/seen"; echo "$AUTODE_TRIAL" >> "$2/seen"; echo 1', "x"])
    command = CommandObjective([*command.command, "{lr}", "{directory}"])
    assert command(trial) == 1.0
    argument, environment = (tmp_path / "seen").read_text().splitlines()
    assert argument == "0.125"
    assert json.loads(environment) == {
        "lr": 0.125, "layers": 3, "optimizer": "sgd",
        "seed": 11, "number": 7, "epochs": 4, "device": "cpu", "directory": str(tmp_path),
    }  # fmt: skip


def test_a_hyperparameter_goes_before_the_trials_own_value_of_that_name(tmp_path: Path) -> None:
    assert CommandObjective(["echo", "{epochs}"])(Trial(0, {"epochs": 9}, 1, tmp_path)) == 9.0


# --- results


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("0.25", 0.25),
        ("-3", -3.0),
        ("1e-3", 1e-3),
        ('{"val_error": 0.02, "loss": 1}', {"val_error": 0.02, "loss": 1.0}),
    ],
)
def test_the_last_line_is_the_result(trial: Trial, line: str, result: Any) -> None:
    assert parse_result(line) == result
    assert shell(f"echo working; echo; printf '%s' '{line.replace('{', '{{').replace('}', '}}')}'")(trial) == result


@pytest.mark.parametrize("line", ["", "done", "[1, 2]", "null", '{"val_error": null}', '{"val_error": [1]}', "0,5"])
def test_any_other_last_line_is_an_error_that_shows_it(line: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_result(line)
    assert str(error.value).startswith(f"the command's last line is {line!r}; expected a number or a JSON object")


def test_a_command_that_fails_says_with_which_exit_code(trial: Trial) -> None:
    with pytest.raises(RuntimeError, match="sh ended with exit code 3; its output is in the log"):
        shell("echo 0.5; exit 3")(trial)
    with pytest.raises(RuntimeError, match="sh ended with exit code -11"):
        shell("kill -SEGV $$")(trial)


def test_a_command_that_does_not_exist_is_an_error(trial: Trial) -> None:
    with pytest.raises(FileNotFoundError):
        CommandObjective(["no-such-program-anywhere"])(trial)


def test_output_that_is_no_text_does_no_harm(trial: Trial) -> None:
    assert shell(r"printf '\377\376\n0.5\n'")(trial) == 0.5


def test_the_output_is_passed_on(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    shell("echo epoch 1; echo 0.5")(trial)
    assert capsys.readouterr().out == "epoch 1\n0.5\n"


# --- epochs


def test_lines_that_report_epochs_are_passed_on_and_others_ignored(trial: Trial) -> None:
    seen: list[tuple[int, dict[str, float]]] = []
    trial.on_report = lambda epoch, metrics: seen.append((epoch, metrics))
    lines = [
        '{"epoch": 1, "val_error": 0.5}',
        '{"epoch": 2, "note": "not a number"}',
        '{"config": {"epoch": 3}}',
        '{"epoch": ',
        '{"epoch": 3, "val_error": 0.25}',
        "0.25",
    ]
    python(f"for line in {lines!r}: print(line)")(trial)
    assert seen == [(1, {"val_error": 0.5}), (3, {"val_error": 0.25})]


# --- the end


@pytest.fixture
def stop_soon(trial: Trial, tmp_path: Path, wait_until: Callable[..., None]) -> Trial:
    """A trial that is asked to stop once its command runs."""
    running = tmp_path / "running"
    trial.stop_requested = running.exists
    return trial


def test_a_silent_command_is_stopped_with_sigterm(stop_soon: Trial, tmp_path: Path) -> None:
    script = (
        f"trap 'echo saved > {tmp_path}/saved; exit 0' TERM; touch {tmp_path}/running; while :; do sleep 0.05; done"
    )
    with pytest.raises(TrialInterrupted):
        shell(script)(stop_soon)
    assert (tmp_path / "saved").read_text() == "saved\n"


def test_a_command_without_a_handler_dies_of_it(stop_soon: Trial, tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(TrialInterrupted):
        shell(f"touch {tmp_path}/running; exec sleep 300")(stop_soon)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("ending", ["kill -TERM $$", "exit 143"])
def test_a_command_that_a_signal_to_the_job_ended_first_is_interrupted_not_failed(
    trial: Trial, tmp_path: Path, ending: str
) -> None:
    request = threading.Event()
    trial.stop_requested = request.is_set
    threading.Timer(0.5, request.set).start()  # the request arrives a moment after the signal
    with pytest.raises(TrialInterrupted):
        shell(ending)(trial)


def test_a_command_that_a_signal_ended_though_nobody_asked_has_failed(trial: Trial) -> None:
    with pytest.raises(RuntimeError, match=f"exit code -{signal.SIGTERM.value}"):
        shell("kill -TERM $$")(trial)


def test_commands_do_not_pile_up(trial: Trial) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        shell("echo 1")(trial)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
