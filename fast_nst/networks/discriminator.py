"""The other side of an adversarial training: a network that tells an artist's pictures from pastiches, patch by patch.

It judges textures, not compositions: each of its answers is about one patch, so photographs of anything may pass for
pictures of the artist's if they are painted like them.

References:
    [Isola2017] Image-to-Image Translation with Conditional Adversarial Networks, arXiv:1611.07004 (patches).
    [Miyato2018] Spectral Normalization for Generative Adversarial Networks, arXiv:1802.05957.
    [Wang2018] High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs, arXiv:1711.11585
        (several scales).
    [MiyatoKoyama2018] cGANs with Projection Discriminator, arXiv:1802.05637.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SMALLEST = 2 * 46
"""px, the least side of a picture: a patch of the larger ones."""
_LEAK = 0.2


class PatchDiscriminator(nn.Module):
    """Says of each patch of a picture how much it looks like the artist's: of 46 px, and of twice that.

    The larger ones are looked at in a picture of half the size, by layers of their own [Wang2018]: strokes, and what
    they are strokes of. All layers have a spectral norm of 1, so what they say changes no faster than the picture does;
    [Isola2017] has batch norm in its place, which is of no use to batches of one or two crops.

    Args:
        styles: how many bodies of work it knows. With more than one, what it says is of one of them [MiyatoKoyama2018].
        width: channels of the first layer.
    """

    def __init__(self, styles: int = 1, width: int = 48) -> None:
        super().__init__()
        self.fine, self.coarse = _Patches(styles, width), _Patches(styles, width)

    def forward(self, pictures: Tensor, style: int = 0) -> Tensor:
        """Judge `pictures`, `(N, 3, H, W)` RGB in [0, 1], H and W at least `SMALLEST`, as pictures of one style.

        Returns:
            Logits, `(N, K)`, one a patch: more is likelier the artist's.
        """
        pixels = 2 * pictures - 1
        return torch.cat([self.fine(pixels, style), self.coarse(F.avg_pool2d(pixels, 2), style)], dim=1)


class _Patches(nn.Module):
    """Layers that answer once each 8 px."""

    def __init__(self, styles: int, width: int) -> None:
        super().__init__()
        channels = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, stride=2)), nn.LeakyReLU(_LEAK)]
        layers += [spectral_norm(nn.Conv2d(channels[-1], channels[-1], 4)), nn.LeakyReLU(_LEAK)]
        self.layers = nn.Sequential(*layers)
        self.answer = spectral_norm(nn.Conv2d(channels[-1], 1, 1))
        self.of_style = spectral_norm(nn.Embedding(styles, channels[-1])) if styles > 1 else None

    def forward(self, pixels: Tensor, style: int) -> Tensor:
        """`(N, 3, H, W)` to `(N, h * w)`."""
        features = self.layers(pixels)
        logits: Tensor = self.answer(features)
        if self.of_style is not None:
            direction = self.of_style(torch.tensor([style], device=pixels.device))
            logits = logits + (features * direction[:, :, None, None]).sum(1, keepdim=True)
        return logits.flatten(1)
