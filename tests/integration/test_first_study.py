"""The page that leads a new user to a first study on a laptop: its commands, run in order."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pages import ROOT, TINY, commands_of, shorten

pytestmark = pytest.mark.slow


def test_the_commands_of_the_page_work_as_they_stand(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "workflows", tmp_path / "workflows")
    shorten(tmp_path, "quickstart.toml", search__evaluations=4, confirm__seeds=0, **TINY)
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    said = []
    for block in commands_of("first-study.md"):
        line = ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    doctor, run, status, files, frame = said
    assert "works" in doctor
    assert "4/4 done" in run
    assert "4/4 done" in status
    assert "results/first/report.html" in files
    assert frame.split()[:4] == ["trial", "value", "seconds", "energy_j"]
