"""What benchmarks of single steps share: a run of `fast-nst train` without Lightning's trainer, arguments, report."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from fast_nst.images import atomic_path
from fast_nst.measure.machine import describe_machine
from fast_nst.perceptual import ObjectiveConfig
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import ContentPhotographs
from fast_nst.training.feed import Feed, StepSampler
from fast_nst.training.module import StyleTransferModule
from fast_nst.training.run import read_objectives
from fast_nst.training.sources import find_photographs


class Run:
    """A module, its optimiser, and its photographs, endless."""

    def __init__(self, args: argparse.Namespace, loss_network: str, device: torch.device) -> None:
        config = TrainConfig(
            style=args.painting,
            content_dir=(args.photos,),
            crop_size=args.crop_size,
            batch_size=args.batch_size,
            precision="32-true",
            fixed_strength=True,
            objective=ObjectiveConfig(loss_network=loss_network),
        )
        self.module = StyleTransferModule(config.plain(), read_objectives(config)).to(device)
        self.module.on_fit_start()
        self.adam = self.module.configure_optimizers()
        photographs = ContentPhotographs(
            find_photographs(config.content_dir), config.crop_size, 0, cache_gib=config.cache_gib, device=device
        )
        self.feed = iter(Feed(photographs, StepSampler(lambda: 0, 10**9, config.batch_size, 0, 1), config.workers))

    def step(self) -> None:
        """Do the next step."""
        self.adam.zero_grad()
        self.module.training_step(next(self.feed), 0)["loss"].backward()
        self.module.on_before_optimizer_step(self.adam)
        self.adam.step()


def add_arguments(parser: argparse.ArgumentParser, *, crop_size: int, batch_size: int, rounds: int) -> None:
    """Add what every benchmark of steps is told."""
    parser.add_argument("photos")
    parser.add_argument("painting")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--crop-size", type=int, default=crop_size)
    parser.add_argument("--batch-size", type=int, default=batch_size)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--threads", type=int)


def write_report(args: argparse.Namespace, found: dict[str, Any]) -> None:
    """Write what was found, and on what, to the file that was asked for."""
    report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "threads": torch.get_num_threads(),
        "crop_size": args.crop_size,
        "batch_size": args.batch_size,
        **found,
    }
    with atomic_path(args.output) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n")
