"""What a picture is in memory, and its size."""

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

StrPath = str | os.PathLike[str]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as the rest of the package sees it.

    Attributes:
        pixels: `uint8 (H, W, 3)`, RGB, sRGB, upright.  Under full transparency, whatever the file holds there.
        alpha: `uint8 (H, W)`, 0 transparent to 255 opaque, or `None` where the file has no transparency.
        exif: the EXIF data that still holds (no thumbnail, no maker notes), its orientation reset, or `None`.
        notes: what a person should be told about the file, for example `"first of 12 frames"`.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Resample `uint8 (H, W, 3)` pixels or a `(H, W)` plane to `height` x `width` px, by Lanczos."""
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def fit_size(height: int, width: int, longer_side: int) -> tuple[int, int]:
    """Return the `(height, width)` in px of the same shape whose longer side is `longer_side`; no side below 1."""
    scale = longer_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit(pixels: Pixels, longer_side: int) -> Pixels:
    """Resample `uint8 (H, W, 3)` pixels so that their longer side is `longer_side` px."""
    height, width = pixels.shape[:2]
    return resize(pixels, *fit_size(height, width, longer_side))
