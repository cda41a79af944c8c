"""What "the same style" can mean: statistics of a layer's activations that forget where in the image a texture is.

A measure is two pure functions: one takes the statistics of activations, the other is the distance between those of the
pastiche and of the painting, one value an image, `(N,)`, see `constants`. `MEASURES` lists them.

References:
    [Gatys2016] Image Style Transfer Using Convolutional Neural Networks, CVPR 2016.
    [Johnson2016] Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv:1603.08155.
    [Huang2017] Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization, arXiv:1703.06868.
    [Li2017] Demystifying Neural Style Transfer, arXiv:1701.01036.
    [Heitz2021] A Sliced Wasserstein Loss for Neural Texture Synthesis, CVPR 2021.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fast_nst.perceptual.constants import Constants

_ADAIN_EPSILON = 1e-5  # added to the variance, as in [Huang2017]'s code


def gram_matrix(features: Tensor) -> Tensor:
    """Correlations between the channels of a feature map.

    Args:
        features: activations of one layer, `(N, C, H, W)`.

    Returns:
        Gram matrices `(N, C, C)`, at least float32, divided by `C * H * W` as in [Johnson2016]: symmetric, positive
        semi-definite, and blind to where in the image a texture is.

    Raises:
        ValueError: if `features` is not 4-dimensional.
    """
    if features.ndim != 4:
        raise ValueError(f"features must be (N, C, H, W), got {tuple(features.shape)}")
    _, channels, height, width = features.shape
    with torch.autocast(features.device.type, enabled=False):  # a Gram matrix overflows float16
        return _products(features.to(torch.promote_types(features.dtype, torch.float32))) / (channels * height * width)


def _products(features: Tensor) -> Tensor:
    """Return `F F^T`, `(N, C, C)`: a sum over places."""
    product: Tensor = _SelfProduct.apply(features.flatten(2))  # (N, C, H * W)
    return product


class _SelfProduct(torch.autograd.Function):
    """`F @ F^T`, whose gradient autograd would compute as two products and a sum as large as the features."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        return flat @ flat.mT

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        product: Tensor = (gradient + gradient.mT) @ flat
        return product


def gram_loss(gram: Tensor, target: Tensor, constants: Constants = "relative") -> Tensor:
    """Squared Frobenius distance between Gram matrices of one layer.

    Args:
        gram: the pastiche's, `(N, C, C)`, from `gram_matrix`.
        target: the style image's, `(1, C, C)` or `(N, C, C)`.
        constants: whose normalisation, see `constants`.

    Returns:
        `(N,)`, zero where the matrices are equal.
    """
    error = (gram - target).square().sum((1, 2))
    if constants == "gatys2016":
        return error / 4
    if constants == "johnson2016":
        # As printed in the paper; the authors' Torch code takes the mean over the C * C entries instead.
        return error
    return error / target.square().sum((1, 2)).clamp_min(torch.finfo(target.dtype).tiny)


