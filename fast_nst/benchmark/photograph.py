"""A picture to paint, of any size, where nobody gives a photograph."""

import numpy as np
from PIL import Image

from fast_nst.images import Pixels

_SHAPES = 8  # to a side
_GRAIN = 12  # levels, up and down


def draw_photograph(height: int, width: int) -> Pixels:
    """Return smooth shapes with grain, always the same ones: uint8 `(height, width, 3)`."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (_SHAPES, _SHAPES, 3), dtype=np.uint8))
    shapes = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    shapes += rng.integers(-_GRAIN, _GRAIN + 1, (height, width, 1), dtype=np.int16)
    return shapes.clip(0, 255).astype(np.uint8)
