"""What is hidden under transparency must not show beside it.

A file may have any colour under its transparent pixels, often black or white. A network sees some 70 pixels around
each and norms over the whole picture, and resizing mixes neighbours: so hidden colours would tint what is seen. Here
they are replaced by colours of the pixels that are not transparent, spread from the near to the far, as push-pull does
[Gortler1996]: means of blocks of 2, 4, 8 ... px where there are any pixels, and where not, the next larger block's,
interpolated.

Blocks up to 64 px lie within bands of 64 rows, which are filled one after the other with a look at their neighbours;
larger ones are gathered in a first pass. So pictures of any height are filled in bounded memory.

References:
    [Gortler1996] The Lumigraph, SIGGRAPH 1996 (push-pull).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fast_nst.images import Pixels
from fast_nst.images.rows import Rows

BAND = 64
"""Rows that are filled at a time, and the largest block within them."""
_LEVELS = 6  # halvings of a band
_COLUMNS = 16 * BAND  # that are filled at a time
_GREY = 127.5  # where there is nothing to spread

Floats = npt.NDArray[np.float32]


def fill_transparent(content: Rows, alpha: Rows, height: int) -> None:
    """Replace the colours of pixels whose alpha is 0, in place; all others stay as they are.

    Args:
        content: uint8 `(H, W, 3)`.
        alpha: uint8 `(H, W)`; 0 is transparent.
        height: H.
    """
    if all(alpha.read(top, bottom).all() for top, bottom in _bands(height)):
        return
    bands = list(_bands(height))
    sums = [_halved(*_weighed(content.read(*band), alpha.read(*band)), _LEVELS)[-1] for band in bands]
    coarse = _filled(np.concatenate([part[0] for part in sums]), np.concatenate([part[1] for part in sums]))
    for number, (top, bottom) in enumerate(bands):
        hidden = alpha.read(top, bottom) == 0
        if hidden.any():
            first, last = max(0, number - 1), min(len(bands), number + 2)  # with the bands above and below
            begin, end = bands[first][0], bands[last - 1][1]
            spread = _spread(content.read(begin, end), alpha.read(begin, end), coarse[first:last])
            rows = content.read(top, bottom).copy()
            rows[hidden] = spread[top - begin : bottom - begin][hidden]
            content.write(top, rows)


def _spread(rows: Pixels, shares: Pixels, coarse: Floats) -> Pixels:
    """Return some bands `(h, W, 3)` with all pixels filled, a block of columns after the other.

    Args:
        rows: their colours.
        shares: their alpha, `(h, W)`.
        coarse: colours of blocks of 64 px, `(h / 64, W / 64, 3)`, rounded up.
    """
    width, found = rows.shape[1], np.empty_like(rows)
    for left in range(0, width, _COLUMNS):
        right = min(left + _COLUMNS, width)
        begin, end = max(0, left - BAND), min(right + BAND, width)
        levels = _halved(*_weighed(rows[:, begin:end], shares[:, begin:end]), _LEVELS)
        filled = _descend(levels, coarse[:, begin // BAND : -(-end // BAND)])
        seen = filled[: len(rows), left - begin : right - begin]
        found[:, left:right] = np.rint(seen).clip(0, 255).astype(np.uint8)
    return found


def _bands(height: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height, BAND):
        yield top, min(top + BAND, height)


def _weighed(rows: Pixels, alpha: Pixels) -> tuple[Floats, Floats]:
    """Return colours times alpha `(h, w, 3)`, and alpha `(h, w)`, with nothing at the ends to fill blocks of 64 px."""
    shares = alpha.astype(np.float32) / 255
    margins = ((0, -len(rows) % BAND), (0, -rows.shape[1] % BAND))
    return np.pad(rows * shares[..., None], (*margins, (0, 0))), np.pad(shares, margins)


def _halved(colours: Floats, shares: Floats, times: int) -> list[tuple[Floats, Floats]]:
    """Return sums over blocks of 1, 2, 4 ... px."""
    levels = [(colours, shares)]
    for _ in range(times):
        colours, shares = _sum_blocks(colours), _sum_blocks(shares)
        levels.append((colours, shares))
    return levels


def _sum_blocks(plane: Floats) -> Floats:
    """Add up blocks of 2x2, of what is filled up to an even size with nothing."""
    margins = [(0, plane.shape[axis] % 2) for axis in (0, 1)] + [(0, 0)] * (plane.ndim - 2)
    even = np.pad(plane, margins)
    return even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]


def _filled(colours: Floats, shares: Floats) -> Floats:
    """Return the mean colour of each block `(h, w, 3)`, of empty ones that of the smallest larger one that is not."""
    if not shares.any():
        return np.full(colours.shape, _GREY, np.float32)
    times = int(np.ceil(np.log2(max(shares.shape)))) if max(shares.shape) > 1 else 0
    levels = _halved(colours, shares, times)
    return _descend(levels, _mean(*levels[-1]))


def _descend(levels: list[tuple[Floats, Floats]], coarsest: Floats) -> Floats:
    """Return the finest level, its empty blocks filled from the coarser ones, from the coarsest `(h, w, 3)` down."""
    filled = coarsest
    for colours, shares in levels[-2::-1]:
        above = _doubled(_doubled(filled).swapaxes(0, 1)).swapaxes(0, 1)[: colours.shape[0], : colours.shape[1]]
        filled = np.where(shares[..., None] > 0, _mean(colours, shares), above)
    return filled


def _doubled(plane: Floats) -> Floats:
    """Interpolate between rows, twice as many of them; as at the rim beyond it."""
    padded = np.concatenate([plane[:1], plane, plane[-1:]])
    near, above, below = 0.75 * plane, 0.25 * padded[:-2], 0.25 * padded[2:]
    doubled = np.stack([near + above, near + below], axis=1)
    return doubled.reshape(2 * len(plane), *plane.shape[1:]).astype(np.float32)


def _mean(colours: Floats, shares: Floats) -> Floats:
    return np.asarray(colours / np.maximum(shares, np.float32(1e-6))[..., None], np.float32)
