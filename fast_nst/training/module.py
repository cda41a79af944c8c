"""The Lightning module: teaches one network its style, or its styles."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.errors import TrainingError
from fast_nst.networks import MOST_STRENGTH, StyleNetwork, build_network
from fast_nst.networks.noise import PERIOD
from fast_nst.perceptual import Losses, Objective, grid_loss
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import Crops
from fast_nst.training.teacher import Teacher

WARM_UP = 0.05
"""Share of the run in which the learning rate rises."""
_AT_ONE, _UP_TO_ONE = 0.5, 0.75  # shares of crops painted with strength 1, as most pictures will be, or at most that
_ALONE = 10  # times faster that a row learns where all else stays as it is
_LAST_RATE = 0.01  # learning rate at the end, as a share of its peak


class Shares(NamedTuple):
    """What terms of the loss count for each crop of a batch, by its strength, `(N,)`; see `pull_of`."""

    content: Tensor
    """Of content, and of tone."""
    style: Tensor
    """Of style, and of total variation."""


class Lot(NamedTuple):
    """What a batch is painted with: the style's number, the strength of each crop, and where the noise begins."""

    style: int
    strengths: tuple[float, ...]
    place: tuple[int, int] = (0, 0)


class Painted(NamedTuple):
    """A batch that was painted and judged."""

    lot: Lot
    pastiche: Tensor
    """`(N, 3, crop, crop)`."""
    loss: Tensor
    terms: dict[str, Tensor]
    """All of them, detached."""


