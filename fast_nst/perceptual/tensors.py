"""Pixels outside PyTorch, images inside: `uint8 (H, W, 3)` and float32 `(1, 3, H, W)` RGB in [0, 1]."""

import torch
from torch import Tensor

from fast_nst.images import Pixels


def to_image(pixels: Pixels) -> Tensor:
    """Return `uint8 (H, W, 3)` pixels as an image `(1, 3, H, W)`, float32 in [0, 1]."""
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255


def to_pixels(image: Tensor) -> Pixels:
    """Return an image `(1, 3, H, W)` as `uint8 (H, W, 3)`, clamped to [0, 1] and rounded to the nearest level."""
    pixels: Pixels = (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return pixels
