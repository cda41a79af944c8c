"""Masks: the style inside, the photograph outside, or each style in its region.

A mask is a picture: white is inside, black outside, grey in between. One with transparency, as programs write a
cut-out, is inside where it is opaque. A label map is a picture of few values, one for each region: grey levels, or the
numbers of a palette. Either may have any size; it is stretched to the picture's, softly.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from fast_nst.errors import ConfigError, ImageError
from fast_nst.images import MAX_MEGAPIXELS, Pixels, read_header, read_picture

_LABEL_MODES = ("P", "L", "I;16", "I;16B", "I;16L", "I")
_MOST_LABELS = 64  # values in a label map; more, and it is a photograph
_TRACE = np.float32(1e-6)  # of each region, everywhere
_REACH = 2  # px of a mask around a strip, that a bilinear filter may look at

Shares = npt.NDArray[np.float32]


class Mask:
    """How much of each place is inside, `(h, w)` uint8, for pictures of any size.

    Args:
        levels: 0 is outside, 255 inside; or bool, True inside.

    Raises:
        ValueError: if they are of another type or shape.
    """

    def __init__(self, levels: Pixels | npt.NDArray[np.bool_]) -> None:
        if levels.ndim != 2 or levels.dtype not in (np.uint8, np.bool_):
            raise ValueError(f"a mask is uint8 or bool, of shape (h, w), not {levels.dtype} {levels.shape}")
        self.levels: Pixels = (
            levels * np.uint8(255) if levels.dtype == np.bool_ else levels.astype(np.uint8, copy=False)
        )

    @classmethod
    def read(cls, path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> "Mask":
        """Read a mask from a file; raises `ImageError` if it cannot be read, or is too large."""
        picture = read_picture(path, max_megapixels=max_megapixels)
        if picture.alpha is not None and picture.alpha.min() < 255:
            return cls(picture.alpha)
        return cls(np.asarray(Image.fromarray(picture.pixels).convert("L")))

    def inverted(self) -> "Mask":
        """Return one whose inside is this one's outside."""
        return Mask(255 - self.levels)

    def rows(self, top: int, bottom: int, width: int, height: int) -> Shares:
        """Return the rows from `top` to before `bottom` for a picture of width x height px: `(rows, width)` in [0, 1].

        The same, to a hundred-thousandth, whatever rows are asked for at a time.
        """
        shares: Shares = stretched(self.levels, top, bottom, width, height) / np.float32(255)
        return shares


def stretched(plane: Pixels, top: int, bottom: int, width: int, height: int) -> Shares:
    """Return rows of a plane `(h, w)` uint8 brought to height x width: bilinear where it grows, means where not."""
    if plane.shape == (height, width):
        return plane[top:bottom].astype(np.float32)
    scale = plane.shape[0] / height
    reach = _REACH * max(1.0, scale)
    first, last = max(0, int(top * scale - reach)), min(len(plane), int(np.ceil(bottom * scale + reach)))
    box = (0.0, top * scale - first, float(plane.shape[1]), bottom * scale - first)
    part = Image.fromarray(plane[first:last].astype(np.float32))
    return np.asarray(part.resize((width, bottom - top), Image.Resampling.BILINEAR, box), np.float32)


class Regions:
    """Which of several styles is where.

    Args:
        masks: of each region, one or several; where regions overlap they share.
        has_ground: whether one more region, the last, has all that is in none; else that is the photograph's.
    """

    def __init__(self, masks: Sequence[Sequence[Mask]], *, has_ground: bool = False) -> None:
        self._masks, self._has_ground = masks, has_ground

    def of(self, _source: Path | None) -> Self:
        """Return these, for every picture."""
        return self

    def inside(self, top: int, bottom: int, width: int, height: int) -> Shares:
        """Return how much of each pixel is in any region: `(rows, width)` in [0, 1]."""
        return np.asarray(self._shares(top, bottom, width, height).sum(0).clip(0, 1), np.float32)

    def rows(self, top: int, bottom: int, width: int, height: int) -> Shares:
        """Return what each region has of each pixel, `(K, rows, width)`: 1 in all, even where there is none of them."""
        shares = self._shares(top, bottom, width, height) + _TRACE
        return np.asarray(shares / shares.sum(0), np.float32)

    def _shares(self, top: int, bottom: int, width: int, height: int) -> Shares:
        shares = [sum(mask.rows(top, bottom, width, height) for mask in masks) for masks in self._masks]
        if self._has_ground:
            shares.append(1 - np.clip(sum(shares), 0, 1))
        return np.stack(shares).astype(np.float32)


def read_labels(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> Mapping[int, Mask]:
    """Read a label map: the mask of each value that occurs.

    Values are those of a grey picture, of 8 or 16 bits, or the numbers of a palette.

    Raises:
        ImageError: if the file cannot be read, is too large, in colour or a JPEG, or has more than 64 values.
    """
    read_header(path, max_megapixels=max_megapixels)
    try:
        with Image.open(path) as image:
            if image.format == "JPEG":
                raise ImageError(f"{path}: JPEG changes the values of a label map; save it as PNG")
            upright = ImageOps.exif_transpose(image)
            values = np.asarray(upright if upright.mode in _LABEL_MODES else _as_grey(path, upright))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: cannot be read as a label map ({error})") from error
    found = np.unique(values)
    if len(found) > _MOST_LABELS:
        raise ImageError(f"{path}: {len(found)} values are no label map; expected at most {_MOST_LABELS}, one a region")
    return {int(value): Mask(values == value) for value in found}


def _as_grey(path: Path, image: Image.Image) -> Image.Image:
    pixels = np.asarray(image.convert("RGB"))
    if (pixels != pixels[..., :1]).any():
        raise ImageError(f"{path}: a label map has grey values or a palette, not colours; save it as one of these")
    return image.convert("L")


def check_labels(path: Path, known: Mapping[int, Mask], wanted: Sequence[int]) -> None:
    """Raise `ConfigError` for a value that a label map does not have."""
    for value in wanted:
        if value not in known:
            raise ConfigError(f"{path} has no label {value}; it has {', '.join(map(str, known))}")


def lay_over(content: Pixels, pastiche: Pixels, shares: Shares) -> Pixels:
    """Lay the pastiche over the photograph.

    Args:
        content: uint8 `(h, W, 3)`.
        pastiche: uint8, same shape.
        shares: of the pastiche, `(h, W)` in [0, 1]: 1 is the pastiche to the bit, 0 the photograph.

    Returns:
        uint8, same shape.
    """
    apart = pastiche.astype(np.float32) - content
    return np.rint(content + shares[..., None] * apart).astype(np.uint8)
