"""What "the same content" can mean, as pure functions; each returns one value an image, `(N,)`, see `constants`.

Of activations: `content_loss` and `gradient_loss`. Of the pictures themselves: `pixel_loss` and `ssim_loss`.

References:
    [Gatys2016] Image Style Transfer Using Convolutional Neural Networks, CVPR 2016.
    [Johnson2016] Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv:1603.08155.
    [Wang2004] Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 13(4).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fast_nst.perceptual.constants import Constants
from fast_nst.perceptual.tone import luminance

SSIM_WINDOW = 11
"""Side of the window of [Wang2004], px."""
_SSIM_SIGMA = 1.5  # standard deviation of the window, px
_SSIM_STABILIZERS = (0.01**2, 0.03**2)  # (K_1 L)^2 and (K_2 L)^2, for pixels in [0, 1]: L = 1
_FINE, _NEAR = 8, 16  # px: detail is what is finer than the one, looked for as far as the other
_FAINT_DETAIL = 0.01  # of luminance in [0, 1]: less detail than this counts as that much
_COUNTS = (1 / 3, 2.0)  # least and most that a place counts
_FAINT = 0.01  # a channel with less of the mean gradient energy than this counts no more for being faint


def content_loss(
    features: Tensor, target: Tensor, constants: Constants = "relative", places: Tensor | None = None
) -> Tensor:
    """Squared distance between the activations of a pastiche and of its content image at one layer.

    Args:
        features: the pastiche's activations, `(N, C, H, W)`.
        target: the content image's, same shape.
        constants: whose normalisation, see `constants`.
        places: what each place counts, `(N, 1, H, W)`, see `detailed_places`; None: all alike, as in the papers.

    Returns:
        `(N,)`, zero where `features` equals `target`.
    """
    error, own = squared_error(features, target, places), feature_energy(target, places)
    return scaled_error(error, own, target, constants)


def squared_error(features: Tensor, target: Tensor, places: Tensor | None = None) -> Tensor:
    """Return the summed squared differences of two feature maps `(N, C, H, W)`: `(N,)`, additive over places.

    Args:
        features: one.
        target: the other.
        places: what each place counts, `(N, 1, H, W)`; None: 1.
    """
    squares = (features - target).square()
    return (squares if places is None else places * squares).flatten(1).sum(1)


def feature_energy(features: Tensor, places: Tensor | None = None) -> Tensor:
    """Return the summed squares of `(N, C, H, W)`, each place times what it counts: `(N,)`."""
    squares: Tensor = torch.linalg.vector_norm(features, dim=1).square()  # without a copy as large as the features
    return (squares if places is None else places[:, 0] * squares).sum((1, 2))


@torch.no_grad()
def detailed_places(picture: Tensor, side: int) -> Tensor:
    """Say what each place of a photograph counts as content: much where there is detail, little where it is flat.

    In a clear sky there is nothing to keep, and strokes there should cost nothing; a face should. Detail is the root
    mean square, over 33 px, of how the luminance differs from its mean over 17 px, and a hundredth. The weights are
    the root of that as a share of its mean over the picture, at least 1/3 and at most 2. The measure is not of the
    papers, which have all places alike.

    Args:
        picture: the photograph, `(N, 3, H, W)` RGB in [0, 1].
        side: of a place, px: how much smaller the feature map is than the picture.

    Returns:
        `(N, 1, H // side, W // side)`; 1 everywhere for a photograph without any detail.
    """
    light = luminance(picture)
    detail = _around((light - _around(light, _FINE)).square(), _NEAR).sqrt() + _FAINT_DETAIL
    at_places = F.avg_pool2d(detail, side)
    return (at_places / at_places.mean((2, 3), keepdim=True)).sqrt().clamp(*_COUNTS)


def _around(image: Tensor, reach: int) -> Tensor:
    """Return the mean over the pixels that are at most so far away, along rows and columns; the border is mirrored."""
    reach = min(reach, *(side - 1 for side in image.shape[2:]))
    down = F.avg_pool2d(F.pad(image, (reach,) * 4, mode="reflect"), (2 * reach + 1, 1), stride=1)
    return F.avg_pool2d(down, (1, 2 * reach + 1), stride=1)


def scaled_error(error: Tensor, energy: Tensor, target: Tensor, constants: Constants) -> Tensor:
    """Return a squared error over all of `target` as `constants` has it.

    Args:
        error: `(N,)`, summed.
        energy: that of `target` by the same measure, `(N,)`, summed.
        target: the whole target, `(N, C, H, W)`, for its shape.
        constants: whose normalisation.
    """
    if constants == "gatys2016":
        return error / 2
    if constants == "johnson2016":
        return error / target[0].numel()
    return error / energy.clamp_min(torch.finfo(target.dtype).tiny)


def gradient_loss(
    features: Tensor, target: Tensor, constants: Constants = "relative", channel_weights: Tensor | None = None
) -> Tensor:
    """Squared distance between the spatial gradients of two feature maps: edges and outlines, whatever they separate.

    Gradients are the differences of neighbouring activations, along rows and down columns. The measure is not of the
    papers.

    Args:
        features: the pastiche's activations, `(N, C, H, W)`.
        target: the content image's, same shape.
        constants: as for `content_loss`, with gradients for activations.
        channel_weights: what each channel counts, `(C,)` or `(N, C)`, >= 0; None: all alike. See `balanced_channels`.

    Returns:
        `(N,)`, zero where the maps differ by no more than a constant a channel.
    """
    error, energy = gradient_energy(features - target), gradient_energy(target)
    weights = torch.ones_like(error) if channel_weights is None else channel_weights.expand_as(error)
    return scaled_error((weights * error).sum(1), (weights * energy).sum(1), target, constants)


def balanced_channels(target: Tensor) -> Tensor:
    """Return weights `(N, C)` with which every channel of `target` `(N, C, H, W)` has the same gradient energy.

    They average 1 over the channels. Channels that hold next to nothing, less than a hundredth of the mean, are not
    blown up beyond that.
    """
    energy = gradient_energy(target)
    floor = _FAINT * energy.mean(1, keepdim=True) + torch.finfo(target.dtype).tiny
    weights = 1 / energy.maximum(floor)
    return weights / weights.mean(1, keepdim=True)


def gradient_energy(features: Tensor, rows: int | None = None) -> Tensor:
    """Return each channel's summed squared differences of neighbours, `(N, C)`, additive over strips of rows.

    Args:
        features: `(N, C, H, W)`.
        rows: of a strip, its own rows, where one more follows, which is the next strip's.
    """
    return features[:, :, :rows].diff(dim=3).square().sum((2, 3)) + features.diff(dim=2).square().sum((2, 3))


def pixel_loss(image: Tensor, target: Tensor, constants: Constants = "relative") -> Tensor:
    """Squared distance between the pixels of two pictures, the pixel loss of [Johnson2016].

    Args:
        image: the pastiche, `(N, 3, H, W)` RGB in [0, 1].
        target: the photograph, same shape.
        constants: the mean, or Gatys' half of the sum. `relative` does not divide by the photograph's energy: pixels
            have a range of their own, and a dark photograph should not count for more.

    Returns:
        `(N,)`, zero where the pictures are equal.
    """
    return content_loss(image, target, "gatys2016" if constants == "gatys2016" else "johnson2016")


def ssim(image: Tensor, target: Tensor) -> Tensor:
    """Structural similarity, as in [Wang2004]: a Gaussian window of 11x11 px, sigma 1.5, K1 0.01, K2 0.03.

    Of colour pictures it is the mean of the channels' (the paper has grey ones), and only windows that lie whole
    inside the picture count. It has a gradient everywhere.

    Args:
        image: `(N, C, H, W)` in [0, 1], `H` and `W` at least 11.
        target: same shape.

    Returns:
        `(N,)`, at most 1, which it is where the pictures are equal.

    Raises:
        ValueError: if the pictures are smaller than the window.
    """
    if min(image.shape[2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs {SSIM_WINDOW} px a side, got {tuple(image.shape)}")
    c1, c2 = _SSIM_STABILIZERS
    means = [_window_mean(x) for x in (image, target, image * image, target * target, image * target)]
    mean_x, mean_y = means[:2]
    var_x, var_y = means[2] - mean_x.square(), means[3] - mean_y.square()
    covariance = means[4] - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    contrast_and_structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return (luminance * contrast_and_structure).flatten(1).mean(1)


def ssim_loss(image: Tensor, target: Tensor, _constants: Constants = "relative") -> Tensor:
    """Return `1 - ssim`, `(N,)`: 0 for equal pictures, about 1 for ones that have nothing in common."""
    return 1 - ssim(image, target)


def _window_mean(image: Tensor) -> Tensor:
    """Weigh each pixel's neighbourhood by the Gaussian window; a separable convolution without padding."""
    offsets = torch.arange(SSIM_WINDOW, dtype=image.dtype, device=image.device) - SSIM_WINDOW // 2
    window = torch.exp(-offsets.square() / (2 * _SSIM_SIGMA**2))
    window = (window / window.sum()).view(1, 1, 1, -1).expand(image.shape[1], 1, 1, -1)
    across = F.conv2d(image, window, groups=image.shape[1])
    return F.conv2d(across, window.mT, groups=image.shape[1])
