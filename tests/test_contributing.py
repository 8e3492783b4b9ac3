"""The code in CONTRIBUTING.md does what the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

PAGE = Path(__file__).parent.parent / "CONTRIBUTING.md"


def module_of(section: str) -> ModuleType:
    """Return the code of a section as a module."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1]
    found = re.search(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found
    module = ModuleType(f"contributed_{section.split()[-1]}")
    exec(compile(found[1], f"CONTRIBUTING.md: {section}", "exec"), module.__dict__)
    return module


def test_the_algorithm_minimises_and_is_repeatable() -> None:
    dither = module_of("An algorithm").Dither

    def run(**options: float) -> tuple[float, set[float]]:
        optimizer = dither([(-5, 5)] * 3, max_evaluations=2000, population=20, seed=1, **options)
        while optimizer.nfev < 2000:
            batch = optimizer.ask()
            optimizer.tell(batch.ids, (batch.x**2).sum(axis=1))
        return optimizer.best_f, {optimizer.options["F_low"], optimizer.options["F_width"]}

    assert run()[0] < 1e-3
    assert run() == run()
    assert run(F_low=0.3, F_width=0.2)[1] == {0.3, 0.2}
    with pytest.raises(ValueError, match="F_low"):
        dither([(0, 1)], max_evaluations=10, F_low=3.0)


def test_the_algorithm_draws_f_anew_for_every_trial() -> None:
    dither = module_of("An algorithm").Dither([(0, 1)], max_evaluations=10, seed=1)
    table = {"jrand": np.zeros(4), "dither": np.array([0.0, 0.5, 0.75, 1.0])}
    assert dither._prepare(table)["F"].tolist() == [0.5, 0.75, 0.875, 1.0]


def test_the_meter_gives_back_the_joules_that_went_in(tmp_path: Path) -> None:
    module = module_of("A meter")
    board = tmp_path / "hwmon0"
    board.mkdir()
    (board / "energy1_input").write_text("1000000\n")
    meter = module.open_hwmon(tmp_path)
    now = 100.0
    meter.clock = lambda: now
    start = meter.edge()
    (board / "energy1_input").write_text("43000000\n")
    now = 110.0
    (reading,) = meter.readings(start, meter.edge())
    assert (reading.energy_j, reading.source, reading.domains) == (42.0, "hwmon", ("node_dc",))
    with pytest.raises(module.MeterUnavailableError, match="no energy counter that can be read"):
        module.open_hwmon(tmp_path / "elsewhere")


def test_the_model_is_one_that_the_program_can_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from autode.training.models import make_model

    monkeypatch.setitem(sys.modules, "contributed_model", module_of("A model"))
    model = make_model("contributed_model:network", "none", 1.0, classes=7, seed=1)
    assert model(torch.zeros(2, 1, 32, 32)).shape == (2, 7)
