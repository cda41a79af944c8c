"""Networks from one line each, for the search in `variants.py`.

A line is a list of layers, from the photograph to the pastiche. Convolutions are valid, between D and U mirrored, and
have no bias before a norm; "norm" is instance norm with ReLU. C, M are channels, K a kernel, D a dilation, G groups:

    ~        at the start of the line: leaky ReLU instead of ReLU
    sR:C:K   convolution of stride R to C channels, norm; K is 3 R px unless given     (space to depth in one layer)
    d:C      4x4 convolution of stride 2, norm
    c:C:K    convolution, norm; K is 3
    r:D      residual: 3x3, norm, 3x3, norm without ReLU; the first one dilated by D
    q:M      residual: 3x3 to M, norm, 3x3 back, norm without ReLU
    e:M      residual: 3x3 to M, norm, 1x1 back, norm without ReLU
    f:M      the same without the norm after the 1x1
    m:M      e:M whose 3x3 is learnt as the sum of a 3x3 and a 1x1               (re-parameterised)
    b:M      residual, bottleneck: 1x1 to M, norm, 3x3, norm, 1x1 back, norm without ReLU
    g:G      residual: 3x3 in G groups, norm, 1x1, norm without ReLU
    i:M:K    residual, inverted: 1x1 to M, norm, KxK depthwise, norm, 1x1 back, norm without ReLU
    w:M:K    residual: KxK depthwise, 1x1 to M, norm, 1x1 back, norm without ReLU
    p        residual: 3x3, norm                                                       (one layer deep)
    [ ... ]  what stands between, and around it a sum
    +        the photograph's pixels, each 4x4 of them 48 channels, beside what there is
    u:C      resize-convolution 3x3, norm
    D:C      2x2 convolution of stride 2, norm
    U:C      3x3, norm, nearest-neighbour doubling
    hR:K     KxK convolution to R x R sub-pixels of 3 colours: the pastiche; K is 3
    HR:K     the same, all sub-pixels with the same first weights                      (ICNR)
    tR:K     nearest-neighbour enlarging by R and KxK convolution to 3 colours: the pastiche
    T:C      u:C and t2:9 in phases: the pastiche, as `LeanNetwork` paints it
    P:C      the same, and a 6x6 convolution of stride 2 of the photograph added to u:C, before its norm
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.networks.base import StyleNetwork, squash, unweave
from fast_nst.networks.blocks import DoublingConv2d
from fast_nst.networks.lean import DoublingPhases, HalvingPhases, LeanNetwork, PaintingPhases

_CORNERS = ("[", "]", "+", "~")


class Residual(nn.Module):
    """Layers whose result is added to the middle of their input."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, hidden: Tensor) -> Tensor:
        """Add."""
        found = self.layers(hidden)
        return middle(hidden, found) + found


