"""How far apart two collections of pictures are, as one network sees them: the Fréchet distance.

A style term holds a pastiche against one painting. Against a body of work it says little: a painter who paints six
different pictures is not their mean. So whole collections are held against each other, as two clouds of points.

References:
    [Heusel2017] GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, arXiv:1706.08500
        (of Inception's activations).
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from fast_nst.errors import ConfigError
from fast_nst.perceptual import VggFeatures


@torch.no_grad()
def crop_features(crops: Iterable[Tensor], loss_network: VggFeatures) -> dict[str, Tensor]:
    """Return a point for each crop: the mean of each channel of a layer's activations.

    Deviates from [Heusel2017], whose network, Inception, knows what things are; what a photograph shows should not
    count here, but how it is painted.

    Args:
        crops: batches `(N, 3, H, W)` RGB in [0, 1].
        loss_network: what sees them.

    Returns:
        For each of its layers `(all N, C)`, float64.
    """
    found = [{layer: one.mean((2, 3)).double() for layer, one in loss_network(batch).items()} for batch in crops]
    return {layer: torch.cat([of_batch[layer] for of_batch in found]) for layer in sorted(loss_network.layers)}


@torch.no_grad()
def place_features(image: Tensor, encoder: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a point for each place of a picture: the activations that an encoder has there.

    Args:
        image: `(1, 3, H, W)` RGB in [0, 1].
        encoder: gives the activations `(1, C, h, w)` of an image, of relu4_1 say.

    Returns:
        `(h w, C)`, float64.
    """
    return encoder(image)[0].flatten(1).T.double()


def frechet_distance(ours: Tensor, theirs: Tensor) -> float:
    """Return the squared Fréchet distance of two clouds of points, each taken for a Gaussian [Heusel2017].

    `|m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^(1/2))` of their means and covariances: 0 for equal ones. It is a little more
    for two clouds drawn from one, the more so the fewer points: give as many of each kind.

    Args:
        ours: `(N, C)`.
        theirs: `(M, C)`.

    Raises:
        ConfigError: for fewer than two points.
    """
    if min(len(ours), len(theirs)) < 2:
        raise ConfigError(f"{len(ours)} and {len(theirs)} crops, expected at least 2 of either kind to compare them")
    ours, theirs = ours.double(), theirs.double()
    means = (ours.mean(0) - theirs.mean(0)).square().sum()
    one, other = (torch.cov(points.T).reshape(points.shape[1], points.shape[1]) for points in (ours, theirs))
    root = _square_root(one)
    shared = torch.linalg.eigvalsh(root @ other @ root).clamp_min(0).sqrt().sum()  # tr((S1 S2)^(1/2))
    return float((means + one.trace() + other.trace() - 2 * shared).clamp_min(0))


def frechet_share(ours: Tensor, theirs: Tensor) -> float:
    """Return `frechet_distance` as a share of the total variance of `theirs`: no unit, 0 for equal clouds.

    About 1 where each place of one is as far from the other as the other's places are from their mean. Encoders of any
    scale say nearly the same so.
    """
    return frechet_distance(ours, theirs) / float(theirs.double().var(0).sum().clamp_min(1e-12))


def _square_root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root
