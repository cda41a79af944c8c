"""The lean network: all of it at a quarter of the size, its last two layers phase by phase.

A network spends its time where its pictures are large. Here one wide convolution leaves full resolution at once, the
residual blocks work at a quarter of it, and the way back up is never walked: of the large picture's pixels, the 4x4
that lie over one small pixel are 16 *phases*, and each is a channel of the small picture. What a resize-convolution
does to the large picture is, on phases, a small convolution whose kernel is made from the resize-convolution's.

So the network learns as one that upsamples by nearest-neighbour doubling does (its phases share weights, and no grid
comes of itself), and runs as one that never leaves a quarter of the size. A sub-pixel convolution [Shi2016], which has
weights of its own for each phase, costs as much, learns slower and leaves noise (see `benchmarks/`).

References:
    [Johnson2016] Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv:1603.08155: the residual
        blocks, the wide convolutions at both ends.
    [Shi2016] Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
        Network, arXiv:1609.05158.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.networks.base import StyleNetwork, squash
from fast_nst.networks.blocks import ConvBlock, ResidualBlock


class DoublingPhases(nn.Conv2d):
    """Nearest-neighbour doubling, then a valid 3x3 convolution without bias: in phases."""

    falls_on: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, bias=False)
        self.register_buffer("falls_on", torch.zeros(2, 2, 3), persistent=False)
        for phase in range(2):
            for tap in range(3):
                self.falls_on[phase, (phase + tap) // 2, tap] = 1

    def forward(self, hidden: Tensor) -> Tensor:
        """`(N, Cin, h, w)` to `(N, Cout * 2 * 2, h - 1, w - 1)`: channel, row, column."""
        kernel = torch.einsum("aty,bsx,oiyx->oabits", self.falls_on, self.falls_on, self.weight)
        return F.conv2d(hidden, kernel.flatten(0, 2))


class PhaseNorm(nn.InstanceNorm2d):
    """Instance norm of a picture in 2x2 phases: they have one mean and one variance, those of the large picture."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, phases: Tensor) -> Tensor:
        """`(N, C * 2 * 2, h, w)` to the same: a channel's phases as one picture, one under the other."""
        count, channels, height, width = phases.shape
        tall = super().forward(phases.reshape(count, channels // 4, 4 * height, width))
        return tall.reshape(count, channels, height, width)


class PaintingPhases(nn.Conv2d):
    """Nearest-neighbour doubling of a picture in 2x2 phases, then a valid 9x9 convolution to RGB: in phases."""

    falls_on: Tensor

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 3, 9)
        self.register_buffer("falls_on", torch.zeros(4, 2, 3, 9), persistent=False)
        for phase in range(4):
            for tap in range(9):
                half_size = (phase + tap - 4) // 2  # pixel of the picture that is doubled, from the middle one's first
                self.falls_on[phase, half_size % 2, half_size // 2 + 1, tap] = 1

    def forward(self, hidden: Tensor) -> Tensor:
        """`(N, Cin * 2 * 2, h, w)` to `(N, 4 * 4 * 3, h - 2, w - 2)`: row, column, colour."""
        kernel = torch.einsum("apty,bqsx,oiyx->aboipqts", self.falls_on, self.falls_on, self.weight)
        assert self.bias is not None
        return F.conv2d(hidden, kernel.flatten(3, 5).flatten(0, 2), self.bias.repeat(16))


class LeanNetwork(StyleNetwork):
    """A wide convolution of stride 4, residual blocks, up twice in phases.

    Args:
        width: channels of the residual blocks.
        residual_blocks: how many.
        tail: channels at half size, in `DoublingPhases`.
    """

    size_multiple = period = 4

    def __init__(self, width: int, residual_blocks: int, tail: int) -> None:
        super().__init__()
        self.margin = 10 + 8 * residual_blocks  # what the valid convolutions take: 4 and 2, 8 a block, 4
        self.receptive_radius = self.margin + 3  # the first phase looks 3 px further right and down than left and up
        self.layers = nn.Sequential(
            ConvBlock(3, width, 12, stride=4, padded=False),
            *(ResidualBlock(width, padded=False) for _ in range(residual_blocks)),
            DoublingPhases(width, tail),
            PhaseNorm(tail),
            nn.ReLU(),
            PaintingPhases(tail),
        )

    def phases(self, content: Tensor) -> Tensor:
        """Repaint `content`; see `StyleNetwork`."""
        return squash(self.layers(self.enlarge(content)))
