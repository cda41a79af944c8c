"""Augmentation of what a discriminator sees, so that it cannot learn a small collection by heart.

Real pictures and pastiches are changed in the same ways, by chance, and gradients go through to the pastiches
[Zhao2020]. How often is set by how sure the discriminator is of the real ones [Karras2020]: it learns them by heart
where it calls nearly all of them real, and then sees them changed more often.

The changes are those of [Zhao2020], with smaller ranges of light and colour, and each is made by chance, as in
[Karras2020]. Mirroring, which the latter has too, is left to the crops.

References:
    [Zhao2020] Differentiable Augmentation for Data-Efficient GAN Training, arXiv:2006.10738.
    [Karras2020] Training Generative Adversarial Networks with Limited Data, arXiv:2006.06676.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_SHIFT = 1 / 8  # of the picture's side, at most
_HOLE = 1 / 2  # side of what is cut out, as a share of the picture's
_SPEED = 4000  # pictures in which the probability can go from 0 to 1; [Karras2020] has 500,000, for runs of millions
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.2, 0.3, 0.3  # at most


def augment(pictures: Tensor, probability: float, rngs: Sequence[np.random.Generator]) -> Tensor:
    """Move, light, and cut a hole into pictures, each of these with some probability for each picture.

    Args:
        pictures: `(N, 3, H, W)` RGB in [0, 1].
        probability: of each change, in [0, 1].
        rngs: of the draws, one for each picture.

    Returns:
        The same shape; the values may leave [0, 1]. What moves in from beyond the border, and the hole, is mid-grey.
    """
    return torch.stack([_changed(picture, probability, rng) for picture, rng in zip(pictures, rngs, strict=True)])


def _changed(picture: Tensor, probability: float, rng: np.random.Generator) -> Tensor:
    is_moved, is_lit, is_cut = rng.random(3) < probability
    if is_lit:
        picture = _lit(picture, rng)
    if is_moved:
        picture = _moved(picture, rng)
    return _cut(picture, rng) if is_cut else picture


def _lit(picture: Tensor, rng: np.random.Generator) -> Tensor:
    grey = picture.mean(0, keepdim=True)
    picture = grey + (picture - grey) * (1 + rng.uniform(-_SATURATION, _SATURATION))
    middle = picture.mean()
    return middle + (picture - middle) * (1 + rng.uniform(-_CONTRAST, _CONTRAST)) + rng.uniform(-1, 1) * _BRIGHTNESS


def _moved(picture: Tensor, rng: np.random.Generator) -> Tensor:
    height, width = picture.shape[1:]
    down, right = (int(rng.integers(-int(side * _SHIFT), int(side * _SHIFT) + 1)) for side in (height, width))
    moved = torch.full_like(picture, 0.5)
    moved[:, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = picture[
        :, max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return moved


def _cut(picture: Tensor, rng: np.random.Generator) -> Tensor:
    height, width = picture.shape[1:]
    rows, columns = int(height * _HOLE), int(width * _HOLE)
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    kept = torch.ones_like(picture[:1])
    kept[:, top : top + rows, left : left + columns] = 0
    return kept * picture + (1 - kept) * 0.5


def adapted(probability: float, agreement: float, pictures: int, *, target: float) -> float:
    """Return the probability of the next step, a little more or less [Karras2020].

    Args:
        probability: of this step.
        agreement: r_t, the share of real patches that the discriminator calls real, less that of the others.
        pictures: real ones since it was set.
        target: the agreement to keep.
    """
    step = pictures / _SPEED if agreement > target else -pictures / _SPEED
    return min(max(probability + step, 0.0), 1.0)
