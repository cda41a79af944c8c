"""The photograph's colours on the pastiche, or another picture's.

Two ways, both of [Gatys2016b]: `preserve_luminance` takes the pastiche's luminance and the photograph's colours, pixel
by pixel; `match_statistics` maps the pastiche's colours so that their mean and covariance become another picture's.

References:
    [Gatys2016b] Preserving Color in Neural Artistic Style Transfer, arXiv:1606.05897. They change the painting before
        the transfer, for the second way; a network has learnt its painting, so here the pastiche is changed.
    [Pitie2007] The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer, IET CVMP 2007.
    [Chan1983] Algorithms for Computing the Sample Variance: Analysis and Recommendations, The American Statistician
        37(3).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from fast_nst.images import Pixels

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Y of YIQ, which [Gatys2016b] takes
_LEAST_DEVIATION = 1.0  # levels; directions of colour that vary less count as if they varied so
_MOST_GAIN = 4.0  # times that a direction of colour is stretched, lest noise become speckle


def preserve_luminance(content: Pixels, pastiche: Pixels) -> Pixels:
    """Return the pastiche with the photograph's colours.

    Deviates from [Gatys2016b], where what leaves the range of a colour is cut off: here the colour fades until it
    fits, so that hue and luminance stay what they are.

    Args:
        content: the photograph, uint8 `(h, W, 3)`.
        pastiche: uint8, same shape.

    Returns:
        uint8, same shape: Y of the pastiche, I and Q of the photograph, or as much of them as there is room for.
    """
    wanted = (pastiche @ _LUMA)[..., None]
    colour = content - (content @ _LUMA)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(colour > 0, (255 - wanted) / colour, np.where(colour < 0, -wanted / colour, np.inf))
    share = room.min(axis=-1, keepdims=True).clip(0, 1)
    painted: Pixels = np.rint(wanted + share * colour).clip(0, 255).astype(np.uint8)
    return painted


@dataclass(frozen=True, eq=False)
class ColorStatistics:
    """How many pixels, their mean colour `(3,)` and their summed outer products around it `(3, 3)`, RGB, 0 to 255."""

    count: float
    mean: npt.NDArray[np.float64]
    products: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> Self:
        """Return those of no pixels at all."""
        return cls(0.0, np.zeros(3), np.zeros((3, 3)))

    @classmethod
    def of(cls, pixels: Pixels, alpha: Pixels | None = None) -> Self:
        """Return those of pixels `(h, W, 3)`, each counting as much as its alpha `(h, W)`; None: all the same."""
        colours = pixels.reshape(-1, 3).astype(np.float64)
        weights = np.ones(len(colours)) if alpha is None else alpha.reshape(-1) / 255
        count = float(weights.sum())
        if count == 0:
            return cls.none()
        mean = weights @ colours / count
        apart = colours - mean
        return cls(count, mean, (weights[:, None] * apart).T @ apart)

    def __add__(self, other: "ColorStatistics") -> "ColorStatistics":
        """Join those of two parts of a picture, as [Chan1983] does: no large sums cancel."""
        count = self.count + other.count
        if count == 0:
            return self
        apart = other.mean - self.mean
        between = np.outer(apart, apart) * (self.count * other.count / count)
        return ColorStatistics(
            count, self.mean + apart * (other.count / count), self.products + other.products + between
        )

    @property
    def covariance(self) -> npt.NDArray[np.float64]:
        """`(3, 3)`; zero for no pixels."""
        return self.products / max(self.count, 1.0)


def match_statistics(pixels: Pixels, own: ColorStatistics, wanted: ColorStatistics) -> Pixels:
    """Map colours linearly, so that pixels with the statistics `own` get those `wanted`.

    Of all such maps it is the one that moves colours least [Pitie2007]. Deviates from it where colours hardly vary in
    a direction, which is stretched four times at most: of a grey picture nothing colourful can be made but noise.

    Args:
        pixels: uint8 `(h, W, 3)`, some rows of a picture or all.
        own: of the whole picture.
        wanted: of the picture whose colours it is to have.

    Returns:
        uint8, same shape; what leaves the range is cut off. The pixels themselves where either are of no pixels.
    """
    if own.count == 0 or wanted.count == 0:
        return pixels
    matrix = colour_map(own, wanted)
    return np.rint((pixels - own.mean) @ matrix + wanted.mean).clip(0, 255).astype(np.uint8)


def colour_map(own: ColorStatistics, wanted: ColorStatistics) -> npt.NDArray[np.float64]:
    """Return the symmetric matrix `T` for which `T own T` is the covariance wanted, or as near as it may: `(3, 3)`."""
    noise = _LEAST_DEVIATION**2 * np.eye(3)
    root, inverse = _roots(own.covariance + noise)
    middle, _ = _roots(root @ (wanted.covariance + noise) @ root)
    gains, directions = np.linalg.eigh(inverse @ middle @ inverse)
    return np.asarray((directions * gains.clip(0, _MOST_GAIN)) @ directions.T)


def _roots(matrix: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the square root of a positive matrix, and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.sqrt(values.clip(1e-12))
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T
