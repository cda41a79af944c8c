"""The slow reference: repaint a photograph by optimising its own pixels.

The same objective that trains networks is minimised over the pastiche itself, with L-BFGS as in the paper or with Adam.
A step is one evaluation of the objective and its gradient: L-BFGS runs without a line search, as in the authors' code
and in [Johnson2016], so that "k steps" means what it means there.

References:
    [Gatys2016] Image Style Transfer Using Convolutional Neural Networks, CVPR 2016.
    [Johnson2016] Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv:1603.08155.
"""

import csv
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
import yaml
from torch import Tensor

from fast_nst.errors import ConfigError, TrainingError, did_you_mean, first_line
from fast_nst.images import MAX_MEGAPIXELS, Picture, Pixels, atomic_path, fit, read_pixels, resize, write_picture
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image, to_pixels
from fast_nst.plots import plot_losses

Optimizer = Literal["lbfgs", "adam"]

LEARNING_RATES: dict[Optimizer, float] = {"lbfgs": 1.0, "adam": 0.02}
"""Default learning rates; Adam's is in units of the pixels' range [0, 1]."""

_STARTS = ("content", "style", "noise")
_MEMORY = 50  # past steps that L-BFGS builds its curvature from; each costs two pictures of float32
_PLAIN_STEP = 0.02  # mean change of a value in [0, 1] by a step straight down the first gradient
_NOISE = 1 / 255  # standard deviation of a start from noise around mid-grey: that of [Johnson2016]'s Torch code


@dataclass(frozen=True)
class GatysConfig:
    """One optimisation: how long, how, from where, at which size, towards which objective."""

    steps: int = field(default=500, metadata={"help": "Optimiser steps."})
    optimizer: Optimizer = field(default="lbfgs", metadata={"help": "How to descend."})
    learning_rate: float | None = field(default=None, metadata={"help": "Default: 1 for lbfgs, 0.02 for adam."})
    init: str = field(default="content", metadata={"help": "Start: content, style, noise, or a picture's path."})
    seed: int = field(default=0, metadata={"help": "Seed of the noise."})
    size: int = field(default=512, metadata={"help": "Longer side of the pastiche, px."})
    max_minutes: float | None = field(default=None, metadata={"help": "Stop after this long, if sooner."})
    target: float | None = field(default=None, metadata={"help": "Stop when the total loss is this low, if sooner."})
    max_megapixels: float = field(default=MAX_MEGAPIXELS, metadata={"help": "Refuse larger pictures."})
    device: str = field(default="auto", metadata={"help": "cpu, cuda, mps ...; auto takes a GPU if there is one."})
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        for name in ("steps", "size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least 1")
        for name in ("learning_rate", "max_minutes", "target"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} is {value}, expected a number above 0")

    def plain(self) -> dict[str, Any]:
        """Return one flat dictionary of plain values, as a YAML file for `--config` holds them."""
        values = asdict(self)
        values |= values.pop("objective")
        return values


class Step(NamedTuple):
    """The state of an optimisation after `step` steps; 0 is the start image."""

    step: int
    losses: dict[str, float]
    """`content`, `style`, `tv` and `total`, weighted, of the iterate before its values are clamped to [0, 1]."""
    seconds: float
    """Since the start, the time spent in `on_step` included."""
    evaluations: int
    """How often the objective has been evaluated so far."""


OnStep = Callable[[Step, Tensor], None]


