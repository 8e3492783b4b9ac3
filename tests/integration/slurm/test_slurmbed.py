"""The cluster itself: it behaves like one, its joules are right, and it leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from slurmbed import Cluster
from slurmbed.cluster import remove_leftovers
from slurmbed.waiting import until

pytestmark = pytest.mark.slurm


def test_nodes_are_machines_of_their_own_that_share_files(cluster: Cluster, tmp_path: Path) -> None:
    command = f"srun sh -c 'hostname > {tmp_path}/$SLURM_PROCID; hostname -I >> {tmp_path}/$SLURM_PROCID'"
    job = cluster.submit("--nodes=3", f"--wrap={command}", folder=tmp_path)
    assert cluster.wait(job, seconds=60)[0]["JobState"] == "COMPLETED"
    said = [(tmp_path / str(rank)).read_text().split() for rank in range(3)]
    assert said == [["node1", "10.77.0.11"], ["node2", "10.77.0.12"], ["node3", "10.77.0.13"]]


def test_accounting_charges_each_node_its_watts(cluster: Cluster, tmp_path: Path) -> None:
    cluster.set_watts(2, 500.0)
    try:
        job = cluster.submit("--nodelist=node1,node2", "--wrap=srun sleep 4", folder=tmp_path)
        cluster.wait(job, "COMPLETED", seconds=60)
        energy = until(lambda: consumed(cluster, job), "the step's joules", seconds=20)
    finally:
        cluster.set_watts(2, 200.0)
    # (200 W + 500 W) x 4 s; starting and ending the step takes some tenths of a second, which count too
    assert 0.95 * 2800 <= energy <= 1.25 * 2800


def consumed(cluster: Cluster, job: int) -> float:
    rows = {row["JobID"]: row for row in cluster.accounting(job, "ConsumedEnergyRaw")}
    return float(rows.get(f"{job}.0", {}).get("ConsumedEnergyRaw") or 0)


CRASHES = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from slurmbed import Cluster
cluster = Cluster(nodes=1)
print(cluster.site.folder, cluster._head.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_crashed_test_run_leaves_nothing_behind(cluster: Cluster) -> None:
    crashed = subprocess.run(
        [sys.executable, "-c", CRASHES, Path(__file__).parent], capture_output=True, text=True, check=False
    )
    folder, head = crashed.stdout.split()
    until(lambda: processes_in(folder) == [], "the crashed cluster's processes to end", seconds=10)
    assert not Path(f"/proc/{head}").exists() or "State:\tZ" in Path(f"/proc/{head}/status").read_text()
    assert folder not in Path("/proc/mounts").read_text()
    remove_leftovers()
    assert not Path(folder).exists()
    assert cluster.site.folder.exists(), "a living cluster beside it is left alone"


def processes_in(folder: str) -> list[str]:
    """Return the processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            if folder.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found
