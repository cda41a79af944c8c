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
"""What it sees of a picture."""
SMALLEST = 64
"""px, the least side of a picture: one answer of the deepest layer, at half the size."""
_LEAK = 0.2


class PatchDiscriminator(nn.Module):
    """Says of each patch of a picture how much it looks like the artist's, given what a frozen VGG makes of it.

    Small layers of its own look at activations, of the picture and of one of half the size [Wang2018]: four heads, for
    strokes and for what they are strokes of. A network that has seen the world knows at once what it would take one of
    its own many steps and pictures to learn [Sauer2021], and meanwhile the painter forgets the style that it started
    with (figures in docs/adversarial.md). Deviates from [Sauer2021], who mix the activations at random, across channels
    and layers.

    All layers have a spectral norm of 1 [Miyato2018], but the last, which says how sure it is.

    Args:
        eyes: the frozen network, which gives `LAYERS`.
        pictures: some of the artist's, `(N, 3, H, W)` RGB in [0, 1], by which activations are brought to one size.
        styles: how many bodies of work it knows. With more than one, what it says is of one of them [MiyatoKoyama2018].
        width: channels of a head.
    """

    def __init__(self, eyes: VggFeatures, pictures: Tensor, styles: int = 1, width: int = 64) -> None:
        super().__init__()
        self.eyes = (eyes,)  # in a tuple: no submodule, so neither saved nor trained
        with torch.no_grad():
            seen = self.look(pictures)
        self.sizes = tuple(float(found.square().mean().sqrt()) for found in seen)
        self.heads = nn.ModuleList([_Head(found.shape[1], styles, width) for found in seen])

    def look(self, pictures: Tensor) -> list[Tensor]:
        """Return what it sees of `pictures`, `(N, 3, H, W)` RGB in [0, 1], H and W at least `SMALLEST`."""
        seen = [self.eyes[0](picture, LAYERS) for picture in (pictures, F.avg_pool2d(pictures, 2))]
        return [found[layer] for found in seen for layer in LAYERS]

    def forward(self, seen: Sequence[Tensor], style: int = 0) -> tuple[Tensor, ...]:
        """Judge pictures that it has looked at as pictures of one style.

        Returns:
            Logits of each head, `(N, K)`, one a patch: more is likelier the artist's.
        """
        looked = zip(self.heads, seen, self.sizes, strict=True)
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
        self.of_style = nn.Embedding(styles, width) if styles > 1 else None

    def forward(self, activations: Tensor, style: int) -> Tensor:
        """`(N, C, H, W)` to `(N, h * w)`."""
        features = self.layers(activations)
        logits: Tensor = self.answer(features)
        if self.of_style is not None:
            direction = self.of_style(torch.tensor([style], device=features.device))
            logits = logits + (features * direction[:, :, None, None]).sum(1, keepdim=True)
        return logits.flatten(1)
