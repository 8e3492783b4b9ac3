"""The cluster as tests see it: up, down, submit, wait, look into the accounting, cut a node's power."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from slurmbed.configuration import HEAD_ADDRESS, NETWORK, Site, node_address, write_configuration
from slurmbed.daemons import start_services
from slurmbed.namespace import Namespace
from slurmbed.waiting import ASK_SLURM_EVERY_S, until

_PREFIX = "slurmbed-"
_NODE_SCRIPT = Path(__file__).with_name("node.sh")
#: states that a job does not leave again
ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"}


class Cluster:
    """A running cluster; a context manager.

    Parameters
    ----------
    nodes : int
        Named ``node1``, ``node2``, ...
    watts : float
        Power of every node until `set_watts` says otherwise.
    """

    def __init__(self, nodes: int = 3, watts: float = 200.0):
        remove_leftovers()
        self.site = Site(Path(tempfile.mkdtemp(prefix=_PREFIX)), nodes)
        self._lock = _lock(self.site.folder)
        self._nodes: dict[int, Namespace] = {}
        self._head = Namespace()
        try:
            self._bring_up(watts)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bring_up(self, watts: float) -> None:
        write_configuration(self.site)
        for number in self.site.node_numbers:
            self.set_watts(number, watts)
        self._head.run("hostname", "head")
        self._head.run("mount", "--bind", self.site.folder / "etc/hosts", "/etc/hosts")
        self._head.run("ip", "link", "set", "lo", "up")
        self._head.run("ip", "link", "add", "bridge", "type", "bridge")
        self._head.run("ip", "address", "add", f"{HEAD_ADDRESS}/24", "dev", "bridge")
        self._head.run("ip", "link", "set", "bridge", "up")
        start_services(self._head, self.site)
        for number in self.site.node_numbers:
            self.power_on(number)
        until(self._all_idle, "idle nodes", 300, every=ASK_SLURM_EVERY_S)

    def close(self) -> None:
        """Cut all power and remove every trace."""
        for number in list(self._nodes):
            self.power_off(number)
        self._head.kill()
        shutil.rmtree(self.site.folder)
        os.close(self._lock)

    # -- nodes --

    def power_on(self, number: int) -> None:
        """Start a node; Slurm takes it back by itself."""
        node = Namespace(inside=self._head)
        folder, cable = self.site.node_folder(number), f"cable{number}"
        node.run("sh", _NODE_SCRIPT, str(number), folder, self.site.folder / "etc/hosts")
        # entered by its network alone, because the other end is named by a process number as seen from out here
        head_network = ["nsenter", f"--net=/proc/{self._head.pid}/ns/net", "ip", "link"]
        plug = [*head_network, "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(node.pid)]
        subprocess.run(plug, check=True)
        subprocess.run([*head_network, "set", cable, "master", "bridge", "up"], check=True)
        node.run("ip", "link", "set", "lo", "up")
        node.run("ip", "address", "add", f"{node_address(number)}/24", "dev", "eth0")
        node.run("ip", "link", "set", "eth0", "up")
        node.run("ip", "route", "add", "default", "via", f"{NETWORK}.1")
        log = self.site.folder / f"log/slurmd-node{number}.out"
        node.start("slurmd", "-D", "-f", self.site.slurm_conf, "-N", f"node{number}", log=log)
        self._nodes[number] = node

    def power_off(self, number: int) -> None:
        """Cut a node's power: first the cable, so that not even the kernel says goodbye to its peers."""
        node = self._nodes.pop(number)
        self._head.run("ip", "link", "delete", f"cable{number}", check=False)
        node.kill()

    def set_watts(self, number: int, watts: float) -> None:
        """Set a node's power from now on."""
        file = self.site.node_folder(number) / "watts"
        temporary = file.with_suffix(".new")
        temporary.write_text(f"{watts}\n")
        temporary.replace(file)

    def on_node(self, number: int, *command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on a node, outside of any job."""
        return self._nodes[number].run(*command, **self._with_slurm(options))

    def node_state(self, number: int) -> str:
        """Return what Slurm holds a node for, such as ``idle``, or ``down*`` when it does not answer."""
        return self.run("sinfo", "-h", "-p", "batch", "-n", f"node{number}", "-o", "%T").stdout.strip()

    def _all_idle(self) -> bool:
        return all(self.node_state(number) == "idle" for number in self.site.node_numbers)

    # -- jobs --

    def run(self, *command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on the head, where users log in; further options are those of `subprocess.run`."""
        return self._head.run(*command, **self._with_slurm(options))

    def _with_slurm(self, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "env": {"SLURM_CONF": str(self.site.slurm_conf), **options.get("env", {})}}

    def submit(self, *arguments: str | Path, folder: Path, **options: Any) -> int:
        """Call sbatch in a folder; return the job's number."""
        return int(self.run("sbatch", "--parsable", *arguments, folder=folder, **options).stdout.split(";")[0])

    def jobs(self, job: int) -> list[dict[str, str]]:
        """Return what Slurm knows of a job now, one entry a task of an array, with scontrol's names."""
        lines = self.run("scontrol", "--oneliner", "show", "job", str(job)).stdout.splitlines()
        return [dict(_pairs(line)) for line in lines]

    def job(self, job: int) -> dict[str, str]:
        """Return what Slurm knows of a job that is no array."""
        (only,) = self.jobs(job)
        return only

    def wait(self, job: int, *states: str, seconds: float) -> list[dict[str, str]]:
        """Wait until all tasks of a job are in one of the states, and return them; with no state: until they ended."""
        wanted = set(states) or ENDED

        def arrived() -> list[dict[str, str]]:
            jobs = self.jobs(job)
            return jobs if all(one["JobState"] in wanted for one in jobs) else []

        try:
            return until(arrived, f"job {job} in {'/'.join(sorted(wanted))}", seconds, every=ASK_SLURM_EVERY_S)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it is {[one['JobState'] for one in self.jobs(job)]}") from None

    def accounting(self, job: int, *fields: str) -> list[dict[str, str]]:
        """Return sacct's rows of all runs of a job, steps included."""
        names = ("JobID", "State", *fields)
        # --duplicates: the earlier runs of a requeued job too
        options = ("--duplicates", "--noconvert", "--noheader", "--parsable2", f"--format={','.join(names)}")
        lines = self.run("sacct", "-j", str(job), *options).stdout.splitlines()
        return [dict(zip(names, line.split("|"), strict=True)) for line in lines]


def remove_leftovers() -> None:
    """Remove the folders of clusters whose test run crashed; nothing else of them can be left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # it lives, or another test run was faster
            lock = _lock(folder)
            shutil.rmtree(folder)
            os.close(lock)


def _lock(folder: Path) -> int:
    """Hold a lock that dies with this process.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    """
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise
    return fd


def _pairs(line: str) -> list[tuple[str, str]]:
    """Cut scontrol's ``Name=value Name=value`` apart."""
    words = [word.partition("=") for word in line.split()]
    return [(name, value) for name, equals, value in words if equals]
