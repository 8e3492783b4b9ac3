"""The joules of a job while it runs, as sstat prints them (a real output, and programs that stand in for sstat)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autode.energy.slurm_live import LiveJob, live_joules, parse_sstat, slurm_job


@pytest.mark.parametrize(
    ("text", "joules"),
    [
        ("16.extern|26433\n16.batch|26433\n16.0|26392\n", 26433.0),
        ("16.batch|13000\n16.0|26392\n", 26392.0),  # no Contain: the batch step knows the first node only
        ("16.extern|0\n16.batch|0\n", None),
        ("16.extern|1\n", None),  # with what a plugin begins
        ("16.extern|\n16.batch|\n", None),
        ("16.extern|18446744073709551614\n", None),
        ("", None),
        ("sstat: some remark\n16.extern|500\n", 500.0),
    ],
)
def test_the_step_that_counts_all_nodes_all_the_time(text: str, joules: float | None) -> None:
    assert parse_sstat(text) == joules


@pytest.fixture
def sstat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts a program of that text on the path."""

    def put(script: str) -> Path:
        path = tmp_path / "bin" / "sstat"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
        monkeypatch.setenv("SLURM_JOB_ID", "16")
        return path

    return put


def test_it_asks_for_plain_joules_of_all_steps_of_the_job(sstat: Any, tmp_path: Path) -> None:
    sstat(f'echo "$@" > {tmp_path}/asked; echo "16.extern|700"')
    assert live_joules("16") == 700.0
    asked = (tmp_path / "asked").read_text().split()
    assert {"--allsteps", "--parsable2", "--noheader", "--noconvert", "-j", "16"} <= set(asked)


@pytest.mark.parametrize("script", ["exit 1", "echo '16.extern|9000'; exit 3", "echo nonsense"])
def test_an_sstat_that_does_not_answer_is_no_joules(sstat: Any, script: str) -> None:
    sstat(script)
    assert live_joules("16") is None


def test_without_a_job_or_without_sstat_nothing_is_asked(
    sstat: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sstat("exit 0")
    assert slurm_job() == "16"
    monkeypatch.delenv("SLURM_JOB_ID")
    assert slurm_job() == ""
    monkeypatch.setenv("SLURM_JOB_ID", "16")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm_job() == ""
    live = LiveJob("")
    assert live.taken() == []


def test_the_pieces_add_up_to_the_last_answer(sstat: Any, tmp_path: Path, wait_until: Any) -> None:
    sstat(f'cd {tmp_path}; echo >> calls; n=$(wc -l < calls); echo "16.extern|$((n * 100))"')
    live = LiveJob("16", first_s=0.01, longest_s=0.02)
    pieces = []

    def three() -> bool:
        pieces.extend(live.taken())
        return len(pieces) >= 3

    wait_until(three, "three answers")
    live.close()
    assert [piece.energy_j for piece in pieces[:3]] == [100.0, 100.0, 100.0]
    assert {(piece.method, piece.source, piece.scope, piece.flags) for piece in pieces} == {
        ("scheduler_counter", "sstat", "job", ("live",))
    }
