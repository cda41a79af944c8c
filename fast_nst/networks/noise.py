"""Noise that is added to the local contrast: where a picture is of one colour, strokes can be made of nothing else.

A convolution gives the same answer wherever it sees the same, so a clear sky comes out blank, whatever it is trained
for. [Ulyanov2016] gave texture networks noise to start from for that reason. There it was drawn anew for each picture;
here it is a function of the place, the same for every picture, so that a pastiche is a function of its photograph.

It is made of two small tiles of whole numbers for each channel, which repeat after 61 and 67 places and are added up:
their sum repeats after 4,087 places.

References:
    [Ulyanov2016] Texture Networks: Feed-forward Synthesis of Textures and Stylized Images, arXiv:1603.03417.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

TILE_SIDES = (61, 67)
"""Places after which each of the two tiles repeats; they have no divisor in common."""
PERIOD = TILE_SIDES[0] * TILE_SIDES[1]
"""Places after which the noise repeats."""
_DEVIATION = 32  # of a tile's whole numbers, of which the greatest is 127


class PlaceNoise(nn.Module):
    """Noise for each place of a feature map, of mean 0 and about deviation 1.

    Args:
        grains: for each channel, over how many places its noise is smooth; 1 is white noise.
    """

    def __init__(self, grains: Sequence[int]) -> None:
        super().__init__()
        self.channels = len(grains)
        rng = np.random.default_rng(0)
        for side in TILE_SIDES:
            tiles = np.stack([_tile(rng, side, grain) for grain in grains])
            self.register_buffer(f"tile_{side}", torch.from_numpy(tiles), persistent=False)

    def forward(self, height: int, width: int, first: tuple[int, int] = (0, 0)) -> Tensor:
        """Return the noise of `height` x `width` places, `(channels, height, width)` float32.

        Args:
            height: rows.
            width: columns.
            first: row and column of the first of them.
        """
        tiles = [self._repeated(self.get_buffer(f"tile_{side}"), height, width, first) for side in TILE_SIDES]
        noise: Tensor = (tiles[0] + tiles[1]) * (0.5**0.5 / _DEVIATION)
        return noise

    @staticmethod
    def _repeated(tile: Tensor, height: int, width: int, first: tuple[int, int]) -> Tensor:
        side = tile.shape[1]
        rows = (torch.arange(height, device=tile.device) + first[0]) % side
        columns = (torch.arange(width, device=tile.device) + first[1]) % side
        return tile.index_select(2, columns).index_select(1, rows).float()  # rows last: they are copied whole


def _tile(rng: np.random.Generator, side: int, grain: int) -> np.ndarray:
    """Return whole numbers `(side, side)` int8 of mean 0, smooth over `grain` places also across the tile's borders."""
    numbers = rng.integers(-1000, 1001, (side, side))
    for axis in (0, 1):
        for _ in range(3):  # three box blurs are nearly a Gaussian's
            numbers = np.stack([np.roll(numbers, shift, axis) for shift in range(grain)]).sum(0)
    centred = numbers - numbers.mean()
    tile: np.ndarray = (_DEVIATION * centred / centred.std()).round().clip(-127, 127).astype(np.int8)
    return tile
