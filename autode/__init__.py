"""autode: differential-evolution hyperparameter optimisation with energy accounting, for Slurm clusters.

The public names load on first use, so that ``import autode`` costs milliseconds and needs neither torch nor MPI.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from autode._version import __version__

if TYPE_CHECKING:
    from autode import de, energy
    from autode.de import minimize
    from autode.report import StudyData, load
    from autode.space import Categorical, Float, Int, Ordinal, Space
    from autode.study import Study
    from autode.trial import Trial, TrialInterrupted, TrialStopped

# name -> module that has it; None: the name is a subpackage
_HOME: dict[str, str | None] = {
    "Categorical": "autode.space",
    "Float": "autode.space",
    "Int": "autode.space",
    "Ordinal": "autode.space",
    "Space": "autode.space",
    "Study": "autode.study",
    "StudyData": "autode.report",
    "Trial": "autode.trial",
    "TrialInterrupted": "autode.trial",
    "TrialStopped": "autode.trial",
    "de": None,
    "energy": None,
    "load": "autode.report",
    "minimize": "autode.de",
}

__all__ = [
    "Categorical",
    "Float",
    "Int",
    "Ordinal",
    "Space",
    "Study",
    "StudyData",
    "Trial",
    "TrialInterrupted",
    "TrialStopped",
    "__version__",
    "de",
    "energy",
    "load",
    "minimize",
]


def __getattr__(name: str) -> Any:
    """Import the home of a public name when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'autode' has no attribute {name!r}")
    home = _HOME[name]
    value = importlib.import_module(f"autode.{name}") if home is None else getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
