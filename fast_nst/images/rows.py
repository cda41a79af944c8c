"""Pictures, and tensors, that are read and written some rows at a time."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Rows(Protocol):
    """Something with rows, in memory or on a disk."""

    def read(self, first: int, last: int) -> Array:
        """Return the rows from `first` to before `last`."""

    def write(self, first: int, rows: Array) -> None:
        """Write rows from row `first` on."""


class MemoryRows:
    """An array of which rows along `axis` are written and read."""

    def __init__(self, array: Array, axis: int = 0) -> None:
        self._array, self._before = array, (slice(None),) * axis

    def write(self, first: int, rows: Array) -> None:
        """Write rows from row `first` on."""
        count = rows.shape[len(self._before)]
        self._array[(*self._before, slice(first, first + count))] = rows

    def read(self, first: int, last: int) -> Array:
        """Return the rows from `first` to before `last`."""
        return np.ascontiguousarray(self._array[(*self._before, slice(first, last))])
