"""Does a network paint better if it also copies what the slow method made of some photographs?

python benchmarks/slow_teacher.py CONFIG.yaml -o OUT.onnx --run-dir DIR --pairs FOLDER [--count 60] [--weight 8]

CONFIG.yaml is that of a run of one painting, one photograph a step, as `fast-nst train --config` takes it. First crops
of its photographs are painted as `fast-nst gatys` does, 120 steps at half of the size and 60 at the whole; they are
kept in FOLDER, and those that are there are not painted again. Then it is trained as `fast-nst train` does; but every
other step is of one of those crops, and those of them that are drawn at strength 1, as half are, add the mean absolute
difference to the slow method's picture, times the weight.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from fast_nst.cli.options import read_yaml
from fast_nst.errors import ConfigError
from fast_nst.gatys import GatysConfig, repaint, settled
from fast_nst.images import atomic_path, read_pixels
from fast_nst.perceptual import ObjectiveConfig, to_image
from fast_nst.training import run
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import ContentPhotographs, Crops
from fast_nst.training.module import Painted, StyleTransferModule
from fast_nst.training.sources import find_photographs

ROOM = 32  # px that a pair is larger than a crop, so that it can be cut anew each time
STEPS = 120  # of the slow method at half of the size


class Pair(NamedTuple):
    """A crop of a photograph, and what the slow method made of it: `(3, H, W)` in [0, 1]."""

    photograph: Tensor
    pastiche: Tensor


class CopyingModule(StyleTransferModule):
    """A run of which every other step copies a pair."""

    def __init__(self, config: dict[str, Any], objectives: Any, pairs: list[Pair], weight: float) -> None:
        super().__init__(config, objectives)
        self.pairs, self.weight = pairs, weight

    def paint(self, batch: Crops) -> Painted:
        """Paint a batch, or a pair in its place."""
        if self.global_step % 2:
            return super().paint(batch)
        rng = np.random.default_rng([self.config.seed, 6, self.global_step])
        pair = self.pairs[rng.integers(len(self.pairs))]
        top, left = rng.integers(0, ROOM + 1, 2)
        side = self.config.crop_size
        content, target = (one[None, :, top : top + side, left : left + side] for one in pair)
        if rng.random() < 0.5:
            content, target = content.flip(3), target.flip(3)
        painted = super().paint(batch._replace(images=content.contiguous()))
        if painted.lot.strengths != (1.0,):
            return painted
        return painted._replace(loss=painted.loss + self.weight * (painted.pastiche - target).abs().mean())


def main() -> None:
    """Paint the pairs, and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--weight", type=float, default=8.0)
    args = parser.parse_args()
    config = TrainConfig.from_plain(read_yaml(args.config))
    if config.batch_size != 1 or len(config.style) != 1:
        raise ConfigError(f"{args.config}: expected one painting, and a batch_size of 1")
    pairs = [read_pair(path) for path in paint_pairs(config, args.pairs, args.count)]
    run.build_module = lambda told, _: CopyingModule(told.plain(), run.read_objectives(told), pairs, args.weight)
    print(run.train(config, args.output, args.run_dir))


def paint_pairs(config: TrainConfig, folder: Path, count: int) -> list[Path]:
    """Paint so many crops by the slow method, and return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    size = config.crop_size + ROOM
    photographs = ContentPhotographs(find_photographs(config.content_dir), size, config.seed + 7)
    painting = read_pixels(Path(config.style[0]))
    objective = ObjectiveConfig(loss_network=config.objective.loss_network)
    slow = GatysConfig(size=size, start_size=size // 2, steps=STEPS, objective=objective)
    paths = [folder / f"{number:03d}.npz" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.is_file():
            crop = photographs.batch([number]).images[0].permute(1, 2, 0).numpy()
            photograph = (255 * crop).round().astype(np.uint8)
            pastiche, _ = repaint(photograph, [painting], settled(slow, photograph, [painting]))
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.savez(file, photograph=photograph, pastiche=pastiche)
    return paths


def read_pair(path: Path) -> Pair:
    """Read what `paint_pairs` wrote."""
    with np.load(path) as held:
        return Pair(*(to_image(held[name])[0] for name in Pair._fields))


if __name__ == "__main__":
    sys.exit(main())
