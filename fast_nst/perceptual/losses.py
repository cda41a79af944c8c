"""The three terms of the perceptual loss, and two against grids, as pure functions of feature maps and images.

Every function returns one value per image, `(N,)`, so that a batch, a single picture and a comparison over many all
mean the same number. `Constants` says whose formula is meant:

=============  ============================  ====================================  ==================
constants      content                       style, per layer (g = F F^T / C H W)  total variation
=============  ============================  ====================================  ==================
`relative`     ||F - P||^2 / ||P||^2         ||g - a||^2 / ||a||^2                 mean over pixels
`gatys2016`    1/2 ||F - P||^2               1/4 ||g - a||^2                       sum over pixels
`johnson2016`  ||F - P||^2 / C H W           ||g - a||^2                           sum over pixels
=============  ============================  ====================================  ==================

`relative` is this project's own: each term is the share of the target's energy that is missed, so layers, paintings
and weight files of any scale count alike and one set of weights serves them all. Gatys' `1 / (4 N^2 M^2)` with an
undivided Gram matrix is `1/4` with ours, exactly when the style image has the size of the pastiche; when it has
another, dividing each Gram matrix by its own size keeps the formula meaningful.

References:
    [Gatys2016] Image Style Transfer Using Convolutional Neural Networks, CVPR 2016.
    [Johnson2016] Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv:1603.08155.
    [Rudin1992] Nonlinear total variation based noise removal algorithms, Physica D 60.
    [Odena2016] Deconvolution and Checkerboard Artifacts, Distill.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Constants = Literal["relative", "gatys2016", "johnson2016"]
TvForm = Literal["anisotropic", "isotropic", "squared"]

_INVISIBLE = 1 / 255  # difference of neighbouring pixels that 8 bits hardly hold


def content_loss(features: Tensor, target: Tensor, constants: Constants = "relative") -> Tensor:
    """Squared distance between the activations of a pastiche and of its content image at one layer.

    Args:
        features: the pastiche's activations, `(N, C, H, W)`.
        target: the content image's, same shape.
        constants: whose normalisation, see the module's table.

    Returns:
        `(N,)`, zero where `features` equals `target`.
    """
    error = (features - target).square().flatten(1)
    if constants == "gatys2016":
        return error.sum(1) / 2
    if constants == "johnson2016":
        return error.mean(1)
    return error.sum(1) / target.square().flatten(1).sum(1).clamp_min(torch.finfo(target.dtype).tiny)


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
        flat = features.to(torch.promote_types(features.dtype, torch.float32)).flatten(2)  # (N, C, H * W)
        gram: Tensor = _SelfProduct.apply(flat)
        return gram / (channels * height * width)


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
        constants: whose normalisation, see the module's table.

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


def total_variation(image: Tensor, form: TvForm = "anisotropic", constants: Constants = "relative") -> Tensor:
    """How much neighbouring pixels differ: `dx` and `dy` are differences to the right and downward neighbour.

    Args:
        image: `(N, C, H, W)`, in units of its own range ([0, 1] everywhere in this project).
        form: `anisotropic` |dx| + |dy|; `squared` dx^2 + dy^2, as in [Johnson2016]; `isotropic`
            sqrt(dx^2 + dy^2), as in [Rudin1992], with differences over the edge taken as zero.
        constants: `relative` divides the sum by C * H * W, the papers' do not.

    Returns:
        `(N,)`, zero for a constant image.
    """
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


def shift_loss(pastiche: Tensor, moved: Tensor, shift: tuple[int, int], border: int = 16) -> Tensor:
    """How far the pastiche of a picture that lies elsewhere is from being the same pastiche, elsewhere.

    A network that halves and doubles feature maps can paint a pixel otherwise by where it lies on its grid, and weave a
    hatch. This term is not of the papers.

    Args:
        pastiche: of a picture, `(N, C, H, W)`, RGB in [0, 1].
        moved: of that picture without its first rows and columns, `(N, C, H - down, W - across)`.
        shift: those rows and columns: `down, across`.
        border: px at every side that are not compared, since what lies around them is mirrored.

    Returns:
        `(N,)`, the mean absolute difference of what both show; zero where the shift changes nothing.

    Raises:
        ValueError: if `moved` has another shape, or nothing is left inside the border.
    """
    down, across = shift
    same = pastiche[:, :, down:, across:]
    if same.shape != moved.shape or min(same.shape[2:]) <= 2 * border:
        raise ValueError(
            f"moved must be {tuple(same.shape)}, its sides more than {2 * border} px; got {tuple(moved.shape)}"
        )
    inside = slice(border, -border)
    return (same - moved)[:, :, inside, inside].abs().flatten(1).mean(1)
