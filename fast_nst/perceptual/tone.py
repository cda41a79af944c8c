"""Tone and hue: that what is light in the photograph is light in the pastiche, and what is warm is warm.

Neither content nor style asks for it. A painting's Gram matrices only say how much light and dark there is, and a
network's instance norms take the photograph's own brightness and colours away: skies turn black over white fields, dark
skin pale, and all that is left of many colours is one. These terms are not of the papers.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

TONE_BLOCK = 16
"""Side of the blocks that are compared, px: strokes are free inside them, and faces are larger."""
_LUMINANCE = (0.299, 0.587, 0.114)  # of R, G and B, as in ITU-R BT.601
_FAINT = 0.01  # deviation, of values in [0, 1], below which there is hardly any light and dark, or colour, to keep


def tone_loss(image: Tensor, target: Tensor) -> Tensor:
    """One less the correlation of two pictures' blurred luminance: where light and dark are, not how light or dark.

    Luminance is averaged over blocks of 16x16 px (of half the shorter side, in pictures of less than 32 px; a rest at
    the right and bottom is left out), and brought to mean 0 and deviation 1 over the picture. The mean product of the
    two is the correlation. So a pastiche may be darker than the photograph, or have less contrast, at no cost.

    Args:
        image: the pastiche, `(N, 3, H, W)` RGB in [0, 1].
        target: the photograph, same shape.

    Returns:
        `(N,)`: 0 where one is the other but for brightness and contrast, 1 where they have nothing in common, 2 for a
        negative. A pastiche of one tone costs 1; where the photograph is of one tone, there is nothing to keep, and all
        is 0.
    """
    return _unlike(luminance(image), luminance(target))


def hue_loss(image: Tensor, target: Tensor) -> Tensor:
    """One less the correlation of two pictures' blurred colours: where warm and cold are, not how strong.

    Colours are red less blue, and green less the mean of both, as they differ from their means over the picture. The
    two together are brought to deviation 1 and compared as luminance is in `tone_loss`. So weaker colours cost nothing,
    and other ones little, as long as what was redder than the rest, or greener, stays so.

    Args:
        image: the pastiche, `(N, 3, H, W)` RGB in [0, 1].
        target: the photograph, same shape.

    Returns:
        `(N,)`: as `tone_loss`; a pastiche of one hue costs 1, and where the photograph is grey all is 0.
    """
    return _unlike(_opponents(image), _opponents(target))


def luminance(image: Tensor) -> Tensor:
    """Return the luminance of `(N, 3, H, W)` RGB: `(N, 1, H, W)`, in the same range."""
    weights = image.new_tensor(_LUMINANCE).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def _opponents(image: Tensor) -> Tensor:
    """Return red less blue, and green less the mean of both, `(N, 2, H, W)`."""
    red, green, blue = image.unbind(1)
    return torch.stack([red - blue, green - (red + blue) / 2], dim=1)


def _unlike(image: Tensor, target: Tensor) -> Tensor:
    """Return one less the correlation of the blocks of two pictures `(N, C, H, W)`, over all channels: `(N,)`."""
    found, wanted = _standardised(image), _standardised(target)
    return (wanted.square() - found * wanted).mean(1)


def _standardised(image: Tensor) -> Tensor:
    """Return the blocks of a picture, `(N, C * blocks)`: of mean 0, and deviation 1 but where there is hardly any."""
    block = max(1, min(TONE_BLOCK, min(image.shape[2:]) // 2))
    blocks = F.avg_pool2d(image, block)
    centred = (blocks - blocks.mean((2, 3), keepdim=True)).flatten(1)
    variance = centred.square().mean(1, keepdim=True)
    return centred / variance.clamp_min(_FAINT**2).sqrt()
