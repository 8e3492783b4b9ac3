"""Where the cluster cannot start, it says why and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import slurmbed.requirements
from slurmbed import missing


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert missing() == "a Slurm test cluster needs root"


@pytest.mark.skipif(os.geteuid() != 0, reason="asked of root only")
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(slurmbed.requirements, "PATH", str(tmp_path))
    reason = missing()
    assert reason.startswith("no munged, slurmctld, slurmd,")
    assert "apt-get install --no-install-recommends munge slurmctld" in reason


def test_the_guide_names_the_same_packages() -> None:
    guide = (Path(__file__).parents[3] / "docs/slurm.md").read_text()
    command = guide[guide.index("apt-get install") : guide.index("python -m pytest")]
    assert set(slurmbed.requirements.APT_PACKAGES) <= set(command.split())
