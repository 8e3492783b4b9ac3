"""Starts the head's services in the order in which they need each other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from slurmbed.configuration import DATABASE, HEAD_ADDRESS, PASSWORD, Site
from slurmbed.namespace import Namespace
from slurmbed.waiting import until

_METER = Path(__file__).with_name("meter.py")
_PATIENCE_S = 300.0  # three clusters may start at once on a machine with a slow disk


def start_services(head: Namespace, site: Site) -> None:
    """Start everything but the nodes."""
    _munge(head, site)
    _database(head, site)
    _meter(head, site)
    _accounting(head, site)
    head.run("slurmctld", "-f", site.slurm_conf, "-c", timeout=_PATIENCE_S)


def _munge(head: Namespace, site: Site) -> None:
    key, run = site.folder / "etc/munge.key", site.folder / "run"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    files = {"key": key, "pid": run / "munged.pid", "seed": run / "munge.seed", "log": site.folder / "log/munged.log"}
    options = [f"--{name}-file={path}" for name, path in files.items()]
    # by force: a socket in a temporary folder is more open than munge likes
    head.run("munged", "--force", f"--socket={site.munge_socket}", *options)


def _database(head: Namespace, site: Site) -> None:
    data, socket = site.folder / "database", _database_socket(site)
    # the root user gets a password later and must be able to log in with it
    login = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
    # nothing here has to survive a power failure of the machine, and little is to be written
    fast = ("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-log-file-size=4M")
    # its temporary files are named by its process number, which two clusters that start at once may share
    temporary = site.folder / "tmp"
    temporary.mkdir()
    fast += (f"--tmpdir={temporary}",)
    install = ("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root")
    head.run(*install, *login, *fast, timeout=_PATIENCE_S)
    place = (f"--datadir={data}", f"--socket={socket}", f"--pid-file={site.folder}/run/mariadbd.pid")
    wanted = ("--innodb-buffer-pool-size=128M", "--innodb-lock-wait-timeout=900")  # slurmdbd asks for both
    closed = ("--skip-log-bin", "--skip-networking")
    head.start(
        "mariadbd",
        "--no-defaults",
        "--user=root",
        *place,
        *wanted,
        *fast,
        *closed,
        log=site.folder / "log/mariadbd.log",
    )
    client = ("mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--execute")
    until(lambda: head.run(*client, "select 1", check=False).returncode == 0, "MariaDB", _PATIENCE_S)
    head.run(*client, f"alter user root@localhost identified by '{PASSWORD}'; create database {DATABASE}")


def _database_socket(site: Site) -> Path:
    return site.folder / "run/mariadb.socket"


def _meter(head: Namespace, site: Site) -> None:
    """Start the counters; slurmd reads them once when it starts, and never again if they are missing or 0."""
    head.start(sys.executable, "-ISB", _METER, site.folder / "nodes", log=site.folder / "log/meter.log")
    counters = [site.node_folder(number) / "pm_counters/power" for number in site.node_numbers]
    until(lambda: all(path.exists() and path.stat().st_size for path in counters), "the energy counters", _PATIENCE_S)


def _accounting(head: Namespace, site: Site) -> None:
    """Start slurmdbd and make the cluster known to it; it makes its tables before it listens."""
    # it has no setting for the database's socket, but its client library has
    head.run("slurmdbd", env={"SLURM_CONF": str(site.slurm_conf), "MYSQL_UNIX_PORT": str(_database_socket(site))})
    listening = ("bash", "-c", f": < /dev/tcp/{HEAD_ADDRESS}/6819")
    until(lambda: head.run(*listening, check=False).returncode == 0, "slurmdbd", _PATIENCE_S)
    head.run("sacctmgr", "-iQ", "add", "cluster", "bed", env={"SLURM_CONF": str(site.slurm_conf)}, timeout=_PATIENCE_S)
