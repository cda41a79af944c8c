"""What every image transformation network is."""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_OUTPUT_REACH = 150 / 255  # the authors' Torch code: tanh times 150 around the mean of a 0..255 image


class StyleNetwork(nn.Module):
    """Maps `(N, 3, H, W)` RGB in [0, 1] to the same shape, for every H, W >= 64.

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

    @abstractmethod
    def phases(self, content: Tensor) -> Tensor:
        """Repaint `content`, `(N, 3, H, W)` RGB in [0, 1].

        Returns:
            The phases, `(N, period * period * 3, h, w)`: row, column, colour; within [-0.09, 1.09]. `period * h` is H
            or up to `size_multiple - 1` more, of which the reader cuts off the bottom; so is the width.
        """

    def forward(self, content: Tensor) -> Tensor:
        """Repaint `content`, `(N, 3, H, W)` RGB in [0, 1], H and W at least 64, of any parity.

        Returns:
            The pastiche, `(N, 3, H, W)`, within [-0.09, 1.09]; a reader clamps.
        """
        height, width = content.shape[2:]
        return weave(self.phases(content), self.period)[:, :, :height, :width]

    def enlarge(self, content: Tensor) -> Tensor:
        """Mirror the border: by the margin all round, and up to the next size multiple at the right and bottom."""
        height, width = content.shape[2:]
        margin, multiple = self.margin, self.size_multiple
        return F.pad(content, (margin, margin + -width % multiple, margin, margin + -height % multiple), mode="reflect")


def unweave(image: Tensor, period: int) -> Tensor:
    """Turn `(N, 3, H, W)`, sides multiples of `period`, into `(N, period * period * 3, h, w)`: row, column, colour."""
    count, _, height, width = image.shape
    pixels = image.permute(0, 2, 3, 1).reshape(count, height // period, period, width // period, period * 3)
    return torch.cat([pixels[:, :, row].permute(0, 3, 1, 2) for row in range(period)], dim=1)


def weave(phases: Tensor, period: int) -> Tensor:
    """Turn `(N, period * period * 3, h, w)`, row, column, colour, into `(N, 3, period * h, period * w)`."""
    count, _, height, width = phases.shape
    grid = phases.reshape(count, period, period, 3, height, width).permute(0, 3, 4, 1, 5, 2)
    return grid.reshape(count, 3, period * height, period * width)


def squash(pastiche: Tensor) -> Tensor:
    """Bring a network's last numbers to [-0.09, 1.09], around mid-grey.

    [Johnson2016] has the ImageNet mean in the middle; around grey, pure black and white are no asymptotes.
    """
    return 0.5 + _OUTPUT_REACH * torch.tanh(pastiche)
