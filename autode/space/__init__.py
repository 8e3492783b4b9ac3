"""The search space: hyperparameters and their maps to points of the unit cube.

Every hyperparameter owns one coordinate in [0, 1]. The optimiser keeps the real-valued point; only the evaluated copy
is rounded (Lampinen and Zelinka 1999).
"""

from __future__ import annotations

from autode.space.cube import Point, Space
from autode.space.hyperparameters import TYPES, Categorical, Float, Hyperparameter, Int, Ordinal, When, describe

__all__ = [
    "TYPES",
    "Categorical",
    "Float",
    "Hyperparameter",
    "Int",
    "Ordinal",
    "Point",
    "Space",
    "When",
    "describe",
]
