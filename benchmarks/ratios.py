"""Is a smaller network worse? Its objective on photographs that no training saw, as a ratio to another network's.

    python benchmarks/ratios.py UNSEEN --loss-network FILE -o ratios.json --pair PAINTING OURS.onnx THEIRS.onnx ...

Each pair learnt the same painting. Both repaint every photograph at 256 and 512 px and are judged by the default
objective; told is the median, over all pairs and photographs, of the ratio of the totals, and each pair's own.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from fast_nst.compare.judge import default_objective, judge, median_terms
from fast_nst.images import atomic_path, find_pictures
from fast_nst.inference import Stylizer

SIZES = (256, 512)


def main() -> None:
    """Judge, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unseen")
    parser.add_argument("--loss-network", default="vgg19")
    parser.add_argument("--pair", nargs=3, action="append", required=True, metavar=("PAINTING", "OURS", "THEIRS"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    photographs = [path for path, _ in find_pictures([args.unseen])]
    pairs, all_ratios = [], {size: [] for size in SIZES}
    for painting, *models in args.pair:
        found = compare(painting, models, photographs, args.loss_network)
        for size in SIZES:
            all_ratios[size] += found[str(size)].pop("ratios")
        print(*(f"{size} px {found[str(size)]}" for size in SIZES), flush=True)
        pairs.append({"painting": Path(painting).stem, **found})
    ratios = {str(size): _spread(all_ratios[size]) for size in SIZES}
    with atomic_path(args.output) as temporary:
        found = {"photographs": len(photographs), "ratio": ratios, "pairs": pairs}
        temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(ratios)


def compare(painting: str, models: list[str], photographs: list[Path], loss_network: str) -> dict[str, Any]:
    """Return the median terms of two models by size, and the ratio of their totals on each photograph."""
    objective, stylizers = default_objective(painting, loss_network), [Stylizer(model) for model in models]
    found: dict[str, Any] = {"presets": [stylizer.info.preset for stylizer in stylizers]}
    for size in SIZES:
        ours, theirs = (judge(objective, stylizer, photographs, size) for stylizer in stylizers)
        ratios = [one["total"] / other["total"] for one, other in zip(ours, theirs, strict=True)]
        medians = {"ours": median_terms(ours), "theirs": median_terms(theirs)}
        found[str(size)] = {**medians, "ratio": _spread(ratios), "ratios": ratios}
    return found


def _spread(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": middle, "lower_quartile": low, "upper_quartile": high}


if __name__ == "__main__":
    sys.exit(main())
