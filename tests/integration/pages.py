"""Pages whose commands are run by tests: reading them, and making their studies short."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands_of(page: str) -> list[str]:
    """Return the blocks of a page in docs/ that its test runs: those marked ``bash``; ``sh`` is only shown."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shorten(folder: Path, workflow: str, **settings: object) -> None:
    """Replace settings of a workflow in somebody's checkout, so that its study is short."""
    path = folder / "workflows" / workflow
    text = path.read_text()
    for key, value in settings.items():
        text, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert found == 1, key
    path.write_text(text)
