"""What every image transformation network is."""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.networks.styled import ROWS_WITH_STRENGTH, number_norms, plain_style, widened

MOST_STRENGTH = 1.5
"""The greatest strength that networks are taught."""
_KNOTS = (0.0, 0.5, 1.0, MOST_STRENGTH)  # strengths that have a row of their own: the photograph's, then a style's
_BETWEEN_KNOTS = 0.5
_OUTPUT_REACH = 150 / 255  # the authors' Torch code: tanh times 150 around the mean of a 0..255 image


class StyleNetwork(nn.Module):
    """Maps `(N, 3, H, W)` RGB in [0, 1] to the same shape, for every H, W >= 64, in one of its styles or a mixture.

    A network paints `period` x `period` interleaved pictures, its *phases*, each `period` times smaller than the
    pastiche and a channel of its own for each colour; they are woven into one picture at the very end. Of a network
    that paints at full size the period is 1, and its only phase is the pastiche.
    """

    size_multiple: int
    """px, what its sides are rounded up to inside."""
    receptive_radius: int
    """px, how far a pixel of the pastiche can see."""
    margin: int
    """px that it mirrors around the picture."""
    period: int = 1
    """Phases to a side."""

    styles: nn.Parameter
    """`(S, P)`, a row a style; with strengths `(S, 3 P)`: the style at 0.5, at 1 and at `MOST_STRENGTH`."""
    photograph: nn.Parameter | None
    """`(P,)`, the row that paints the photograph as it is; None where there is strength 1 alone."""

    @property
    def style_count(self) -> int:
        """How many styles it has, S."""
        return len(self.styles)

    @property
    def has_strength(self) -> bool:
        """Whether it has strengths."""
        return self.photograph is not None

    def hold_styles(self, count: int, *, has_strength: bool = False) -> None:
        """Forget all styles and begin with `count` that are alike, each norm's scales 1 and shifts 0."""
        number_norms(self)
        plain = plain_style(self)
        self.styles = nn.Parameter(plain.repeat(count, ROWS_WITH_STRENGTH if has_strength else 1))
        self.photograph = nn.Parameter(plain.clone()) if has_strength else None

    def style_row(self, style: Tensor | None = None, strength: Tensor | None = None) -> Tensor:
        """Mix the rows of styles, and that of the photograph.

        Args:
            style: weights of the styles, `(S,)`, or `(N, S)` for each picture its own; they sum to 1. None is the first
                style.
            strength: from 0, the photograph, over 1 to `MOST_STRENGTH`: a scalar, or `(N,)`. None is 1. Between 0, 0.5,
                1 and 1.5, rows are mixed of the two next to it.

        Returns:
            `(P,)`, or `(N, P)` where either is of each picture.
        """
        with torch.autocast(self.styles.device.type, enabled=False):  # bfloat16 has three digits
            row = self.styles[0] if style is None else style @ self.styles
            if self.photograph is None:
                return row
            if strength is None:
                return widened(row, len(self.photograph))
            rows = torch.cat([self.photograph.expand(*row.shape[:-1], -1), row], dim=-1)
            distances = (strength[..., None] - strength.new_tensor(_KNOTS)).abs() / _BETWEEN_KNOTS
            shares = (1 - distances).relu().unsqueeze(-2)
            mixed: Tensor = shares @ rows.reshape(*row.shape[:-1], len(_KNOTS), -1)
            return mixed.squeeze(-2)

    @abstractmethod
    def phases(self, content: Tensor, style: Tensor, place: tuple[int, int] = (0, 0)) -> Tensor:
        """Repaint `content`, `(N, 3, H, W)` RGB in [0, 1], in the style whose row is `(P,)` or `(N, P)`.

        A network that has noise beside the photograph takes it from the row and column `place` on.

        Returns:
            The phases, `(N, period * period * 3, h, w)`: row, column, colour; within [-0.09, 1.09]. `period * h` is H
            or up to `size_multiple - 1` more, of which the reader cuts off the bottom; so is the width.
        """

    def forward(
        self,
        content: Tensor,
        style: Tensor | None = None,
        strength: Tensor | None = None,
        place: tuple[int, int] = (0, 0),
    ) -> Tensor:
        """Repaint `content`, `(N, 3, H, W)` RGB in [0, 1], H and W at least 64, of any parity.

        Args:
            content: the photographs.
            style: see `style_row`.
            strength: see `style_row`. Below 1 the photograph goes past the layers with the weight that `painted_share`
                leaves it, so that 0 gives it back: its brightness and colours, which instance norms take away, come by
                no other way.
            place: row and column from which a network takes its noise, if it has any: from anywhere in training, so
                that no stroke is learnt for one place.

        Returns:
            The pastiche, `(N, 3, H, W)`, within [-0.09, 1.09]; a reader clamps.
        """
        height, width = content.shape[2:]
        row = self.style_row(style, strength)
        painted = weave(self.phases(content, row, place), self.period)[:, :, :height, :width]
        if not self.has_strength or strength is None:
            return painted
        return torch.lerp(content.to(painted.dtype), painted, painted_share(strength).view(-1, 1, 1, 1).to(painted))

    def enlarge(self, content: Tensor) -> Tensor:
        """Mirror the border: by the margin all round, and up to the next size multiple at the right and bottom."""
        height, width = content.shape[2:]
        margin, multiple = self.margin, self.size_multiple
        return F.pad(content, (margin, margin + -width % multiple, margin, margin + -height % multiple), mode="reflect")


def weave(phases: Tensor, period: int) -> Tensor:
    """Turn `(N, period * period * 3, h, w)`, row, column, colour, into `(N, 3, period * h, period * w)`."""
    count, _, height, width = phases.shape
    grid = phases.reshape(count, period, period, 3, height, width).permute(0, 3, 4, 1, 5, 2)
    return grid.reshape(count, 3, period * height, period * width)


def painted_share(strength: Tensor) -> Tensor:
    """Return the weight of what the layers paint; the rest of 1 is the photograph's, which goes past them.

    At 0.5 it is 3/4: of 1/2, 3/4 and 15/16 the one whose networks, with an earlier objective, reached the least loss.
    """
    return 1 - (1 - strength).relu().square()


def squash(pastiche: Tensor) -> Tensor:
    """Bring a network's last numbers to [-0.09, 1.09], around mid-grey.

    [Johnson2016] has the ImageNet mean in the middle; around grey, pure black and white are no asymptotes.
    """
    return 0.5 + _OUTPUT_REACH * torch.tanh(pastiche)
