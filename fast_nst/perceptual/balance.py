"""Weights nobody has to guess: content and style in balance, from the statistics of the painting and the photographs.

How hard a style pulls depends on how far the painting is from the photographs: of a pale painting of faint textures,
whose Gram matrices are small, a photograph misses ten times the energy; of one of strong textures, half. The rule: the
style term of the photograph itself should start at `30 sqrt(d)` where pixels are optimised, d being how much of the
painting's energy the photograph misses, by its Gram matrices. With the default terms that is a style weight of
`30 / sqrt(d)`. A network, whose strokes have to serve every photograph, gets `10 / sqrt(d)`: more costs it eyes. Both
were set by looking at a few paintings (pixels: two, at 15, 30 and 50 to 60; networks: Udnie at 6, 9 and 18, and twelve
paintings at 10).

Content and style terms of any kind are brought to that: content by what the painting itself, in the photograph's place,
would cost; style by what the photograph costs.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from fast_nst.perceptual.config import CONTENT_WEIGHT, STYLE_WEIGHT, ObjectiveConfig
from fast_nst.perceptual.objective import Objective

PULL_ON_PIXELS, PULL_ON_NETWORK = 30.0, 10.0
"""What the style term of a photograph starts at, over sqrt(d), where pixels are optimised and where a network is."""

_REFERENCE = ObjectiveConfig()


def balanced(
    config: ObjectiveConfig,
    style_images: Sequence[Tensor],
    photographs: Sequence[Tensor],
    pull: float = PULL_ON_PIXELS,
) -> ObjectiveConfig:
    """Return `config` with the weights of content and style that it leaves open.

    Under a paper's constants, whose terms grow with pictures and layers, they are `CONTENT_WEIGHT` and `STYLE_WEIGHT`:
    papers come with weights of their own.

    Args:
        config: the objective; weights that it gives are kept.
        style_images: the paintings, each `(1, 3, H, W)` RGB in [0, 1], as the objective is to see them.
        photographs: some that are to be repainted, each `(1, 3, H, W)`; of their values the median counts.
        pull: how hard the style is to pull.

    Raises:
        FastNstError: for weights of the loss network or pictures that do not serve.
    """
    if None not in (config.content_weight, config.style_weight):
        return config
    content_weight, style_weight = config.content_weight, config.style_weight
    if config.constants != "relative":
        return config.weighed()
    if content_weight is None:
        content_weight = CONTENT_WEIGHT
        by_features = replace(config, content_terms=_REFERENCE.content_terms)
        if config != by_features and (own := _content_term(config, style_images, photographs)) > 0:
            content_weight = _rounded(CONTENT_WEIGHT * _content_term(by_features, style_images, photographs) / own)
    if style_weight is None:
        by_gram = replace(config, style_terms=_REFERENCE.style_terms)
        start = _style_term(by_gram, style_images, photographs)
        own = start if config == by_gram else _style_term(config, style_images, photographs)
        style_weight = _rounded(pull * start**0.5 / own) if own > 0 else STYLE_WEIGHT
    return replace(config, content_weight=content_weight, style_weight=style_weight)


@torch.no_grad()
def _content_term(config: ObjectiveConfig, style_images: Sequence[Tensor], photographs: Sequence[Tensor]) -> float:
    """Return what the first painting costs in a photograph's place, at content weight 1."""
    objective = Objective(replace(config, content_weight=1.0, style_weight=0.0), *style_images)
    losses = []
    for photograph in photographs:
        painting = F.interpolate(style_images[0], size=photograph.shape[2:], mode="bilinear", antialias=True)
        losses.append(objective(painting, objective.content_targets(photograph)).floats()["content"])
    return float(statistics.median(losses))


@torch.no_grad()
def _style_term(config: ObjectiveConfig, style_images: Sequence[Tensor], photographs: Sequence[Tensor]) -> float:
    """Return what a photograph itself costs, at style weight 1."""
    objective = Objective(replace(config, content_weight=0.0, style_weight=1.0), *style_images)
    losses = [objective(photograph, {}).floats()["style"] for photograph in photographs]
    return float(statistics.median(losses))


def _rounded(weight: float) -> float:
    """Return three digits, which are all that the rule deserves, and that a person can type again."""
    return float(f"{weight:.3g}")
