"""At which size a picture is painted, so that its strokes are seen."""

from typing import Literal

from fast_nst.errors import ConfigError
from fast_nst.images import fit_size

StrokeSize = int | Literal["auto"] | None
"""Longer side in px of the picture whose strokes a larger one gets; `auto` for a good one, None for none."""

AUTO_PIXELS = 1_500_000
"""Pixels that a larger picture is painted with by `auto`: as many as the largest that is painted as it is, so that two
pictures just below and just above look alike."""

_LEAST = 64


def parse_stroke_size(text: str) -> StrokeSize:
    """Return what `auto`, `none` or a number of pixels stands for.

    Raises:
        ConfigError: when it is none of them, or less than 64 px.
    """
    if text == "auto":
        return "auto"
    if text == "none":
        return None
    if not text.isdecimal() or int(text) < _LEAST:
        raise ConfigError(
            f"{text!r} is no size of strokes; expected auto, none, or a longer side of at least {_LEAST} px"
        )
    return int(text)


def painted_shape(height: int, width: int, stroke_size: StrokeSize) -> tuple[int, int]:
    """Return the height and width in px at which a picture is painted: its own, or smaller ones of the same shape."""
    longer_side = max(height, width)
    if stroke_size is None:
        return height, width
    if stroke_size == "auto":
        side = round(longer_side * min(1.0, (AUTO_PIXELS / (height * width)) ** 0.5))
    else:
        side = min(stroke_size, longer_side)
    return fit_size(height, width, side)
