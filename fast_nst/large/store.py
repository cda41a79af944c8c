"""Tensors kept in memory or on a disk, written and read some rows at a time."""

import math
import tempfile
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from fast_nst.images.rows import Array, MemoryRows

__all__ = ["Array", "DiskRows", "MemoryRows", "Store"]


class Store:
    """Named tensors.

    Args:
        folder: where the files lie, without names, so that they vanish with the process; None keeps all in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._tensors: dict[str, MemoryRows | DiskRows] = {}

    def put(self, name: str, tensor: "MemoryRows | DiskRows") -> None:
        """Take a tensor that is somewhere already."""
        self._tensors[name] = tensor

    def write(self, name: str, first: int, rows: Array, axis: int, total: int) -> None:
        """Write `rows` of a tensor, from row `first` on, counted along `axis`.

        At the first time the tensor gets room for `total` rows.

        Raises:
            OSError: when the disk is full, or refuses.
        """
        if name not in self._tensors:
            shape = (*rows.shape[:axis], total, *rows.shape[axis + 1 :])
            place = MemoryRows(np.empty(shape, rows.dtype), axis)
            self._tensors[name] = place if self._folder is None else DiskRows(self._folder, shape, rows.dtype, axis)
        self._tensors[name].write(first, rows)

    def read(self, name: str, first: int, last: int) -> Array:
        """Return the rows from `first` to before `last`, with the tensor's axes."""
        return self._tensors[name].read(first, last)

    def forget(self, name: str) -> None:
        """Give back the room that a tensor took."""
        del self._tensors[name]


class DiskRows:
    """`MemoryRows` in a file without a name, `file`, which holds the array and nothing else."""

    def __init__(self, folder: Path, shape: tuple[int, ...], kind: np.dtype[Any], axis: int = 0) -> None:
        self.file: RawIOBase = tempfile.TemporaryFile(dir=folder, prefix=".fast-nst-", buffering=0)  # noqa: SIM115 (lives on)
        self._shape, self._kind, self._axis = shape, kind, axis
        self._planes = math.prod(shape[:axis])
        self._row_bytes = math.prod(shape[axis + 1 :]) * kind.itemsize
        self.file.truncate(self._planes * shape[axis] * self._row_bytes)

    def write(self, first: int, rows: Array) -> None:
        """Write rows from row `first` on."""
        count = rows.shape[self._axis]
        for number, plane in enumerate(rows.reshape(self._planes, count, -1)):
            self._seek(number, first)
            left = np.ascontiguousarray(plane).data.cast("B")
            while left:  # one call may not write all
                left = left[self.file.write(left) :]

    def read(self, first: int, last: int) -> Array:
        """Return the rows from `first` to before `last`."""
        rows = np.empty((*self._shape[: self._axis], last - first, *self._shape[self._axis + 1 :]), self._kind)
        for number, plane in enumerate(rows.reshape(self._planes, last - first, -1)):
            self._seek(number, first)
            left = plane.data.cast("B")
            while left:
                left = left[self.file.readinto(left) or self._end() :]
        return rows

    def _seek(self, plane: int, row: int) -> None:
        self.file.seek((plane * self._shape[self._axis] + row) * self._row_bytes)

    @staticmethod
    def _end() -> int:
        raise OSError(0, "the file ends too early")
