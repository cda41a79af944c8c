"""The other side of an adversarial training: a network that tells an artist's pictures from pastiches, patch by patch.

It judges textures, not compositions: each of its answers is about one patch, so photographs of anything may pass for
pictures of the artist's if they are painted like them.

References:
    [Isola2017] Image-to-Image Translation with Conditional Adversarial Networks, arXiv:1611.07004 (patches).
    [Miyato2018] Spectral Normalization for Generative Adversarial Networks, arXiv:1802.05957.
    [MiyatoKoyama2018] cGANs with Projection Discriminator, arXiv:1802.05637.
    [Sauer2021] Projected GANs Converge Faster, arXiv:2111.01007 (a frozen network's activations).
    [Wang2018] High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs, arXiv:1711.11585
        (several scales).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fast_nst.perceptual.vgg import VggFeatures

LAYERS = ("relu2_1", "relu3_1")
"""Of the frozen network, whose activations are judged."""
_SCALES = (1, 2, 3)  # pictures are judged at their own size, at half, and at a third of it
_LEAST_SIDE = 32  # px, of a picture at any scale: one answer of the deepest layer
SMALLEST = 2 * _LEAST_SIDE
"""px, the least side of a picture, which is judged at two scales; from 96 px it is at three."""
_LEAK = 0.2


class PatchDiscriminator(nn.Module):
    """Says of each patch of a picture how much it looks like the artist's, given what a frozen VGG makes of it.

    Small layers of its own judge activations, of the picture at several scales [Wang2018]: a head for each layer and
    scale, for strokes and for what they are strokes of. Patches are of 24 to 168 px. A network that has seen the world
    knows at once what it would take one of its own many steps and pictures to learn [Sauer2021], and meanwhile the
    painter forgets the style that it started with (figures in docs/adversarial.md). Deviates from [Sauer2021], who mix
    the activations at random, across channels and layers.

    A head's convolutions have a spectral norm of 1, of the kernel as a matrix [Miyato2018]; the last one, whose size
    says how sure the head is, has not, and nor have the vectors of the styles.

    Args:
        features: the frozen network, which gives `LAYERS`.
        pictures: some of the artist's, `(N, 3, H, W)` RGB in [0, 1], as large as all that it will judge; their
            activations' mean squares are brought to 1.
        styles: how many bodies of work it knows. With more than one it is conditioned on which one is asked about, by
            projection [MiyatoKoyama2018]. Deviates: the vectors of the styles start at 0, so that it starts undecided.
        width: channels of a head.
    """

    def __init__(self, features: VggFeatures, pictures: Tensor, styles: int = 1, width: int = 64) -> None:
        super().__init__()
        self.features = (features,)  # in a tuple: no submodule, so neither saved nor trained
        self.scales = tuple(scale for scale in _SCALES if min(pictures.shape[2:]) // scale >= _LEAST_SIDE)
        with torch.no_grad():
            activations = self.activations(pictures)
        self.sizes = tuple(float(found.square().mean().sqrt()) for found in activations)
        self.heads = nn.ModuleList([_Head(found.shape[1], styles, width) for found in activations])

    def activations(self, pictures: Tensor) -> list[Tensor]:
        """Return what is judged of `pictures`, `(N, 3, H, W)` RGB in [0, 1], H and W at least `SMALLEST`."""
        scaled = (F.avg_pool2d(pictures, scale) if scale > 1 else pictures for scale in self.scales)
        found = [self.features[0](picture, LAYERS) for picture in scaled]
        return [of_scale[layer] for of_scale in found for layer in LAYERS]

    def forward(self, activations: Sequence[Tensor], style: int = 0) -> tuple[Tensor, ...]:
        """Judge pictures by their `activations`, as pictures of one style.

        Returns:
            Logits of each head, `(N, K)` float32, one a patch: more is likelier the artist's.
        """
        looked = zip(self.heads, activations, self.sizes, strict=True)
        return tuple(head(found / size, style) for head, found, size in looked)


class _Head(nn.Module):
    """Layers that answer once each two activations."""

    def __init__(self, channels: int, styles: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(channels, width, 1)),
            nn.LeakyReLU(_LEAK),
            spectral_norm(nn.Conv2d(width, width, 4, stride=2)),
            nn.LeakyReLU(_LEAK),
            spectral_norm(nn.Conv2d(width, width, 3)),
            nn.LeakyReLU(_LEAK),
        )
        self.answer = nn.Conv2d(width, 1, 1)
        self.of_style = nn.Embedding(styles, width, _weight=torch.zeros(styles, width)) if styles > 1 else None

    def forward(self, activations: Tensor, style: int) -> Tensor:
        """`(N, C, H, W)` to `(N, h * w)`."""
        features = self.layers(activations)
        logits: Tensor = self.answer(features)
        if self.of_style is not None:
            direction = self.of_style(torch.tensor([style], device=features.device))
            logits = logits + (features * direction[:, :, None, None]).sum(1, keepdim=True)
        return logits.flatten(1).float()
