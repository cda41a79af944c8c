"""The Lightning module of an adversarial training: a network that paints, and one that tells its pastiches.

The style is a body of work, not a painting: a folder of an artist's pictures. What is lowered for the painter is
content and smoothness as elsewhere, Gram matrices if they are wanted, and what gives its pastiches away.

References:
    [Heusel2017] GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, arXiv:1706.08500.
    [Karras2020] Training Generative Adversarial Networks with Limited Data, arXiv:2006.06676.
    [Mescheder2018] Which Training Methods for GANs do actually Converge?, arXiv:1801.04406 (the gradient penalty R1,
        and both sides updated at once).
    [Yazici2019] The Unusual Effectiveness of Averaging in GAN Training, arXiv:1806.04498.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.func import functional_call

from fast_nst.networks import StyleNetwork
from fast_nst.perceptual import Objective
from fast_nst.perceptual.vgg import VggFeatures
from fast_nst.training.adversarial.augment import adapted, augment
from fast_nst.training.adversarial.discriminator import LAYERS, PatchDiscriminator
from fast_nst.training.adversarial.losses import LOSSES
from fast_nst.training.data import ContentPhotographs, Crops
from fast_nst.training.module import WARM_UP, Lot, StyleTransferModule, leave_out_odd

SCALED_BY = 8
"""Crops of each body of work by which the range of activations is known, and the row to start from is chosen."""
LOGGED = ("adversarial", "faint", "discriminator", "d_real", "d_fake", "augment_probability")
"""What is logged of both sides: their losses, D, and how often pictures are changed."""
_BETAS = (0.5, 0.99)  # of Adam: little momentum, for what is good for one side changes with the other
_ADAPTED_EVERY = 4  # steps between changes of the augmentation's probability, as in [Karras2020]


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

    verdict: Tensor
    """D of the artist's pictures, D of pastiches, and the discriminator's loss, of the last step that was judged."""
    agreement: Tensor
    """Since the augmentation was adapted last: the sum of r_t [Karras2020] over the artist's pictures, and how many."""

    def __init__(
        self, config: dict[str, Any], objectives: Sequence[Objective], pictures: Sequence[ContentPhotographs]
    ) -> None:
        super().__init__(config, objectives)
        self.automatic_optimization = False
        self.pictures = tuple(pictures)
        told = self.config.adversary
        self.sides = LOSSES[told.adversarial_loss]
        judge = self.config.objective
        features = VggFeatures(
            LAYERS,
            network=judge.loss_network,
            input_convention=judge.vgg_input,
            pooling=judge.pooling,
            arithmetic=judge.loss_arithmetic,
        )
        crops = torch.cat([one.batch(range(SCALED_BY)).images for one in pictures])
        self.discriminator = PatchDiscriminator(features, crops, len(objectives))
        self.average = copy.deepcopy(self.network).requires_grad_(requires_grad=False)
        undecided = torch.tensor(self.sides.threshold)
        loss = self.sides.real(undecided) + self.sides.fake(undecided)
        self.register_buffer("verdict", torch.stack([*(torch.tensor(0.5),) * 2, loss]))
        self.register_buffer("agreement", torch.zeros(2))
        self.augment_probability = 0.0  # of each change, before the discriminator sees a picture
        self.logged = (*self.logged, *LOGGED)

    @property
    def painter(self) -> StyleNetwork:
        """The running mean of the network."""
        return self.average

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam of both sides, each with a rate of its own [Heusel2017]."""
        optimizer = super().configure_optimizers()
        told = self.config.adversary
        optimizer.add_param_group({"params": list(self.discriminator.parameters()), "share": told.discriminator_rate})
        for group in optimizer.param_groups:
            group["betas"] = _BETAS
        return optimizer

    def on_fit_start(self) -> None:
        """Bring the objectives and the pictures to the device."""
        super().on_fit_start()
        self.discriminator.features[0].to(self.device)
        for pictures in self.pictures:
            pictures.device = self.device

    def on_train_start(self) -> None:
        """Let the running mean begin where the network does."""
        if self.global_step == 0:
            self.average.load_state_dict(self.network.state_dict())

    def on_train_batch_start(self, batch: Crops, batch_idx: int) -> None:
        """Set the learning rates of this step; the discriminator has no warm-up, so that it knows what it looks for."""
        super().on_train_batch_start(batch, batch_idx)
        if self.progress() < WARM_UP:
            discriminator = self.trainer.optimizers[0].param_groups[-1]
            discriminator["lr"] = self.config.learning_rate * discriminator["share"]

    def training_step(self, batch: Crops, batch_idx: int) -> dict[str, Any]:
        """Step both sides by a batch of crops; return the terms as `StyleTransferModule` does, and those of `LOGGED`.

        `unreadable` names the artist's pictures that could not be read.

        Raises:
            TrainingError: as there.
        """
        told, painted = self.config.adversary, self.paint(batch)
        lot = painted.lot
        rngs = [np.random.default_rng([self.config.seed, 5, index]) for index in batch.indices]
        fake = self.discriminator.activations(self._augmented(painted.pastiche, rngs))
        frozen = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        logits = functional_call(self.discriminator, frozen, (fake, lot.style))
        fooling = (_mean(self.sides.generator, logits) * self._is_judged(lot)).mean()
        faint = (self._distance_to_whole(batch.images, painted.pastiche, lot) * self.shares(lot).style).mean()
        works = self.pictures[lot.style].batch(batch.indices)
        critic = self._critic(works.images, [one.detach() for one in fake], lot, rngs)
        d_real, d_fake, discriminator = self.verdict.clone()
        probability = torch.tensor(self.augment_probability, device=self.device)
        values = (fooling, faint, discriminator, d_real, d_fake, probability)
        terms = self.checked(dict(zip(LOGGED, values, strict=True)))
        self.manual_backward(painted.loss + told.adversarial_weight * (fooling + faint) + critic)
        self._step()
        return {"terms": painted.terms | terms, "unreadable": works.unreadable}

    def _critic(self, works: Tensor, fake: Sequence[Tensor], lot: Lot, rngs: Sequence[np.random.Generator]) -> Tensor:
        """Return what the discriminator loses on as many works as pastiches, of whose activations it is told."""
        told = self.config.adversary
        works = self._augmented(works, rngs).requires_grad_(bool(told.gradient_penalty))
        both = [torch.cat(pair) for pair in zip(self.discriminator.activations(works), fake, strict=True)]
        real_logits, fake_logits = zip(*(one.chunk(2) for one in self.discriminator(both, lot.style)), strict=True)
        losses = _mean(self.sides.real, real_logits) + _mean(self.sides.fake, fake_logits)
        if told.gradient_penalty:
            (slope,) = torch.autograd.grad(_mean(Tensor.clone, real_logits).sum(), works, create_graph=True)
            losses = losses + told.gradient_penalty / 2 * slope.square().flatten(1).sum(1)
        self._note(real_logits, fake_logits, losses, lot)
        return (losses * self._is_judged(lot)).mean()

    @torch.no_grad()
    def _note(self, real: Sequence[Tensor], fake: Sequence[Tensor], losses: Tensor, lot: Lot) -> None:
        """Take in what the discriminator made of a batch, on all devices."""
        is_judged = self._is_judged(lot)
        d_real, d_fake = (_mean(self.sides.d, logits) for logits in (real, fake))
        agreement = _mean(lambda logits: (logits - self.sides.threshold).sign(), real)
        judged = torch.stack([d_real, d_fake, losses, torch.ones_like(losses)]) * is_judged
        sums = torch.cat([judged.sum(1), torch.stack([agreement.sum(), torch.ones_like(agreement).sum()])])
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(sums)
        self.verdict.copy_(torch.where(sums[3] > 0, sums[:3] / sums[3].clamp_min(1), self.verdict))
        self.agreement += sums[4:]

    def _is_judged(self, lot: Lot) -> Tensor:
        """Return 1 for each crop that the discriminator judges, 0 for those too faint, `(N,)`."""
        return torch.tensor([float(strength >= 1) for strength in lot.strengths], device=self.device)

    def _distance_to_whole(self, content: Tensor, pastiche: Tensor, lot: Lot) -> Tensor:
        """Return how far faint pastiches are from what the running mean paints at strength 1, `(N,)`; 0 for the others.

        The squared distance of the discriminator's activations, as a share of those of the latter.
        """
        distances = pastiche.new_zeros(len(pastiche)).float()
        faint = [number for number, strength in enumerate(lot.strengths) if strength < 1]
        if not faint:
            return distances
        with torch.no_grad():
            style, _ = self._controls(lot)
            strength = torch.ones(len(faint), device=self.device)
            whole = self.painter(content[faint], style, strength, lot.place)
            targets = self.discriminator.activations(whole.float())
        found = zip(self.discriminator.activations(pastiche[faint].float()), targets, strict=True)
        shares = [(one - other).square().flatten(1).sum(1) / other.square().flatten(1).sum(1) for one, other in found]
        return distances.index_put((torch.tensor(faint, device=self.device),), torch.stack(shares).mean(0))

    def _augmented(self, pictures: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        return augment(pictures.float(), self.augment_probability, rngs)

    def _step(self) -> None:
        optimizer = cast(LightningOptimizer, self.optimizers())
        optimizer.step()
        optimizer.zero_grad()
        self._follow()
        if self.config.adversary.augment_target and self.global_step % _ADAPTED_EVERY == 0:
            self._adapt()

    @torch.no_grad()
    def _follow(self) -> None:
        """Bring the running mean nearer to the weights: by `average_decay`, and by more in the first steps.

        After n of these it is a mean over about the last tenth of n, so that the start is soon forgotten.
        """
        decay = min(self.config.adversary.average_decay, (1 + self.global_step) / (10 + self.global_step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)

    def _adapt(self) -> None:
        """Change pictures more often where the discriminator seems to know the artist's by heart, else less often."""
        agreement, pictures = self.agreement.tolist()
        if pictures:
            target = self.config.adversary.augment_target
            self.augment_probability = adapted(
                self.augment_probability, agreement / pictures, int(pictures), target=target
            )
        self.agreement.zero_()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Shorten the gradient of either side, which Lightning leaves to whoever optimises by hand."""
        super().on_before_optimizer_step(optimizer)
        leave_out_odd(self.discriminator.parameters())
        for side in (self.network, self.discriminator):
            torch.nn.utils.clip_grad_norm_(side.parameters(), self.config.max_gradient)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add how often pictures are changed."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["augment_probability"] = self.augment_probability

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take how often pictures are changed."""
        super().on_load_checkpoint(checkpoint)
        self.augment_probability = checkpoint["augment_probability"]


def _mean(function: Callable[[Tensor], Tensor], logits: Sequence[Tensor]) -> Tensor:
    """Return the mean of a function of logits, `(N,)`: over the patches of each head, and over the heads."""
    return torch.stack([function(of_head).mean(1) for of_head in logits]).mean(0)
