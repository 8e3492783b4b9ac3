"""Where everything must be there (AUTODE_REQUIRE), a skipped test is a failed one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = {
    "test_in_the_test.py": "import pytest\n@pytest.mark.mpi\ndef test_a():\n    pytest.skip('no launcher')\n",
    "test_in_a_fixture.py": (
        "import pytest\n@pytest.fixture\ndef launcher():\n    pytest.skip('no launcher')\n"
        "@pytest.mark.mpi\ndef test_a(launcher):\n    pass\n"
    ),
    "test_in_the_file.py": "import pytest\npytestmark = pytest.mark.mpi\npytest.importorskip('no_launcher')\n",
}


def pytest_output(folder: Path, require: str) -> tuple[int, str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -ra\nmarkers =\n    mpi: x\n    browser: x\n")
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(folder)],
        env={**os.environ, "AUTODE_REQUIRE": require},
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.returncode, answer.stdout


@pytest.mark.parametrize("name", SKIPS)
def test_the_skip_of_a_required_part_fails_and_says_why(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(SKIPS[name])
    code, output = pytest_output(tmp_path, "browser, mpi")
    assert code != 0
    assert "AUTODE_REQUIRE names mpi, so this must not be skipped" in output


def test_the_skip_of_any_other_part_is_listed(tmp_path: Path) -> None:
    for name, source in SKIPS.items():
        (tmp_path / name).write_text(source)
    code, output = pytest_output(tmp_path, "browser")
    assert code == 0
    assert output.count("SKIPPED") == 3
    assert "no launcher" in output
