"""The Lightning module of an adversarial training: a network that paints, and one that tells its pastiches.

The style is a body of work, not a painting: a folder of an artist's pictures. What is lowered for the painter is
content and smoothness as elsewhere, Gram matrices if they are wanted, and what gives its pastiches away.

References:
    [Heusel2017] GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, arXiv:1706.08500.
    [Mescheder2018] Which Training Methods for GANs do actually Converge?, arXiv:1801.04406 (the gradient penalty R1,
        and both sides updated at once).
    [Yazici2019] The Unusual Effectiveness of Averaging in GAN Training, arXiv:1806.04498.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.func import functional_call
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fast_nst.networks import StyleNetwork
from fast_nst.networks.discriminator import PatchDiscriminator
from fast_nst.perceptual import Objective
from fast_nst.training.adversarial.augment import adapted, augment
from fast_nst.training.adversarial.losses import LOSSES
from fast_nst.training.data import ContentPhotographs, Crops
from fast_nst.training.module import Lot, StyleTransferModule

_BETAS = (0.5, 0.99)  # of Adam: little momentum, for what is good for one side changes with the other


class Said(NamedTuple):
    """D of the artist's pictures and of pastiches of strength 1 and more, when it last saw any: means over patches."""

    real: Tensor
    fake: Tensor


class AdversarialModule(StyleTransferModule):
    """A network, a discriminator, and one Adam that steps both at once [Mescheder2018], each at its own rate.

    What is exported, previewed and kept is the running mean of the network's weights, which the discriminator does not
    see [Yazici2019]. Of crops painted with less than strength 1 the discriminator hears nothing, and at strength s its
    word counts s squared, as the style does.

    Args:
        config: `TrainConfig.plain()`.
        objectives: content, smoothness, and style if it has a weight, for each style.
        pictures: the body of work of each style.
    """

    augmenting: Tensor
    """How often pictures are changed before the discriminator sees them, in [0, 1]."""

    def __init__(
        self, config: dict[str, Any], objectives: Sequence[Objective], pictures: Sequence[ContentPhotographs]
    ) -> None:
        super().__init__(config, objectives)
        self.automatic_optimization = False
        self.pictures = tuple(pictures)
        told = self.config.adversary
        self.sides = LOSSES[told.adversarial_loss]
        self.discriminator = PatchDiscriminator(len(objectives))
        mean = get_ema_multi_avg_fn(told.average_decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.network, multi_avg_fn=mean)
        self.said = Said(torch.tensor(0.5), torch.tensor(0.5))
        self.register_buffer("augmenting", torch.zeros(()))
        self.logged = (*self.logged, "adversarial", "discriminator", "d_real", "d_fake", "augmenting")

    @property
    def painter(self) -> StyleNetwork:
        """The running mean of the network."""
        return cast(StyleNetwork, self.average.module)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam of both sides; the discriminator learns faster [Heusel2017]."""
        optimizer = super().configure_optimizers()
        told = self.config.adversary
        optimizer.add_param_group({"params": list(self.discriminator.parameters()), "share": told.discriminator_rate})
        for group in optimizer.param_groups:
            group["betas"] = _BETAS
        return optimizer

    def on_fit_start(self) -> None:
        """Bring the objectives and the pictures to the device."""
        super().on_fit_start()
        for pictures in self.pictures:
            pictures.device = self.device

    def training_step(self, batch: Crops, batch_idx: int) -> dict[str, Any]:
        """Step both sides by a batch of crops; return the losses, as `StyleTransferModule` does, and D's."""
        told, painted = self.config.adversary, self.paint(batch)
        lot = painted.lot
        rng = np.random.default_rng([self.config.seed, 5, batch.indices[0]])
        frozen = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        seen = self._changed(painted.pastiche, rng)
        said = functional_call(self.discriminator, frozen, (seen, lot.style))
        fooling = (self.sides.generator(said).mean(1) * self.shares(lot).style).mean()
        critic, says = self._critic(batch, painted.pastiche.detach(), lot, rng)
        self.manual_backward(painted.loss + told.adversarial_weight * fooling + critic)
        self._step()
        return {"terms": painted.terms | {"adversarial": fooling.detach(), "discriminator": critic.detach(), **says}}

    def _critic(
        self, batch: Crops, pastiches: Tensor, lot: Lot, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what the discriminator loses on as many of the artist's pictures as pastiches, and D of both."""
        told = self.config.adversary
        pictures = self._changed(self.pictures[lot.style].batch(batch.indices).images, rng)
        pictures.requires_grad_(bool(told.gradient_penalty))
        said = self.discriminator(torch.cat([pictures, self._changed(pastiches, rng)]), lot.style)
        real, fake = said.float().chunk(2)
        is_judged = torch.tensor([strength >= 1 for strength in lot.strengths], device=self.device)
        losses = (self.sides.real(real) + self.sides.fake(fake)).mean(1)
        if told.gradient_penalty:
            (slope,) = torch.autograd.grad(real.mean(1).sum(), pictures, create_graph=True)
            losses = losses + told.gradient_penalty / 2 * slope.square().flatten(1).sum(1)
        with torch.no_grad():
            self._adapt(real)
            if is_judged.any():
                self.said = Said(self.sides.says(real[is_judged]).mean(), self.sides.says(fake[is_judged]).mean())
        return (losses * is_judged).mean(), {
            "d_real": self.said.real,
            "d_fake": self.said.fake,
            "augmenting": self.augmenting.clone(),
        }

    def _changed(self, pictures: Tensor, rng: np.random.Generator) -> Tensor:
        return augment(pictures.float(), float(self.augmenting), rng)

    def _adapt(self, real: Tensor) -> None:
        """Change pictures more often where the discriminator seems to know the artist's by heart, else less often."""
        told = self.config.adversary
        if told.augment_target:
            agreement = float((real > self.sides.middle).float().mean()) * 2 - 1
            self.augmenting.fill_(adapted(float(self.augmenting), agreement, len(real), target=told.augment_target))

    def _step(self) -> None:
        optimizer = cast(LightningOptimizer, self.optimizers())
        optimizer.step()
        optimizer.zero_grad()
        self.average.update_parameters(self.network)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Shorten the gradient of either side, which Lightning leaves to whoever optimises by hand."""
        super().on_before_optimizer_step(optimizer)
        for side in (self.network, self.discriminator):
            torch.nn.utils.clip_grad_norm_(side.parameters(), self.config.max_gradient)
