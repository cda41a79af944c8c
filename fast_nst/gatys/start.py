"""The picture that an optimisation starts from."""

import os

import torch
from torch import Tensor

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.gatys.config import GatysConfig
from fast_nst.images import Pixels, read_pixels, resize
from fast_nst.perceptual import to_image

STARTS = ("content", "style", "noise", "grey")
_NOISE = 1 / 255  # standard deviation of a start from noise around mid-grey: that of [Johnson2016]'s Torch code


def start_image(config: GatysConfig, content: Tensor, style: Pixels) -> Tensor:
    """Return the image to start from, as `config.init` says.

    Args:
        config: where to start, and the seed of the noise, which is white, around mid-grey.
        content: the photograph, `(1, 3, H, W)` in [0, 1], on the CPU.
        style: the painting, `uint8 (H, W, 3)`.

    Returns:
        An image of the shape of `content`; the painting, or a picture, is stretched to that shape.

    Raises:
        ConfigError: when `config.init` is neither a known start nor a file.
        ImageError: when the file is not a picture.
    """
    if config.init == "content":
        return content
    if config.init == "grey":
        return torch.full_like(content, 0.5)
    if config.init == "noise":
        noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(config.seed))
        return (0.5 + _NOISE * noise).clamp(0, 1)
    if config.init == "style":
        pixels = style
    elif os.path.exists(config.init):  # noqa: PTH110 (Path.exists raises on an overlong name)
        pixels = read_pixels(config.init, max_megapixels=config.max_megapixels)
    else:
        hint = did_you_mean(config.init, STARTS)
        known = ", ".join(STARTS)
        raise ConfigError(f"init is {config.init!r}, expected {known} or the path of a picture{hint}")
    height, width = content.shape[2:]
    return to_image(resize(pixels, height, width))