class Enlarging(nn.Conv2d):
    """Nearest-neighbour enlarging and a convolution to RGB, computed at the small size."""

    def __init__(self, channels: int, factor: int, kernel: int) -> None:
        super().__init__(channels, 3, kernel)
        reach = kernel // 2
        first, last = -reach // factor, (factor - 1 + reach) // factor
        self.factor = factor
        self.register_buffer("falls_on", torch.zeros(factor, last - first + 1, kernel), persistent=False)
        for phase in range(factor):
            for tap in range(kernel):
                self.falls_on[phase, (phase + tap - reach) // factor - first, tap] = 1

    def forward(self, hidden: Tensor) -> Tensor:
        """`(N, C, h, w)` to `(N, factor * factor * 3, h - rim, w - rim)`: row, column, colour."""
        kernel = torch.einsum("aty,bsx,oiyx->aboits", self.falls_on, self.falls_on, self.weight)
        return F.conv2d(hidden, kernel.flatten(0, 2), self.bias.repeat(self.factor**2))


class Entering(nn.Conv2d):
    """A convolution whose kernel is three strides wide, on the photograph's phases: the same numbers, sooner."""

    def forward(self, pixels: Tensor) -> Tensor:
        """`(N, 3, H, W)` to `(N, C, H / stride - 2, W / stride - 2)`."""
        (stride, _), (kernel, _) = self.stride, self.kernel_size
        small = F.pixel_unshuffle(self.weight, stride)  # colour, row, column
        order = torch.arange(3 * stride * stride).reshape(3, stride, stride).permute(1, 2, 0).flatten()
        return F.conv2d(unweave(pixels, stride), small[:, order]) if kernel == 3 * stride else super().forward(pixels)


class Branched(nn.Conv2d):
    """A 3x3 and a 1x1 convolution of the same input, added: run as one."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3, bias=False)
        self.point = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Fold and convolve; valid."""
        return F.conv2d(hidden, self.weight + F.pad(self.point.weight, (1, 1, 1, 1)))


class PhaseNorm(nn.InstanceNorm2d):
    """`lean.PhaseNorm`, of one style."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, phases: Tensor) -> Tensor:
        """`(N, C * 2 * 2, h, w)` to the same."""
        count, channels, height, width = phases.shape
        tall = super().forward(phases.reshape(count, channels // 4, 4 * height, width))
        return tall.reshape(count, channels, height, width)


class PaintingBeside(nn.Module):
    """The last two layers of `LeanNetwork`, which see the photograph too."""

    def __init__(self, channels: int, tail: int) -> None:
        super().__init__()
        self.doubling, self.halving = DoublingPhases(channels, tail), HalvingPhases(tail)
        self.layers = nn.Sequential(PhaseNorm(tail), nn.ReLU(), PaintingPhases(tail))

    def forward(self, hidden: Tensor, pixels: Tensor) -> Tensor:
        """`(N, C, h, w)` and the photograph's phases, of any larger size, to the pastiche's phases."""
        return self.layers(self.doubling(hidden) + self.halving(middle(pixels, hidden)))


class Variant(StyleNetwork):
    """The network of one line."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line, self.size_multiple, self.mirrored, channels = line, 1, False, 3
        self.layers = nn.ModuleList()
        for word in line.split():
            if word in _CORNERS:
                self.layers.append(nn.Identity())
                channels += 48 if word == "+" else 0
                continue
            name, *numbers = word.split(":")
            made, channels = _layer(name, [int(number) for number in numbers], channels, self)
            self.layers.append(made)
        if line.startswith("~"):
            _make_leaky(self)
        with torch.no_grad():
            taken = 512 - self._run(torch.zeros(1, 3, 512, 512)).shape[2] * self.period
        self.margin = (taken + 1) // 2
        self.receptive_radius = self.margin + self.size_multiple - 1
        self.hold_styles(1)

    enlarge = LeanNetwork.enlarge

    def phases(self, content: Tensor, style: Tensor) -> Tensor:
        """Paint, in the only style."""
        height, width = ((side + self.period - 1) // self.period for side in content.shape[2:])
        return squash(self._run(self.enlarge(content))[:, :, :height, :width])

    def _run(self, pixels: Tensor) -> Tensor:
        hidden, waiting = pixels, []
        for word, layer in zip(self.line.split(), self.layers, strict=True):
            if word == "[":
                waiting.append(hidden)
            elif word == "]":
                hidden = middle(waiting.pop(), hidden) + hidden
            elif word == "+":
                hidden = torch.cat([hidden, middle(unweave(pixels, 4), hidden)], dim=1)
            elif word.startswith("P"):
                hidden = layer(hidden, unweave(pixels, 4))
            else:
                hidden = layer(hidden)
        return hidden


def _make_leaky(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.ReLU):
            setattr(module, name, nn.LeakyReLU(0.2))
        _make_leaky(child)


def middle(hidden: Tensor, wanted: Tensor) -> Tensor:
    """Return the middle of `hidden`, of the height and width of `wanted`."""
    rim = (hidden.shape[2] - wanted.shape[2]) // 2
    return hidden[:, :, rim:-rim, rim:-rim] if rim else hidden


def _norm(channels: int) -> list[nn.Module]:
    return [nn.InstanceNorm2d(channels, affine=True), nn.ReLU()]


def _convolution(before: int, after: int, kernel: int = 3, **options: Any) -> nn.Module:
    return nn.Conv2d(before, after, kernel, bias=False, **options)


def _mirrored(before: int, after: int) -> nn.Module:
    return _convolution(before, after, padding=1, padding_mode="reflect")


def _residual(channels: int, *layers: nn.Module) -> nn.Module:
    return Residual(*layers, nn.InstanceNorm2d(channels, affine=True))


def _layer(name: str, n: list[int], c: int, network: Variant) -> tuple[nn.Module, int]:
    """Return the layer and its channels."""
    letter = name[0]
    factor = int(name[1:] or 0)
    if letter == "s":
        network.size_multiple *= factor
        kernel = n[1] if len(n) > 1 else 3 * factor
        return nn.Sequential(Entering(c, n[0], kernel, stride=factor, bias=False), *_norm(n[0])), n[0]
    if letter == "d":
        network.size_multiple *= 2
        return nn.Sequential(_convolution(c, n[0], 4, stride=2), *_norm(n[0])), n[0]
    if letter == "D":
        network.size_multiple *= 2
        network.mirrored = True
        return nn.Sequential(_convolution(c, n[0], 2, stride=2), *_norm(n[0])), n[0]
    if letter == "U":
        network.mirrored = False
        return nn.Sequential(_mirrored(c, n[0]), *_norm(n[0]), nn.Upsample(scale_factor=2)), n[0]
    if letter == "e" and network.mirrored:
        return _residual(c, _mirrored(c, n[0]), *_norm(n[0]), _convolution(n[0], c, 1)), c
    if letter == "c":
        return nn.Sequential(_convolution(c, n[0], n[1] if len(n) > 1 else 3), *_norm(n[0])), n[0]
    if letter == "u":
        return nn.Sequential(DoublingConv2d(c, n[0], padded=False), *_norm(n[0])), n[0]
    if letter in _HEADS:
        network.period = 4 if letter in "TP" else factor
        return _HEADS[letter](c, factor, n), 3
    return _BLOCKS[letter](c, n), c


_BLOCKS: dict[str, Callable[[int, list[int]], nn.Module]] = {
    "r": lambda c, n: _residual(c, _convolution(c, c, dilation=(n or [1])[0]), *_norm(c), _convolution(c, c)),
    "q": lambda c, n: _residual(c, _convolution(c, n[0]), *_norm(n[0]), _convolution(n[0], c)),
    "e": lambda c, n: _residual(c, _convolution(c, n[0]), *_norm(n[0]), _convolution(n[0], c, 1)),
    "f": lambda c, n: Residual(_convolution(c, n[0]), *_norm(n[0]), nn.Conv2d(n[0], c, 1)),
    "m": lambda c, n: _residual(c, Branched(c, n[0]), *_norm(n[0]), _convolution(n[0], c, 1)),
    "g": lambda c, n: _residual(c, _convolution(c, c, groups=n[0]), *_norm(c), _convolution(c, c, 1)),
    "b": lambda c, n: _inverted(c, n[0], _convolution(n[0], n[0])),
    "i": lambda c, n: _inverted(c, n[0], _convolution(n[0], n[0], n[1], groups=n[0])),
    "w": lambda c, n: _residual(
        c, _convolution(c, c, n[1], groups=c), _convolution(c, n[0], 1), *_norm(n[0]), _convolution(n[0], c, 1)
    ),
    "p": lambda c, n: Residual(_convolution(c, c), *_norm(c)),
}


def _inverted(channels: int, width: int, spatial: nn.Module) -> nn.Module:
    before, after = _convolution(channels, width, 1), _convolution(width, channels, 1)
    return _residual(channels, before, *_norm(width), spatial, *_norm(width), after)


class _SubPixels(nn.Conv2d):
    """A convolution whose channels are row, column, colour of sub-pixels."""

    def same_at_first(self, factor: int) -> nn.Module:
        """Give all sub-pixels the first one's weights."""
        with torch.no_grad():
            self.weight.copy_(self.weight[:3].repeat(factor * factor, 1, 1, 1))
            self.bias.zero_()
        return self


_HEADS: dict[str, Callable[[int, int, list[int]], nn.Module]] = {
    "h": lambda c, r, n: _SubPixels(c, 3 * r * r, (n or [3])[0]),
    "H": lambda c, r, n: _SubPixels(c, 3 * r * r, (n or [3])[0]).same_at_first(r),
    "t": lambda c, r, n: Enlarging(c, r, n[0]),
    "T": lambda c, _, n: nn.Sequential(DoublingPhases(c, n[0]), PhaseNorm(n[0]), nn.ReLU(), PaintingPhases(n[0])),
    "P": lambda c, _, n: PaintingBeside(c, n[0]),
}
