"""Does a large network teach a small one better than the objective alone?

python benchmarks/teacher.py PHOTOS PAINTING UNSEEN TEACHER.ckpt -o teacher.json --loss-network FILE

`quality` learns the painting from random weights, as `fast-nst train` teaches it, while the squared distance of its
pastiche to the teacher's, times a weight, is added to what Adam lowers. Each weight is a run with the same photographs,
steps and seed; 0 is the usual run. Told are the medians of the objective, without that distance, over photographs that
no training saw, and the teacher's own.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from fast_nst.compare.judge import default_objective, judge, median_terms
from fast_nst.images import Pixels, atomic_path, find_pictures
from fast_nst.perceptual import Losses, ObjectiveConfig, to_image, to_pixels
from fast_nst.training.checkpoint import load_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import Crops
from fast_nst.training.feed import ContentData
from fast_nst.training.guards import quiet_lightning
from fast_nst.training.machine import settled
from fast_nst.training.module import Lot, StyleTransferModule
from fast_nst.training.run import read_objectives
from fast_nst.training.sources import find_photographs


class Taught(StyleTransferModule):
    """The module that trains, with a teacher beside the objective."""

    def __init__(self, config: TrainConfig, teacher: nn.Module, weight: float) -> None:
        super().__init__(config.plain(), read_objectives(config))
        self._teacher, self._weight = (teacher,), weight  # in a tuple: no submodule

    def judge(self, content: Tensor, pastiche: Tensor, lot: Lot) -> Losses:
        """Add the distance to the teacher's pastiche to the content term, and so to the total."""
        losses = super().judge(content, pastiche, lot)
        if not self._weight:
            return losses
        with torch.no_grad():
            shown = self._teacher[0](content).float()
        distance = self._weight * mse_loss(pastiche.float(), shown)
        return losses._replace(content=losses.content + distance, total=losses.total + distance)

    def on_train_batch_end(self, outputs: Any, batch: Crops, batch_idx: int) -> None:
        """Say where it stands, now and then."""
        if self.global_step % 100 == 0:
            print(f"weight {self._weight:g}, step {self.global_step}: {outputs['loss']:.4g}", flush=True)


def main() -> None:
    """Train and judge each weight that is not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("photos", "painting", "unseen"):
        parser.add_argument(name)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--loss-network", default="vgg19")
    parser.add_argument("--weights", type=float, nargs="+", default=[0, 3, 10, 30])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--crop-size", type=int, default=128)
    parser.add_argument("--size", type=int, default=256, help="longer side of the photographs judged, px")
    args = parser.parse_args()
    teacher = load_checkpoint(args.teacher).network
    found = json.loads(args.output.read_text()) if args.output.is_file() else {}
    runs = {"teacher": None} | {f"weight {weight:g}": weight for weight in args.weights}
    for name, weight in runs.items():
        if name not in found:
            network = teacher if weight is None else learn(args, teacher, weight)
            found[name] = _judge(network, args)
            with atomic_path(args.output) as temporary:
                temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
            print(name, found[name], flush=True)


def learn(args: argparse.Namespace, teacher: nn.Module, weight: float) -> nn.Module:
    """Return `quality`, taught from random weights."""
    config = settled(
        TrainConfig(
            style=args.painting,
            content_dir=(args.photos,),
            from_scratch=True,
            max_steps=args.steps,
            crop_size=args.crop_size,
            learning_rate=1e-3,
            workers=1,
            fixed_strength=True,
            objective=ObjectiveConfig(loss_network=args.loss_network),
        )
    )
    pl.seed_everything(config.seed, verbose=False)
    data = ContentData(config, find_photographs(config.content_dir))
    module = Taught(config, teacher, weight)
    with quiet_lightning():
        trainer = pl.Trainer(
            precision=config.precision,
            max_steps=config.max_steps,
            max_epochs=-1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(module, data)
    return module.network.eval()


@torch.no_grad()
def _judge(network: nn.Module, args: argparse.Namespace) -> dict[str, float]:
    def paint(content: Pixels) -> Pixels:
        return to_pixels(network(to_image(content)))

    photographs = [path for path, _ in find_pictures([args.unseen])]
    return median_terms(judge(default_objective(args.painting, args.loss_network), paint, photographs, args.size))


if __name__ == "__main__":
    main()
