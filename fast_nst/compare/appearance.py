"""How a pastiche looks beside its painting and its photograph, in figures that no training sees.

The objective says how well a network learnt what it was taught. It cannot say whether that was the right thing: a
picture that is pale, or blank where the photograph is flat, may have a small loss. So pictures are also held against
each other by what a person notices, without a loss network:

* `luminance_range`: from how dark to how light a picture is, to be held against the painting's.
* `tone_kept`: whether what is darker in the photograph is darker in the pastiche.
* `colour_distance`: how far the colours of the pastiche are from the painting's, wherever in the picture they are.
* `octaves`, `octave_shares`: how much there is of fine and of broad strokes, as a share of what the painting has; over
  the whole picture, or over the photograph's `flat_places` alone, where every stroke is the network's own.

All take pictures as `uint8 (H, W, 3)`, RGB, sRGB. A distance by an encoder is in `frechet`.

References:
    [Burt1983] The Laplacian Pyramid as a Compact Image Code, IEEE Transactions on Communications 31.
    [Spearman1904] The Proof and Measurement of Association between Two Things, American Journal of Psychology 15.
    [Rabin2011] Wasserstein Barycenter and Its Application to Texture Mixing, SSVM.
    [Bonneel2015] Sliced and Radon Wasserstein Barycenters of Measures, Journal of Mathematical Imaging and Vision 51.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from skimage.color import rgb2lab

from fast_nst.images import Pixels

OCTAVES = 4
"""Octaves of strokes: 2 to 4, 4 to 8, 8 to 16 and 16 to 32 px from one crest to the next, about."""

FLAT_CONTRAST = 3.0
"""Local contrast of a photograph, in levels of 255, below which a place is flat."""

_LUMA = np.array([0.299, 0.587, 0.114])  # Y' of BT.601
_BLOCK = 8  # px
_BASES = 8  # of three directions each
_QUANTILES = 512
_FEWEST_PLACES = 64
_LEAST_ENERGY = 0.01  # levels of 255: rounding alone makes more
_BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16

Plane = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def luminance(pixels: Pixels) -> Plane:
    """Return `Y' = 0.299 R + 0.587 G + 0.114 B` of each pixel, `(H, W)`, 0 to 255 (BT.601)."""
    plane: Plane = pixels @ _LUMA
    return plane


def luminance_range(pixels: Pixels) -> tuple[float, float]:
    """Return the 1st and the 99th percentile of luminance, 0 to 255: black and white, but for a few pixels."""
    low, high = np.percentile(luminance(pixels), (1, 99))
    return float(low), float(high)


def tone_kept(photograph: Pixels, pastiche: Pixels) -> float:
    """Return how well the order of light and dark is kept: a rank correlation, -1 to 1 [Spearman1904].

    The correlation of the ranks of mean luminance over blocks of 8 x 8 px; what is left over at the right and at the
    bottom does not count. 1 where every block that is lighter in the photograph is lighter in the pastiche, -1 for a
    negative; 0 where one of the two is the same all over. Contrast and colour do not count.

    Args:
        photograph: `uint8 (H, W, 3)`.
        pastiche: of the same size.
    """
    ranks = [_ranks(_block_means(luminance(pixels))) for pixels in (photograph, pastiche)]
    one, other = (rank - rank.mean() for rank in ranks)
    norm = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / norm) if norm else 0.0


def _block_means(plane: Plane) -> Plane:
    height, width = (side // _BLOCK * _BLOCK for side in plane.shape)
    means: Plane = plane[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).mean((1, 3))
    return means


def _ranks(values: Plane) -> Plane:
    """Return the rank of each value; equal ones share the mean of theirs."""
    _, which, counts = np.unique(values.ravel().round(6), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def colour_distance(pastiche: Pixels, painting: Pixels) -> float:
    """Return how far two pictures' colours are from each other in CIELAB, ΔE; 0 for the same colours in other places.

    The sliced 2-Wasserstein distance [Rabin2011], [Bonneel2015]: the colours are projected onto a direction, sorted,
    and the squared differences averaged; so for 24 directions, 8 orthogonal bases turned at random from a fixed seed.
    Their mean is multiplied by 3 before the root is taken, so that colours that are all moved by one vector are as far
    as that vector is long.

    Args:
        pastiche: `uint8 (H, W, 3)`.
        painting: of any size.
    """
    directions = _directions()
    one, other = (_projected_quantiles(pixels, directions) for pixels in (pastiche, painting))
    return float(np.sqrt(3 * ((one - other) ** 2).mean()))


def _directions() -> Plane:
    """Return `(3, 24)`."""
    bases = np.linalg.qr(np.random.default_rng(0).normal(size=(_BASES, 3, 3))).Q
    return np.concatenate(list(bases), axis=1)


def _projected_quantiles(pixels: Pixels, directions: Plane) -> Plane:
    """Return the colours along each direction at 512 even shares of the picture, `(24, 512)`."""
    colours = rgb2lab(pixels.astype(np.float32) / 255).reshape(-1, 3)
    along = np.sort(directions.T.astype(np.float32) @ colours.T, axis=1)
    middles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    chosen: Plane = along[:, np.floor(middles * along.shape[1]).astype(int)].astype(float)
    return chosen


def octaves(pixels: Pixels) -> list[Plane]:
    """Return the octaves of luminance, finest first; the first has the picture's size, each further one half of that.

    A Laplacian pyramid [Burt1983]: what a blur takes away at each size. Deviates from the paper, which takes away the
    smaller picture, enlarged: what is subtracted here was not made smaller before, so that an octave holds no aliases.
    """
    level, found = luminance(pixels), []
    for _ in range(OCTAVES):
        blurred = _blur(level)
        found.append(level - blurred)
        level = blurred[::2, ::2]
    return found


def flat_places(photograph: Pixels) -> list[Mask]:
    """Return for each octave where the photograph is flat, at that octave's size.

    A place is flat where the root of the mean square of this and all finer octaves, each blurred to the surroundings of
    about five of the octave's pixels, is under `FLAT_CONTRAST`: sky, wall, water far away, a cheek.
    """
    energy, found = np.zeros(photograph.shape[:2]), []
    for octave in octaves(photograph):
        energy = _blur(energy + octave**2)
        found.append(energy < FLAT_CONTRAST**2)
        energy = energy[::2, ::2]
    return found


def octave_shares(pastiche: Pixels, painting: Pixels, places: Sequence[Mask] | None = None) -> list[float | None]:
    """Return the energy of each octave as a share of the painting's: 1 where there are strokes as strong as there.

    Args:
        pastiche: `uint8 (H, W, 3)`.
        painting: at the size at which its strokes should be met.
        places: where to look in the pastiche, by octave, as `flat_places` returns them; everywhere by default. In the
            painting it is everywhere, always.

    Returns:
        For each octave the root mean square over the places, by that of the painting; None where there are fewer than
        64 places, or the painting has none of that octave.

    """
    everywhere = [np.ones(octave.shape, bool) for octave in octaves(pastiche)]
    found = zip(octaves(pastiche), octaves(painting), places or everywhere, strict=True)
    return [_share(octave[there], whole) for octave, whole, there in found]


def _share(values: Plane, whole: Plane) -> float | None:
    energy = np.sqrt((whole**2).mean())
    if len(values) < _FEWEST_PLACES or energy < _LEAST_ENERGY:
        return None
    return float(np.sqrt((values**2).mean()) / energy)


def _blur(plane: Plane) -> Plane:
    """Return the binomial mean of five neighbours along and down, the borders reflected."""
    for axis in (0, 1):
        widths = [(2, 2) if axis == one else (0, 0) for one in (0, 1)]
        padded = np.pad(plane, widths, mode="reflect")
        length = plane.shape[axis]
        plane = sum(tap * padded.take(range(start, start + length), axis) for start, tap in enumerate(_BINOMIAL))
    return plane
