"""What strength does: content and style terms from the photograph to one and a half times the style, model by model.

    python benchmarks/strength.py UNSEEN --loss-network FILE -o strength --pair PAINTING MODEL ...

Every photograph is repainted at strengths from 0 to 1.5 and judged by the default objective; told are the medians. Up
to 1 a blend is judged beside it: the pixels of photograph and pastiche mixed in the same shares. Written are
`strength.json` and `strength.png`, where each curve goes from the photograph, at the left, to the right and down.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fast_nst.compare.judge import default_objective, judge, median_terms
from fast_nst.images import Pixels, atomic_path, find_pictures
from fast_nst.inference import Stylizer

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_COLORS = 10  # of a chart; models beyond have them again, with squares


def main() -> None:
    """Judge, write, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unseen")
    parser.add_argument("--loss-network", default="vgg19")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pair", nargs=2, action="append", required=True, metavar=("PAINTING", "MODEL"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    photographs = [path for path, _ in find_pictures([args.unseen])]
    found = {}
    for painting, model in args.pair:
        objective, stylizer = default_objective(painting, args.loss_network), Stylizer(model)
        paints = {
            "strength": lambda strength, stylizer=stylizer: stylizer.choose(strength=strength),
            "blend": lambda share, stylizer=stylizer: blended(stylizer, share),
        }
        name = f"{stylizer.path.stem}/{stylizer.name}" if stylizer.styles else stylizer.name
        found[name] = {
            way: {
                str(strength): median_terms(judge(objective, paint(strength), photographs, args.size))
                for strength in STRENGTHS
                if way == "strength" or strength <= 1
            }
            for way, paint in paints.items()
        }
        print(name, describe(found[name]), flush=True)
    with atomic_path(args.output.with_suffix(".json")) as temporary:
        told = {"photographs": len(photographs), "size": args.size, "models": found}
        temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    draw(found, args.output.with_suffix(".png"))


def blended(stylizer: Stylizer, share: float) -> Callable[[Pixels], Pixels]:
    """Return what mixes the pixels of photograph and pastiche."""

    def paint(content: Pixels) -> Pixels:
        return np.rint((1 - share) * content + share * stylizer(content)).astype(np.uint8)

    return paint


def describe(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Say the terms at each strength, and whether they go one way."""
    curve = found["strength"].values()
    told = "  ".join(f"{terms['content']:.3f}/{terms['style']:.3f}" for terms in curve)
    ways = [np.diff([terms[term] for terms in curve]) for term in ("content", "style")]
    return f"{told}  content rises: {(ways[0] > 0).all()}, style falls: {(ways[1] < 0).all()}"


def draw(found: dict[str, dict[str, dict[str, dict[str, float]]]], path: Path) -> None:
    """Draw style against content: a curve a model, and the blend's dotted."""
    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    axes = figure.subplots()
    for number, (name, ways) in enumerate(found.items()):
        marker = "o" if number < _COLORS else "s"
        for way, line in (("strength", f"-{marker}"), ("blend", ":")):
            curve = ways[way].values()
            places = [terms["content"] for terms in curve], [terms["style"] for terms in curve]
            label = name if way == "strength" else None
            axes.plot(*places, line, color=f"C{number % _COLORS}", markersize=4, label=label)
    axes.set_yscale("log")
    axes.set(xlabel="content term", ylabel="style term", title="Strength 0 to 1.5; dotted: pixels blended, 0 to 1")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


if __name__ == "__main__":
    sys.exit(main())
