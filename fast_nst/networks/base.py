"""What every image transformation network is."""

from torch import nn


class StyleNetwork(nn.Module):
    """Maps `(N, 3, H, W)` RGB in [0, 1] to the same shape, for every H, W >= 64."""

    size_multiple: int
    """px, what its sides are rounded up to inside."""
    receptive_radius: int
    """px, how far a pixel of the pastiche can see."""