def repaint(
    content: Pixels, style: Pixels, config: GatysConfig, on_step: OnStep | None = None
) -> tuple[Pixels, list[Step]]:
    """Repaint a photograph in the style of a painting.

    Args:
        content: the photograph, `uint8 (H, W, 3)`; resized so that its longer side is `config.size`.
        style: the painting, `uint8 (H, W, 3)`; resized so that its longer side is `config.objective.style_size`.
        config: everything else.
        on_step: called after every step, see `optimize`.

    Returns:
        The pastiche, `uint8 (H, W, 3)`, and every step; see `optimize`.

    Raises:
        FastNstError: for options, weights or pictures that do not serve, or a loss that is not finite.
    """
    device = _device(config.device)
    content_image = to_image(fit(content, config.size))
    style_image = to_image(fit(style, config.objective.style_size))
    start = start_image(config, content_image, style)
    try:
        pastiche, history = optimize(
            Objective(config.objective, style_image).to(device),
            content_image.to(device),
            start.to(device),
            steps=config.steps,
            optimizer=config.optimizer,
            learning_rate=config.learning_rate,
            max_minutes=config.max_minutes,
            target=config.target,
            on_step=on_step,
        )
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            f"size {config.size} px is too large for the memory of {device}; give a smaller one"
        ) from error
    return to_pixels(pastiche), history


def optimize(
    objective: Objective,
    content: Tensor,
    start: Tensor,
    *,
    steps: int,
    optimizer: Optimizer = "lbfgs",
    learning_rate: float | None = None,
    max_minutes: float | None = None,
    target: float | None = None,
    on_step: OnStep | None = None,
) -> tuple[Tensor, list[Step]]:
    """Minimise `objective` over the pixels, from `start`.

    Args:
        objective: what to minimise, on the device of the images.
        content: the photograph, `(1, 3, H, W)` RGB in [0, 1].
        start: where to start, same shape; not changed.
        steps: steps to do.
        optimizer: `lbfgs`, or `adam`.
        learning_rate: None takes the optimiser's of `LEARNING_RATES`.
        max_minutes: stop at the first step that ends after this long.
        target: stop at the first step whose total loss is at or below this.
        on_step: called with every `Step` and a copy of its pastiche, `(1, 3, H, W)` clamped to [0, 1]. Whatever it
            raises ends the run, and so does Ctrl-C: a caller that keeps the latest pastiche loses nothing.

    Returns:
        The last iterate, clamped to [0, 1], and the history: `history[k]` is the state after `k` steps. It is shorter
        than `steps + 1` where the run stopped early, or where L-BFGS found no way down.

    Raises:
        TrainingError: when a loss is not finite.
    """
    pixels = start.detach().clone(memory_format=torch.contiguous_format).requires_grad_()  # L-BFGS needs one stretch
    targets = objective.content_targets(content)
    history: list[Step] = []
    began, scale = time.monotonic(), 1.0

    def evaluate() -> Tensor:
        nonlocal scale
        losses = objective(pixels, targets)
        done = len(history)
        step = Step(done, losses.floats(), time.monotonic() - began, evaluations=done + 1)
        _check_finite(step)
        history.append(step)
        if on_step is not None:
            on_step(step, pixels.detach().clamp(0, 1))
        is_late = max_minutes is not None and step.seconds >= 60 * max_minutes
        if done == steps or is_late or (target is not None and step.losses["total"] <= target):
            raise _FinishedError
        total: Tensor = losses.total.sum()
        (gradient,) = torch.autograd.grad(total, pixels)
        if done == 0:
            # The path does not depend on the scale of the loss, except where L-BFGS finds no positive curvature (from
            # faint noise, for one) and steps by the bare gradient: with the papers' constants, out of the world.
            scale = _PLAIN_STEP / (float(gradient.abs().mean()) or 1.0)
        pixels.grad = scale * gradient
        return scale * total

    with suppress(_FinishedError):
        _descend(pixels, evaluate, steps, optimizer, learning_rate or LEARNING_RATES[optimizer])
    return pixels.detach().clamp(0, 1), history


class _FinishedError(Exception):
    """Raised inside the objective's evaluation: the only place from which L-BFGS can be left early."""


