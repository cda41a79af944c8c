"""Make the network that training starts from: one that learns a new painting in few steps.

python scripts/make_base.py PAINTINGS... --content-dir PHOTOS --init-from last.ckpt -o base-johnson-half.safetensors

Starts from a trained network and visits painting after painting: a few steps of training on each, after which the
network moves part of the way to where they led [Nichol2018]. So it ends near many styles and at none.

References:
    [Nichol2018] On First-Order Meta-Learning Algorithms, arXiv:1803.02999 (Reptile).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from tqdm import tqdm

from fast_nst.images import atomic_path, find_pictures, fit, read_pixels
from fast_nst.networks import build_network
from fast_nst.networks.base import StyleNetwork
from fast_nst.perceptual import Objective, ObjectiveConfig, grid_loss, to_image
from fast_nst.training.checkpoint import load_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import ContentPhotographs
from fast_nst.training.sources import find_photographs


def visit(
    network: StyleNetwork, objective: Objective, photographs: ContentPhotographs, first: int, args: argparse.Namespace
) -> float:
    """Train `network` on one painting for a few steps, and return the last loss."""
    adam = torch.optim.Adam(network.parameters(), lr=args.learning_rate, betas=(0.0, 0.999))
    for step in range(first, first + args.visit):
        content = photographs.batch([step]).images
        pastiche = network(content)
        losses = objective(pastiche, objective.content_targets(content)).mean()
        adam.zero_grad()
        (losses.total + args.grid_weight * grid_loss(pastiche, network.size_multiple).mean()).backward()
        adam.step()
    return losses.floats()["total"]


def main() -> None:
    """Visit paintings, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paintings", nargs="+")
    parser.add_argument("--content-dir", action="append", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--init-from", type=Path, help="checkpoint of a trained network")
    parser.add_argument("--preset", default="johnson-half")
    parser.add_argument("--loss-network", default="mini")
    parser.add_argument("--visits", type=int, default=200, help="0 writes the checkpoint's own weights")
    parser.add_argument("--visit", type=int, default=10, help="steps on one painting")
    parser.add_argument("--crop-size", type=int, default=192)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--grid-weight", type=float, default=TrainConfig.grid_weight)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    network = load_checkpoint(args.init_from).network if args.init_from else build_network(args.preset)
    network.train()
    config = ObjectiveConfig(loss_network=args.loss_network)
    objectives = [
        Objective(config, to_image(fit(read_pixels(path), config.style_size)))
        for path, _ in find_pictures(args.paintings)
    ]
    photographs = ContentPhotographs(find_photographs(args.content_dir), args.crop_size, args.seed, cache_gib=2.0)
    rng, bar = np.random.default_rng(args.seed), tqdm(range(args.visits), "visits")
    for number in bar:
        if number % len(objectives) == 0:
            order = rng.permutation(len(objectives))
        before = [parameter.detach().clone() for parameter in network.parameters()]
        loss = visit(network, objectives[order[number % len(objectives)]], photographs, number * args.visit, args)
        bar.set_postfix_str(f"{loss:.3f}", refresh=False)
        _move_back(network, before, share=0.5 + 0.4 * number / args.visits)
    with atomic_path(args.output) as temporary:
        save_file({name: weight.half().contiguous() for name, weight in network.state_dict().items()}, temporary)


@torch.no_grad()
def _move_back(network: nn.Module, before: list[torch.Tensor], share: float) -> None:
    """Return part of the way to the weights before a visit."""
    for parameter, old in zip(network.parameters(), before, strict=True):
        parameter.lerp_(old, share)


if __name__ == "__main__":
    sys.exit(main())
