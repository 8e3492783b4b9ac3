"""Pages whose commands are run by tests: reading them, and making their studies short."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import tomli_w

ROOT = Path(__file__).parents[2]
#: a study of so little work that starting its processes takes longer
TINY = {
    "search__population": 4,
    "objective__epochs": 1,
    "objective__train_samples": 256,  # as many as the largest batch
    "objective__validation_samples": 100,
}


def commands_of(page: str) -> list[str]:
    """Return the blocks of a page in docs/ that its test runs: those marked ``bash``; ``sh`` is only shown."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shorten(folder: Path, workflow: str, **settings: object) -> None:
    """Set settings, ``table__key=value``, of a workflow in somebody's checkout, so that its study is short."""
    path = folder / "workflows" / workflow
    tables = tomllib.loads(path.read_text())
    for name, value in settings.items():
        table, key = name.split("__")
        assert table in tables, name
        tables[table][key] = value
    path.write_text(tomli_w.dumps(tables))
