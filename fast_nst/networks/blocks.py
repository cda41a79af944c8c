"""Building blocks of image transformation networks.

Each block comes in two manners. *Padded* keeps the size of its input by mirroring its border. *Valid* pads nothing and
loses a rim, which the network makes up for with a single mirror border around the whole image: fewer operations, and
no border artefacts, because nothing inside the network ever sees an edge.
"""

from torch import Tensor, nn


def convolution(in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padded: bool) -> nn.Module:
    """Convolution without bias (an instance norm follows and would cancel it), mirrored at the border if `padded`."""
    valid = nn.Conv2d(in_channels, out_channels, kernel_size, stride, bias=False)
    return nn.Sequential(nn.ReflectionPad2d(kernel_size // 2), valid) if padded else valid


class ConvBlock(nn.Sequential):
    """Convolution, instance norm, ReLU: `(N, Cin, H, W)` to `(N, Cout, H / s, W / s)`, less a rim if valid."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padded: bool) -> None:
        super().__init__(
            convolution(in_channels, out_channels, kernel_size, stride=stride, padded=padded),
            nn.InstanceNorm2d(out_channels, affine=True),
            nn.ReLU(),
        )


class UpsampleBlock(nn.Sequential):
    """Nearest-neighbour doubling, then a `ConvBlock`: no checkerboard, unlike a strided deconvolution [Odena2016].

    References:
        [Odena2016] Deconvolution and Checkerboard Artifacts, Distill.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, padded: bool) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2, mode="nearest"),
            ConvBlock(in_channels, out_channels, kernel_size, padded=padded),
        )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to their input [Gross2016]; no ReLU after the sum.

    References:
        [Gross2016] Training and investigating residual nets, Torch blog (the form [Johnson2016] uses).
    """

    def __init__(self, channels: int, *, padded: bool) -> None:
        super().__init__()
        self.rim = 0 if padded else 2  # px that two valid 3x3 convolutions lose on each side
        self.residual = nn.Sequential(
            ConvBlock(channels, channels, 3, padded=padded),
            convolution(channels, channels, 3, padded=padded),
            nn.InstanceNorm2d(channels, affine=True),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same, less the rim."""
        shortcut = hidden[:, :, self.rim : -self.rim, self.rim : -self.rim] if self.rim else hidden
        return shortcut + self.residual(hidden)  # type: ignore[no-any-return]
