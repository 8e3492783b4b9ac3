"""The objectives of docs/objectives.md run, and go on from their checkpoints."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autode.execution.command import CommandObjective
from autode.trial import Trial, TrialInterrupted

PAGE = Path(__file__).parent.parent / "docs/objectives.md"
EPOCHS = 4


@pytest.fixture
def function() -> Callable[[Trial], dict[str, float]]:
    namespace: dict[str, Any] = {}
    exec(compile(example("A Python function"), str(PAGE), "exec"), namespace)
    train: Callable[[Trial], dict[str, float]] = namespace["train"]
    return train


@pytest.fixture
def command(tmp_path: Path) -> CommandObjective:
    (tmp_path / "train.py").write_text(example("A command"), encoding="utf-8")
    return CommandObjective([sys.executable, str(tmp_path / "train.py")])


def example(section: str) -> str:
    found = re.search(rf"\n## {section}\n.*?```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def trial(folder: Path, stop_after: int | None = None) -> tuple[Trial, list[int]]:
    """A trial that is asked to stop after some epoch, and the epochs that it reports."""
    epochs: list[int] = []
    handle = Trial(
        number=0,
        params={"lr": 0.1, "momentum": 0.9},
        seed=1,
        folder=folder,
        epochs=EPOCHS,
        on_report=lambda epoch, _: epochs.append(epoch),
        stop_requested=lambda: len(epochs) == stop_after,
    )
    return handle, epochs


@pytest.mark.parametrize("kind", ["function", "command"])
def test_an_example_reports_every_epoch_and_returns_its_error(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    objective = request.getfixturevalue(kind)
    handle, epochs = trial(tmp_path / "whole")
    result = objective(handle)
    error = result["val_error"] if isinstance(result, dict) else result
    assert 0 < error < 0.7
    assert epochs == [1, 2, 3, 4]


def test_an_interrupted_function_goes_on_from_its_checkpoint(
    function: Callable[[Trial], dict[str, float]], tmp_path: Path
) -> None:
    undisturbed = function(trial(tmp_path / "undisturbed")[0])
    handle, epochs = trial(tmp_path / "cut", stop_after=2)
    with pytest.raises(TrialInterrupted):
        function(handle)
    handle, rest = trial(tmp_path / "cut")
    assert function(handle) == undisturbed
    assert (epochs, rest) == ([1, 2], [3, 4])


def test_a_command_that_was_started_again_goes_on_from_its_checkpoint(
    command: CommandObjective, tmp_path: Path
) -> None:
    undisturbed = command(trial(tmp_path / "undisturbed")[0])
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/done.json").write_text('{"epoch": 3, "error": 0.7290000000000001}', encoding="utf-8")
    handle, rest = trial(tmp_path / "cut")
    assert command(handle) == undisturbed
    assert rest == [4]
