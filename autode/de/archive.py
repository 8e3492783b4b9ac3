"""External archive of beaten parents (JADE): donors that keep the differences diverse."""

from __future__ import annotations

from autode.de.arrays import FloatArray
from autode.de.indices import scaled


class Archive:
    """Bounded set of points without order.

    Parameters
    ----------
    storage : ndarray, shape (largest capacity, D)
        Rows to keep the points in. A slice of the optimiser's donor array, so that population and archive are one
        array to draw from.
    """

    def __init__(self, storage: FloatArray):
        self._storage = storage
        self.capacity = len(storage)
        self.size = 0

    @property
    def points(self) -> FloatArray:
        """The points held now, a view of shape (size, D)."""
        return self._storage[: self.size]

    def insert(self, points: FloatArray, u: FloatArray) -> None:
        """Add parents, to be called before they are overwritten in the population.

        Free rows are filled first; after that each newcomer replaces a random row (Tanabe & Fukunaga's code).

        Parameters
        ----------
        points : ndarray, shape (m, D)
            Parents that lost, in the order of selection.
        u : ndarray, shape (m,)
            One uniform of [0, 1) each, which chooses the row to replace.
        """
        if not self.capacity:
            return
        free = min(self.capacity - self.size, len(points))
        if free:
            self._storage[self.size : self.size + free] = points[:free]
            self.size += free
        if free < len(points):
            # NumPy assigns in order: of two newcomers on one row the later stays, as if inserted one by one.
            self._storage[scaled(u[free:], self.capacity)] = points[free:]

    def shrink(self, capacity: int) -> None:
        """Lower the capacity; what does not fit is cut off at the end (the authors' C++)."""
        self.capacity = capacity
        self.size = min(self.size, capacity)

    def load(self, points: FloatArray, capacity: int) -> None:
        """Take over saved points, shape (size, D), and the capacity of that time."""
        self.capacity, self.size = capacity, len(points)
        self._storage[: self.size] = points
