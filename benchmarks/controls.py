"""What each control costs: seconds of one picture with it and without, in turns.

    python benchmarks/controls.py -o controls.json [--size 1024] [--rounds 15]

The picture is one of scikit-image's, brought to the size; painted is from pixels to finished pixels, in one piece, by
the shipped network of many styles. Told are the median of the ratio to the same style without controls, and its
quartiles.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx

from fast_nst.controls.color import ColorStatistics
from fast_nst.controls.finish import Finish
from fast_nst.controls.mask import Mask, Regions
from fast_nst.export.fixing import fix_controls
from fast_nst.images import Picture, atomic_path, fit, read_pixels
from fast_nst.inference import Stylizer
from fast_nst.inference.demo import find_photographs
from fast_nst.large.any_size import AnySizeStylizer
from fast_nst.measure.machine import describe_machine

STYLE, OTHER = "great-wave", "the-scream"


def main() -> None:
    """Time all in turns, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    ways = paints(args.size, args.output.with_suffix(".onnx"))
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(args.rounds + 2):
        for name, paint in ways.items():
            began = time.perf_counter()
            paint()
            if number > 1:  # the first two warm up
                times[name].append(time.perf_counter() - began)
    plain = np.array(times[next(iter(ways))])
    told = {name: np.quantile(np.array(seconds) / plain, (0.25, 0.5, 0.75)).tolist() for name, seconds in times.items()}
    for name, (low, middle, high) in told.items():
        print(f"{name}: {middle:.2f} ({low:.2f} to {high:.2f}), {1000 * np.median(times[name]):.0f} ms")
    report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "size": args.size,
        "rounds": args.rounds,
        "seconds": {name: float(np.median(seconds)) for name, seconds in times.items()},
        "ratio_quartiles": told,
    }
    with atomic_path(args.output) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    args.output.with_suffix(".onnx").unlink()


def paints(size: int, fixed: Path) -> dict[str, Callable[[], object]]:
    """Return what paints the picture in each way, first without controls: style and strength fixed in a file."""
    pixels = fit(read_pixels(find_photographs()[0]), size)
    height, width = pixels.shape[:2]
    stylizer = Stylizer(f"many/{STYLE}")
    onnx.save(fix_controls(stylizer), fixed)
    slope = np.rint(255 * np.linspace(0, 1, width)[None].repeat(height, axis=0)).astype(np.uint8)
    regions = Regions([[Mask(slope)], [Mask(slope).inverted()]])
    hidden = np.where(slope > 60, 255, 0).astype(np.uint8)
    plain, picture = AnySizeStylizer(Stylizer(fixed)), Picture(pixels)
    ways = {
        "without": plain,
        "--style and --strength 1 as inputs": AnySizeStylizer(stylizer),
        "--strength 0.5": AnySizeStylizer(stylizer.choose(strength=0.5)),
        "a mixture of two": AnySizeStylizer(stylizer.choose([STYLE, OTHER])),
        "--preserve-color luminance": AnySizeStylizer(Stylizer(fixed), finish=Finish(preserve_color="luminance")),
        "--preserve-color statistics": AnySizeStylizer(Stylizer(fixed), finish=Finish(preserve_color="statistics")),
        "--color-from": AnySizeStylizer(Stylizer(fixed), finish=Finish(colors=ColorStatistics.of(pixels[::-1, :40]))),
        "--mask": AnySizeStylizer(Stylizer(fixed), finish=Finish(regions=Regions([[Mask(slope)]]))),
        "two styles by masks": AnySizeStylizer(
            stylizer,
            regions=[stylizer.choose([STYLE]), stylizer.choose([OTHER])],
            finish=Finish(regions=regions),
        ),
        f"--stroke-size {size // 2}": AnySizeStylizer(Stylizer(fixed), stroke_size=size // 2),
    }
    calls: dict[str, Callable[[], object]] = {
        name: lambda painter=painter: painter.paint(picture) for name, painter in ways.items()
    }
    calls["a quarter transparent"] = lambda: plain.paint(Picture(pixels, hidden))
    return calls


if __name__ == "__main__":
    sys.exit(main())
