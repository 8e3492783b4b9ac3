"""One question with a known answer, and what was answered."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What was found beside what is true.

    Attributes
    ----------
    subject : str
        What was judged: ``rapl``, ``nvml``, ``perun``, ``sacct``, ``read_perun``, ``ledger``, ``sampler``, ``series``,
        ``slurm``.
    case : str
        In words.
    truth : float or None
        The right answer, in ``unit``; None: there are no joules to be had, and saying so is the right answer.
    found : float or None
        What was answered; None (or NaN) for no answer.
    limit : float
        Largest error that passes, relative to the truth; absolute where the truth is 0.
    unit : str
    detail : str
        What else there is to say, e.g. the rule that was applied.
    """

    subject: str
    case: str
    truth: float | None
    found: float | None
    limit: float = 0.005
    unit: str = "J"
    detail: str = ""

    @property
    def error(self) -> float:
        """Relative error (absolute where the truth is 0); infinite if one of the two is missing and the other not."""
        truth, found = _known(self.truth), _known(self.found)
        if truth is None or found is None:
            return 0.0 if truth is found else math.inf
        return abs(found - truth) / abs(truth) if truth else abs(found)

    @property
    def passed(self) -> bool:
        """Whether the error is within its limit."""
        return self.error <= self.limit


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
