"""A user's checkout on the cluster: a clone of this repository, and the commands of a page run in it in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pages import ROOT
from slurmbed import Cluster
from slurmbed.requirements import PATH

STANDIN = ROOT / "tests/containers/standin"


@dataclass(frozen=True)
class Checkout:
    """A clone with its environment, and Apptainer's stand-in on the path where the machine has no Apptainer."""

    folder: Path
    cluster: Cluster

    @classmethod
    def clone(cls, folder: Path, cluster: Cluster) -> Checkout:
        """Clone what is committed here, as a user clones what is published."""
        subprocess.run(["git", "clone", "--quiet", "--local", ROOT, folder], check=True)
        (folder / ".venv").symlink_to(sys.prefix)
        programs = folder.parent / "programs"
        programs.mkdir()
        if shutil.which("apptainer") is None:
            (programs / "apptainer").write_text(f'#!/bin/sh\nexec {sys.executable} {STANDIN / "apptainer"} "$@"\n')
            (programs / "apptainer").chmod(0o755)
        return cls(folder, cluster)

    @property
    def environment(self) -> dict[str, str]:
        """What a user has after ``source .venv/bin/activate``."""
        path = [str(self.folder.parent / "programs"), str(Path(sys.executable).parent), PATH]
        return {"PATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}

    def shell(self, commands: str, *, check: bool = True) -> str:
        """Run commands on the head, where users log in, and return what they print."""
        line = ("bash", "-euo", "pipefail", "-c", commands)
        done = self.cluster.run(*line, folder=self.folder, env=self.environment, check=False)
        assert not check or done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return str(done.stdout)


def submitted(output: str) -> int:
    """Return the job's number that ``autode submit`` printed."""
    found = re.search(r"^submitted job (\d+);", output, re.MULTILINE)
    assert found, output
    return int(found[1])
