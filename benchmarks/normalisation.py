"""How much of k* is the objective's normalisation? The same pastiches, judged and raced under several objectives.

python benchmarks/normalisation.py MODEL.onnx PAINTING PHOTO... -o normalisation.json --loss-network FILE

Under every objective the weights are such that the network's pastiches have the shares of content, style and total
variation that they have under the objective they were trained on: what differs is how layers, levels and pixels count.
"""

import argparse
import hashlib
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fast_nst.compare.k_star import k_star
from fast_nst.compare.session import trained_objective
from fast_nst.gatys import GatysConfig, optimize, start_image
from fast_nst.images import atomic_path, fit, read_pixels
from fast_nst.inference import Stylizer
from fast_nst.measure.machine import describe_machine
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image

VARIANTS = {
    "relative, three levels (trained on)": {},
    "relative, one level": {"style_levels": 1},
    "Johnson's constants, three levels": {"constants": "johnson2016"},
    "Johnson's constants, one level": {"constants": "johnson2016", "style_levels": 1},
    "Gatys' constants, one level": {"constants": "gatys2016", "style_levels": 1},
}


@dataclass(frozen=True)
class Pair:
    """A photograph and what the network makes of it, each `(1, 3, H, W)` in [0, 1]."""

    photo: Tensor
    pastiche: Tensor


@torch.no_grad()
def judge(objective: Objective, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return the median of each term over the network's pastiches."""
    losses = [objective(pair.pastiche, objective.content_targets(pair.photo)).floats() for pair in pairs]
    return {name: statistics.median(loss[name] for loss in losses) for name in losses[0]}


def balanced(config: ObjectiveConfig, painting: Tensor, pairs: Sequence[Pair], trained: dict[str, float]) -> Objective:
    """Return the objective with the weights that give the pastiches the shares they have as trained."""
    plain = replace(config, content_weight=1.0, style_weight=1.0, tv_weight=1.0)
    terms = judge(Objective(plain, painting), pairs)
    weights = {f"{name}_weight": trained[name] / terms[name] for name in ("content", "style", "tv")}
    return Objective(replace(config, **weights), painting)


def race(objective: Objective, pair: Pair, init: str, steps: int) -> int | None:
    """Return k*: the steps of L-BFGS, from `init`, to the network's total; None where `steps` do not get there."""
    start = start_image(GatysConfig(init=init), pair.photo, np.empty((0, 0, 3), np.uint8))
    with torch.no_grad():
        total = float(objective(pair.pastiche, objective.content_targets(pair.photo)).total)
    _, history = optimize(objective, pair.photo, start, steps=steps, target=total)
    return k_star([step.losses["total"] for step in history], total)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Race every objective on every photograph, printing as it goes."""
    stylizer = Stylizer(args.model)
    trained = ObjectiveConfig(**(trained_objective(stylizer) | {"loss_network": args.loss_network}))
    painting = to_image(fit(read_pixels(args.painting), trained.style_size))
    photos = [fit(read_pixels(path), args.size) for path in args.photos]
    pairs = [Pair(to_image(photo), to_image(stylizer(photo))) for photo in photos]
    shares = judge(Objective(trained, painting), pairs)
    rows = []
    for name, changes in VARIANTS.items():
        objective = balanced(replace(trained, **changes), painting, pairs, shares)
        weights = {key: getattr(objective.config, key) for key in ("content_weight", "style_weight", "tv_weight")}
        row = {"objective": name, **weights, "network": judge(objective, pairs)["total"]}
        for init in ("content", "noise"):
            row[init] = [race(objective, pair, init, args.steps) for pair in pairs]
            print(f"{name}, from {init}: k* {row[init]}", flush=True)
        rows.append(row)
    return {
        "model": {"file": stylizer.path.name, "sha256": hashlib.sha256(stylizer.path.read_bytes()).hexdigest()},
        "painting": args.painting.name,
        "photos": [path.name for path in args.photos],
        "size": args.size,
        "steps": args.steps,
        "machine": describe_machine(),
        "rows": rows,
    }


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("painting", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--loss-network", default="auto")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100)
    args = parser.parse_args()
    found = measure(args)
    with atomic_path(args.output) as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
