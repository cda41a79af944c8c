"""Everything a run can be told, in plain values: one truth for commands, YAML and recipes."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from fast_nst.errors import ConfigError
from fast_nst.images import MAX_MEGAPIXELS
from fast_nst.perceptual import ObjectiveConfig

Optimizer = Literal["lbfgs", "adam", "rmsprop", "sgd"]

OPTIMIZERS: dict[Optimizer, float] = {"lbfgs": 1.0, "adam": 0.05, "rmsprop": 0.01, "sgd": 3.0}
"""The optimisers and their default learning rates.

Adam's and RMSprop's are in units of the pixels' range [0, 1]: about how far a value moves in a step. L-BFGS's and SGD's
are shares of a step: L-BFGS's of the one it would take, SGD's of one that moves the values of the start by 0.02 in the
mean, whatever the scale of the loss.
"""


@dataclass(frozen=True)
class GatysConfig:
    """One optimisation: how long, how, from where, at which size, towards which objective."""

    steps: int = field(
        default=200,
        metadata={"help": "Optimiser steps; from coarse to fine, at the first size: half as many at each further one."},
    )
    optimizer: Optimizer = field(default="lbfgs", metadata={"help": "How to descend."})
    learning_rate: float | None = field(
        default=None,
        metadata={"help": "Default: " + ", ".join(f"{rate:g} for {name}" for name, rate in OPTIMIZERS.items()) + "."},
    )
    momentum: float = field(default=0.9, metadata={"help": "Of sgd."})
    init: str = field(default="content", metadata={"help": "Start: content, style, noise, grey, or a picture's path."})
    seed: int = field(default=0, metadata={"help": "Seed of the noise."})
    size: int = field(default=512, metadata={"help": "Longer side of the pastiche, px."})
    start_size: int | None = field(
        default=None,
        metadata={
            "help": "Coarse to fine: start at this longer side, px, and go on at up to twice the size each time, from "
            "the pastiche before, to --size. 0 works at one size alone. Default: 128, or more where pictures are too "
            "thin for that."
        },
    )
    strip_megapixels: float = field(
        default=0.25,
        metadata={"help": "The loss network looks at larger pictures in strips of this size, which bounds memory."},
    )
    max_minutes: float | None = field(default=None, metadata={"help": "Stop after this long, if sooner."})
    target: float | None = field(
        default=None, metadata={"help": "Stop when the total loss, at full size, is this low, if sooner."}
    )
    max_megapixels: float = field(default=MAX_MEGAPIXELS, metadata={"help": "Refuse larger pictures."})
    device: str = field(default="auto", metadata={"help": "cpu, cuda, mps ...; auto takes a GPU if there is one."})
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        if self.optimizer not in OPTIMIZERS:
            raise ConfigError(f"optimizer is {self.optimizer!r}, expected {' or '.join(get_args(Optimizer))}")
        for name in ("steps", "size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least 1")
        for name in ("learning_rate", "max_minutes", "target", "strip_megapixels"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} is {value}, expected a number above 0")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed is {self.seed}, expected 0 to {2**63 - 1}")
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"momentum is {self.momentum}, expected at least 0 and below 1")
        if self.start_size is not None and not 0 <= self.start_size <= self.size:
            raise ConfigError(f"start_size is {self.start_size}, expected 0 to {self.size}, which is size")

    def scales(self) -> list[tuple[int, int]]:
        """Return each longer side to work at, px, ascending to `size`, and its steps: half as many at twice the size.

        A step at twice the size costs four times as much, and has only detail left to find.
        """
        sides = [self.size]
        while self.start_size and sides[0] > self.start_size:
            sides.insert(0, max(self.start_size, math.ceil(sides[0] / 2)))
        return [(side, max(1, round(self.steps / 2**number))) for number, side in enumerate(sides)]

    def plain(self) -> dict[str, Any]:
        """Return one flat dictionary of plain values, as a YAML file for `--config` holds them."""
        values = asdict(self)
        values |= values.pop("objective")
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
