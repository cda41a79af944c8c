"""The lean network: nearly all of it at a quarter of the size or less, its way up phase by phase.

A network spends its time where its pictures are large. Of a large picture's pixels, the 2x2 that lie over one small
pixel are 4 *phases*, and each, of each channel, is a channel of the small picture. The photograph enters by a wide
convolution of stride 4; the residual blocks work at a quarter of the size; and what a resize-convolution would do to a
picture of twice the size is, on phases, a small convolution whose kernel is made from the resize-convolution's. What
the photograph adds there is made in phases too.

So the way up learns as nearest-neighbour doubling and a convolution do, twice; but the first doubling runs at a quarter
of the size, and what paints the whole size runs at half of it. A sub-pixel convolution [Shi2016], which has weights of
its own for each phase, costs as much and learnt slower. Such a network draws a grid if nothing is done about it:
`benchmarks/grid.py` measures it, `grid_loss` is against it.

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
from fast_nst.networks.blocks import ArrangedConv2d
from fast_nst.networks.contrast import LocalContrast
from fast_nst.networks.noise import PlaceNoise
from fast_nst.networks.styled import Styled, StyledSequential, StyleNorm

PLACE = 4
"""px, side of what is one place of a feature map at a quarter of the size."""
GRAINS = (2, 2, 4, 8, 16)
"""Of the noise, which has a channel for each band of local contrast: places over which it is smooth."""
_NOISE = 0.25
"""Deviation of the noise, which is added to the local contrast: enough where that is 0, little where it is not."""
_LEAK = 0.2  # of what is below zero, so that few channels can say much


class DoublingPhases(ArrangedConv2d):
    """Nearest-neighbour doubling, then a valid 3x3 convolution without bias: in phases."""

    falls_on: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, bias=False)
        self.register_buffer("falls_on", torch.zeros(2, 2, 3), persistent=False)
        for phase in range(2):
            for tap in range(3):
                self.falls_on[phase, (phase + tap) // 2, tap] = 1

    def arranged(self, weight: Tensor) -> Tensor:
        """`(Cout, Cin, 3, 3)` to `(Cout * 2 * 2, Cin, 2, 2)`."""
        return torch.einsum("aty,bsx,oiyx->oabits", self.falls_on, self.falls_on, weight).flatten(0, 2)

    def forward(self, hidden: Tensor) -> Tensor:
        """`(N, Cin, h, w)` to `(N, Cout * 2 * 2, h - 1, w - 1)`: channel, row, column."""
        return F.conv2d(hidden, self.arranged(self.weight))


class HalvingPhases(ArrangedConv2d):
    """A 6x6 convolution of stride 2 of the photograph, valid, without bias: to 2x2 phases.

    Four neighbouring outputs are one place of a convolution of stride 4. All share one kernel, so that what it gives
    moves with the photograph by any even number of pixels.
    """

    def __init__(self, out_channels: int) -> None:
        super().__init__(3, out_channels, 6, bias=False)

    def arranged(self, weight: Tensor) -> Tensor:
        """`(Cout, 3, 6, 6)` to `(Cout * 2 * 2, 3, 8, 8)`, zero where one of the four does not look."""
        phases = [F.pad(weight, (right, 2 - right, down, 2 - down)) for down in (0, 2) for right in (0, 2)]
        return torch.stack(phases, dim=1).flatten(0, 1)

    def forward(self, photograph: Tensor) -> Tensor:
        """`(N, 3, 4 h, 4 w)` to `(N, Cout * 2 * 2, h - 1, w - 1)`, where `DoublingPhases` would put them."""
        return F.conv2d(photograph, self.arranged(self.weight), stride=4)


class PhaseNorm(StyleNorm):
    """Instance norm of a picture in 2x2 phases: they have one mean and one variance, those of the large picture."""

    def forward(self, phases: Tensor, style: Tensor) -> Tensor:
        """`(N, C * 2 * 2, h, w)` to the same: a channel's phases as one picture, one under the other."""
        count, channels, height, width = phases.shape
        tall = super().forward(phases.reshape(count, channels // 4, 4 * height, width), style)
        return tall.reshape(count, channels, height, width)


class InPhases(nn.Conv2d):
    """The photograph in 2x2 phases, as a convolution that has nothing to learn.

    `pixel_unshuffle` does the same, but leaves as reshapes and transposes: the whole network takes 5 to 12 % longer.
    """

    def __init__(self) -> None:
        super().__init__(3, 3 * 2 * 2, 2, stride=2, bias=False)
        del self.weight
        self.register_buffer("weight", torch.eye(12).reshape(12, 3, 2, 2), persistent=False)

    def forward(self, photograph: Tensor) -> Tensor:
        """`(N, 3, H, W)` to `(N, 3 * 2 * 2, H / 2, W / 2)`: colour, row, column."""
        return super().forward(photograph)


class FullSizePhases(ArrangedConv2d):
    """Nearest-neighbour doubling, the photograph beside it, then a valid 3x3 convolution of both: in 2x2 phases."""

    doubled_falls_on: Tensor
    photograph_falls_on: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels + 3, out_channels, 3)
        self.register_buffer("doubled_falls_on", torch.zeros(2, 2, 3), persistent=False)
        self.register_buffer("photograph_falls_on", torch.zeros(2, 2, 2, 3), persistent=False)
        for phase in range(2):
            for tap in range(3):
                self.doubled_falls_on[phase, (phase + tap) // 2, tap] = 1
                self.photograph_falls_on[phase, (phase + tap) // 2, (phase + tap) % 2, tap] = 1

    def arranged(self, weight: Tensor) -> Tensor:
        """`(Cout, Cin + 3, 3, 3)` to `(Cout * 2 * 2, Cin + 3 * 2 * 2, 2, 2)`."""
        of_doubled, of_photograph = weight[:, :-3], weight[:, -3:]
        doubled = torch.einsum("aty,bsx,oiyx->oabits", self.doubled_falls_on, self.doubled_falls_on, of_doubled)
        falls_on = self.photograph_falls_on
        beside = torch.einsum("atry,bscx,oiyx->oabircts", falls_on, falls_on, of_photograph).flatten(3, 5)
        return torch.cat([doubled, beside], dim=3).flatten(0, 2)

    def arranged_bias(self, bias: Tensor) -> Tensor:
        """`(Cout,)` to `(Cout * 2 * 2,)`."""
        return bias.repeat_interleave(4)

    def forward(self, hidden: Tensor, photograph: Tensor) -> Tensor:  # type: ignore[override]
        """Return `(N, Cout * 2 * 2, h - 1, w - 1)`: channel, row, column.

        Args:
            hidden: `(N, Cin, h, w)`, to be doubled.
            photograph: there, in phases, `(N, 3 * 2 * 2, h, w)`.
        """
        assert self.bias is not None
        beside = torch.cat([hidden, photograph], dim=1)
        return F.conv2d(beside, self.arranged(self.weight), self.arranged_bias(self.bias))


class PaintingPhases(ArrangedConv2d):
    """A valid 5x5 convolution to RGB of a picture in 2x2 phases: to 2x2 phases."""

    falls_on: Tensor

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 3, 5)
        self.register_buffer("falls_on", torch.zeros(2, 2, 3, 5), persistent=False)
        for phase in range(2):
            for tap in range(5):
                self.falls_on[phase, (phase + tap) % 2, (phase + tap) // 2, tap] = 1

    def arranged(self, weight: Tensor) -> Tensor:
        """`(3, Cin, 5, 5)` to `(2 * 2 * 3, Cin * 2 * 2, 3, 3)`."""
        kernel = torch.einsum("apty,bqsx,oiyx->aboipqts", self.falls_on, self.falls_on, weight)
        return kernel.flatten(3, 5).flatten(0, 2)

    def arranged_bias(self, bias: Tensor) -> Tensor:
        """`(3,)` to `(2 * 2 * 3,)`."""
        return bias.repeat(4)

    def forward(self, hidden: Tensor) -> Tensor:
        """`(N, Cin * 2 * 2, h, w)` to `(N, 2 * 2 * 3, h - 2, w - 2)`: row, column, colour."""
        assert self.bias is not None
        return F.conv2d(hidden, self.arranged(self.weight), self.arranged_bias(self.bias))


class NarrowBlock(Styled):
    """A residual block with a waist: 3x3 to fewer channels, 1x1 back, added to the input; norm after both.

    Args:
        channels: in and out.
        waist: channels between.
        mirrored: True mirrors the border and keeps the size; False loses a rim of one pixel.
    """

    def __init__(self, channels: int, waist: int, *, mirrored: bool) -> None:
        super().__init__()
        self.rim = 0 if mirrored else 1
        self.residual = StyledSequential(
            *_convolution(channels, waist, 3, mirrored=mirrored),
            nn.Conv2d(waist, channels, 1, bias=False),
            StyleNorm(channels),
        )

    def forward(self, hidden: Tensor, style: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same, less the rim."""
        return _inside(hidden, self.rim) + self.residual(hidden, style)  # type: ignore[no-any-return]


class Detour(Styled):
    """A way through a picture of half the size, which makes strokes of twice the width; its output is to be added.

    Args:
        channels: in and out.
        width: channels on the way.
        blocks: narrow blocks on the way, with mirrored borders.
        kernel: side of the last convolution, 1 or 3.
        inner: a detour of this one, after its first block.
    """

    def __init__(self, channels: int, width: int, blocks: int, kernel: int, inner: "Detour | None" = None) -> None:
        super().__init__()
        narrow = [NarrowBlock(width, width // 2, mirrored=True) for _ in range(blocks)]
        self.down = StyledSequential(*_convolution(channels, width, 2, stride=2, mirrored=False), *narrow[:1])
        self.inner = inner
        self.up = StyledSequential(
            *narrow[1:], *_convolution(width, channels, kernel, mirrored=kernel > 1), nn.Upsample(scale_factor=2)
        )
        # Beyond the place that a pixel lies in: a place a block and one in a last convolution of 3x3, and as many of
        # twice the size as the inner one sees; and one, by where in the larger place of the inner one it lies.
        self.reach: int = blocks + kernel // 2 + (1 + 2 * inner.reach if inner else 0)
        """How far it sees, places of its own size."""

    def forward(self, hidden: Tensor, style: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same; H and W are even, and of a detour with an inner one multiples of 4."""
        small = self.down(hidden, style)
        return self.up(small if self.inner is None else small + self.inner(small, style), style)  # type: ignore[no-any-return]


class LeanNetwork(StyleNetwork):
    """A network of residual blocks at a quarter of the size, with detours at an eighth and a sixteenth.

    It sees the photograph, its local contrast, and noise. The detours are what large strokes are made in. On the way up
    there are two rectifiers at half of the size and one at the whole size: with one alone, edges between strokes come
    out soft and round. The photograph's own pixels enter at both sizes again, so that its edges need not be remembered
    on the way.

    Args:
        width: channels at a quarter of the size.
        deep_width: channels at an eighth and at a sixteenth.
        deep_blocks: residual blocks at an eighth.
        deepest_blocks: residual blocks at a sixteenth.
        blocks: residual blocks at a quarter, valid.
        half_width: channels at half the size.
        full_width: channels at the whole size.
    """

    size_multiple, period = 16, 2

    def __init__(
        self,
        width: int,
        deep_width: int,
        deep_blocks: int,
        deepest_blocks: int,
        blocks: int,
        half_width: int,
        full_width: int,
    ) -> None:
        super().__init__()
        self.rim = 1 + blocks  # places that go on the way in and in the blocks
        self.margin = PLACE * self.rim + 7  # and 2, 2, 1 and 2 px on the way up
        self.contrast, self.noise = LocalContrast(PLACE), PlaceNoise(GRAINS)
        self.enter_photograph = nn.Conv2d(3, width, 3 * PLACE, PLACE, bias=False)
        self.enter_contrast = nn.Conv2d(self.contrast.channels, width, 3, bias=False)
        self.enter_norm = StyledSequential(StyleNorm(width), nn.LeakyReLU(_LEAK))
        deepest = Detour(deep_width, deep_width, deepest_blocks, kernel=1)
        self.detour = Detour(width, deep_width, deep_blocks, kernel=3, inner=deepest)
        self.blocks = StyledSequential(*(NarrowBlock(width, width // 2, mirrored=False) for _ in range(blocks)))
        self.doubling = DoublingPhases(width, half_width)
        self.halving = HalvingPhases(half_width)
        self.at_half = StyledSequential(PhaseNorm(half_width), nn.LeakyReLU(_LEAK), nn.PixelShuffle(2))
        self.half_residual = StyledSequential(*_convolution(half_width, half_width, 3, mirrored=False))
        self.in_phases = InPhases()
        self.full = FullSizePhases(half_width, full_width)
        self.paint = nn.Sequential(nn.LeakyReLU(_LEAK), PaintingPhases(full_width))
        deep = 2 * PLACE
        self.receptive_radius = self.margin + PLACE * self.contrast.reach + deep * self.detour.reach + deep - 1
        self.hold_styles(1)

    def enlarge(self, content: Tensor) -> Tensor:
        """Mirror the border: by the margin, and at the right and bottom until the detours can halve what entered."""
        margin, lost = self.margin, 2 * PLACE  # px that go on the way in
        bottom, right = (margin + -(side + 2 * margin - lost) % self.size_multiple for side in content.shape[2:])
        return F.pad(content, (margin, right, margin, bottom), mode="reflect")

    def phases(self, content: Tensor, style: Tensor, place: tuple[int, int] = (0, 0)) -> Tensor:
        """Repaint `content`; see `StyleNetwork`."""
        height, width = ((side + self.period - 1) // self.period for side in content.shape[2:])
        enlarged = self.enlarge(content)
        noise = self.noise(*(side // PLACE for side in enlarged.shape[2:]), place).to(enlarged.dtype)
        seen = self.enter_photograph(enlarged) + self.enter_contrast(self.contrast(enlarged) + _NOISE * noise)
        entered = self.enter_norm(seen, style)
        hidden = self.blocks(entered + self.detour(entered, style), style)
        rim = PLACE * self.rim
        half = self.at_half(self.halving(_inside(enlarged, rim)) + self.doubling(hidden), style)
        half = _inside(half, 1) + self.half_residual(half, style)
        full = self.full(half, self.in_phases(_inside(enlarged, rim + PLACE)))
        return squash(self.paint(full)[:, :, :height, :width])


def _convolution(before: int, after: int, kernel: int, *, stride: int = 1, mirrored: bool) -> list[nn.Module]:
    """A convolution without bias, instance norm and leaky ReLU."""
    border = {"padding": 1, "padding_mode": "reflect"} if mirrored else {}
    convolution = nn.Conv2d(before, after, kernel, stride, bias=False, **border)  # type: ignore[arg-type]
    return [convolution, StyleNorm(after), nn.LeakyReLU(_LEAK)]


def _inside(hidden: Tensor, rim: int) -> Tensor:
    """Cut off a rim."""
    return hidden[:, :, rim:-rim, rim:-rim] if rim else hidden
