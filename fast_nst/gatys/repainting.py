"""From pixels to pixels: a photograph repainted in the style of paintings, at one size or from coarse to fine."""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from fast_nst.errors import ConfigError, first_line
from fast_nst.gatys.config import GatysConfig
from fast_nst.gatys.descent import OnStep, Step, optimize
from fast_nst.gatys.start import start_image
from fast_nst.images import Pixels, fit, fit_size
from fast_nst.perceptual import Objective, balanced, least_side, to_image, to_pixels

_BALANCED_SIDE = 512  # px; a larger photograph has much the same balance
_START_SIDE = 128  # px, that large shapes are found at
_TIMED_SIDE = 256  # px, that a step is timed at


def repaint(
    content: Pixels, styles: Sequence[Pixels], config: GatysConfig, on_step: OnStep | None = None
) -> tuple[Pixels, list[Step]]:
    """Repaint a photograph in the style of a painting, or of several at once.

    From coarse to fine [Gatys2017], photograph and paintings are both seen at each size, and each size starts from the
    pastiche of the one before: large shapes are found where steps are cheap, and strokes end at the size that
    `style_size` gives them in the finished picture.

    Args:
        content: the photograph, `uint8 (H, W, 3)`; resized so that its longer side is `config.size`.
        styles: the paintings, each `uint8 (H, W, 3)`; resized so that the longer side is `config.objective.style_size`.
        config: everything else.
        on_step: called after every step, see `optimize`; steps are counted over all sizes, and a size's first state,
            which is the last one's pastiche enlarged, is one of them.

    Returns:
        The pastiche, `uint8 (H, W, 3)`, and every step; see `optimize`. Of limited time, each size gets an equal share
        of what is left, so that the last is always reached.

    Raises:
        FastNstError: for options, weights or pictures that do not serve, or a loss that is not finite.
    """
    device = _device(config.device)
    config = settled(config, content, styles)
    began = time.monotonic()
    history: list[Step] = []
    pastiche: Tensor | None = None
    scales = config.scales()
    for number, (side, steps) in enumerate(scales):
        minutes = _minutes_for(config, began, scales_left=len(scales) - number)
        try:
            content_image = to_image(fit(content, side))
            if pastiche is None:
                start = start_image(config, content_image, styles[0])
            else:
                start = _enlarged(pastiche, content_image)
            pastiche, passed = optimize(
                _objective(config, styles, side).to(device),
                content_image.to(device),
                start.to(device),
                steps=steps,
                optimizer=config.optimizer,
                learning_rate=config.learning_rate,
                momentum=config.momentum,
                max_minutes=minutes,
                target=config.target if side == config.size else None,
                on_step=_counted_on(history, on_step),
            )
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            advice = "give a smaller one, or smaller strips"
            raise ConfigError(f"size {side} px is too large for the memory of {device}; {advice}") from error
        history += _counted(history, passed)
    assert pastiche is not None
    return to_pixels(pastiche), history


def settled(config: GatysConfig, content: Pixels, styles: Sequence[Pixels]) -> GatysConfig:
    """Return `config` with what it leaves open decided for these pictures: the size to start at, and the weights.

    To balance weights, the photograph is seen at `config.size`, at most 512 px, and the paintings at the size they have
    beside it.
    """
    if config.start_size is None:
        config = replace(config, start_size=_start_size(config, content, styles))
    side = min(config.size, _BALANCED_SIDE)
    style_side = max(_style_side(config, side), min(config.objective.style_size, _BALANCED_SIDE // 2))
    paintings = [to_image(fit(style, style_side)) for style in styles]
    return replace(config, objective=balanced(config.objective, paintings, [to_image(fit(content, side))]))


def _start_size(config: GatysConfig, content: Pixels, styles: Sequence[Pixels]) -> int:
    """Return the least size, `_START_SIDE` doubled as often as it takes, at which all pictures can be judged."""
    least, side = least_side(config.objective), min(_START_SIDE, config.size)
    while side < config.size:
        sides = [_short_side(content, side), *(_short_side(style, _style_side(config, side)) for style in styles)]
        if min(sides) >= least:
            break
        side = min(2 * side, config.size)
    return side


def _short_side(pixels: Pixels, longer_side: int) -> int:
    height, width = pixels.shape[:2]
    return min(fit_size(height, width, longer_side))


def expected_seconds(config: GatysConfig, content: Pixels, styles: Sequence[Pixels]) -> float:
    """Return about how long `repaint` will take, by the time of one step at a small size.

    Args:
        config: `settled` for these pictures.
        content: the photograph, `uint8 (H, W, 3)`.
        styles: the paintings.
    """
    device, side = _device(config.device), max(config.start_size or config.size, min(config.size, _TIMED_SIDE))
    content_image = to_image(fit(content, side)).to(device)
    objective = _objective(config, styles, side).to(device)
    targets, seconds = objective.content_targets(content_image), []
    for _ in range(2):  # the first of them also finds its way about
        pixels, began = content_image.clone().requires_grad_(), time.monotonic()
        objective(pixels, targets).total.sum().backward()
        seconds.append(time.monotonic() - began)
    return sum((1 + steps) * min(seconds) * (other / side) ** 2 for other, steps in config.scales())


def _objective(config: GatysConfig, styles: Sequence[Pixels], side: int) -> Objective:
    """Return the objective for a picture of this longer side; paintings shrink as it does."""
    paintings = (to_image(fit(style, _style_side(config, side))) for style in styles)
    return Objective(config.objective, *paintings, strip_pixels=round(1e6 * config.strip_megapixels))


def _style_side(config: GatysConfig, side: int) -> int:
    return max(1, round(config.objective.style_size * side / config.size))


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Tell what PyTorch says on a GPU, and on a CPU, from everything else."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _enlarged(pastiche: Tensor, content: Tensor) -> Tensor:
    return F.interpolate(pastiche.cpu(), size=content.shape[2:], mode="bicubic", antialias=True).clamp(0, 1)


def _minutes_for(config: GatysConfig, began: float, scales_left: int) -> float | None:
    """Return how long the next size may take; None for as long as it needs."""
    if config.max_minutes is None:
        return None
    return max(0.0, config.max_minutes - (time.monotonic() - began) / 60) / scales_left


def _counted_on(history: list[Step], on_step: OnStep | None) -> OnStep | None:
    """Return `on_step` for steps that follow on those of `history`."""
    if on_step is None or not history:
        return on_step
    return lambda step, pastiche: on_step(_counted(history, [step])[0], pastiche)


def _counted(history: list[Step], steps: Sequence[Step]) -> list[Step]:
    """Return the steps with numbers, seconds and evaluations that go on from `history`."""
    if not history:
        return list(steps)
    last = history[-1]
    return [
        Step(
            last.step + 1 + step.step,
            step.losses,
            last.seconds + step.seconds,
            last.evaluations + step.evaluations,
        )
        for step in steps
    ]


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        probe = torch.zeros(1, device=name)
        probe.cpu()  # a device without data, such as meta, cannot
        return probe.device
    except (RuntimeError, AssertionError) as error:
        reason = first_line(error)
        raise ConfigError(f"device {name!r} cannot be used here ({reason}); give cpu, or leave it out") from error
