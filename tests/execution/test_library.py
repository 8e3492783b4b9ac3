"""Which network library MPI is told to use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from autode.execution.library import offers_ucx_and_ofi

VERSION = "MPICH Version:      5.0.2\nMPICH Device:       {}\nMPICH configure:    --with-device=ch4:ucx,ofi\n"
START = (
    "import os, sys; from autode.execution.library import load_mpi; MPI = load_mpi(sys.argv[1], 'mpich'); "
    "print(MPI.Is_initialized(), MPI.Query_thread() == MPI.THREAD_MULTIPLE, "
    "*map(os.environ.get, ('MPIR_CVAR_CH4_NETMOD', 'FI_PROVIDER')))"
)


@pytest.mark.parametrize(
    ("device", "both"),
    [("ch4:ucx ofi", True), ("ch4:ucx,ofi", True), ("ch4:ofi", False), ("ch4:ucx", False), ("ch3:sock", False)],
)
def test_only_an_mpich_with_both_is_told_which(device: str, both: bool) -> None:
    assert offers_ucx_and_ofi(VERSION.format(device)) is both
    assert not offers_ucx_and_ofi("Open MPI v4.1.4, package: Debian OpenMPI")


@pytest.mark.parametrize(
    ("launcher", "given", "told"),
    [("srun", None, ["ofi", "tcp"]), ("srun", "ucx", ["ucx", "None"]), ("mpiexec", None, ["None", "None"])],
)
def test_mpi_starts_with_what_slurm_can_carry_unless_the_user_knows_better(
    launcher: str, given: str | None, told: list[str]
) -> None:
    pytest.importorskip("mpi4py")
    env = {key: value for key, value in os.environ.items() if key not in ("MPIR_CVAR_CH4_NETMOD", "FI_PROVIDER")}
    env |= {"MPIR_CVAR_CH4_NETMOD": given} if given else {}
    command = [sys.executable, "-c", START, launcher]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["True", "True", *told]


@pytest.mark.parametrize("given", ["soon", "0", "-3", "nan"])
def test_a_limit_of_the_start_that_is_none_is_refused(given: str) -> None:
    command = [sys.executable, "-c", START, "mpiexec"]
    env = {**os.environ, "AUTODE_MPI_START_S": given}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert f"ValueError: AUTODE_MPI_START_S: expected seconds greater than zero, not '{given}'" in done.stderr
