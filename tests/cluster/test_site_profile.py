"""Site profiles: what they bring into the [slurm] table, and one sentence for everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from autode.cluster.script import Submission, render_script
from autode.cluster.settings import validate_slurm
from autode.cluster.site_profile import load_profile, profile_names, with_profile
from autode.cluster.submission import plan_submission
from autode.study import UserError


def test_a_table_without_a_profile_is_as_it_was() -> None:
    assert with_profile({"nodes": 2}) == {"nodes": 2}


def test_the_table_wins_over_its_profile() -> None:
    table = with_profile({"profile": "vega", "partition": "dev", "container": "a.sif"})
    assert table["partition"] == "dev"
    assert table["gpus_per_node"] == load_profile("vega").slurm["gpus_per_node"]
    assert "profile" not in table


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_makes_a_valid_script_and_names_its_sources(name: str) -> None:
    profile = load_profile(name)
    own = {"profile": name, "container": "a.sif", **dict.fromkeys(profile.required, "mine")}
    script = render_script(Submission("study", "w.toml", "out"), validate_slurm(with_profile(own)))
    command = " ".join([*profile.slurm["container_command"], *profile.slurm.get("container_args", []), "a.sif"])
    assert f"    {command} \\\n    autode run w.toml" in script
    assert profile.sources
    assert all(source.startswith("https://") for source in profile.sources)
    assert set(profile.unsure) <= profile.slurm.keys(), "only what it says can be unsure"
    assert profile.energy_faults
    assert profile.title != name


def test_a_virtual_environment_needs_no_arguments_of_containers() -> None:
    table = with_profile({"profile": "vega", "venv": ".venv"})
    assert "container_args" not in table
    assert "apptainer" not in render_script(Submission("study", "w.toml", "out"), validate_slurm(table))


def test_what_only_the_user_knows_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"^\[slurm\] account: missing; the profile lumi \(LUMI-G, .*\) needs yours$"):
        with_profile({"profile": "lumi"})
    assert with_profile({"profile": "lumi", "account": "project_1"})["account"] == "project_1"


def test_a_profile_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "our-site.toml"
    path.write_text('title = "ours"\n[slurm]\npartition = "gpu"\n[energy]\nplugin = "acct_gather_energy/ipmi"\n')
    assert with_profile({"profile": str(path)}) == {"partition": "gpu"}
    profile = load_profile(str(path))
    assert (profile.name, profile.title, profile.energy_plugin) == ("our-site", "ours", "acct_gather_energy/ipmi")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lummi", r"profile 'lummi' is unknown; did you mean 'lumi'\? \(or give the path of a .toml file\)"),
        ("none.toml", "profile none.toml: cannot be read as a text file"),
    ],
)
def test_an_unknown_profile_is_said(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        load_profile(name)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("slrum = 1\n", "slrum: unknown key; did you mean 'slurm'?"),
        ("[energy]\nplugins = 1\n", "energy.plugins: unknown key"),
        ("title = \n", "not valid TOML"),
        ('[slurm]\nprofile = "lumi"\n', "[slurm] profile: a profile cannot rest on another"),
    ],
)
def test_a_file_that_is_no_profile_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        load_profile(str(path))
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_workflow_names_its_profile(project: object) -> None:
    workflow: Path = project.workflow  # type: ignore[attr-defined]
    workflow.write_text(workflow.read_text() + '[slurm]\nprofile = "horeka"\naccount = "hk-project"\n')
    _, settings = plan_submission(workflow, None, ["slurm.gpus_per_node=2"])
    assert (settings["partition"], settings["account"], settings["gpus_per_node"]) == ("accelerated", "hk-project", 2)
    with pytest.raises(UserError, match=r"workflow.toml: profile 'horreka' is unknown"):
        plan_submission(workflow, None, ["slurm.profile=horreka"])
