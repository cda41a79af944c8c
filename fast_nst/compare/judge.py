"""What the default objective makes of the pastiches of some photographs."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from fast_nst.images import Pixels, fit, read_pixels
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image


def default_objective(painting: str | Path, loss_network: str) -> Objective:
    """Return the default objective for a painting, which it sees at the default size, by a loss network or its file."""
    config = ObjectiveConfig(loss_network=loss_network)
    return Objective(config, to_image(fit(read_pixels(painting), config.style_size)))


@torch.no_grad()
def judge(
    objective: Objective, paint: Callable[[Pixels], Pixels], photographs: Iterable[str | Path], size: int
) -> list[dict[str, float]]:
    """Return the terms of each photograph's pastiche: `content`, `style`, `tone`, `tv` and `total`, weighted.

    Args:
        objective: the judge.
        paint: gives the pastiche of a photograph, both `uint8 (H, W, 3)`; a `Stylizer`, say.
        photographs: files.
        size: longer side they are repainted at, px.
    """
    judged = []
    for path in photographs:
        content = fit(read_pixels(path), size)
        targets = objective.content_targets(to_image(content))
        judged.append(objective(to_image(paint(content)), targets).mean().floats())
    return judged


def median_terms(judged: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each term; their sum is not the median of the totals."""
    return {term: statistics.median(one[term] for one in judged) for term in judged[0]}
