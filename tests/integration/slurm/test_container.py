"""The image: what its definition promises, and a study in it on two nodes, started by the cluster's srun."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from checkout import Checkout
from pages import ROOT
from slurmbed import Cluster

#: the first test waits for the image, too
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1200)]

WORKFLOW = """\
name = "where"
seed = 1
[objective]
python = "where:objective"
metric = "error"
[space]
x = { type = "float", low = 0.0, high = 1.0 }
[search]
algorithm = "random"
evaluations = 8
[execution]
schedule = "generational"
"""
#: says where it runs
OBJECTIVE = """\
import socket, sys, time
from pathlib import Path

import autode

def objective(trial):
    time.sleep(0.2)  # so that both ranks get some
    home = Path(autode.__file__).parent
    Path(f"ran-{trial.number}").write_text(f"{socket.gethostname()} {sys.prefix} {home} {Path('/base-site').exists()}")
    return trial.params["x"]
"""


def test_labels_tell_version_and_commit(checkout: Checkout) -> None:
    labels = checkout.shell("apptainer inspect autode.sif")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout.folder, capture_output=True, text=True, check=True
    )
    assert f"org.opencontainers.image.revision: {commit.stdout.strip()}" in labels
    version = checkout.shell("autode --version").split()[1]
    assert f"org.opencontainers.image.version: {version}" in labels


def test_packages_have_the_pinned_versions(checkout: Checkout) -> None:
    installed = checkout.shell("apptainer exec autode.sif cat /opt/autode/installed.txt").split()
    pinned = (ROOT / "constraints.txt").read_text().split()
    wanted = {
        line for line in pinned if line.split("==")[0] in ("scipy", "pandas", "mpi4py", "mpich", "perun", "torch")
    }
    assert len(wanted) == 6
    assert wanted <= set(installed)
    assert not [line for line in installed if line.startswith(("pytest", "ruff", "mypy"))], "no tools of developers"


def test_the_runscript_is_the_program(checkout: Checkout) -> None:
    assert checkout.shell("apptainer run autode.sif --version") == checkout.shell("autode --version")


def test_two_ranks_on_two_nodes_work_on_one_study_inside(checkout: Checkout, cluster: Cluster) -> None:
    folder = checkout.folder / "where"
    folder.mkdir()
    (folder / "where.toml").write_text(WORKFLOW)
    (folder / "where.py").write_text(OBJECTIVE)
    size = ("--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1", "--time=10")
    script = checkout.folder / "slurm/container.sbatch"
    image = checkout.folder / "autode.sif"
    run = ("where.toml", "--out", "out", "--no-report")
    job = cluster.submit(*size, script, image, *run, folder=folder, env=checkout.environment)
    (ended,) = cluster.wait(job, seconds=300)
    log = (folder / f"autode-{job}.log").read_text()
    assert ended["JobState"] == "COMPLETED", log
    places = {path.read_text() for path in folder.glob("ran-*")}
    assert len(list(folder.glob("ran-*"))) == 8
    assert {place.split()[1] for place in places} == {"/opt/autode/venv"}, "not the environment outside"
    assert all(place.split()[2].startswith("/opt/autode/venv/lib/") for place in places), "not this checkout"
    assert {place.split()[0] for place in places} == set(_nodes(cluster, job)), "both ranks had trials"
    (run_record,) = [record for record in _journal(folder / "out") if record["type"] == "run"]
    assert (run_record["ranks"], run_record["slurm"]["job_id"]) == (2, str(job))


def _nodes(cluster: Cluster, job: int) -> list[str]:
    listed = cluster.run("scontrol", "show", "hostnames", cluster.job(job)["NodeList"])
    return str(listed.stdout).split()


def _journal(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
