"""What works on this machine: each check really tries."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

from autode.energy import open_meters
from autode.execution.devices import usable_cores

OK, ABSENT, BROKEN, NOTE = "ok", "absent", "broken", "note"
_PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "torch",
    "torchvision",
    "sklearn",
    "safetensors",
    "matplotlib",
    "jinja2",
    "perun",
)


@dataclass(frozen=True)
class Finding:
    """The answer of one check.

    Attributes
    ----------
    subject : str
    state : {"ok", "absent", "broken", "note"}
    detail : str
        Version, or why not and what to do.
    essential : bool
        Whether every study needs it.
    """

    subject: str
    state: str
    detail: str
    essential: bool = False


def all_checks() -> Iterator[Finding]:
    """Try everything, one finding at a time."""
    yield Finding("Python", OK, f"{platform.python_version()} at {sys.prefix}", essential=True)
    yield Finding("cores", OK, f"{usable_cores()} usable of {os.cpu_count()}")
    for name in _PACKAGES:
        yield _guarded(name, lambda name=name: _package(name), essential=True)  # type: ignore[misc]
    yield _guarded("GPU", _gpu)
    yield _guarded("embedded weights", _weights)
    yield _guarded("MPI", _mpi)
    yield _program("mpiexec", "mpiexec", "--version", "install the mpich wheel, or load your site's MPI module")
    yield _program("Slurm", "sbatch", "--version", "not a Slurm machine, or its commands are not on PATH")
    yield _program("Slurm accounting", "sacct", "--version", "energy of jobs cannot be collected here")
    yield _container()
    with open_meters("auto") as meters:
        available = meters.availability()
    for meter in available:
        state = OK if meter.available else ABSENT
        detail = (
            ", ".join(meter.domains) + (f" ({meter.reason})" if meter.reason else "")
            if meter.available
            else meter.reason
        )
        yield Finding(f"energy: {meter.name}", state, detail)


def _guarded(subject: str, check: Callable[[], Finding], *, essential: bool = False) -> Finding:
    """Turn whatever a check raises into a finding: a doctor must not fall ill."""
    try:
        return check()
    except Exception as error:
        text = str(error).strip().split("\n")[0]
        return Finding(subject, BROKEN, f"{type(error).__name__}: {text}", essential)


def _package(name: str) -> Finding:
    importlib.import_module(name)
    return Finding(name, OK, metadata.version("scikit-learn" if name == "sklearn" else name), essential=True)


def _gpu() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("GPU", ABSENT, "no CUDA device; trials run on the CPU")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Finding("GPU", OK, ", ".join(names))


def _weights() -> Finding:
    weights = importlib.import_module("autode.training.weights")
    weights.load_backbone()  # raises unless the checksum is right
    return Finding("embedded weights", OK, f"sha256 {weights.EMBEDDED_SHA256[:12]} is right")


def _mpi() -> Finding:
    from mpi4py import MPI

    library = " ".join(MPI.Get_library_version().split("\n")[0].rstrip("\x00").split())
    return Finding("MPI", OK, f"mpi4py {metadata.version('mpi4py')} on {library}")


def _program(subject: str, program: str, option: str, advice: str) -> Finding:
    path = shutil.which(program)
    if path is None:
        return Finding(subject, ABSENT, f"no {program} on PATH: {advice}")
    answer = subprocess.run([path, option], capture_output=True, text=True, timeout=20, check=False)
    return Finding(subject, OK if answer.returncode == 0 else BROKEN, f"{_version(answer)} at {path}")


def _version(answer: subprocess.CompletedProcess[str]) -> str:
    """Return the first line of what a program says of itself; MPICH's has the version in the second."""
    first, *rest = (answer.stdout + answer.stderr).strip().split("\n")
    second = " ".join(rest[0].split()) if rest and first.endswith(":") else ""
    return f"{first} {second}".strip()


def _container() -> Finding:
    for program in ("apptainer", "singularity"):
        if shutil.which(program):
            return _program("container", program, "--version", "")
    return Finding("container", ABSENT, "neither apptainer nor singularity is on PATH")
