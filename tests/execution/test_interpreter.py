"""Workers run the program of the process that starts them, not one that lies in the working folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import autode
from autode.execution.interpreter import module_command


@pytest.fixture
def other_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with another program of that name."""
    (tmp_path / "autode").mkdir()
    (tmp_path / "autode/__init__.py").write_text("")
    (tmp_path / "autode/_version.py").write_text("raise SystemExit('the wrong program')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def test_a_checkout_in_the_working_folder_does_not_get_in_between(other_checkout: Path) -> None:
    plain = [module_command("autode._version")[0], "-m", "autode._version"]
    assert subprocess.run(plain, capture_output=True, check=False).returncode == 1, "as python -m would do it"
    assert subprocess.run(module_command("autode._version"), check=False).returncode == 0


def test_a_program_that_is_run_from_the_working_folder_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(autode.__file__).parents[1])
    assert "-P" not in module_command("autode._version")
