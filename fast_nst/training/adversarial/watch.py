"""Keeps an eye on an adversarial run, tells what goes wrong, and draws both sides' curves."""

import sys
from collections.abc import Iterable
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor
from tqdm import tqdm

from fast_nst.plots import plot_sides
from fast_nst.training.adversarial.collapse import Lookout
from fast_nst.training.adversarial.module import LOGGED, AdversarialModule
from fast_nst.training.callbacks import LOSSES_NAME, AfterStep, read_losses, smoothed
from fast_nst.training.module import StyleTransferModule

_COMPARED_EVERY = 100  # steps


class Watch(AfterStep):
    """Looks at D(real) and D(fake) after each step, and now and then at pastiches of some photographs.

    Args:
        photographs: `(N, 3, crop, crop)` RGB in [0, 1].
        folder: of the run.
    """

    def __init__(self, photographs: Tensor, folder: Path) -> None:
        super().__init__()
        self.photographs, self.folder = photographs, folder
        self.lookout = Lookout()

    def after_step(self, trainer: pl.Trainer, module: StyleTransferModule) -> None:
        """Look, and tell what is wrong since then."""
        assert isinstance(module, AdversarialModule)
        if not trainer.is_global_zero:
            return
        step = trainer.global_step
        _tell(step, self.lookout.see(float(module.said.real), float(module.said.fake)))
        if step % _COMPARED_EVERY == 0 and len(self.photographs) > 1:
            with torch.no_grad():
                photographs, styles = self.photographs.to(module.device), torch.eye(module.network.style_count)
                pastiches = [module.painter(photographs, style).cpu() for style in styles.to(module.device)]
            _tell(step, self.lookout.compare(self.photographs, *pastiches))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw `sides.png`."""
        rows = read_losses(self.folder / LOSSES_NAME)
        if trainer.is_global_zero and rows:
            plot_sides(smoothed(rows, LOGGED), self.folder / "sides.png")


def _tell(step: int, news: Iterable[str]) -> None:
    for trouble in news:
        tqdm.write(f"fast-nst: step {step}: {trouble}", file=sys.stderr)
