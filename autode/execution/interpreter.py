"""Starting further Python processes of this program: they must run this very program, whatever folder they start in."""

from __future__ import annotations

import sys
from pathlib import Path


def module_command(module: str) -> list[str]:
    """Return the command that runs a module of this package in a new Python process.

    ``python -m`` looks into the working folder first. A container, or an installed copy, that is started inside of a
    checkout would get its workers from there, another version perhaps; so the folder is left out (``-P``), unless this
    process itself was loaded from it.

    Parameters
    ----------
    module : str
        ``autode.execution.worker`` for example.
    """
    home = Path(__file__).parents[2]
    return [sys.executable, *([] if home == Path.cwd() else ["-P"]), "-m", module]
