"""What "looks like" means: features of a frozen VGG, measures of content and style, the objective that joins them."""

from fast_nst.perceptual.balance import PULL_ON_NETWORK, PULL_ON_PIXELS, balanced
from fast_nst.perceptual.config import ObjectiveConfig
from fast_nst.perceptual.content import balanced_channels, content_loss, gradient_loss, pixel_loss, ssim, ssim_loss
from fast_nst.perceptual.objective import Losses, Objective, least_side
from fast_nst.perceptual.smoothness import grid_loss, total_variation
from fast_nst.perceptual.style import (
    centred_gram_matrix,
    channel_moments,
    gram_loss,
    gram_matrix,
    moments_loss,
    sorted_projections,
    wasserstein_loss,
)
from fast_nst.perceptual.tensors import to_image, to_pixels
from fast_nst.perceptual.tone import hue_loss, luminance, tone_loss
from fast_nst.perceptual.vgg import VggFeatures

__all__ = [
    "PULL_ON_NETWORK",
    "PULL_ON_PIXELS",
    "Losses",
    "Objective",
    "ObjectiveConfig",
    "VggFeatures",
    "balanced",
    "balanced_channels",
    "centred_gram_matrix",
    "channel_moments",
    "content_loss",
    "gradient_loss",
    "gram_loss",
    "gram_matrix",
    "grid_loss",
    "hue_loss",
    "least_side",
    "luminance",
    "moments_loss",
    "pixel_loss",
    "sorted_projections",
    "ssim",
    "ssim_loss",
    "to_image",
    "to_pixels",
    "tone_loss",
    "total_variation",
    "wasserstein_loss",
]
