"""Total variation, and a term against grids, as pure functions of images; each returns one value an image, `(N,)`.

References:
    [Johnson2016] Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv:1603.08155.
    [Rudin1992] Nonlinear total variation based noise removal algorithms, Physica D 60.
    [Odena2016] Deconvolution and Checkerboard Artifacts, Distill.
    [Kuwahara1976] Processing of RI-angiocardiographic images, Digital Processing of Biomedical Images.
    [Papari2007] Artistic Edge and Corner Enhancing Smoothing, IEEE Transactions on Image Processing 16 (weights in
        place of a choice).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fast_nst.perceptual.constants import Constants

TvForm = Literal["anisotropic", "isotropic", "squared", "kuwahara"]

_PATCH = 4  # px, side of the patches that the Kuwahara filter chooses from
_CHOOSINESS = 4  # power of their variances, half of q of [Papari2007], which is of deviations
_EVEN = 1e-4  # variance, of colours in [0, 1], below which all patches are alike
_INVISIBLE = 1 / 255  # difference of neighbouring pixels that 8 bits hardly hold


def total_variation(image: Tensor, form: TvForm = "anisotropic", constants: Constants = "relative") -> Tensor:
    """How much neighbouring pixels differ: `dx` and `dy` are differences to the right and downward neighbour.

    Args:
        image: `(N, C, H, W)`, in units of its own range ([0, 1] everywhere in this project).
        form: `anisotropic` |dx| + |dy|; `squared` dx^2 + dy^2, as in [Johnson2016]; `isotropic`
            sqrt(dx^2 + dy^2), as in [Rudin1992], with differences over the edge taken as zero; `kuwahara` the absolute
            difference to what `kuwahara` makes of the image, which is not of the papers: flat patches cost nothing, and
            nor do edges between them, however strong, but grain, mesh and fringes do. No gradient goes through the
            filter.
        constants: `relative` divides the sum by C * H * W, the papers' do not.

    Returns:
        `(N,)`, zero for a constant image.
    """
    if form == "kuwahara":
        variation = (image - kuwahara(image)).abs().flatten(1)
        return variation.mean(1) if constants == "relative" else variation.sum(1)
    dx = F.pad(image.diff(dim=3), (0, 1))
    dy = F.pad(image.diff(dim=2), (0, 0, 0, 1))
    if form == "squared":
        variation = dx.square() + dy.square()
    elif form == "anisotropic":
        variation = dx.abs() + dy.abs()
    else:
        squared = dx.square() + dy.square()
        flat = squared == 0  # the square root has no gradient at 0: give it none, rather than blur every pixel
        variation = squared.masked_fill(flat, 1.0).sqrt().masked_fill(flat, 0.0)
    variation = variation.flatten(1)
    return variation.mean(1) if constants == "relative" else variation.sum(1)


@torch.no_grad()
def kuwahara(image: Tensor) -> Tensor:
    """Make flat patches with sharp edges of an image, as a broad brush would: the Kuwahara filter.

    Of the four patches of 4x4 px that have a pixel in a corner, it becomes the mean of the one that varies least
    [Kuwahara1976]; in truth, a mean of all four means, weighed by their variances to the power of -4 [Papari2007].

    Args:
        image: `(N, C, H, W)` in [0, 1], sides of at least 2 px; the border is mirrored.

    Returns:
        The same shape, without a gradient.
    """
    height, width = image.shape[2:]
    reach = min(_PATCH, height, width) - 1
    mirrored = F.pad(image, (reach,) * 4, mode="reflect")
    means = F.avg_pool2d(mirrored, reach + 1, stride=1)
    squares = F.avg_pool2d(mirrored.square(), reach + 1, stride=1)
    variances = (squares - means.square()).sum(1, keepdim=True)
    weights = (variances.relu() + _EVEN) ** -_CHOOSINESS
    weighed, total = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for top in (0, reach):
        for left in (0, reach):
            corner = (..., slice(top, top + height), slice(left, left + width))
            weighed += weights[corner] * means[corner]
            total += weights[corner]
    return weighed / total


def grid_loss(image: Tensor, period: int) -> Tensor:
    """How unevenly edges fall on the lines of a grid.

    A network that halves and doubles feature maps can draw a grid of its own period [Odena2016]. The perceptual loss
    hardly objects, since a Gram matrix does not see where a texture is. This term is not of the papers.

    Args:
        image: `(N, C, H, W)`, RGB in [0, 1], `H` and `W` greater than `period`.
        period: of the grid, px; its divisors' grids count too.

    Returns:
        `(N,)`, the mean over both directions of the variance, over the phases of the period, of the mean absolute
        difference of neighbouring pixels, as a share of the square of its mean over all phases. Zero for an image of
        one colour; of photographs of 192 px and a period of 8 px, 0.003.
    """
    shares = []
    for along in (2, 3):
        steps = image.diff(dim=along).abs().mean((1, 5 - along))  # (N, pixels along)
        whole = steps.shape[1] // period * period
        phases = torch.unflatten(steps[:, :whole], 1, (-1, period)).mean(1)
        shares.append(phases.var(1, correction=0) / (phases.mean(1) + _INVISIBLE).square())
    return torch.stack(shares).mean(0)
