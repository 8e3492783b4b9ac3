"""What the doctor says of a profile, from what a cluster's commands answer (a real cluster: tests/integration)."""

from __future__ import annotations

from pathlib import Path

import pytest

from autode.cli.main import main
from autode.cluster.site_checks import site_findings
from autode.cluster.site_profile import Profile

#: answers of a cluster with four GPUs a node that reads the baseboard's power
ANSWERS = {
    "sinfo": """\
        case "$*" in
            *nowhere*) ;;
            *) echo "gpu|60|gpu:a100:4(S:0-7)|2-00:00:00"; echo "gpu|2|(null)|2-00:00:00" ;;
        esac""",
    "sacctmgr": "echo project1; echo project2; echo project1",
    "srun": """\
        echo "MPI plugin types are..." >&2
        echo "none pmix pmi2" >&2
        echo "specific pmix plugin versions available: pmix_v4" >&2""",
    "scontrol": """\
        echo "AcctGatherEnergyType    = acct_gather_energy/ipmi"
        echo "PrologFlags             = Alloc,Contain" """,
    "singularity": "echo singularity-ce version 4.1",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the commands, which is all that is on PATH beside the system's own."""
    for name, answer in ANSWERS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def told(**slurm: object) -> dict[str, tuple[str, str]]:
    """Return subject -> state and detail for a profile with that table."""
    plugin = slurm.pop("plugin", None)
    required = tuple(slurm.pop("required", ()))  # type: ignore[arg-type]
    profile = Profile("ours", "our site", dict(slurm), required=required, energy_plugin=plugin)  # type: ignore[arg-type]
    return {finding.subject: (finding.state, finding.detail) for finding in site_findings(profile)}


def test_what_fits_works(site: Path) -> None:
    found = told(partition="gpu", gpus_per_node=4, mpi="pmix", container_command=["singularity", "exec"], plugin="ipmi")
    assert found["partition"] == ("ok", "gpu: 62 nodes, limit 2-00:00:00")
    assert found["GPUs"] == ("ok", "4 a node as Slurm has them, 4 in the profile")
    assert found["account"] == ("ok", "yours: project1, project2")
    assert found["MPI"][0] == "ok"
    assert found["container"] == ("ok", f"singularity-ce version 4.1 at {site}/singularity")
    assert found["energy"] == ("ok", "Slurm's plugin is ipmi")


def test_what_does_not_fit_is_broken(site: Path) -> None:
    found = told(gpus_per_node=8, mpi="pmi2", container_command=["enroot"], plugin="acct_gather_energy/rapl")
    assert found["GPUs"] == ("broken", "4 a node as Slurm has them, 8 in the profile")
    assert found["container"][0] == "absent"
    assert found["energy"] == ("broken", "Slurm's plugin is ipmi; the profile says rapl")
    assert told(partition="nowhere")["partition"] == ("broken", "Slurm has no partition nowhere")
    assert told(ntask=1)["profile's [slurm]"][0] == "broken"


def test_an_mpi_that_srun_has_not_is_broken(site: Path) -> None:
    (site / "srun").write_text("#!/bin/sh\necho 'MPI plugin types are... none pmix'\n")
    assert told(mpi="pmi2")["MPI"] == ("broken", "srun --mpi=pmi2; this srun has pmix")


def test_a_required_account_must_be_there(site: Path) -> None:
    (site / "sacctmgr").write_text("#!/bin/sh\n")
    assert told()["account"][0] == "absent"
    assert told(required=["account"])["account"][0] == "broken"


def test_without_slurm_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert set(told(partition="gpu")) == {"profile", "profile's [slurm]", "Slurm"}
    assert told(partition="gpu")["Slurm"][0] == "absent"


def test_the_exit_code_says_whether_the_profile_fits(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = site / "ours.toml"
    profile.write_text(
        'title = "ours"\nnotes = ["buy milk"]\n[slurm]\npartition = "gpu"\n[energy]\nfaults = ["rough"]\n'
    )
    assert main(["doctor", "--profile", str(profile)]) == 0
    said = capsys.readouterr().out
    assert "buy milk" in said
    assert "rough" in said
    profile.write_text('title = "ours"\n[slurm]\npartition = "nowhere"\n')
    assert main(["doctor", "--profile", str(profile)]) == 1
    assert main(["doctor", "--profile", "nothing"]) == 2
