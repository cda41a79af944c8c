"""Keeps an eye on an adversarial run, tells what goes wrong, and draws both sides' curves."""

import sys
from collections.abc import Iterable
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor
from tqdm import tqdm

from fast_nst.networks import StyleNetwork
from fast_nst.plots import plot_sides
from fast_nst.training.adversarial.collapse import Lookout
from fast_nst.training.adversarial.module import LOGGED, AdversarialModule
from fast_nst.training.callbacks import LOSSES_NAME, AfterStep, read_losses, smoothed
from fast_nst.training.module import StyleTransferModule

_COMPARED_EVERY = 100  # steps
_READ_EVERY = 20  # steps, between which a GPU is left alone
_STRENGTHS = (0.5, 1.0)  # at which pastiches are looked at


class Watch(AfterStep):
    """Looks at D(real) and D(fake) of each step, and now and then at pastiches of some photographs.

    Args:
        photographs: `(N, 3, crop, crop)` RGB in [0, 1].
        folder: of the run.
    """

    def __init__(self, photographs: Tensor, folder: Path) -> None:
        super().__init__()
        self.photographs, self.folder = photographs, folder
        self.lookout = Lookout()
        self._verdicts: list[Tensor] = []

    def after_step(self, trainer: pl.Trainer, module: StyleTransferModule) -> None:
        """Look, and tell what is wrong since then."""
        assert isinstance(module, AdversarialModule)
        if not trainer.is_global_zero:
            return
        step = trainer.global_step
        self._verdicts.append(module.verdict.clone())
        if step % _READ_EVERY == 0:
            self._look_at_d(step)
        if step % _COMPARED_EVERY == 0 and len(self.photographs) > 1:
            _tell(step, self.lookout.compare(self.photographs, *self._pastiches(module.painter, module.device)))

    def _look_at_d(self, last: int) -> None:
        verdicts = torch.stack(self._verdicts).tolist()
        self._verdicts = []
        for step, (d_real, d_fake, _loss) in enumerate(verdicts, start=last + 1 - len(verdicts)):
            _tell(step, self.lookout.see(d_real, d_fake))

    @torch.no_grad()
    def _pastiches(self, painter: StyleNetwork, device: torch.device) -> list[Tensor]:
        """Paint the photographs in each style, faintly and wholly."""
        photographs = self.photographs.to(device)
        strengths = _STRENGTHS if painter.has_strength else _STRENGTHS[-1:]
        return [
            painter(photographs, style, torch.full((len(photographs),), strength, device=device)).cpu()
            for style in torch.eye(painter.style_count, device=device)
            for strength in strengths
        ]

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw `sides.png`."""
        rows = read_losses(self.folder / LOSSES_NAME)
        if trainer.is_global_zero and rows:
            plot_sides(smoothed(rows, LOGGED), self.folder / "sides.png")


def _tell(step: int, news: Iterable[str]) -> None:
    for trouble in news:
        tqdm.write(f"fast-nst: step {step}: {trouble}", file=sys.stderr)
