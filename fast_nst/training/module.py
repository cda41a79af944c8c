"""The Lightning module: teaches one network one style."""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from fast_nst.errors import TrainingError
from fast_nst.networks import build_network
from fast_nst.perceptual import Losses, Objective, grid_loss, shift_loss
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import Crops

_WARM_UP = 0.05  # share of the run in which the learning rate rises
_STRIDE = 37  # prime, so that neighbouring steps differ in rows and columns
_LAST_RATE = 0.01  # learning rate at the end, as a share of its peak


class StyleTransferModule(pl.LightningModule):
    """One image transformation network, its objective, and Adam with a warm-up and a cosine.

    Checkpoints hold the network, the optimiser and the configuration in plain values. The frozen loss network and the
    painting's Gram matrices stay out of them: they are computed again from their files.

    Args:
        config: `TrainConfig.plain()`.
        objective: what the network learns to lower.
    """

    def __init__(self, config: dict[str, Any], objective: Objective) -> None:
        super().__init__()
        self.save_hyperparameters("config")
        self.config = TrainConfig.from_plain(config)
        self.network = build_network(self.config.preset)
        self._objective = (objective,)  # in a tuple: no submodule, so neither saved nor sent to other devices
        self.gradient_norm = torch.zeros(())  # of the last step
        self.elapsed_s = 0.0  # training time over all sittings of a run; the `Progress` callback adds to it

    @property
    def objective(self) -> Objective:
        """What the network learns to lower; on the module's device once training has started."""
        return self._objective[0]

    def progress(self) -> float:
        """Share of the run that is done, in [0, 1]: by steps or by time, whichever is further."""
        by_steps = self.global_step / self.config.max_steps
        by_time = self.elapsed_s / (60 * self.config.max_minutes) if self.config.max_minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam; `on_train_batch_start` sets its rate."""
        return torch.optim.Adam(self.network.parameters(), lr=self.config.learning_rate)

    def on_fit_start(self) -> None:
        """Bring the objective to the device."""
        self.objective.to(self.device)

    def on_train_batch_start(self, batch: Crops, batch_idx: int) -> None:
        """Set the learning rate of this step."""
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.config.learning_rate * rate_share(self.progress())

    def training_step(self, batch: Crops, batch_idx: int) -> dict[str, Any]:
        """Return the mean losses of a batch of crops: `loss` is what Adam lowers, `terms` holds all six, detached.

        Raises:
            TrainingError: on a CPU, when a term is not finite; the weights are still those of the step before. On a
                GPU, which should not be waited for in every step, `Progress` finds out a few steps later.
        """
        pastiche = self.network(batch.images)
        losses = self.judge(batch.images, pastiche).mean()
        grid = grid_loss(pastiche.float(), self.network.size_multiple).mean()
        shift = self._shift_loss(batch.images, pastiche)
        terms = {**losses._asdict(), "grid": grid, "shift": shift}
        if self.device.type == "cpu":
            for name, term in terms.items():
                check_finite(float(term.detach()), f"{name} loss", self.global_step)
        return {
            "loss": losses.total + self.config.grid_weight * grid + self.config.shift_weight * shift,
            "terms": {name: term.detach() for name, term in terms.items()},
        }

    def _shift_loss(self, content: Tensor, pastiche: Tensor) -> Tensor:
        """Paint the crops again, less some rows and columns, and hold both pastiches against each other."""
        if not self.config.shift_weight:
            return pastiche.new_zeros(())
        shift = shift_of(self.global_step, self.network.size_multiple)
        moved = self.network(content[:, :, shift[0] :, shift[1] :])
        return shift_loss(pastiche.float(), moved.float(), shift).mean()

    def judge(self, content: Tensor, pastiche: Tensor) -> Losses:
        """Hold `pastiche` against `content`, both `(N, 3, H, W)` RGB in [0, 1]."""
        with torch.autocast(content.device.type, enabled=False):  # the objective's arithmetic is its own choice
            losses: Losses = self.objective(pastiche.float(), self.objective.content_targets(content))
        return losses

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Look at the norm of the gradient, before it reaches the weights; in float16 the loss scaler sees to it.

        Raises:
            TrainingError: on a CPU, when it is not finite; on a GPU `Progress` finds out a few steps later.
        """
        if self.config.precision == "16-mixed":
            return
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        self.gradient_norm = torch.nn.utils.get_total_norm(gradients)
        if self.device.type == "cpu":
            check_finite(float(self.gradient_norm), "gradient", self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the time trained so far, which the schedule of a timed run needs."""
        checkpoint["elapsed_s"] = self.elapsed_s

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the time trained so far."""
        self.elapsed_s = checkpoint.get("elapsed_s", 0.0)


def shift_of(step: int, period: int) -> tuple[int, int]:
    """Return rows and columns to leave out in a step: over `period * period` steps every pair within a period, once."""
    return divmod(_STRIDE * step % period**2, period)


def check_finite(value: float, name: str, step: int) -> None:
    """Raise `TrainingError` if `value` is not a number, or infinite."""
    if not math.isfinite(value):
        raise TrainingError(f"step {step}: the {name} is {value}")


def rate_share(progress: float) -> float:
    """Learning rate as a share of its peak: a linear rise over the first 5 %, then a cosine down to 1 %."""
    if progress < _WARM_UP:
        return max(progress / _WARM_UP, _LAST_RATE)
    falling = (progress - _WARM_UP) / (1 - _WARM_UP)
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * falling)) / 2
