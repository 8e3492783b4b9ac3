"""Differential evolution on boxes: ask/tell, vectorized over the population, saved and continued exactly."""

from __future__ import annotations

from autode.de.algorithms import ALGORITHMS, make
from autode.de.arrays import state_from_json, state_to_json
from autode.de.assisted import AutoDE
from autode.de.evidence import Phenotype
from autode.de.gde3 import GDE3
from autode.de.minimization import minimize
from autode.de.optimizer import DifferentialEvolution
from autode.de.start import default_size
from autode.de.trials import Batch

__all__ = [
    "ALGORITHMS",
    "GDE3",
    "AutoDE",
    "Batch",
    "DifferentialEvolution",
    "Phenotype",
    "default_size",
    "make",
    "minimize",
    "state_from_json",
    "state_to_json",
]
