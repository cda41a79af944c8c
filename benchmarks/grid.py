"""Is there a grid in pastiches? Energy at the periods that networks leave, over that of the frequencies beside them.

python benchmarks/grid.py PICTURES...

1 means no grid, as in photographs. The periods are those of networks that halve and double twice: 2 and 4 px.
"""

import argparse
import statistics
import sys

import numpy as np

from fast_nst.images import Pixels, find_pictures, read_pixels

PERIODS = (2, 4)
_REACH = 6  # frequencies on either side to compare with, of which the nearest is left out
_BLOCK = 32  # sides are cut to a multiple of this, so that every period falls on a frequency


def grid_energy(pixels: Pixels, axis: int, period: int) -> float:
    """Return the share, for lines of `uint8 (H, W, 3)` pixels along an axis."""
    height, width = (side // _BLOCK * _BLOCK for side in pixels.shape[:2])
    grey = pixels[:height, :width].mean(2)
    energies = (np.abs(np.fft.rfft(grey - grey.mean(), axis=axis)) ** 2).mean(1 - axis)
    place = grey.shape[axis] // period
    beside = [k for k in range(place - _REACH, place + _REACH + 1) if 0 < k < len(energies) and abs(k - place) > 1]
    return float(energies[place] / energies[beside].mean())


def main() -> None:
    """Print the median over the pictures, by direction and period."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+")
    pictures = [read_pixels(path) for path, _ in find_pictures(parser.parse_args().pictures)]
    for axis, name in enumerate(("down", "across")):
        medians = (statistics.median(grid_energy(pixels, axis, period) for pixels in pictures) for period in PERIODS)
        shares = "  ".join(f"{period} px {median:.2f}" for period, median in zip(PERIODS, medians, strict=True))
        print(f"{name}: {shares}  ({len(pictures)} pictures)")


if __name__ == "__main__":
    sys.exit(main())
