"""What a machine needs for the cluster; nothing is installed here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

#: Debian packages, to be installed with --no-install-recommends; none of their services has to run. Slurm's PMIx plugin
#: loads libpmix.so by its name without a number, which only the -dev package has
APT_PACKAGES = (
    *("munge", "slurmctld", "slurmd", "slurmdbd", "slurm-client", "slurm-wlm-basic-plugins", "slurm-wlm-mysql-plugin"),
    *("mariadb-server-core", "mariadb-client-core", "libpmix-dev", "iproute2", "util-linux", "procps"),
)
#: the daemons' folder is not on everybody's path
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
_PROGRAMS = (
    *("munged", "slurmctld", "slurmd", "slurmdbd", "sbatch", "srun", "sacct", "mariadbd", "mariadb"),
    *("mariadb-install-db", "ip", "unshare", "nsenter", "mount"),
)
_NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--fork")


def missing() -> str:
    """Return why no cluster can be started here, in one sentence; empty if one can."""
    if os.name != "posix" or not Path("/proc/self/ns").is_dir():
        return "a Slurm test cluster needs Linux"
    if os.geteuid() != 0:
        return "a Slurm test cluster needs root"
    absent = [program for program in _PROGRAMS if shutil.which(program, path=PATH) is None]
    if not any(Path("/usr/lib").glob("*/slurm-wlm/accounting_storage_mysql.so")):
        absent.append("accounting_storage_mysql.so")
    if absent:
        return f"no {', '.join(absent)} here; apt-get install --no-install-recommends {' '.join(APT_PACKAGES)}"
    attempt = subprocess.run(["unshare", *_NAMESPACES, "true"], capture_output=True, text=True, check=False)
    return f"namespaces cannot be made here: {attempt.stderr.strip()}" if attempt.returncode else ""
