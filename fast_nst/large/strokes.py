"""Large pictures with large strokes: a smaller one is painted, and the large one's detail comes back.

A network's strokes have a size in pixels, so that on 20 megapixels they are too small to be seen. Here the picture is
painted at a smaller size and enlarged, and what enlarging cannot know is taken from the photograph: its own detail,
which is what its small copy lacks when it is enlarged. How strongly it is added, and whether turned round, tells a line
fitted at each place to how the pastiche's lightness follows the photograph's, as in the guided filter [He2013] and its
fast form [He2015]. Deviates from both: they give the line's value itself, which smooths all strokes that the photograph
does not have; here the line only weighs the detail, and the strokes stay as painted.

References:
    [He2013] Guided Image Filtering, IEEE TPAMI 35(6).
    [He2015] Fast Guided Filter, arXiv:1505.00996.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fast_nst.images import Pixels, fit_size, resize
from fast_nst.large.store import DiskRows, MemoryRows

Plane = npt.NDArray[np.float32]

_RADIUS = 2  # px of the small picture around each, that a line is fitted to
_EPSILON = (0.02 * 255) ** 2  # variance in lightness that counts as none
_MOST = 1.5  # times its own strength that detail is added with, at most
_STRIP_PIXELS = 2_000_000
_LIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)


def paint_small(
    content: MemoryRows | DiskRows,
    pastiche: MemoryRows | DiskRows,
    size: tuple[int, int],
    stroke_size: int,
    paint: Callable[[Pixels], Pixels],
    tell: Callable[[int], None],
) -> None:
    """Paint a picture with the strokes it would have if its longer side were `stroke_size` px.

    Args:
        content: uint8 `(H, W, 3)`, read some rows at a time.
        pastiche: the same, written.
        size: W and H, the longer of them more than `stroke_size`.
        stroke_size: longer side of what is painted, px.
        paint: gives the pastiche of pixels.
        tell: called with the rows of each strip done, of H in all.
    """
    width, height = size
    small = shrink(content, size, stroke_size)
    painted = paint(small)
    small_lightness = small @ _LIGHTNESS
    gain = follow(small_lightness, painted @ _LIGHTNESS)
    for top, bottom in _strips(height, max(1, _STRIP_PIXELS // width)):
        rows = content.read(top, bottom)
        place = (width, height, top, bottom)
        detail = rows @ _LIGHTNESS - _enlarge(small_lightness, *place)
        enlarged = _enlarge(painted, *place).astype(np.float32)
        enlarged += (_enlarge(gain, *place) * detail)[..., None]
        pastiche.write(top, enlarged.round().clip(0, 255).astype(np.uint8))
        tell(bottom - top)


def shrink(content: MemoryRows | DiskRows, size: tuple[int, int], longer_side: int) -> Pixels:
    """Return a picture of W x H px made smaller, uint8: means of whole blocks of pixels first, then Lanczos."""
    width, height = size
    factor = max(1, max(size) // (2 * longer_side))
    rows = max(1, _STRIP_PIXELS // (width * factor)) * factor
    reduced = [
        np.asarray(Image.fromarray(content.read(top, bottom)).reduce(factor)) for top, bottom in _strips(height, rows)
    ]
    return resize(np.concatenate(reduced), *fit_size(height, width, longer_side))


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


def _enlarge(small: npt.NDArray[Any], width: int, height: int, top: int, bottom: int) -> npt.NDArray[Any]:
    """Return the rows from `top` to before `bottom` of a small picture or plane enlarged to width x height px."""
    scale = small.shape[0] / height
    box = (0.0, top * scale, float(small.shape[1]), bottom * scale)
    return np.asarray(Image.fromarray(small).resize((width, bottom - top), Image.Resampling.BICUBIC, box))


def _strips(height: int, rows: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height, rows):
        yield top, min(top + rows, height)
