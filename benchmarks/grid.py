"""Do networks leave a grid? The periodicity of pastiches at 2, 4 and 8 px against that of their photographs.

python benchmarks/grid.py PHOTOGRAPHS... --style STYLE.onnx [--style ...] [--size 512]

Two measures, of lines across and of lines down, 1 where there is no grid:

* edges: how unevenly edges fall on the phases of a period. The mean difference between neighbours is taken phase by
  phase, over all pictures; told is the largest of them over their mean. A grid that comes and goes with what is painted
  counts in full.
* energy: that of the period's own frequency over that of the frequencies beside it, the median over the pictures. A
  grid that is the same all over counts most.

The networks' own periods are 2 and 4 px, and 8 px of those with a detour at an eighth; photographs from JPEG files have
one of 8 px too, until they are resized.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence

import numpy as np

from fast_nst.images import Pixels, find_pictures, fit, read_pixels
from fast_nst.inference import Stylizer, find_style

PERIODS = (2, 4, 8)
_DIRECTIONS = {"down": 0, "across": 1}
_REACH = 6  # frequencies on either side to compare with, of which the nearest is left out
_BLOCK = 32  # sides are cut to a multiple of this, so that every period falls on a frequency


def edge_share(pictures: Sequence[Pixels], axis: int, period: int) -> float:
    """Return the share of `uint8 (H, W, 3)` pictures along an axis, all taken together."""
    phases = np.zeros(period)
    for pixels in pictures:
        grey = _cut(pixels).mean(2)
        steps = np.abs(np.diff(grey, axis=axis, append=grey[:1] if axis == 0 else grey[:, :1])).mean(1 - axis)
        steps[-1] = steps[-1 - period]  # the last has no neighbour
        phases += steps.reshape(-1, period).mean(0) / steps.mean()
    return float(phases.max() / phases.mean())


def energy_share(pictures: Sequence[Pixels], axis: int, period: int) -> float:
    """Return the share of `uint8 (H, W, 3)` pictures along an axis, the median of them."""
    return statistics.median(_energy_share(_cut(pixels).mean(2), axis, period) for pixels in pictures)


def _energy_share(grey: np.ndarray, axis: int, period: int) -> float:
    energies = (np.abs(np.fft.rfft(grey - grey.mean(), axis=axis)) ** 2).mean(1 - axis)
    place = grey.shape[axis] // period
    beside = [k for k in range(place - _REACH, place + _REACH + 1) if 0 < k < len(energies) and abs(k - place) > 1]
    return float(energies[place] / energies[beside].mean())


def _cut(pixels: Pixels) -> Pixels:
    height, width = (side // _BLOCK * _BLOCK for side in pixels.shape[:2])
    return pixels[:height, :width]


def main() -> None:
    """Print a line for the photographs and one for each style."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", nargs="+")
    parser.add_argument("--style", action="append", default=[], help="shipped, or an .onnx file; repeatable")
    parser.add_argument("--size", type=int, default=512, help="longer side of the photographs, px")
    args = parser.parse_args()
    photographs = [fit(read_pixels(path), args.size) for path, _ in find_pictures(args.photographs)]
    print(
        f"{len(photographs)} photographs, {args.size} px; {', '.join(map(str, PERIODS))} px {' and '.join(_DIRECTIONS)}"
    )
    _tell("photographs", photographs)
    for style in args.style:
        stylizer = Stylizer(find_style(style))
        _tell(style, [stylizer(photograph) for photograph in photographs])


def _tell(name: str, pictures: Sequence[Pixels]) -> None:
    for measure, share in (("edges", edge_share), ("energy", energy_share)):
        shares = [[share(pictures, axis, period) for period in PERIODS] for axis in _DIRECTIONS.values()]
        print(f"{name:30} {measure:7}" + "  |  ".join("  ".join(f"{share:.3f}" for share in line) for line in shares))


if __name__ == "__main__":
    sys.exit(main())
