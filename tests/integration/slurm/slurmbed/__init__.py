"""A real Slurm cluster on one machine: controller, accounting with database, and nodes with their own energy counters.

Everything lives in namespaces that the test run holds by a pipe, so the kernel removes all of it when the run ends, in
whatever way: processes, mounts, network. Only a folder in the temporary directory can survive a crash; the next cluster
that starts removes it. Each cluster has a network of its own, so any number of them fit on one machine.
"""

from slurmbed.cluster import Cluster
from slurmbed.requirements import missing

__all__ = ["Cluster", "missing"]
