"""Image transformation networks, by preset.

A network maps `(N, 3, H, W)` RGB in [0, 1] to the same shape for every H, W >= 64, and carries `size_multiple` and
`receptive_radius`, both in px: what its sides are rounded up to inside, and how far a pixel can see.
"""

from collections.abc import Callable

from torch import nn

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.networks.johnson import JohnsonNetwork

PRESETS: dict[str, Callable[[], nn.Module]] = {
    "johnson": lambda: JohnsonNetwork((32, 64, 128), padded=True),
    "johnson-half": lambda: JohnsonNetwork((16, 32, 64), padded=False),
}


def build_network(preset: str) -> nn.Module:
    """Return a freshly initialised network of `preset`; raises `ConfigError` for an unknown name."""
    if preset not in PRESETS:
        raise ConfigError(
            f"no network preset {preset!r}; there are {', '.join(PRESETS)}{did_you_mean(preset, PRESETS)}"
        )
    return PRESETS[preset]()
