"""The optimisers: one picture, one objective, step by step down."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import torch
from torch import Tensor

from fast_nst.errors import TrainingError
from fast_nst.gatys.config import OPTIMIZERS, Optimizer
from fast_nst.perceptual import Objective

_MOST_PAST, _LEAST_PAST = 50, 5  # past steps that L-BFGS builds its curvature from
_PAST_BYTES = 500_000_000  # memory for them, unless that gives less than the least
_RMSPROP_MEMORY = 0.9  # torch's 0.99 makes the first step ten times as long as those that follow
_PLAIN_STEP = 0.02  # mean change of a value in [0, 1] by a step straight down the first gradient


class Step(NamedTuple):
    """The state of an optimisation after `step` steps; 0 is the start image."""

    step: int
    losses: dict[str, float]
    """`content`, `style`, `tone`, `tv` and `total`, weighted, of the iterate before it is clamped to [0, 1]."""
    seconds: float
    """Since the start, the time spent in `on_step` included."""
    evaluations: int
    """How often the objective has been evaluated so far."""


OnStep = Callable[[Step, Tensor], None]


def optimize(
    objective: Objective,
    content: Tensor,
    start: Tensor,
    *,
    steps: int,
    optimizer: Optimizer = "lbfgs",
    learning_rate: float | None = None,
    momentum: float = 0.9,
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
        optimizer: one of `OPTIMIZERS`.
        learning_rate: None takes the optimiser's of `OPTIMIZERS`.
        momentum: of `sgd`, which takes `1 - momentum` of its rate a step: momentum changes the path, not the pace.
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
        _descend(pixels, evaluate, steps, optimizer, momentum, learning_rate or OPTIMIZERS[optimizer])
    return pixels.detach().clamp(0, 1), history


class _FinishedError(Exception):
    """Raised inside the objective's evaluation: the only place from which L-BFGS can be left early."""


def _descend(
    pixels: Tensor, evaluate: Callable[[], Tensor], steps: int, kind: Optimizer, momentum: float, rate: float
) -> None:
    """Take steps until `evaluate` raises; it is called at the start and after every step."""
    if kind == "lbfgs":
        lbfgs = torch.optim.LBFGS(
            [pixels],
            lr=rate,
            max_iter=steps + 1,
            history_size=_past_steps(pixels),
            tolerance_grad=0,  # torch's tolerances would end a run on small losses
            tolerance_change=0,
        )
        lbfgs.step(evaluate)  # type: ignore[no-untyped-call]
        return
    optimizer: torch.optim.Optimizer
    if kind == "adam":
        optimizer = torch.optim.Adam([pixels], lr=rate)
    elif kind == "rmsprop":
        optimizer = torch.optim.RMSprop([pixels], lr=rate, alpha=_RMSPROP_MEMORY)
    else:
        optimizer = torch.optim.SGD([pixels], lr=rate * (1 - momentum), momentum=momentum)
    while True:
        optimizer.step(evaluate)


def _past_steps(pixels: Tensor) -> int:
    """Return how many past steps L-BFGS builds its curvature from: fewer for large pictures, each costs two of them."""
    return max(_LEAST_PAST, min(_MOST_PAST, _PAST_BYTES // (2 * pixels.numel() * pixels.element_size())))


def _check_finite(step: Step) -> None:
    for name, loss in step.losses.items():
        if not math.isfinite(loss):
            advice = "give a lower learning rate, or --optimizer adam"
            raise TrainingError(f"step {step.step}: the {name} loss is {loss}, which no step can mend; {advice}")
