"""Image transformation networks, by preset."""

from collections.abc import Callable

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.networks.base import StyleNetwork
from fast_nst.networks.johnson import JohnsonNetwork
from fast_nst.networks.lean import LeanNetwork

__all__ = ["PRESETS", "StyleNetwork", "build_network"]

PRESETS: dict[str, Callable[[], StyleNetwork]] = {
    "quality": lambda: LeanNetwork(width=64, deep_width=64, deep_blocks=3, blocks=2, tail=16),
    "fast": lambda: LeanNetwork(width=32, deep_width=32, deep_blocks=3, blocks=2, tail=12),
    "johnson": lambda: JohnsonNetwork((32, 64, 128), padded=True),
    "johnson-half": lambda: JohnsonNetwork((16, 32, 64), padded=False),
}


def build_network(preset: str) -> StyleNetwork:
    """Return a freshly initialised network of `preset`; raises `ConfigError` for an unknown name."""
    if preset not in PRESETS:
        raise ConfigError(
            f"no network preset {preset!r}; there are {', '.join(PRESETS)}{did_you_mean(preset, PRESETS)}"
        )
    return PRESETS[preset]()
