"""What a network knows of its styles: the scale and shift of its instance norms, one row of numbers a style.

All else is shared: a style is some thousand numbers, and a mixture of styles is a weighted mean of their rows. So is a
strength: one more row paints the photograph as it is, and each style has two beside its own, for less and for more.

References:
    [Dumoulin2017] A Learned Representation For Artistic Style, arXiv:1610.07629 (conditional instance normalization).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS_WITH_STRENGTH = 3
"""Rows of a style that has strengths: for less, for strength 1, for more."""


class Styled(nn.Module):
    """A layer that takes a style's row beside activations."""


class StyledSequential(nn.Sequential, Styled):
    """Layers one after the other, of which those that are `Styled` get the style's row."""

    def forward(self, hidden: Tensor, style: Tensor) -> Tensor:  # type: ignore[override]
        """Take `(N, C, H, W)` through the layers; `style` is `(P,)`, or `(N, P)` with a row for each picture."""
        for layer in self:
            hidden = layer(hidden, style) if isinstance(layer, Styled) else layer(hidden)
        return hidden


class StyleNorm(Styled):
    """Instance norm whose scale and shift stand in the style's row.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.first = 0
        """Column where its scales begin; its shifts follow."""

    def forward(self, hidden: Tensor, style: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same; `style` is `(P,)` or `(N, P)`."""
        middle, last = self.first + self.channels, self.first + 2 * self.channels
        scale, shift = style[..., self.first : middle], style[..., middle:last]
        if style.ndim == 1:
            return F.instance_norm(hidden, weight=scale, bias=shift)
        return F.instance_norm(hidden) * scale[..., None, None] + shift[..., None, None]


def number_norms(network: nn.Module) -> int:
    """Give each norm of a network its columns, in order; return how many numbers a style has, P."""
    columns = 0
    for layer in network.modules():
        if isinstance(layer, StyleNorm):
            layer.first = columns
            columns += 2 * layer.channels
    return columns


def plain_style(network: nn.Module) -> Tensor:
    """Return the row `(P,)` that norms and does nothing else: scales of 1, shifts of 0."""
    norms = [layer for layer in network.modules() if isinstance(layer, StyleNorm)]
    parts = [part for norm in norms for part in (torch.ones(norm.channels), torch.zeros(norm.channels))]
    return torch.cat([torch.zeros(0), *parts])


def widened(rows: Tensor, width: int) -> Tensor:
    """Return rows of styles, `(..., P)` or with strengths `(..., 3 P)`, in this width: the style thrice, or alone."""
    if rows.shape[-1] < width:
        return torch.cat([rows] * ROWS_WITH_STRENGTH, dim=-1)
    return rows if rows.shape[-1] == width else rows[..., width : 2 * width]
