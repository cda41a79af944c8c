"""Has a discriminator learnt its pictures by heart? What that of a run says of pictures that it saw, and of others.

    python benchmarks/by_heart.py RUN PICTURES... [-o by-heart.json]

Told is D of crops of each file or folder, as they are cut in training: the mean over 64 crops, their patches and heads.
One that knows its pictures by heart says much more of them than of others by the same artist.
"""

import argparse
import json
from pathlib import Path

import torch
import yaml

from fast_nst.images import atomic_path, find_pictures
from fast_nst.training.adversarial.module import AdversarialModule
from fast_nst.training.checkpoint import CHECKPOINT_NAME, read_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import ContentPhotographs
from fast_nst.training.run import CONFIG_NAME, build_module

CROPS, BATCH = 64, 8


def main() -> None:
    """Ask, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    config = yaml.safe_load((args.run / CONFIG_NAME).read_text(encoding="utf-8"))
    config.pop("output")
    module = build_module(TrainConfig.from_plain(config))
    assert isinstance(module, AdversarialModule)
    module.load_state_dict(read_checkpoint(args.run / CHECKPOINT_NAME)["state_dict"])
    told = {pictures.stem: says(module.eval(), pictures) for pictures in args.pictures}
    for name, d in told.items():
        print(f"{name:30} {d:.2f}")
    if args.output:
        with atomic_path(args.output) as temporary:
            temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def says(module: AdversarialModule, pictures: Path) -> float:
    """Return the mean of D over crops of a picture, or of those in a folder."""
    files = [str(path) for path, _ in find_pictures([pictures])]
    seen = module.pictures[0]
    crops = ContentPhotographs(
        files,
        seen.crop_size,
        seed=1,
        cache_gib=1.0,
        least_share=seen.least_share,
        most_share=seen.most_share,
        may_enlarge=seen.may_enlarge,
    )
    found = []
    for first in range(0, CROPS, BATCH):
        logits = module.discriminator(module.discriminator.activations(crops.batch(range(first, first + BATCH)).images))
        found.append(torch.stack([module.sides.d(of_head).mean() for of_head in logits]).mean())
    return float(torch.stack(found).mean())


if __name__ == "__main__":
    with torch.inference_mode():
        main()
