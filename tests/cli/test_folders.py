"""What is taken of a shell's pattern such as ``results/sweep/*``."""

from __future__ import annotations

from pathlib import Path

import pytest

from autode.cli.folders import study_folders
from autode.study.errors import UserError


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """The folder of a sweep, as it looks after a first comparison."""
    for name in ("algorithm=jde", "algorithm=lshade", "comparison"):
        (tmp_path / name).mkdir()
    for name in ("submit.sbatch", "slurm-7_0.log", "comparison/comparison.csv"):
        (tmp_path / name).touch()
    return tmp_path


def test_of_a_sweep_only_the_studies_are_taken_and_the_rest_is_named(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = study_folders(sorted(sweep.iterdir()))
    assert [path.name for path in found] == ["algorithm=jde", "algorithm=lshade"]
    assert capsys.readouterr().out == "passed over, as no studies: comparison, slurm-7_0.log, submit.sbatch\n"


def test_a_folder_that_is_no_study_is_not_passed_over_in_silence(sweep: Path) -> None:
    (sweep / "typo").mkdir()
    assert sweep / "typo" in study_folders(sorted(sweep.iterdir())), "loading it says what is wrong"


def test_a_single_path_is_what_the_user_meant(sweep: Path) -> None:
    assert study_folders([sweep / "submit.sbatch"]) == [sweep / "submit.sbatch"]


def test_a_pattern_without_any_study_is_refused(sweep: Path) -> None:
    with pytest.raises(UserError, match="none of these is the output folder of a study"):
        study_folders([sweep / "submit.sbatch", sweep / "comparison"])