def _descend(
    pixels: Tensor, evaluate: Callable[[], Tensor], steps: int, optimizer: Optimizer, learning_rate: float
) -> None:
    """Take steps until `evaluate` raises; it is called at the start and after every step."""
    if optimizer == "adam":
        adam = torch.optim.Adam([pixels], lr=learning_rate)
        while True:
            adam.step(evaluate)
    lbfgs = torch.optim.LBFGS(
        [pixels],
        lr=learning_rate,
        max_iter=steps + 1,
        history_size=_MEMORY,
        tolerance_grad=0,  # torch's tolerances would end a run on small losses
        tolerance_change=0,
    )
    lbfgs.step(evaluate)  # type: ignore[no-untyped-call]


def start_image(config: GatysConfig, content: Tensor, style: Pixels) -> Tensor:
    """Return the image to start from, as `config.init` says.

    Args:
        config: where to start, and the seed of the noise, which is white, around mid-grey.
        content: the photograph, `(1, 3, H, W)` in [0, 1], on the CPU.
        style: the painting, `uint8 (H, W, 3)`.

    Returns:
        An image of the shape of `content`; the painting, or a picture, is stretched to that shape.

    Raises:
        ConfigError: when `config.init` is neither a known start nor a file.
        ImageError: when the file is not a picture.
    """
    if config.init == "content":
        return content
    if config.init == "noise":
        noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(config.seed))
        return (0.5 + _NOISE * noise).clamp(0, 1)
    if config.init == "style":
        pixels = style
    elif Path(config.init).exists():
        pixels = read_pixels(config.init, max_megapixels=config.max_megapixels)
    else:
        hint = did_you_mean(config.init, _STARTS)
        raise ConfigError(f"init is {config.init!r}, expected content, style, noise or the path of a picture{hint}")
    height, width = content.shape[2:]
    return to_image(resize(pixels, height, width))


class Album:
    """Keeps the latest pastiche of a run, and writes what the run leaves beside it.

    Args:
        folder: gets `config.yaml`, `history.csv`, `history.png`, and snapshots such as `step-0050.png`.
        config: what is run.
        snapshot_every: steps between snapshots, with which the curves are brought up to date; 0 for none.
    """

    def __init__(self, folder: Path, config: GatysConfig, snapshot_every: int = 0) -> None:
        self.folder = folder
        self.config = config
        self.snapshot_every = snapshot_every
        self.history: list[Step] = []
        self.pastiche = torch.empty(0)  # until the first step

    def add(self, step: Step, pastiche: Tensor) -> None:
        """Take in a step; an `OnStep`."""
        self.history.append(step)
        self.pastiche = pastiche
        if step.step == 0:
            self._start()
        elif self.snapshot_every and step.step % self.snapshot_every == 0:
            write_picture(self.folder / f"step-{step.step:04d}.png", Picture(to_pixels(pastiche)), overwrite=True)
            self.write_curves()

    def write_curves(self) -> None:
        """Write `history.csv` and `history.png`."""
        rows = [{"step": s.step, **s.losses, "seconds": s.seconds, "evaluations": s.evaluations} for s in self.history]
        table = self.folder / "history.csv"
        with atomic_path(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        plot_losses(rows, table.with_suffix(".png"), x="step", title=f"Loss, {self.config.optimizer}")

    def _start(self) -> None:
        """Write the configuration, which also shows that the folder can be written, and drop earlier snapshots."""
        with atomic_path(self.folder / "config.yaml") as temporary:
            temporary.write_text(yaml.safe_dump(self.config.plain(), sort_keys=False), encoding="utf-8")
        for snapshot in self.folder.glob("step-*.png"):
            snapshot.unlink()


def _check_finite(step: Step) -> None:
    for name, loss in step.losses.items():
        if not math.isfinite(loss):
            advice = "give a lower learning rate, or --optimizer adam"
            raise TrainingError(f"step {step.step}: the {name} loss is {loss}, which no step can mend; {advice}")


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = first_line(error)
        raise ConfigError(f"device {name!r} cannot be used here ({reason}); give cpu, or leave it out") from error
