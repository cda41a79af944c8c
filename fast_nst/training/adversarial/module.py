"""The Lightning module of an adversarial training: a network that paints, and one that tells its pastiches.

The style is a body of work, not a painting: a folder of an artist's pictures. What is lowered for the painter is
content and smoothness as elsewhere, Gram matrices if they are wanted, and what gives its pastiches away.

References:
    [Heusel2017] GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, arXiv:1706.08500.
    [Mescheder2018] Which Training Methods for GANs do actually Converge?, arXiv:1801.04406 (the gradient penalty R1,
        and both sides updated at once).
    [Yazici2019] The Unusual Effectiveness of Averaging in GAN Training, arXiv:1806.04498.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.func import functional_call
from torch.optim.swa_utils import AveragedModel

from fast_nst.networks import StyleNetwork
from fast_nst.perceptual import Objective
from fast_nst.perceptual.vgg import VggFeatures
from fast_nst.training.adversarial.augment import adapted, augment
from fast_nst.training.adversarial.discriminator import LAYERS, PatchDiscriminator
from fast_nst.training.adversarial.losses import LOSSES
from fast_nst.training.data import ContentPhotographs, Crops
from fast_nst.training.module import WARM_UP, Lot, StyleTransferModule, leave_out_odd

_LOOKED_AT = 8  # crops of each style, to know the range of activations
LOGGED = ("adversarial", "faint", "discriminator", "d_real", "d_fake", "augmenting")
"""What is logged of both sides: their losses, D, and how often pictures are changed."""
_BETAS = (0.5, 0.99)  # of Adam: little momentum, for what is good for one side changes with the other


class Said(NamedTuple):
    """What came of the last look at the artist's pictures and at pastiches of strength 1 and more.

    Some steps have none of these: D of either, means over patches, and what the discriminator lost.
    """

    real: Tensor
    fake: Tensor
    loss: Tensor


class AdversarialModule(StyleTransferModule):
    """A network, a discriminator, and one Adam that steps both at once [Mescheder2018], each at its own rate.

    What is exported, previewed and kept is the running mean of the network's weights, which the discriminator does not
    see [Yazici2019].

    Only crops painted with a strength of 1 and more are judged, for fainter ones need not pass for the artist's. What
    they come near to instead is what the painter makes of the same crops at strength 1, the nearer the stronger: by the
    square of the strength, as with styles elsewhere. (Judged after all, they became dark: the painter found what a
    discriminator lets pass that sees them seldom.)

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
        judge = self.config.objective
        eyes = VggFeatures(
            LAYERS,
            network=judge.loss_network,
            input_convention=judge.vgg_input,
            pooling=judge.pooling,
            arithmetic=judge.loss_arithmetic,
        )
        looked_at = torch.cat([one.batch(range(_LOOKED_AT)).images for one in pictures])
        self.discriminator = PatchDiscriminator(eyes, looked_at, len(objectives))
        self.average = AveragedModel(self.network, multi_avg_fn=self._approach)
        self.average.requires_grad_(requires_grad=False)
        undecided = torch.tensor(self.sides.middle)
        self.said = Said(*(torch.tensor(0.5),) * 2, self.sides.real(undecided) + self.sides.fake(undecided))
        self.register_buffer("augmenting", torch.zeros(()))
        self.logged = (*self.logged, *LOGGED)

    @property
    def painter(self) -> StyleNetwork:
        """The running mean of the network."""
        return cast(StyleNetwork, self.average.module)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam of both sides, each with a rate of its own [Heusel2017]."""
        optimizer = super().configure_optimizers()
        told = self.config.adversary
        optimizer.add_param_group({"params": list(self.discriminator.parameters()), "share": told.discriminator_rate})
        for group in optimizer.param_groups:
            group["betas"] = _BETAS
        return optimizer

    def on_train_batch_start(self, batch: Crops, batch_idx: int) -> None:
        """Set the learning rates of this step; the discriminator has no warm-up, so that it knows what it looks for."""
        super().on_train_batch_start(batch, batch_idx)
        if self.progress() < WARM_UP:
            discriminator = self.trainer.optimizers[0].param_groups[-1]
            discriminator["lr"] = self.config.learning_rate * discriminator["share"]

    def on_fit_start(self) -> None:
        """Bring the objectives and the pictures to the device."""
        super().on_fit_start()
        self.discriminator.eyes[0].to(self.device)
        for pictures in self.pictures:
            pictures.device = self.device

    def training_step(self, batch: Crops, batch_idx: int) -> dict[str, Any]:
        """Step both sides by a batch of crops; return the losses, as `StyleTransferModule` does, and D's."""
        told, painted = self.config.adversary, self.paint(batch)
        lot = painted.lot
        rng = np.random.default_rng([self.config.seed, 5, batch.indices[0]])
        frozen = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        seen = self.discriminator.look(self._changed(painted.pastiche, rng))
        verdict = functional_call(self.discriminator, frozen, (seen, lot.style))
        fooling = (_mean(self.sides.generator, verdict) * self.shares(lot).style * self._is_judged(lot)).mean()
        faint = (self._distance_to_whole(batch.images, painted.pastiche, lot) * self.shares(lot).style).mean()
        works = self.pictures[lot.style].batch(batch.indices)
        critic = self._critic(works.images, [found.detach() for found in seen], lot, rng)
        said = {"discriminator": self.said.loss, "d_real": self.said.real, "d_fake": self.said.fake}
        terms = self.checked({"adversarial": fooling, "faint": faint, **said, "augmenting": self.augmenting.clone()})
        self.manual_backward(painted.loss + told.adversarial_weight * (fooling + faint) + critic)
        self._step()
        return {"terms": painted.terms | terms, "unreadable": works.unreadable}

    def _critic(self, works: Tensor, pastiches: Sequence[Tensor], lot: Lot, rng: np.random.Generator) -> Tensor:
        """Return what the discriminator loses on pastiches that it has seen and as many works; keep what it `said`."""
        told = self.config.adversary
        works = self._changed(works, rng).requires_grad_(bool(told.gradient_penalty))
        seen = [torch.cat(both) for both in zip(self.discriminator.look(works), pastiches, strict=True)]
        said = self.discriminator(seen, lot.style)
        real, fake = zip(*(logits.float().chunk(2) for logits in said), strict=True)
        losses, is_judged = _mean(self.sides.real, real) + _mean(self.sides.fake, fake), self._is_judged(lot)
        if told.gradient_penalty:
            (slope,) = torch.autograd.grad(_mean(Tensor.clone, real).sum(), works, create_graph=True)
            losses = losses + told.gradient_penalty / 2 * slope.square().flatten(1).sum(1)
        with torch.no_grad():
            self._adapt(real)
            if is_judged.any():
                d_real, d_fake = (_mean(self.sides.says, logits)[is_judged].mean() for logits in (real, fake))
                self.said = Said(d_real, d_fake, losses[is_judged].mean())
        return (losses * is_judged).mean()

    def _is_judged(self, lot: Lot) -> Tensor:
        return torch.tensor([strength >= 1 for strength in lot.strengths], device=self.device)

    def _distance_to_whole(self, content: Tensor, pastiche: Tensor, lot: Lot) -> Tensor:
        """Return how far faint pastiches are from what the running mean paints at strength 1, `(N,)`; 0 for the others.

        The squared distance of what the discriminator sees, as a share of what it sees of the latter.
        """
        distances, is_faint = pastiche.new_zeros(len(pastiche)).float(), ~self._is_judged(lot)
        if not is_faint.any():
            return distances
        with torch.no_grad():
            style, _ = self._controls(lot)
            whole = self.painter(content[is_faint], style, torch.ones(int(is_faint.sum()), device=self.device))
            targets = self.discriminator.look(whole.float())
        seen = zip(self.discriminator.look(pastiche[is_faint].float()), targets, strict=True)
        shares = [(one - other).square().flatten(1).sum(1) / other.square().flatten(1).sum(1) for one, other in seen]
        return distances.masked_scatter(is_faint, torch.stack(shares).mean(0))

    def _changed(self, pictures: Tensor, rng: np.random.Generator) -> Tensor:
        return augment(pictures.float(), float(self.augmenting), rng)

    def _adapt(self, real: Sequence[Tensor]) -> None:
        """Change pictures more often where the discriminator seems to know the artist's by heart, else less often."""
        told = self.config.adversary
        if told.augment_target:
            agreement = float(_mean(lambda logits: (logits > self.sides.middle).float(), real).mean()) * 2 - 1
            now = adapted(float(self.augmenting), agreement, len(real[0]), target=told.augment_target)
            self.augmenting.fill_(now)

    def _step(self) -> None:
        optimizer = cast(LightningOptimizer, self.optimizers())
        optimizer.step()
        optimizer.zero_grad()
        self.average.update_parameters(self.network)

    @torch.no_grad()
    def _approach(self, means: Sequence[Tensor], weights: Sequence[Tensor], steps: Tensor | int) -> None:
        """Bring running means nearer to weights: by `average_decay`, and by more in the first steps.

        After n of these they are a mean over about the last tenth of n, so that the start is soon forgotten.
        """
        decay = min(self.config.adversary.average_decay, (1 + float(steps)) / (10 + float(steps)))
        torch._foreach_lerp_(list(means), list(weights), 1 - decay)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Shorten the gradient of either side, which Lightning leaves to whoever optimises by hand."""
        super().on_before_optimizer_step(optimizer)
        leave_out_odd(self.discriminator.parameters())
        for side in (self.network, self.discriminator):
            torch.nn.utils.clip_grad_norm_(side.parameters(), self.config.max_gradient)


def _mean(function: Callable[[Tensor], Tensor], said: Sequence[Tensor]) -> Tensor:
    """Return the mean of a function of logits, `(N,)`: over the patches of each head, and over the heads."""
    return torch.stack([function(logits).mean(1) for logits in said]).mean(0)
