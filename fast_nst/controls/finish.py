"""What becomes of a pastiche before it is written: its colours, and where it is seen."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from fast_nst.controls.color import ColorStatistics, match_statistics, preserve_luminance
from fast_nst.controls.mask import Regions, lay_over
from fast_nst.images.rows import Rows

PreserveColor = Literal["luminance", "statistics"]
_STRIP_PIXELS = 2**18  # that are handled at a time, 80 bytes for each


class RegionsOf(Protocol):
    """The regions of many pictures: `RegionFiles`, or `Regions` that are the same for all."""

    def of(self, source: Path | None) -> Regions:
        """Return those of the picture that was read from a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """What becomes of the pastiches of many pictures: their colours, and where they are seen."""

    preserve_color: PreserveColor | None = None
    """Take the photograph's colours, by luminance or by statistics."""
    colors: ColorStatistics | None = None
    """Take those of another picture."""
    regions: RegionsOf | None = None
    """Where the pastiche is seen; elsewhere the photograph."""

    def __call__(
        self, content: Rows, pastiche: Rows, alpha: Rows | None, size: tuple[int, int], source: Path | None
    ) -> None:
        """Finish a pastiche, in place.

        Args:
            content: the photograph, uint8 `(H, W, 3)`.
            pastiche: the same, of the network.
            alpha: uint8 `(H, W)`, what counts in statistics of colours; None: all alike.
            size: W and H.
            source: the photograph's file, to which a mask may belong; None if it has none.

        Raises:
            ImageError: if the picture's mask is missing or cannot be read.
        """
        width, height = size
        regions = None if self.regions is None else self.regions.of(source)
        wanted = self.colors
        if self.preserve_color == "statistics":
            wanted = statistics_of(content, alpha, size)
        own = None if wanted is None else statistics_of(pastiche, alpha, size)
        if own is None and self.preserve_color is None and regions is None:
            return
        for top, bottom in _strips(*size):
            rows, photograph = pastiche.read(top, bottom), content.read(top, bottom)
            if own is not None and wanted is not None:
                rows = match_statistics(rows, own, wanted)
            if self.preserve_color == "luminance":
                rows = preserve_luminance(photograph, rows)
            if regions is not None:
                rows = lay_over(photograph, rows, regions.inside(top, bottom, width, height))
            pastiche.write(top, rows)


def statistics_of(pixels: Rows, alpha: Rows | None, size: tuple[int, int]) -> ColorStatistics:
    """Return the statistics of a picture's colours, W x H px of them, gathered strip by strip."""
    found = ColorStatistics.none()
    for top, bottom in _strips(*size):
        found += ColorStatistics.of(pixels.read(top, bottom), None if alpha is None else alpha.read(top, bottom))
    return found


def _strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)
