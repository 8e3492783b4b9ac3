"""Loads the MPI library that fits the launcher, and keeps it from what the launcher cannot carry."""

from __future__ import annotations

import os
import re
from typing import Any

from autode.execution.lifetime import end_if_longer_than

#: how long the ranks of a large job may take to come together, seconds; $AUTODE_MPI_START_S replaces it
_START_S = 300.0
_NETMOD = "MPIR_CVAR_CH4_NETMOD"
_WHY = (
    "another rank has probably ended before it began (its message stands above), or the ranks do not reach each other; "
    "run it again, and set AUTODE_MPI_START_S if they need more time"
)


def load_mpi(launcher: str, flavor: str) -> Any:
    """Start MPI and return mpi4py's module.

    Parameters
    ----------
    launcher : str
        ``srun`` or ``mpiexec``.
    flavor : str
        ``mpich`` or ``openmpi``.

    Raises
    ------
    ValueError
        If ``$AUTODE_MPI_START_S`` is no number of seconds.
    """
    if flavor == "openmpi":
        # mpi4py carries builds for both; left alone it takes the library that it finds first, launcher or not
        os.environ.setdefault("MPI4PY_MPIABI", "openmpi")
    import mpi4py

    mpi4py.rc.initialize, mpi4py.rc.finalize = False, True
    from mpi4py import MPI

    if not MPI.Is_initialized():
        if launcher == "srun" and _NETMOD not in os.environ and offers_ucx_and_ofi(MPI.Get_library_version()):
            # left to choose its provider, OFI at times never comes out of MPI_Init with several ranks on busy nodes
            os.environ |= {_NETMOD: "ofi", "FI_PROVIDER": os.environ.get("FI_PROVIDER", "tcp")}
        patience_s = _start_s()
        with end_if_longer_than(patience_s, f"MPI has not started within {patience_s:g} s: {_WHY}"):
            MPI.Init_thread()
    return MPI


def _start_s() -> float:
    """Return how long MPI may take to start: without an end, ranks wait for ever for one that died before it began."""
    given = os.environ.get("AUTODE_MPI_START_S", "")
    try:
        seconds = float(given or _START_S)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < 1e6:
        raise ValueError(f"AUTODE_MPI_START_S: expected seconds greater than zero, not {given!r}")
    return seconds


def offers_ucx_and_ofi(version: str) -> bool:
    """Tell whether this is an MPICH that can use both, of which it would take UCX.

    With UCX every rank's address is announced as 4 KiB of whatever lay in memory, in pieces that are at times too long
    for Slurm's PMI server: "value not properly terminated in client request", and MPI never starts. OFI's address is
    some 30 bytes.
    """
    device = re.search(r"^MPICH Device:(.*)$", version, re.MULTILINE)
    return device is not None and {"ucx", "ofi"} <= set(re.findall(r"\w+", device[1]))
