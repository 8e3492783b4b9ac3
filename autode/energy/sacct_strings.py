"""A table of strings in the place of a block of lines, for what is not read from bytes (JSON, padded columns)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from autode.energy.sacct_cells import Array, Factorized, Floats, Mask, factorized


class Texts:
    """A table of strings that offers what `Cells` does: every cell with something in it is odd.

    Parameters
    ----------
    table : pandas.DataFrame
        Strings, empty where nothing is known; columns named as sacct's fields in lower case.
    """

    def __init__(self, table: pd.DataFrame):
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, name: str) -> bool:
        return name in self._table

    def texts(self, names: Sequence[str]) -> dict[str, Factorized]:
        """Return columns as strings."""
        return {name: factorized(self._table[name].to_numpy(dtype=object)) for name in names}

    def some(self, name: str, rows: Array) -> list[str]:
        """Return the strings of some rows of a column."""
        return self._table[name].to_numpy()[rows].tolist()  # type: ignore[no-any-return]

    def _odd(self, name: str) -> Mask:
        return np.asarray(self._table[name].to_numpy() != "", dtype=bool)

    def whole(self, name: str) -> tuple[Floats, Mask]:
        """Leave a column of numbers to others."""
        return np.full(len(self), np.nan), self._odd(name)

    def scaled(self, name: str, units: Floats) -> tuple[Floats, Mask]:
        """Leave numbers with units to others."""
        del units
        return self.whole(name)

    def ends_with_unit(self, name: str) -> Mask:
        """Return whether the cells of a column end with a unit."""
        return np.array([text[-1:] in tuple("KMGTPE") for text in self._table[name]], dtype=bool)

    def seconds(self, name: str) -> tuple[Floats, Mask]:
        """Leave durations to others."""
        return self.whole(name)

    def item(self, name: str, item: str) -> tuple[Floats, Mask]:
        """Leave the items of lists to others."""
        del item
        return np.full(len(self), np.nan), self._odd(name)

    def times(self, name: str) -> tuple[npt.NDArray[np.datetime64], Mask]:
        """Leave times to others."""
        return np.full(len(self), np.datetime64("NaT", "s")), self._odd(name)

    def job_ids(self, name: str) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_], Array]:
        """Leave job ids to others."""
        del name
        empty = np.full(len(self), "", dtype=object)
        return empty, empty.copy(), np.arange(len(self))
