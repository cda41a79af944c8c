"""How soon does a discriminator learn to tell an artist's pictures from photographs: by pixels, or by a frozen VGG?

    python benchmarks/discriminators.py PHOTOGRAPHS PICTURES -o discriminators.json

Nobody paints here: both are shown crops of the artist's pictures and of photographs, as they are cut in training, four
of each a step, and learn by the cross-entropy and Adam at the same rate. Told are, over the last half of the steps,
before each was learnt from: the share of crops that are told apart, and D of either kind. One is `PatchDiscriminator`;
the other is that of [Isola2017] with spectral norms: convolutions of 4 px, halving three times, on patches of 70 px.

References:
    [Isola2017] Image-to-Image Translation with Conditional Adversarial Networks, arXiv:1611.07004.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fast_nst.images import atomic_path, find_pictures
from fast_nst.perceptual import VggFeatures
from fast_nst.training.adversarial.discriminator import LAYERS, PatchDiscriminator
from fast_nst.training.adversarial.losses import LOSSES
from fast_nst.training.data import ContentPhotographs

CROP, BATCH, RATE, SEEDS = 192, 4, 5e-4, (0, 1, 2)
SIDES = LOSSES["cross-entropy"]


def main() -> None:
    """Train both, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--loss-network", default="mini")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    told = {}
    for name, build in (("pixels", from_pixels), ("frozen VGG", from_features)):
        rows = []
        for seed in SEEDS:
            pictures, photographs = (
                crops(folder, seed, least) for folder, least in ((args.pictures, 0.25), (args.photographs, 0.5))
            )
            torch.manual_seed(seed)
            rows.append(learn(*build(next(pictures), args.loss_network), pictures, photographs, args.steps))
        told[name] = {key: [row[key] for row in rows] for key in rows[0]}
        print(name, told[name], flush=True)
    with atomic_path(args.output) as temporary:
        temporary.write_text(json.dumps({"steps": args.steps, "seeds": SEEDS, "D": told}, indent=1) + "\n", "utf-8")


def crops(folder: Path, seed: int, least_share: float) -> Iterator[Tensor]:
    """Yield batches of crops of the pictures in a folder, `(BATCH, 3, CROP, CROP)`."""
    files = [str(path) for path, _ in find_pictures([folder])]
    cut = ContentPhotographs(files, CROP, seed, cache_gib=1.0, least_share=least_share, may_enlarge=True)
    first = 0
    while True:
        yield cut.batch(range(first, first + BATCH)).images
        first += BATCH


def from_pixels(_pictures: Tensor, _network: str) -> tuple[nn.Module, Callable[[Tensor], tuple[Tensor, ...]]]:
    """Return a discriminator that starts from pixels, and what gives its logits."""
    layers: list[nn.Module] = []
    for channels, width in ((3, 64), (64, 128), (128, 256)):
        layers += [spectral_norm(nn.Conv2d(channels, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
    module = nn.Sequential(*layers, spectral_norm(nn.Conv2d(256, 512, 4, padding=1)), nn.LeakyReLU(0.2))
    module.append(nn.Conv2d(512, 1, 4, padding=1))
    return module, lambda pictures: (module(pictures * 2 - 1).flatten(1),)


def from_features(pictures: Tensor, network: str) -> tuple[nn.Module, Callable[[Tensor], tuple[Tensor, ...]]]:
    """Return the discriminator that training has, and what gives its logits."""
    module = PatchDiscriminator(VggFeatures(LAYERS, network=network), pictures)
    return module, lambda seen: module(module.activations(seen))


def learn(
    module: nn.Module,
    judge: Callable[[Tensor], tuple[Tensor, ...]],
    pictures: Iterator[Tensor],
    photographs: Iterator[Tensor],
    steps: int,
) -> dict[str, float]:
    """Train a discriminator, and return how well it did over the last half of the steps."""
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE, betas=(0.5, 0.99))
    rows = []
    for _ in range(steps):
        real, fake = (judge(next(crops_)) for crops_ in (pictures, photographs))
        loss = torch.stack([SIDES.real(a).mean() + SIDES.fake(b).mean() for a, b in zip(real, fake, strict=True)])
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        d_real, d_fake = (
            torch.stack([SIDES.d(one).mean(1) for one in logits]).mean(0).detach() for logits in (real, fake)
        )
        right = float(torch.cat([d_real > 0.5, d_fake < 0.5]).float().mean())
        rows.append((right, float(d_real.mean()), float(d_fake.mean())))
    means = (statistics.mean(column) for column in zip(*rows[steps // 2 :], strict=True))
    return dict(zip(("told apart", "D(real)", "D(fake)"), means, strict=True))


if __name__ == "__main__":
    main()
