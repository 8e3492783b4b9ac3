"""Which features of a site profile really work on this machine: each is asked of Slurm, or tried."""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator

from autode.cluster.checks import ABSENT, BROKEN, NOTE, OK, Finding
from autode.cluster.sacct import cluster_settings
from autode.cluster.settings import validate_slurm
from autode.cluster.site_profile import Profile

_PATIENCE_S = 60


def site_findings(profile: Profile) -> Iterator[Finding]:
    """Check a profile, one finding at a time; nothing is submitted.

    Parameters
    ----------
    profile : Profile
    """
    yield Finding("profile", NOTE, f"{profile.name}: {profile.title}")
    yield _valid(profile)
    if shutil.which("sinfo") is None:
        yield Finding("Slurm", ABSENT, "no sinfo on PATH: on this machine nothing of the profile can be tried")
        return
    yield from _partition(profile)
    yield _account(profile)
    yield _mpi(profile)
    yield from _container(profile)
    yield from (_module(name) for name in profile.slurm.get("modules", ()))
    yield from _energy(profile)
    yield from (Finding("note", NOTE, note) for note in profile.notes)


def _valid(profile: Profile) -> Finding:
    table = {key: value for key, value in profile.slurm.items() if key != "container_args"}
    try:
        validate_slurm(table)
    except ValueError as error:
        return Finding("profile's [slurm]", BROKEN, str(error))
    unsure = f"; from no source: {', '.join(profile.unsure)}" if profile.unsure else ""
    return Finding("profile's [slurm]", OK, f"{len(profile.slurm)} keys, {len(profile.sources)} sources{unsure}")


def _answer(*command: str) -> tuple[int, str]:
    """Return exit code and all output of a command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, (done.stdout + done.stderr).strip()


def _partition(profile: Profile) -> Iterator[Finding]:
    """Check that the partition is there, and has the GPUs."""
    wanted = profile.slurm.get("partition")
    code, text = _answer("sinfo", "--noheader", "--format=%R|%D|%G|%l", *([f"--partition={wanted}"] if wanted else []))
    if code:
        yield Finding("partition", BROKEN, f"sinfo: {text}")
        return
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 3]
    names = sorted({row[0] for row in rows})
    if not rows:
        yield Finding("partition", BROKEN, f"Slurm has no partition {wanted}")
        return
    nodes = sum(int(row[1]) for row in rows)
    where = f"{wanted}: {nodes} nodes, limit {rows[0][3]}" if wanted else f"yours to choose: {', '.join(names)}"
    yield Finding("partition", OK, where)
    gpus = max((_gpus(row[2]) for row in rows), default=0)
    if need := profile.slurm.get("gpus_per_node"):
        said = f"{gpus} a node as Slurm has them, {need} in the profile"
        yield Finding("GPUs", OK if gpus >= need else BROKEN, said)
    else:
        yield Finding("GPUs", OK if gpus else ABSENT, f"{gpus} a node as Slurm has them")


def _gpus(gres: str) -> int:
    """Return the number in ``gpu:a100:4(S:0-1),other:2``."""
    return sum(int(number) for number in re.findall(r"(?:^|,)gpu(?::[^:,(]+)?:(\d+)", gres))


def _account(profile: Profile) -> Finding:
    code, text = _answer("sacctmgr", "-nP", "show", "assoc", f"user={getpass.getuser()}", "format=account")
    accounts = sorted(set(text.split()))
    if code or not accounts:
        state = BROKEN if "account" in profile.required else ABSENT
        return Finding("account", state, "Slurm's accounting names no account of yours")
    return Finding("account", OK, f"yours: {', '.join(accounts)}")


def _mpi(profile: Profile) -> Finding:
    wanted = profile.slurm.get("mpi", "pmi2")
    _, text = _answer("srun", "--mpi=list")
    found = sorted({word for word in re.findall(r"[a-z][\w-]*", text) if word.startswith(("pmi", "cray"))})
    state = OK if wanted in found else BROKEN
    return Finding("MPI", state, f"srun --mpi={wanted}; this srun has {', '.join(found) or 'none'}")


def _container(profile: Profile) -> Iterator[Finding]:
    command = profile.slurm.get("container_command", ["apptainer", "exec"])
    path = shutil.which(command[0])
    if path is None:
        after = " before its modules are loaded" if profile.slurm.get("modules") else ""
        yield Finding("container", ABSENT, f"no {command[0]} on PATH{after}; compute nodes may have it all the same")
        return
    code, text = _answer(path, "--version")
    yield Finding("container", BROKEN if code else OK, f"{text.splitlines()[0] if text else ''} at {path}")


def _module(name: str) -> Finding:
    code, text = _answer("bash", "-lc", f"module load {shlex.quote(name)}")
    lines = text.splitlines()
    return Finding(f"module {name}", BROKEN if code else OK, lines[-1] if code and lines else "can be loaded")


def _energy(profile: Profile) -> Iterator[Finding]:
    """Check what Slurm's joules rest on, and name what is known to be wrong with them."""
    settings = cluster_settings()
    plugin = settings.get("AcctGatherEnergyType", "").removeprefix("acct_gather_energy/")
    wanted = (profile.energy_plugin or "").removeprefix("acct_gather_energy/")
    if plugin in ("", "none", "(null)"):
        yield Finding("energy", ABSENT, "Slurm gathers no joules here (AcctGatherEnergyType is none)")
    elif wanted and plugin != wanted:
        yield Finding("energy", BROKEN, f"Slurm's plugin is {plugin}; the profile says {wanted}")
    else:
        contain = "" if "contain" in settings.get("PrologFlags", "").lower() else ", without PrologFlags=Contain"
        yield Finding("energy", OK, f"Slurm's plugin is {plugin}{contain}")
    yield from (Finding("known fault", NOTE, fault) for fault in profile.energy_faults)
