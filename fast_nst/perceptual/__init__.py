"""What "looks like" means: features of a frozen VGG, the losses on them, and the objective that joins both."""

from fast_nst.perceptual.losses import content_loss, gram_loss, gram_matrix, grid_loss, shift_loss, total_variation
from fast_nst.perceptual.objective import Losses, Objective, ObjectiveConfig
from fast_nst.perceptual.tensors import to_image, to_pixels
from fast_nst.perceptual.vgg import VggFeatures

__all__ = [
    "Losses",
    "Objective",
    "ObjectiveConfig",
    "VggFeatures",
    "content_loss",
    "gram_loss",
    "gram_matrix",
    "grid_loss",
    "shift_loss",
    "to_image",
    "to_pixels",
    "total_variation",
]
