"""The algorithms by name."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from autode.de.arrde import ARRDE
from autode.de.assisted import AutoDE
from autode.de.checks import choice
from autode.de.classic import STRATEGIES
from autode.de.dish import DISH, DISHv
from autode.de.ilshade import ILSHADE
from autode.de.jade import JADE
from autode.de.jde import JDE
from autode.de.jso import JSO
from autode.de.lshade import LSHADE
from autode.de.lshade_rsp import LSHADERSP
from autode.de.lsrtde import LSRTDE
from autode.de.nlshade_rsp import NLSHADERSP
from autode.de.optimizer import DifferentialEvolution
from autode.de.rdex import RDEx
from autode.de.sade import SaDE
from autode.de.shade import SHADE
from autode.de.spsrdemms import SPSRDEMMS
from autode.de.strategy import Common

_ADAPTIVE: tuple[type[DifferentialEvolution], ...] = (
    *(JDE, JADE, SaDE, SHADE, LSHADE, ILSHADE, JSO, DISH, DISHv, SPSRDEMMS, LSHADERSP, NLSHADERSP, ARRDE),
    *(LSRTDE, RDEx, AutoDE),
)

#: Name -> class of every algorithm.
ALGORITHMS: dict[str, type[DifferentialEvolution]] = {
    algorithm.name: algorithm for algorithm in (*STRATEGIES, *_ADAPTIVE)
}


def make(name: str, bounds: Any, *, max_evaluations: int, **options: Any) -> DifferentialEvolution:
    """Make an optimiser by the name of its algorithm.

    Parameters
    ----------
    name : str
        A key of `ALGORITHMS`.
    bounds : sequence of (low, high), or scipy.optimize.Bounds
    max_evaluations : int
        Budget.
    **options
        Arguments that all algorithms share (`DifferentialEvolution`: population, seed, schedule, init, x0, repair) and
        those of the algorithm itself.

    Raises
    ------
    ValueError
        If the algorithm or an option is unknown, or a value makes no sense.
    """
    algorithm = ALGORITHMS[choice("algorithm", name, ALGORITHMS)]
    known = option_names(algorithm)
    for option in options:
        if option not in known:
            listed = [n for n in known if n not in ("seed", "schedule")]  # those two are the program's own business
            near = [f" (did you mean {n!r}?)" for n in difflib.get_close_matches(option, listed, 1, 0.5)]
            raise ValueError(f"{option} is not an option of {name}; it understands {', '.join(listed)}{''.join(near)}")
    return algorithm(bounds, max_evaluations=max_evaluations, **options)


def option_names(algorithm: type[DifferentialEvolution]) -> tuple[str, ...]:
    """List the options of an algorithm: its own, then those that all share."""
    signature = inspect.signature(algorithm.__init__).parameters.values()
    own = [p.name for p in signature if p.kind is p.KEYWORD_ONLY]
    return (*own, *(name for name in Common.__annotations__ if name != "max_evaluations"))
