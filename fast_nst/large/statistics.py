"""Means and variances of channels that come strip by strip."""

from typing import Any

import numpy as np
import numpy.typing as npt

Channels = npt.NDArray[np.float64]


class Moments:
    """Count, mean and summed squared deviation of each channel, joined as [Chan1983] does: no large sums cancel.

    References:
        [Chan1983] Algorithms for Computing the Sample Variance: Analysis and Recommendations, The American
            Statistician 37(3).
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean: Channels = np.zeros(0)
        self._deviation: Channels = np.zeros(0)

    def add(self, rows: npt.NDArray[np.floating[Any]]) -> None:
        """Take in some rows of a picture, `(C, h, w)`."""
        channels, height, width = rows.shape
        mean, deviation = np.empty(channels), np.empty(channels)
        for channel in range(channels):
            values = rows[channel].astype(np.float32).ravel()
            mean[channel] = values.mean(dtype=np.float64)
            values -= np.float32(mean[channel])
            deviation[channel] = np.dot(values, values)
        # What float32 rounded off the mean, the deviations are around; it is put right here.
        self._join(height * width, mean, deviation - height * width * (mean - mean.astype(np.float32)) ** 2)

    def of_groups(self, size: int) -> tuple[Channels, Channels]:
        """Return mean and variance of each channel, where each `size` channels in a row have theirs in common."""
        joined = Moments()
        for offset in range(size):
            joined._join(self._count, self._mean[offset::size], self._deviation[offset::size])
        return np.repeat(joined._mean, size), np.repeat(joined._deviation / joined._count, size)

    def _join(self, count: int, mean: Channels, deviation: Channels) -> None:
        if self._count == 0:
            self._count, self._mean, self._deviation = count, mean, deviation
            return
        both = self._count + count
        apart = mean - self._mean
        self._mean = self._mean + apart * (count / both)
        self._deviation = self._deviation + deviation + apart**2 * (self._count * count / both)
        self._count = both
