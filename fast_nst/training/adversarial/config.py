"""What an adversarial training can be told beside what every training can."""

from dataclasses import dataclass, field
from typing import get_args

from fast_nst.errors import ConfigError
from fast_nst.training.adversarial.losses import AdversarialLoss


@dataclass(frozen=True)
class AdversarialConfig:
    """Whether and how a network is trained against a discriminator."""

    adversarial: bool = field(
        default=False,
        metadata={
            "help": "Learn from a body of work, against a network that tells its pictures from pastiches: --style-dir "
            "is a folder of one artist's pictures, or of such folders, a style each."
        },
    )
    adversarial_loss: AdversarialLoss = field(
        default="cross-entropy", metadata={"help": "What both sides want of D, with --adversarial."}
    )
    adversarial_weight: float = field(
        default=2.0, metadata={"help": "Weight of passing for the artist's, with --adversarial."}
    )
    discriminator_rate: float = field(
        default=1.0, metadata={"help": "Learning rate of the discriminator, times the network's."}
    )
    picture_crop: float = field(
        default=1.0,
        metadata={
            "help": "Largest crop of the artist's pictures, as a share of their shorter side; the smallest is a "
            "quarter of it. Less makes larger strokes, of pictures that are large enough."
        },
    )
    gradient_penalty: float = field(
        default=0.0,
        metadata={"help": "Weight of the gradient penalty R1, beside the spectral norm, always there."},
    )
    augment_target: float = field(
        default=0.6,
        metadata={
            "help": "How sure of the artist's pictures the discriminator may be before they are changed more often, so "
            "that it does not learn few by heart: the share of patches that it calls the artist's, less that of the "
            "others. 0 never changes them."
        },
    )
    average_decay: float = field(
        default=0.998,
        metadata={
            "help": "The running mean of the weights, which is what is exported, keeps this share of itself at each "
            "step; less at first ((n + 1) / (n + 10) at most, after n steps)."
        },
    )

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        if self.adversarial_loss not in get_args(AdversarialLoss):
            known = ", ".join(get_args(AdversarialLoss))
            raise ConfigError(f"adversarial_loss is {self.adversarial_loss!r}, expected one of {known}")
        for name in ("adversarial_weight", "gradient_penalty"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least 0")
        if not 0 < self.picture_crop <= 1:
            raise ConfigError(f"picture_crop is {self.picture_crop}, expected a share above 0 and up to 1")
        if not self.discriminator_rate > 0:
            raise ConfigError(f"discriminator_rate is {self.discriminator_rate}, expected a number above 0")
        for name in ("augment_target", "average_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least 0 and less than 1")
