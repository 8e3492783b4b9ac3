"""The random numbers of the trials, drawn as a table with one row a trial, some generations at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autode.de.crossover import always_cross
from autode.de.indices import scaled

Draws = dict[str, npt.NDArray[Any]]

#: Small generations share one table of about this many numbers, as drawing costs more than the numbers themselves.
LOT = 16_384


class RandomTable:
    """Named columns of random numbers, used row by row; every generation has a part of the rows.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness (PCG64).
    dimension : int
        Number of coordinates D.
    uniforms, normals : sequence of str
        Names of the columns of uniforms of [0, 1) and of standard normals, shape (rows,) each.
    planes : sequence of str
        Names of single-precision uniforms, shape (rows, D): one number a gene.
    forced : bool
        Whether column ``"jrand"`` marks the gene of plane ``"crossing"`` that always crosses.
    derive : callable
        Called with every lot that was drawn, to add columns that follow from it.

    Attributes
    ----------
    rng : numpy.random.Generator
        For what is needed besides the table, between generations; its state is part of `state`.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        dimension: int,
        uniforms: Sequence[str],
        normals: Sequence[str],
        planes: Sequence[str] = ("crossing",),
        forced: bool = True,
        derive: Callable[[Draws], None] = lambda lot: None,
    ):
        self.rng = rng
        self._dimension = dimension
        self._names = uniforms, normals
        self.planes = planes
        self._forced = forced and "crossing" in planes
        self._derive = derive
        self._before = rng.bit_generator.state
        self._lot: Draws = {}
        self._integers: dict[str, tuple[int, npt.NDArray[np.int64]]] = {}
        self._rows = 0
        self._start = self._stop = self._row = 0  # the generation's part, and how far it is used

    @property
    def left(self) -> int:
        """Rows of the present generation that are not used yet."""
        return self._stop - self._row

    @property
    def rows(self) -> int:
        """Rows of the present generation."""
        return self._stop - self._start

    @property
    def columns(self) -> Draws:
        """The numbers of the present generation, by name; views."""
        part = slice(self._start, self._stop)
        return {name: column[part] for name, column in self._lot.items()}

    def integers(self, name: str, n: int) -> npt.NDArray[np.int64]:
        """Return a column of uniforms as integers of 0 .. n-1, for the present generation.

        The whole lot is worked out at once: in small populations n stays the same for many generations.
        """
        known, column = self._integers.get(name, (0, None))
        if column is None or known != n:
            column = scaled(self._lot[name], n)
            self._integers[name] = n, column
        return column[self._start : self._stop]

    def begin(self, rows: int) -> None:
        """Begin a generation of so many rows; what was left of the one before is dropped."""
        self._start = self._row = self._stop
        if self._start + rows > self._rows:
            self._draw(rows * max(1, LOT // (rows * self._dimension)))
            self._start = self._row = 0
        self._stop = self._start + rows

    def without_numbers(self, rows: int) -> None:
        """Begin the initial generation: its points are there already, it only uses up its rows."""
        self._rows = self._stop = rows

    def take(self, n: int) -> slice:
        """Use up the next n rows of the generation; a slice of its `columns`."""
        part = slice(self._row - self._start, self._row - self._start + n)
        self._row += n
        return part

    def drop(self) -> None:
        """Leave the rest of the generation unused."""
        self._row = self._stop

    def _draw(self, rows: int) -> None:
        self._before = self.rng.bit_generator.state
        self._rows = rows
        self._integers = {}
        uniforms, normals = self._names
        numbers = (*self.rng.random((len(uniforms), rows)), *self.rng.standard_normal((len(normals), rows)))
        self._lot = dict(zip((*uniforms, *normals), numbers, strict=True))
        for name in self.planes:
            self._lot[name] = self.rng.random((rows, self._dimension), dtype=np.float32)
        if self._forced:
            always_cross(self._lot["crossing"], scaled(self._lot["jrand"], self._dimension))
        self._derive(self._lot)

    def state(self) -> dict[str, Any]:
        """Return generator states instead of the numbers: the table is drawn again when loaded."""
        now = self.rng.bit_generator.state
        at = {"rows": self._rows, "start": self._start, "stop": self._stop, "row": self._row}
        return {"before": self._before, "now": now, **at}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.rng.bit_generator.state = state["before"]
        self._draw(state["rows"])
        self.rng.bit_generator.state = state["now"]
        self._start, self._stop, self._row = state["start"], state["stop"], state["row"]
