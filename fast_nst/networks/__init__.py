"""Image transformation networks, by preset.

A network maps `(N, 3, H, W)` RGB in [0, 1] to the same shape for every H, W >= 64, and carries `size_multiple` and
`receptive_radius`, both in px.
"""

from collections.abc import Callable
from typing import Protocol, cast

from torch import Tensor, nn

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.networks.johnson import JohnsonNetwork


class TransformationNetwork(Protocol):
    """What training, export and comparison ask of a network."""

    size_multiple: int
    receptive_radius: int

    def __call__(self, content: Tensor) -> Tensor:
        """Repaint `content` `(N, 3, H, W)`."""


PRESETS: dict[str, Callable[[], nn.Module]] = {
    "johnson": lambda: JohnsonNetwork((32, 64, 128), padded=True),
    "johnson-half": lambda: JohnsonNetwork((16, 32, 64), padded=False),
}


def build_network(preset: str) -> nn.Module:
    """Return a freshly initialised network of `preset`; raises `ConfigError` for an unknown name."""
    if preset not in PRESETS:
        raise ConfigError(f"no network preset {preset!r}; there are {', '.join(PRESETS)}{did_you_mean(preset, PRESETS)}")
    return PRESETS[preset]()