def draw_lot(seed: int, indices: Sequence[int], styles: int, batch_size: int = 1) -> Lot:
    """Draw what the crops of a batch are painted with: a pure function of the seed and the crops' numbers.

    Noise begins at one place for all `batch_size` crops of a step, over however many devices or batches they are split.
    """
    style = int(np.random.default_rng([seed, 3, indices[0]]).integers(styles))
    strengths = tuple(_draw_strength(np.random.default_rng([seed, 4, index])) for index in indices)
    row, column = np.random.default_rng([seed, 5, indices[0] // batch_size]).integers(PERIOD, size=2)
    return Lot(style, strengths, (int(row), int(column)))


def _draw_strength(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < _AT_ONE:
        return 1.0
    return float(rng.uniform(0, 1) if kind < _UP_TO_ONE else rng.uniform(1, MOST_STRENGTH))


class StyleTransferModule(pl.LightningModule):
    """One image transformation network, the objective of each of its styles, and Adam with a warm-up and a cosine.

    Each batch is of one style, drawn anew, and half of its crops are of strength 1, a quarter of less, a quarter of
    more, up to `MOST_STRENGTH`; how hard style and total variation pull at each is `pull_of`.

    Checkpoints hold the network, the optimiser and the configuration in plain values. The frozen loss network and the
    paintings' Gram matrices stay out of them: they are computed again from their files.

    Args:
        config: `TrainConfig.plain()`.
        objectives: what the network learns to lower, for each style.
        teacher: a larger network to copy beside that.
    """

    def __init__(self, config: dict[str, Any], objectives: Sequence[Objective], teacher: Teacher | None = None) -> None:
        super().__init__()
        self.save_hyperparameters("config")
        self.config = told = TrainConfig.from_plain(config)
        self.network = build_network(told.preset, len(told.all_paintings()), has_strength=not told.fixed_strength)
        self.objectives = tuple(objectives)  # in a tuple: no submodules, so neither saved nor sent to other devices
        self.teacher = teacher  # no submodule either
        self.logged: tuple[str, ...] = (*Losses._fields, "grid", *(["teacher"] if teacher else []))
        self.gradient_norm = torch.zeros(())  # of the last step
        self.elapsed_s = 0.0  # training time over all sittings of a run; the `Progress` callback adds to it

    @property
    def painter(self) -> StyleNetwork:
        """The network as it is shown, kept and exported."""
        return self.network

    def progress(self) -> float:
        """Share of the run that is done, in [0, 1]: by steps or by time, whichever is further."""
        by_steps = self.global_step / self.config.max_steps
        by_time = self.elapsed_s / (60 * self.config.max_minutes) if self.config.max_minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam; `on_train_batch_start` sets its rates.

        Of many styles each is painted in few of the steps, so their rows learn as many times faster; and one that is
        added to a network has nothing else to learn.
        """
        shared = [weight for name, weight in self.network.named_parameters() if name != "styles"]
        share = _ALONE if self.config.add_to else len(self.objectives)
        groups = [{"params": shared, "share": 1.0}, {"params": [self.network.styles], "share": share}]
        return torch.optim.Adam(groups, lr=self.config.learning_rate)

    def on_fit_start(self) -> None:
        """Bring the objectives and the teacher to the device."""
        for objective in self.objectives:
            objective.to(self.device)
        if self.teacher is not None:
            self.teacher.to(self.device)

    def on_train_batch_start(self, batch: Crops, batch_idx: int) -> None:
        """Set the learning rates of this step."""
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.config.learning_rate * group["share"] * rate_share(self.progress())

    def training_step(self, batch: Crops, batch_idx: int) -> dict[str, Any]:
        """Return the mean losses of a batch of crops: `loss` is what Adam lowers, `terms` holds those of `logged`.

        Raises:
            TrainingError: on a CPU, when a term is not finite; the weights are still those of the step before. On a
                GPU, which should not be waited for in every step, `Progress` finds out a few steps later.
        """
        painted = self.paint(batch)
        return {"loss": painted.loss, "terms": painted.terms}

    def paint(self, batch: Crops) -> Painted:
        """Paint a batch of crops in a style and strengths that are drawn for it, and judge what came of it."""
        lot = draw_lot(self.config.seed, batch.indices, self.network.style_count, self.config.batch_size)
        if not self.network.has_strength:
            lot = lot._replace(strengths=(1.0,) * len(lot.strengths))
        style, strength = self._controls(lot)
        pastiche = self.network(batch.images, style, strength, lot.place)
        losses = self.judge(batch.images, pastiche, lot).mean()
        grid = grid_loss(pastiche.float(), self.network.size_multiple).mean()
        loss = losses.total + self.config.grid_weight * grid
        terms = {**losses._asdict(), "grid": grid}
        if self.teacher is not None:
            told = self.teacher(batch.images, lot.style, strength, lot.place)
            terms["teacher"] = (pastiche - told).abs().mean().float()
            loss = loss + self.config.teacher_weight * terms["teacher"]
        return Painted(lot, pastiche, loss, self.checked(terms))

    def checked(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return terms of the loss as they are logged; raises `TrainingError` for odd ones where looking is free."""
        if self.device.type == "cpu":
            for name, term in terms.items():
                check_finite(float(term.detach()), f"{name} loss", self.global_step)
        return {name: term.detach() for name, term in terms.items()}

    def _controls(self, lot: Lot) -> tuple[Tensor | None, Tensor | None]:
        """Return the network's inputs beside the photographs; None where it has but one style, or no strengths."""
        network = self.network
        style = F.one_hot(torch.tensor(lot.style), network.style_count).float() if network.style_count > 1 else None
        strength = torch.tensor(lot.strengths, dtype=torch.float32) if network.has_strength else None
        return (
            None if style is None else style.to(self.device),
            None if strength is None else strength.to(self.device),
        )

    def judge(self, content: Tensor, pastiche: Tensor, lot: Lot) -> Losses:
        """Hold `pastiche` against `content`, both `(N, 3, H, W)` RGB in [0, 1], by its style's objective."""
        objective = self.objectives[lot.style]
        with torch.autocast(content.device.type, enabled=False):  # the objective's arithmetic is its own choice
            losses: Losses = objective(pastiche.float(), objective.content_targets(content))
            shares = self.shares(lot)
            content_term, tone = shares.content * losses.content, shares.content * losses.tone
            style, tv = shares.style * losses.style, shares.style * losses.tv
            return Losses(content_term, style, tone, tv, content_term + style + tone + tv)

    def shares(self, lot: Lot) -> Shares:
        """Return what terms count for each crop; of those of strength 1 all count 1."""
        pull = torch.tensor([pull_of(strength) for strength in lot.strengths], device=self.device)
        whole = pull.clamp_min(1)  # what is divided by, lest the strong ones have all the say
        return Shares(1 / whole, pull / whole)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Look at the norm of the gradient; one that is not finite is left out, in float16 by the loss scaler.

        `Progress` ends a run in which that happens step after step.
        """
        if self.config.precision == "16-mixed":
            return
        self.gradient_norm = leave_out_odd(self.network.parameters())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the time trained so far, which the schedule of a timed run needs."""
        checkpoint["elapsed_s"] = self.elapsed_s

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the time trained so far."""
        self.elapsed_s = checkpoint.get("elapsed_s", 0.0)


def pull_of(strength: float) -> float:
    """Return what style and total variation count at a strength, as a share of what they do at 1.

    The square, up to 1; beyond, where more weight does little more, the fourth power.
    """
    return strength**2 if strength < 1 else strength**4


def leave_out_odd(weights: Iterable[nn.Parameter]) -> Tensor:
    """Return the norm of the gradient; one that is not finite becomes 0."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    for gradient in gradients:
        gradient.copy_(torch.where(norm.isfinite(), gradient, 0))  # a GPU is not waited for
    return norm


def check_finite(value: float, name: str, step: int) -> None:
    """Raise `TrainingError` if `value` is not a number, or infinite."""
    if not math.isfinite(value):
        raise TrainingError(f"step {step}: the {name} is {value}")


def rate_share(progress: float) -> float:
    """Learning rate as a share of its peak: a linear rise over the first 5 %, then a cosine down to 1 %."""
    if progress < WARM_UP:
        return max(progress / WARM_UP, _LAST_RATE)
    falling = (progress - WARM_UP) / (1 - WARM_UP)
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * falling)) / 2
