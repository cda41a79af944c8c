"""Building blocks of image transformation networks.

Each block comes in two manners. *Padded* keeps the size of its input by mirroring its border. *Valid* pads nothing and
loses a rim, which the network makes up for with a single mirror border around the whole image: fewer operations, and
no border artefacts, because nothing inside the network ever sees an edge.

`DoublingConv2d` and `WideConv2d` are plain convolutions that are computed in another order, to save time: their
weights mean what those of a plain one do.
"""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.networks.styled import Styled, StyledSequential, StyleNorm


def convolution(in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padded: bool) -> nn.Module:
    """Convolution without bias (an instance norm follows and would cancel it), mirrored at the border if `padded`."""
    valid = nn.Conv2d(in_channels, out_channels, kernel_size, stride, bias=False)
    return nn.Sequential(nn.ReflectionPad2d(kernel_size // 2), valid) if padded else valid


class ConvBlock(StyledSequential):
    """Convolution, instance norm, ReLU: `(N, Cin, H, W)` to `(N, Cout, H / s, W / s)`, less a rim if valid."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padded: bool) -> None:
        super().__init__(
            convolution(in_channels, out_channels, kernel_size, stride=stride, padded=padded),
            StyleNorm(out_channels),
            nn.ReLU(),
        )


class ArrangedConv2d(nn.Conv2d):
    """A convolution that is computed in another order: its kernel there is made of its weights, linearly."""

    @abstractmethod
    def arranged(self, weight: Tensor) -> Tensor:
        """Return the kernel of the convolution that is computed, given the weights that are learnt."""

    def arranged_bias(self, bias: Tensor) -> Tensor:
        """Return its bias, given the one that is learnt; here the same."""
        return bias


class DoublingConv2d(ArrangedConv2d):
    """Nearest-neighbour doubling, then a 3x3 convolution without bias.

    Of the nine pixels under a kernel only four differ, so it is four 2x2 convolutions of the small picture, one for
    each phase of the large one: 2.25 times fewer multiplications, and the doubled picture is never held.

    References:
        [Shi2016] Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
            Network, arXiv:1609.05158 (the arrangement).
    """

    # (phase, tap of the small kernel, tap of the plain kernel): which of the three fall on which pixel
    _FALLS_ON = (((1.0, 1.0, 0.0), (0.0, 0.0, 1.0)), ((1.0, 0.0, 0.0), (0.0, 1.0, 1.0)))

    falls_on: Tensor

    def __init__(self, in_channels: int, out_channels: int, *, padded: bool) -> None:
        super().__init__(in_channels, out_channels, 3, bias=False)
        self.padded = padded
        self.register_buffer("falls_on", torch.tensor(self._FALLS_ON), persistent=False)

    def arranged(self, weight: Tensor) -> Tensor:
        """`(Cout, Cin, 3, 3)` to `(4 * Cout, Cin, 2, 2)`."""
        small = torch.einsum("aty,bsx,oiyx->oabits", self.falls_on, self.falls_on, weight)
        return small.reshape(4 * self.out_channels, self.in_channels, 2, 2)

    def forward(self, hidden: Tensor) -> Tensor:
        """`(N, Cin, H, W)` to `(N, Cout, 2 H, 2 W)`, less a rim of one pixel if not padded."""
        small = self.arranged(self.weight)
        if not self.padded:
            return F.pixel_shuffle(F.conv2d(hidden, small), 2)
        phases = F.conv2d(F.pad(hidden, (1, 1, 1, 1), mode="replicate"), small)  # mirrors the doubled picture
        return F.pixel_shuffle(phases, 2)[:, :, 1:-1, 1:-1]


class WideConv2d(ArrangedConv2d):
    """A convolution with a wide kernel and few output channels, which leave a processor's vector units idle.

    Each four neighbouring outputs are taken together: a convolution of stride 2 with four times the channels, on both
    sides, and a kernel that is zero where one of the four does not look. No padding.
    """

    def arranged(self, weight: Tensor) -> Tensor:
        """`(Cout, Cin, k, k)` to `(4 * Cout, 4 * Cin, t, t)`, t half of k and a bit."""
        taps, spare = self._taps()
        phases = [F.pad(weight, (right, spare - right, down, spare - down)) for down in range(2) for right in range(2)]
        shape = (4 * self.out_channels, self.in_channels, taps, 2, taps, 2)
        kernel = torch.stack(phases, dim=1).reshape(shape).permute(0, 1, 3, 5, 2, 4)
        return kernel.reshape(shape[0], 4 * self.in_channels, taps, taps)

    def arranged_bias(self, bias: Tensor) -> Tensor:
        """`(Cout,)` to `(4 * Cout,)`."""
        return bias.repeat_interleave(4)

    def _taps(self) -> tuple[int, int]:
        """Return the side of the kernel of stride 2, and how many pixels more than the plain one it spans."""
        taps = (self.kernel_size[0] + 2) // 2
        return taps, 2 * taps - self.kernel_size[0]

    def forward(self, hidden: Tensor) -> Tensor:
        """`(N, Cin, H, W)` to `(N, Cout, H - k + 1, W - k + 1)`."""
        height, width = (side - self.kernel_size[0] + 1 for side in hidden.shape[2:])
        taps, spare = self._taps()
        bias = None if self.bias is None else self.arranged_bias(self.bias)
        even = F.pad(hidden, (0, spare, 0, spare))
        even = even[:, :, : (height + 1) // 2 * 2 + 2 * taps - 2, : (width + 1) // 2 * 2 + 2 * taps - 2]
        pairs = F.conv2d(F.pixel_unshuffle(even, 2), self.arranged(self.weight), bias)
        return F.pixel_shuffle(pairs, 2)[:, :, :height, :width]


class UpsampleBlock(StyledSequential):
    """Nearest-neighbour doubling, then a `ConvBlock`: no checkerboard, unlike a strided deconvolution [Odena2016].

    References:
        [Odena2016] Deconvolution and Checkerboard Artifacts, Distill.
    """

    def __init__(self, in_channels: int, out_channels: int, *, padded: bool) -> None:
        super().__init__(
            DoublingConv2d(in_channels, out_channels, padded=padded),
            StyleNorm(out_channels),
            nn.ReLU(),
        )


class ResidualBlock(Styled):
    """Two 3x3 convolutions whose result is added to their input [Gross2016]; no ReLU after the sum.

    References:
        [Gross2016] Training and investigating residual nets, Torch blog (the form [Johnson2016] uses).
    """

    def __init__(self, channels: int, *, padded: bool) -> None:
        super().__init__()
        self.rim = 0 if padded else 2  # px that two valid 3x3 convolutions lose on each side
        self.residual = StyledSequential(
            ConvBlock(channels, channels, 3, padded=padded),
            convolution(channels, channels, 3, padded=padded),
            StyleNorm(channels),
        )

    def forward(self, hidden: Tensor, style: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same, less the rim."""
        shortcut = hidden[:, :, self.rim : -self.rim, self.rim : -self.rim] if self.rim else hidden
        return shortcut + self.residual(hidden, style)  # type: ignore[no-any-return]
