"""A small pastiche at its photograph's size: the strokes of the one, the edges of the other.

Each pixel is a weighted mean of the nine painted pixels around it. The nearer one counts more, and the one whose
photograph was more alike: at an edge, a pixel takes its colour from its own side. That is joint bilateral upsampling
[Kopf2007]. No such mean lies beyond what is painted around it, so that no edge gets a halo, and nothing rings.

Means know no line that is finer than a small pixel, such as hair and eyelashes. What the same means of the small
*photograph* lack of the large one is such detail; at a straight edge it is nothing. It is added as strongly as the
pastiche's lightness follows the photograph's around there, by the slope of the guided filter [He2013], and up to the
lightest and the darkest of the nine painted pixels.

Deviates from [Kopf2007]: the weight falls with a power of the difference of colours instead of a Gaussian's tail, so
that where no small pixel is alike, the least unlike still counts most; and nearness is a tent, made wider the more is
enlarged, so that at the same size the pastiche stays as it is. From [He2013]: the line gives the detail's weight only.

References:
    [Kopf2007] Joint Bilateral Upsampling, SIGGRAPH 2007.
    [He2013] Guided Image Filtering, IEEE TPAMI 35(6).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fast_nst.images import Pixels

Plane = npt.NDArray[np.float32]

_ALIKE = 30  # levels of difference, root mean square over the channels, at which a weight falls to a sixteenth
_RADIUS = 2  # px of the small picture around each, that a line is fitted to
_EPSILON = (0.02 * 255) ** 2  # variance in lightness that counts as none
_MOST = 1.0  # times its own strength that detail is added with, at most
_LIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)


class Enlarging:
    """A small pastiche to be enlarged, some rows at a time; the rows are the same however they are cut.

    Args:
        small: the small photograph, uint8 `(h, w, 3)`.
        painted: its pastiche, the same.
        size: W and H of what it becomes, px; neither less than w or h.
    """

    def __init__(self, small: Pixels, painted: Pixels, size: tuple[int, int]) -> None:
        lightness = small @ _LIGHTNESS
        planes = np.dstack([small, painted, lightness, follow(lightness, painted @ _LIGHTNESS)])
        self._planes = _bordered(planes.astype(np.float32).transpose(2, 0, 1))
        self._extremes = _extremes(self._planes[3:6])
        self._columns, self._column_shares = taps(small.shape[1], size[0])
        self._rows, self._row_shares = taps(small.shape[0], size[1])

    def rows(self, photograph: Pixels, top: int) -> Pixels:
        """Return the pastiche's rows from `top` on, `(n, W, 3)`, for those of the photograph."""
        nearest = self._rows[top : top + len(photograph)]
        first, last = int(nearest[0]), int(nearest[-1])
        wide = [np.take(self._planes[:, first : last + 3], self._columns + step, axis=2) for step in range(3)]
        pastiche = np.empty_like(photograph)
        for row in range(first, last + 1):
            begin, end = np.searchsorted(nearest, (row, row + 1))
            around = [[planes[:, row - first + step, None] for planes in wide] for step in range(3)]
            shares = self._row_shares[:, top + begin : top + end, None]
            content = photograph[begin:end].transpose(2, 0, 1).astype(np.float32)
            means = _means(content, around, shares, self._column_shares)
            colours = means[:3] + means[4] * (_lightness_of(content) - means[3])
            darkest, lightest = (np.take(planes[:, row : row + 1], self._columns, axis=2) for planes in self._extremes)
            pastiche[begin:end] = np.rint(colours.clip(darkest, lightest)).transpose(1, 2, 0)
        return pastiche


def taps(small: int, large: int) -> tuple[npt.NDArray[np.intp], Plane]:
    """Return which three of `small` pixels in a row count for each of `large` in their place, and how much each.

    Returns:
        The first of the three, `(large,)`, where a pixel is put before the row and one after it; and the shares
        `(3, large)`, which sum to 1: the distance's tent, blurred by a box that is as wide as much is enlarged, 0 small
        pixels for the same size and 1 for very much. It ends with the three at the latest.
    """
    place = (np.arange(large) + 0.5) * small / large - 0.5
    nearest = np.rint(place).astype(np.intp)
    box = max(1 - small / large, 1e-3)
    distances = nearest - place + np.array([[-1.0], [0.0], [1.0]])
    shares = (_tent_until(distances + box / 2) - _tent_until(distances - box / 2)) / box
    return nearest, (shares / shares.sum(0)).astype(np.float32)


def _tent_until(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the area of a tent of half width 1, and of area 1, left of each place."""
    x = distances.clip(-1, 1)
    area: npt.NDArray[np.float64] = 0.5 + x - x * np.abs(x) / 2
    return area


def _means(photograph: Plane, around: Sequence[Sequence[Plane]], row_shares: Plane, column_shares: Plane) -> Plane:
    """Return the means of what is around each pixel.

    Args:
        photograph: `(3, n, W)`.
        around: three times three of `(3 + K, 1, W)`, of which the first three are the small photograph's colours.
        row_shares: `(3, n, 1)`.
        column_shares: `(3, W)`.

    Returns:
        The means of the other K, `(K, n, W)`.
    """
    total = np.zeros_like(photograph[0])
    sums = np.zeros((len(around[0][0]) - 3, *total.shape), np.float32)
    for beside, row_share in zip(around, row_shares, strict=True):
        for near, column_share in zip(beside, column_shares, strict=True):
            weight = row_share * column_share / _unlikeness(photograph, near[:3])
            total += weight
            sums += weight * near[3:]
    means: Plane = sums / total
    return means


def _unlikeness(photograph: Plane, small: Plane) -> Plane:
    """Return how unlike colours are: 1 for the same, 16 at `_ALIKE`."""
    squares = photograph - small
    squares *= squares
    unlike: Plane = squares[0] + squares[1]
    unlike += squares[2]
    unlike *= 1 / (3 * _ALIKE**2)
    unlike += 1
    unlike *= unlike
    unlike *= unlike
    return unlike


def _lightness_of(planes: Plane) -> Plane:
    red, green, blue = (weight * plane for weight, plane in zip(_LIGHTNESS, planes, strict=True))
    lightness: Plane = red + green + blue
    return lightness


def _extremes(bordered: Plane) -> tuple[Plane, Plane]:
    """Return the least and the greatest of the nine around each, for planes with a border that is left out."""
    windows = np.lib.stride_tricks.sliding_window_view(bordered, (3, 3), (1, 2))
    return windows.min((-2, -1)), windows.max((-2, -1))


def _bordered(planes: Plane) -> Plane:
    """Return planes with each border repeated once."""
    return np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")


def follow(photograph: Plane, pastiche: Plane) -> Plane:
    """Return how many levels the pastiche's lightness `(h, w)` rises, place by place, for each of the photograph's."""
    mean, painted_mean = _blur(photograph), _blur(pastiche)
    variance = _blur(photograph**2) - mean**2
    covariance = _blur(photograph * pastiche) - mean * painted_mean
    return _blur((covariance / (variance + _EPSILON)).clip(-_MOST, _MOST))


def _blur(plane: Plane) -> Plane:
    """Return the mean of the window around each pixel, mirrored at the borders."""
    window = 2 * _RADIUS + 1
    for axis in (0, 1):
        margins = [(_RADIUS, _RADIUS) if axis == this else (0, 0) for this in (0, 1)]
        padded = np.pad(plane, margins, mode="symmetric")
        plane = np.lib.stride_tricks.sliding_window_view(padded, window, axis).mean(-1, dtype=np.float32)
    return plane
