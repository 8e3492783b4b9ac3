"""The random numbers of a generation, drawn at its start as a table with one row a trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autode.de.crossover import always_cross
from autode.de.indices import scaled

Draws = dict[str, npt.NDArray[Any]]


class RandomTable:
    """Named columns of random numbers, used row by row.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness (PCG64).
    dimension : int
        Number of coordinates D.
    uniforms, normals : sequence of str
        Names of the columns of uniforms of [0, 1) and of standard normals, shape (rows,) each. A column
        ``"crossing"`` of single-precision uniforms, shape (rows, D), is always there; ``"jrand"`` marks its gene that
        always crosses.

    Attributes
    ----------
    columns : dict of str to ndarray
        The numbers, by name.
    """

    def __init__(self, rng: np.random.Generator, dimension: int, uniforms: Sequence[str], normals: Sequence[str]):
        self._rng = rng
        self._dimension = dimension
        self._names = (*uniforms, *normals)
        self._counts = len(uniforms), len(normals)
        self._before = rng.bit_generator.state
        self.columns: Draws = {}
        self.rows = self.row = 0

    @property
    def left(self) -> int:
        """Rows not used yet."""
        return self.rows - self.row

    def draw(self, rows: int) -> None:
        """Draw a new table; what was left of the old one is dropped."""
        self._before = self._rng.bit_generator.state
        self.rows, self.row = rows, 0
        uniforms = self._rng.random((self._counts[0], rows))
        normals = self._rng.standard_normal((self._counts[1], rows))
        self.columns = dict(zip(self._names, (*uniforms, *normals), strict=True))
        self.columns["crossing"] = crossing = self._rng.random((rows, self._dimension), dtype=np.float32)
        always_cross(crossing, scaled(self.columns["jrand"], self._dimension))

    def take(self, n: int) -> slice:
        """Use up the next n rows."""
        part = slice(self.row, self.row + n)
        self.row += n
        return part

    def state(self) -> dict[str, Any]:
        """Return generator states instead of the numbers: the table is drawn again when loaded."""
        now = self._rng.bit_generator.state
        return {"before": self._before, "now": now, "rows": self.rows, "row": self.row}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._rng.bit_generator.state = state["before"]
        self.draw(state["rows"])
        self._rng.bit_generator.state = state["now"]
        self.row = state["row"]
