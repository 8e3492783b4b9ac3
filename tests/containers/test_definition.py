"""The definition file of the image: what it promises, and the parser of the stand-in that runs it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from definition import read_definition

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "containers/autode.def"


def test_the_base_is_an_official_pytorch_image_with_cuda_and_the_tested_torch() -> None:
    header = read_definition(DEFINITION).header
    (torch,) = re.findall(r"^torch==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert header["bootstrap"] == "docker"
    assert re.fullmatch(rf"pytorch/pytorch:{re.escape(torch)}-cuda\d+\.\d+-cudnn\d+-runtime", header["from"])


def test_what_goes_into_the_image_is_in_the_checkout() -> None:
    files = read_definition(DEFINITION).files
    assert ("constraints.txt", "/opt/autode/source/constraints.txt") in files
    assert [name for name, _ in files if not (ROOT / name).exists()] == []


def test_all_that_the_package_needs_to_be_built_goes_in() -> None:
    given = {name for name, _ in read_definition(DEFINITION).files}
    named = re.findall(r"^(?:long_description = file: |license_files = )(\S+)$", (ROOT / "setup.cfg").read_text(), re.M)
    assert {"autode", "setup.cfg", "pyproject.toml", *named} <= given


@pytest.mark.parametrize("section", ["post", "environment", "runscript", "test"])
def test_the_scripts_are_clean(section: str, tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here")
    script = tmp_path / section
    script.write_text("#!/bin/sh\n" + read_definition(DEFINITION).sections[section])
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_build_script_is_clean() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here")
    done = subprocess.run(["shellcheck", ROOT / "containers/build.sh"], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_no_step_needs_a_network_at_run_time() -> None:
    sections = read_definition(DEFINITION).sections
    for name in ("environment", "runscript", "test"):
        assert not re.search(r"\b(pip|curl|wget|git|apt-get)\b", sections[name]), name


def test_the_parser_knows_header_sections_labels_and_files(tmp_path: Path) -> None:
    path = tmp_path / "a.def"
    path.write_text(
        "# a comment\nBootstrap: docker\nFrom: a/b:1\n\n%labels\n    name a value\n%files\n    one\n    two /three\n"
        "%post\n    echo 100%\n    cat <<END\n    %not a section\nEND\n"
    )
    found = read_definition(path)
    assert found.header == {"bootstrap": "docker", "from": "a/b:1"}
    assert found.labels == {"name": "a value"}
    assert found.files == [("one", "one"), ("two", "/three")]
    assert "%not a section" in found.sections["post"]


@pytest.mark.parametrize("line", ["%setup", "%post -c /bin/bash", "%labels\n%labels"])
def test_what_the_parser_does_not_know_is_not_passed_over(line: str, tmp_path: Path) -> None:
    path = tmp_path / "a.def"
    path.write_text(f"Bootstrap: docker\n{line}\n    true\n")
    with pytest.raises(ValueError, match="is unknown here"):
        read_definition(path)


@pytest.mark.parametrize(
    ("base", "header"),
    [
        ("docker://rocm/pytorch:latest", {"bootstrap": "docker", "from": "rocm/pytorch:latest"}),
        ("localimage://base.sif", {"bootstrap": "localimage", "from": "base.sif"}),
        (None, None),
    ],
)
def test_the_build_script_hands_the_definition_over(base: str | None, header: dict[str, str], tmp_path: Path) -> None:
    """A program that keeps what it is given, in the place of Apptainer."""
    program = tmp_path / "apptainer"
    program.write_text(
        '#!/bin/sh\n[ "$1" != build ] || { shift; cp "$3" "$2" && echo "$@" >"$2.said" && ls >"$2.files"; }\n'
    )
    program.chmod(0o755)
    options = ["--base", base] if base else []
    command = [ROOT / "containers/build.sh", *options, "--name", tmp_path / "image", "--fakeroot"]
    done = subprocess.run(
        command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr  # the image has no labels to be printed
    assert read_definition(tmp_path / "image").header == (header or read_definition(DEFINITION).header)
    assert (tmp_path / "image.said").read_text().startswith("--fakeroot ")
    assert {"autode", "containers", "constraints.txt"} <= set((tmp_path / "image.files").read_text().split())


def test_without_a_container_program_the_build_script_says_so(tmp_path: Path) -> None:
    for name in ("sh", "dirname"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    command = [ROOT / "containers/build.sh"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "neither apptainer nor singularity is on PATH" in done.stderr


@pytest.mark.skipif(shutil.which("apptainer") is None, reason="no apptainer here, so no real build")
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_real_build(tmp_path: Path) -> None:
    image = tmp_path / "autode.sif"
    subprocess.run([ROOT / "containers/build.sh", "--name", image], check=True)  # its end is the image's own test
    done = subprocess.run(["apptainer", "run", image, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("autode ")
