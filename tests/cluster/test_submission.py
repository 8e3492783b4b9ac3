"""``autode submit`` up to the point where Slurm is needed; what follows is tested in tests/integration/slurm."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from autode.cli.main import main
from autode.cluster.submission import not_here, plan_submission, submit, with_this_venv
from autode.study import UserError


def add(workflow: Path, toml: str) -> None:
    workflow.write_text(workflow.read_text() + toml)


def files_of(folder: Path) -> list[Path]:
    """Return what is in a folder; what Python compiles for itself does not count."""
    return sorted(path for path in folder.iterdir() if path.name != "__pycache__")


def test_a_dry_run_prints_the_script_and_writes_nothing(project: Any, capsys: pytest.CaptureFixture[str]) -> None:
    add(project.workflow, "[slurm]\nnodes = 2\ntime = 02:00:00\n")
    before = files_of(project.folder)
    options = ["--out", str(project.out), "--set", "seed=7", "--set", "slurm.nodes=3", "--no-report", "--dry-run"]
    assert main(["submit", str(project.workflow), *options]) == 0
    script = capsys.readouterr().out
    assert script.startswith("#!/bin/bash\n")
    assert "#SBATCH --nodes=3\n" in script, "settings of the command line win"
    assert "#SBATCH --time=02:00:00\n" in script
    assert f"autode run {project.workflow} --set seed=7 --out {project.out} --no-report &" in script
    assert "slurm.nodes" not in script, "what concerns the job is not handed on to the study"
    assert files_of(project.folder) == before


def test_a_sweep_becomes_one_cell_a_task(project: Any) -> None:
    add(project.workflow, '[sweep]\n"search.population" = [4, 6]\nseed = [1, 2, 3]\n')
    submission, _ = plan_submission(project.workflow, project.out, [])
    assert len(submission.cells) == 6
    assert submission.cells[-1].overrides == ("search.population=6", "seed=3")
    assert submission.log.endswith("/slurm-%A_%a.log")


def test_a_setting_that_the_sweep_varies_picks_the_cells_that_have_it(project: Any) -> None:
    add(project.workflow, '[sweep]\n"search.population" = [4, 6]\nseed = [1, 2, 3]\n')
    submission, _ = plan_submission(project.workflow, project.out, ["search.population=6", "search.evaluations=9"])
    assert [cell.name for cell in submission.cells] == [f"population=6+seed={seed}" for seed in (1, 2, 3)]
    assert submission.overrides == ("search.evaluations=9",)


def test_the_environment_of_the_submitter_is_taken_where_none_is_named() -> None:
    assert with_this_venv({"container": "a.sif"}) == {"container": "a.sif"}
    assert with_this_venv({"modules": ["autode"]}) == {"modules": ["autode"]}
    inside = sys.prefix != sys.base_prefix
    assert with_this_venv({}) == ({"venv": sys.prefix} if inside else {})


def test_an_image_or_environment_that_is_not_here_is_named_before_the_job_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "there.sif").touch()
    for settings in ({"container": str(tmp_path / "there.sif")}, {"container": "docker://a/b"}, {"venv": "$HOME/env"}):
        assert not_here(settings) == []
    assert not_here(with_this_venv({})) == []
    assert not_here({"container": "gone.sif"}) == [
        "[slurm] container: there is no gone.sif here (containers/build.sh makes an image)"
    ]
    assert not_here({"venv": "/gone"}) == ["[slurm] venv: there is no /gone/bin/activate here"]


def test_a_study_that_calls_srun_itself_gets_a_script_without(project: Any) -> None:
    submission, _ = plan_submission(project.workflow, project.out, ["execution.executor=srun-steps"])
    assert submission.steps
    assert submission.overrides == ("execution.executor=srun-steps",)
    assert not plan_submission(project.workflow, project.out, [])[0].steps


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (
            '[sweep]\n"execution.executor" = ["auto", "srun-steps"]\n',
            "[sweep] execution.executor: expected the same one in all cells",
        ),
        (
            '[sweep]\n"execution.executor" = ["srun-steps"]\n[slurm]\ncontainer = "a.sif"\n',
            '[slurm] container: not with executor = "srun-steps", as srun is outside of the container',
        ),
        ("[slurm]\nnode = 2\n", "[slurm] node: unknown key; did you mean 'nodes'?"),
        ("slurm = 3\n", "[slurm]: expected a table, not 3"),
        ("sweep = 3\n", "[sweep]: expected a table, not 3"),
        ("[sweep]\nseed = 3\n", '[sweep] "seed": expected a list of numbers, texts or truth values, not 3'),
        (
            '[sweep]\n"search.population" = [6, 2]\n',
            "[search] population: expected a whole number of at least 4",
        ),
        ('[sweep]\n"search.populaton" = [6]\n', "populaton"),
    ],
)
def test_a_wrong_workflow_is_refused_before_it_waits_in_a_queue(
    project: Any, capsys: pytest.CaptureFixture[str], toml: str, sentence: str
) -> None:
    text = project.workflow.read_text()
    project.workflow.write_text(toml + text if not toml.startswith("[") else text + toml)
    assert main(["submit", str(project.workflow)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"autode: {project.workflow}: ")
    assert sentence in error
    assert error.count("\n") == 1


def test_a_function_that_is_not_there_is_noticed_on_the_login_node(project: Any) -> None:
    with pytest.raises(UserError, match="cannot be imported"):
        plan_submission(project.workflow, None, [f"objective.python={project.module}:nothing"])


def test_a_missing_workflow_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such workflow file"):
        plan_submission(tmp_path / "none.toml", None, [])


def test_a_machine_without_slurm_is_told_about_dry_runs(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    submission, settings = plan_submission(project.workflow, project.out, [])
    monkeypatch.setenv("PATH", str(project.folder))
    with pytest.raises(UserError, match="no sbatch on PATH; submit on a login node of the cluster, or see --dry-run"):
        submit(submission, settings)
