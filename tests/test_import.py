"""``import autode`` costs milliseconds, and the house keeps its floors."""

from __future__ import annotations

import subprocess
import sys

import pytest

import autode

HEAVY = {"torch", "torchvision", "mpi4py", "matplotlib", "pandas", "scipy", "sklearn", "perun", "rich"}


def modules_after(statement: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def cpu_seconds(statement: str) -> float:
    """Return the processor time of a fresh interpreter with a statement: its time by the clock on a machine at rest."""
    code = f"{statement}\nimport os\nt = os.times()\nprint(t.user + t.system)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def test_importing_autode_takes_less_than_0_3_s() -> None:
    assert min(cpu_seconds("import autode") for _ in range(3)) < 0.3


def test_importing_autode_loads_nothing_heavy() -> None:
    assert modules_after("import autode") & HEAVY == set()


@pytest.mark.parametrize("name", ["Space", "Trial", "Study", "minimize", "de", "energy"])
def test_using_the_light_parts_loads_nothing_heavy(name: str) -> None:
    assert modules_after(f"import autode; autode.{name}") & (HEAVY - {"scipy"}) == set()


def test_checking_a_workflow_loads_nothing_heavy() -> None:
    statement = (
        "from autode.cli.main import main\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stderr(io.StringIO()):\n"
        "    assert main(['run', '/no/such/workflow.toml']) == 2"
    )
    assert modules_after(statement) & HEAVY == set()


def test_every_public_name_is_there() -> None:
    for name in autode.__all__:
        assert getattr(autode, name) is not None
    assert dir(autode) == sorted(autode.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'autode' has no attribute 'Flaot'"):
        autode.Flaot  # noqa: B018
