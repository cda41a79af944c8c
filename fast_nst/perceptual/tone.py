"""Tone: that what is light in the photograph is light in the pastiche, and what is dark is dark.

Neither content nor style asks for it. A painting's Gram matrices only say how much light and dark there is, and a
network's instance norms take the photograph's own brightness away: skies turn black over white fields, dark skin pale.
This term is not of the papers.
"""

import torch.nn.functional as F
from torch import Tensor

TONE_BLOCK = 16
"""Side of the blocks whose luminance is compared, px: strokes are free inside them, and faces are larger."""
_LUMINANCE = (0.299, 0.587, 0.114)  # of R, G and B, as in ITU-R BT.601
_FAINT = 0.01  # deviation of luminance, in [0, 1], below which there is hardly any light and dark to keep


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
    tones, wanted = _standardised(image), _standardised(target)
    return (wanted.square() - tones * wanted).mean(1)


def luminance(image: Tensor) -> Tensor:
    """Return the luminance of `(N, 3, H, W)` RGB: `(N, 1, H, W)`, in the same range."""
    weights = image.new_tensor(_LUMINANCE).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def _standardised(image: Tensor) -> Tensor:
    """Return the luminance of blocks, `(N, blocks)`, of mean 0 and deviation 1 but where there is hardly any."""
    block = max(1, min(TONE_BLOCK, min(image.shape[2:]) // 2))
    blocks = F.avg_pool2d(luminance(image), block).flatten(1)
    blocks = blocks - blocks.mean(1, keepdim=True)
    variance = blocks.square().mean(1, keepdim=True)
    return blocks / variance.clamp_min(_FAINT**2).sqrt()
