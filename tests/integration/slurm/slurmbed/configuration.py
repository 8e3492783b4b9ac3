"""The cluster's configuration files. Comments say what is not obvious; docs/slurm.md tells the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NETWORK = "10.77.0"
HEAD_ADDRESS = f"{NETWORK}.1"
DATABASE, PASSWORD = "slurm_acct_db", "slurmbed"
_FOLDERS = ("etc", "log", "run", "state")


@dataclass(frozen=True)
class Site:
    """What may differ between clusters.

    Attributes
    ----------
    folder : pathlib.Path
        Holds everything: configuration, logs, database, spool.
    nodes : int
    cpus : int
        CPUs that a node claims, more than the machine has if need be.
    memory_mb : int
        Memory that a node claims.
    """

    folder: Path
    nodes: int = 3
    cpus: int = 4
    memory_mb: int = 8000

    @property
    def slurm_conf(self) -> Path:
        """The file that SLURM_CONF names."""
        return self.folder / "etc/slurm.conf"

    @property
    def munge_socket(self) -> Path:
        """A Unix socket in a shared folder works across network namespaces: one munged serves all nodes."""
        return self.folder / "run/munge.socket"

    def node_folder(self, number: int) -> Path:
        """What belongs to one node."""
        return self.folder / f"nodes/node{number}"

    @property
    def node_numbers(self) -> range:
        """Nodes count from 1."""
        return range(1, self.nodes + 1)


def node_address(number: int) -> str:
    """Return a node's IP address."""
    return f"{NETWORK}.{10 + number}"


def write_configuration(site: Site) -> None:
    """Write all files of a new cluster."""
    for name in _FOLDERS:
        (site.folder / name).mkdir(parents=True, exist_ok=True)
    for number in site.node_numbers:
        for name in ("spool", "pm_counters"):
            (site.node_folder(number) / name).mkdir(parents=True, exist_ok=True)
    etc = site.folder / "etc"
    (etc / "hosts").write_text(_hosts(site))
    site.slurm_conf.write_text(_slurm_conf(site))
    # /tmp is shared here as it is on no real cluster; PMIx needs a folder that each node has for itself
    (etc / "mpi.conf").write_text("PMIxCliTmpDirBase=/run\n")
    dbd = etc / "slurmdbd.conf"
    dbd.write_text(_slurmdbd_conf(site))
    dbd.chmod(0o600)  # slurmdbd refuses anything else


def _hosts(site: Site) -> str:
    nodes = [f"{node_address(number)} node{number}" for number in site.node_numbers]
    return "\n".join(["127.0.0.1 localhost", f"{HEAD_ADDRESS} head", *nodes, ""])


def _slurm_conf(site: Site) -> str:
    folder, last = site.folder, site.nodes
    return f"""\
ClusterName=bed
SlurmctldHost=head({HEAD_ADDRESS})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# a requeued job waits cred_expire seconds; 120 is the default
AuthInfo=socket={site.munge_socket},cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
SlurmctldDebug=info
SlurmdDebug=info
# nodes may claim more than the machine has
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,bf_interval=2
PropagateResourceLimits=NONE
MpiDefault=none
ReturnToService=2
JobRequeue=1
SlurmctldTimeout=30
SlurmdTimeout=5
MessageTimeout=10
TCPTimeout=2
KillWait=10
BatchStartTimeout=10
MinJobAge=600
# the .extern step it makes is what sacct's job energy is taken from
PrologFlags=Contain
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={HEAD_ADDRESS}
# for the connection to slurmdbd the "password" is munge's socket; AuthInfo is not looked at
AccountingStoragePass={site.munge_socket}
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1,energy=1
AcctGatherNodeFreq=2
AcctGatherEnergyType=acct_gather_energy/pm_counters
JobCompType=jobcomp/none
NodeName=node[1-{last}] NodeAddr={NETWORK}.[11-{10 + last}] CPUs={site.cpus} RealMemory={site.memory_mb} State=UNKNOWN
PartitionName=batch Nodes=node[1-{last}] Default=YES MaxTime=INFINITE DefMemPerCPU=200 OverSubscribe=NO
PartitionName=exclusive Nodes=node[1-{last}] MaxTime=INFINITE DefMemPerCPU=200 OverSubscribe=EXCLUSIVE
"""


def _slurmdbd_conf(site: Site) -> str:
    return f"""\
AuthType=auth/munge
AuthInfo=socket={site.munge_socket}
DbdHost=head
DbdAddr={HEAD_ADDRESS}
SlurmUser=root
LogFile={site.folder}/log/slurmdbd.log
PidFile={site.folder}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StoragePass={PASSWORD}
StorageLoc={DATABASE}
"""
