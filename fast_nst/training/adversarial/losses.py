"""What the two sides of an adversarial training want: three losses, of logits.

| loss | the discriminator lowers | the generator lowers |
| --- | --- | --- |
| `cross-entropy` [Goodfellow2014] | -log D(real) - log(1 - D(fake)) | -log D(fake), the non-saturating form |
| `least-squares` [Mao2017] | (D(real) - 1)² + D(fake)² | (D(fake) - 1)² |
| `hinge` [Lim2017] | max(0, 1 - D(real)) + max(0, 1 + D(fake)) | -D(fake) |

Of `cross-entropy` D is the sigmoid of a logit, of the others the logit itself.

References:
    [Goodfellow2014] Generative Adversarial Nets, arXiv:1406.2661.
    [Mao2017] Least Squares Generative Adversarial Networks, arXiv:1611.04076 (with a = 0, b = c = 1; without the
        factors 1/2 of equation 2, so that all three are of one size).
    [Lim2017] Geometric GAN, arXiv:1705.02894.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor

AdversarialLoss = Literal["cross-entropy", "least-squares", "hinge"]


class Sides(NamedTuple):
    """One loss, elementwise, on logits of any shape."""

    real: Callable[[Tensor], Tensor]
    """What the discriminator loses on the artist's pictures."""
    fake: Callable[[Tensor], Tensor]
    """What it loses on pastiches."""
    generator: Callable[[Tensor], Tensor]
    """What the generator loses on pastiches."""
    threshold: float
    """The logit between both."""
    d: Callable[[Tensor], Tensor]
    """D of a logit as it is logged: 1 is the artist's, 0 a pastiche, 0.5 between."""


LOSSES: Mapping[AdversarialLoss, Sides] = {
    "cross-entropy": Sides(
        real=lambda logits: F.softplus(-logits),
        fake=F.softplus,
        generator=lambda logits: F.softplus(-logits),
        threshold=0.0,
        d=Tensor.sigmoid,
    ),
    "least-squares": Sides(
        real=lambda logits: (logits - 1).square(),
        fake=Tensor.square,
        generator=lambda logits: (logits - 1).square(),
        threshold=0.5,
        d=lambda logits: logits.clamp(0, 1),
    ),
    "hinge": Sides(
        real=lambda logits: F.relu(1 - logits),
        fake=lambda logits: F.relu(1 + logits),
        generator=Tensor.neg,
        threshold=0.0,
        d=lambda logits: ((1 + logits) / 2).clamp(0, 1),
    ),
}
