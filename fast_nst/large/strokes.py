"""Large pictures with large strokes: a smaller one is painted, and is enlarged along the large one's edges.

A network's strokes have a size in pixels, so that on 20 megapixels they are too small to be seen. Here the picture is
painted at a smaller size; `enlarging` brings it back to its own.
"""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from fast_nst.images import Pixels
from fast_nst.large.enlarging import Enlarging
from fast_nst.large.store import DiskRows, MemoryRows

_STRIP_PIXELS = 500_000


def paint_small(
    content: MemoryRows | DiskRows,
    pastiche: MemoryRows | DiskRows,
    size: tuple[int, int],
    painted: tuple[int, int],
    paint: Callable[[Pixels], Pixels],
    tell: Callable[[int], None],
) -> None:
    """Paint a picture with the strokes that it would have if it were smaller.

    Args:
        content: uint8 `(H, W, 3)`, read some rows at a time.
        pastiche: the same, written.
        size: W and H.
        painted: height and width of what is painted, px; neither more than H or W.
        paint: gives the pastiche of pixels.
        tell: called with the rows of each strip done, of H in all.
    """
    width, height = size
    small = shrink(content, size, painted)
    enlarging = Enlarging(small, paint(small), size)
    for top, bottom in _strips(height, max(1, _STRIP_PIXELS // width)):
        pastiche.write(top, enlarging.rows(content.read(top, bottom), top))
        tell(bottom - top)


def shrink(content: MemoryRows | DiskRows, size: tuple[int, int], shape: tuple[int, int]) -> Pixels:
    """Return a picture of W x H px made smaller, uint8 `(*shape, 3)`.

    Means of whole blocks of pixels come first, then Hamming's window. Neither has negative weights, as Lanczos has,
    which would draw a line along every edge before it is painted.
    """
    width, height = size
    factor = max(1, max(size) // (2 * max(shape)))
    rows = max(1, _STRIP_PIXELS // (width * factor)) * factor
    reduced = [
        np.asarray(Image.fromarray(content.read(top, bottom)).reduce(factor)) for top, bottom in _strips(height, rows)
    ]
    return np.array(Image.fromarray(np.concatenate(reduced)).resize(shape[::-1], Image.Resampling.HAMMING))


def _strips(height: int, rows: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height, rows):
        yield top, min(top + rows, height)
