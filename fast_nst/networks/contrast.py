"""The photograph's own faint structure, made as strong everywhere: what strokes follow where it is nearly flat.

A sky is not blank: it has clouds too pale to see, a slope of light, grain. Beside edges that is too little for a
convolution to make strokes of; divided by its own strength around each place it is not ([Jarrett2009], where features
are normalised so). Strokes then follow what is there, while strokes made of noise alone lie over it. [Burt1983] is the
pyramid that the bands are taken from, here without halving.

References:
    [Burt1983] The Laplacian Pyramid as a Compact Image Code, IEEE Transactions on Communications 31.
    [Jarrett2009] What is the Best Multi-Stage Architecture for Object Recognition?, ICCV 2009.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIDES = (3, 5, 9, 17)
"""Of the boxes, one after the other, between which the bands lie, places."""
_AROUND = 17
"""Side of the box over which a band's strength is measured, of pairs of places: so much is enough, and cheap."""
_FLOOR = 1e-3
"""Deviation that is added to a band's own, by squares, in a range of 1: a quarter of a level of 255."""


class LocalContrast(nn.Module):
    """Bands of a photograph, each divided by its own deviation around each place.

    Args:
        period: px of a place.
    """

    channels = len(_SIDES) + 1
    """Four bands of lightness, from fine to coarse, and a middle one of red less blue."""
    reach = sum(side // 2 for side in _SIDES) + 2 * (_AROUND // 2) + 1
    """How far a place sees, places."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period

    def forward(self, picture: Tensor) -> Tensor:
        """Return the bands of `picture` `(N, 3, H, W)`, RGB in [0, 1]: `(N, 5, H / period, W / period)`, about +-3.

        H and W are multiples of twice the period. Where the picture is of one colour the bands are 0.
        """
        colours = F.avg_pool2d(picture, self.period)
        red, green, blue = (colours[:, channel : channel + 1] for channel in range(3))
        blurred = [torch.cat([(red + green + blue) / 3, red - blue], dim=1)]
        for side in _SIDES:
            blurred.append(_box(blurred[-1], side))
        of_lightness = [(fine - coarse)[:, :1] for fine, coarse in pairwise(blurred)]
        bands = torch.cat([*of_lightness, (blurred[1] - blurred[3])[:, 1:]], dim=1)
        energy = _box(F.avg_pool2d(bands * bands, 2), _AROUND)
        return bands / F.interpolate((energy + _FLOOR**2).sqrt(), scale_factor=2)


def _box(hidden: Tensor, side: int) -> Tensor:
    """Return the mean over a box around each place; beyond the border lies what lies at the border."""
    rim = side // 2
    hidden = F.pad(hidden, (rim, rim, rim, rim), mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(hidden, (side, 1), 1), (1, side), 1)
