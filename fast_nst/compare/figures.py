"""All figures of a pastiche's appearance at once."""

import statistics
from collections.abc import Sequence

from torch import Tensor

from fast_nst.compare.appearance import (
    OCTAVES,
    Mask,
    colour_distance,
    flat_places,
    luminance_range,
    octave_shares,
    tone_kept,
)
from fast_nst.compare.encoder import Encoder
from fast_nst.compare.frechet import frechet_share, place_features
from fast_nst.images import Pixels
from fast_nst.perceptual import to_image

WHOLE_OCTAVES = tuple(f"octave_{number}" for number in range(1, OCTAVES + 1))
FLAT_OCTAVES = tuple(f"flat_octave_{number}" for number in range(1, OCTAVES + 1))
LUMINANCE = ("luminance_low", "luminance_high", "luminance_range")
OVER_ALL = (*LUMINANCE, "tone_kept", "colour_distance", "strokes", "flat_strokes", "deep_distance")
FIGURES = (*OVER_ALL, *WHOLE_OCTAVES, *FLAT_OCTAVES)
"""`strokes` and `flat_strokes` are the means of the octaves' shares, finest to broadest."""


class Viewer:
    """Says how pastiches look beside a painting; of several paintings, each figure is the mean.

    Args:
        paintings: each `uint8 (H, W, 3)`, at the size at which their strokes should be met.
        encoder: what sees the deep distance; without it that figure is None.
    """

    def __init__(self, paintings: Sequence[Pixels], encoder: Encoder | None = None) -> None:
        self.paintings, self.encoder = paintings, encoder
        self._points = [self._places(painting) for painting in paintings] if encoder else []

    @property
    def painting(self) -> dict[str, float | None]:
        """Return the paintings' own luminance, by the names of `LUMINANCE`."""
        return _means([_luminance(painting) for painting in self.paintings])

    def __call__(self, photograph: Pixels, pastiche: Pixels) -> dict[str, float | None]:
        """Return the figures of `FIGURES`; None where one cannot be had.

        Args:
            photograph: `uint8 (H, W, 3)`.
            pastiche: of the same size.
        """
        flat = flat_places(photograph)
        beside = _means([_beside(pastiche, painting, flat) for painting in self.paintings])
        found = _luminance(pastiche) | {"tone_kept": tone_kept(photograph, pastiche)} | beside
        found["deep_distance"] = self._deep_distance(pastiche)
        return {name: found[name] for name in FIGURES}

    def _deep_distance(self, pastiche: Pixels) -> float | None:
        if not self._points:
            return None
        points = self._places(pastiche)
        return statistics.fmean(frechet_share(points, painting) for painting in self._points)

    def _places(self, pixels: Pixels) -> Tensor:
        assert self.encoder is not None
        return place_features(to_image(pixels), self.encoder)


def _luminance(pixels: Pixels) -> dict[str, float | None]:
    low, high = luminance_range(pixels)
    return dict(zip(LUMINANCE, (low, high, high - low), strict=True))


def _beside(pastiche: Pixels, painting: Pixels, flat: Sequence[Mask]) -> dict[str, float | None]:
    """Return the figures that hold a pastiche against one painting."""
    whole, in_flat = octave_shares(pastiche, painting), octave_shares(pastiche, painting, flat)
    return {
        "colour_distance": colour_distance(pastiche, painting),
        "strokes": _mean(whole),
        "flat_strokes": _mean(in_flat),
        **dict(zip(WHOLE_OCTAVES, whole, strict=True)),
        **dict(zip(FLAT_OCTAVES, in_flat, strict=True)),
    }


def _means(found: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    return {name: _mean([one[name] for one in found]) for name in found[0]}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