def centred_gram_matrix(features: Tensor) -> Tensor:
    """Return the Gram matrices `(N, C, C)` of activations `(N, C, H, W)` less each channel's mean.

    That is the covariance of the channels, divided by C: how they vary together, whatever their means.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features.to(torch.promote_types(features.dtype, torch.float32))
        return gram_matrix(features - features.mean((2, 3), keepdim=True))


def channel_moments(features: Tensor) -> Tensor:
    """Return each channel's mean and standard deviation, `(N, 2, C)`: what AdaIN [Huang2017] carries over.

    Args:
        features: activations of one layer, `(N, C, H, W)`.
    """
    with torch.autocast(features.device.type, enabled=False):
        flat = features.to(torch.promote_types(features.dtype, torch.float32)).flatten(2)
        variance, mean = torch.var_mean(flat, dim=2, correction=0)
        return torch.stack([mean, (variance + _ADAIN_EPSILON).sqrt()], dim=1)


def moments_loss(moments: Tensor, target: Tensor, constants: Constants = "relative") -> Tensor:
    """Squared distance between means and between standard deviations.

    Args:
        moments: the pastiche's, `(N, 2, C)`, from `channel_moments`.
        target: the style image's, `(1, 2, C)` or `(N, 2, C)`.
        constants: under a paper's, the mean over channels as in [Li2017]; [Huang2017] has norms, not their squares.

    Returns:
        `(N,)`, zero where the moments are equal.
    """
    error = (moments - target).square().sum((1, 2))
    if constants == "relative":
        return error / target.square().sum((1, 2)).clamp_min(torch.finfo(target.dtype).tiny)
    return error / moments.shape[2]


def sorted_projections(features: Tensor) -> Tensor:
    """Project activations `(N, C, H, W)` on C directions and sort each projection: `(N, C, H * W)`, ascending.

    Deviates from [Heitz2021], who draw C random directions anew in every step: ours are C fixed ones at right angles to
    each other, so that the loss of a picture is one number, which L-BFGS and a comparison need.
    """
    with torch.autocast(features.device.type, enabled=False):
        flat = features.to(torch.promote_types(features.dtype, torch.float32)).flatten(2)
        directions = _directions(flat.shape[1]).to(flat)
        return (directions @ flat).sort(dim=2).values


@lru_cache
def _directions(channels: int) -> Tensor:
    noise = torch.randn(channels, channels, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis: Tensor = torch.linalg.qr(noise).Q
    return basis


def wasserstein_loss(projections: Tensor, target: Tensor, constants: Constants = "relative") -> Tensor:
    """Mean squared distance between sorted projections: the sliced Wasserstein distance of two clouds of activations.

    Unlike a Gram matrix it knows the whole distribution along each direction, not only its second moment.

    Args:
        projections: the pastiche's, `(N, C, M)`, from `sorted_projections`.
        target: the style image's, `(1, C, M')` or `(N, C, M')`. Where M' is not M, as many quantiles are read off it,
            by linear interpolation ([Heitz2021] repeats or cuts the longer one).
        constants: `relative` divides by the target's mean square.

    Returns:
        `(N,)`, zero where the distributions are equal along every direction.
    """
    if target.shape[2] != projections.shape[2]:
        target = F.interpolate(target, size=projections.shape[2], mode="linear", align_corners=False)
    error = (projections - target).square().mean((1, 2))
    if constants == "relative":
        return error / target.square().mean((1, 2)).clamp_min(torch.finfo(target.dtype).tiny)
    return error


class Sums(NamedTuple):
    """Statistics from sums over places, which strips of a picture can be added up to."""

    of: Callable[[Tensor], Tensor]
    """From activations `(N, C, H, W)` to their sums, a tensor that starts with N."""
    statistics: Callable[[Tensor, int], Tensor]
    """From the sums over a whole picture and the number of its places to its statistics."""


class StyleMeasure(NamedTuple):
    """How a style is summed up, and how far two such sums are apart."""

    statistics: Callable[[Tensor], Tensor]
    """From activations `(N, C, H, W)` to a tensor that starts with N."""
    distance: Callable[[Tensor, Tensor, Constants], Tensor]
    """From the statistics of the pastiche and of the painting to `(N,)`."""
    sums: Sums | None = None
    """The same statistics, strip by strip; None where all places are needed at once."""


def _products_with_means(features: Tensor) -> Tensor:
    """Return the products of all channels and of a last one that is 1: so the last row holds the channels' sums."""
    return _products(torch.cat([features, torch.ones_like(features[:, :1])], 1))


def _centred_from_sums(sums: Tensor, places: int) -> Tensor:
    products, totals = sums[:, :-1, :-1], sums[:, -1, :-1]
    return (products - totals[:, :, None] * totals[:, None] / places) / (totals.shape[1] * places)


def _powers(features: Tensor) -> Tensor:
    return torch.stack([features.sum((2, 3)), features.square().sum((2, 3))], 1)


def _moments_from_sums(sums: Tensor, places: int) -> Tensor:
    mean, square = (sums / places).unbind(1)
    variance = (square - mean.square()).clamp_min(0)
    return torch.stack([mean, (variance + _ADAIN_EPSILON).sqrt()], 1)


MEASURES = {
    "gram": StyleMeasure(gram_matrix, gram_loss, Sums(_products, lambda sums, places: sums / (sums.shape[1] * places))),
    "centred_gram": StyleMeasure(centred_gram_matrix, gram_loss, Sums(_products_with_means, _centred_from_sums)),
    "moments": StyleMeasure(channel_moments, moments_loss, Sums(_powers, _moments_from_sums)),
    "sliced_wasserstein": StyleMeasure(sorted_projections, wasserstein_loss),
}
"""The measures of style that an objective can be made of."""
