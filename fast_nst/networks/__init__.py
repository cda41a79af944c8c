"""Image transformation networks, by preset."""

from collections.abc import Callable

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.networks.base import MOST_STRENGTH, StyleNetwork
from fast_nst.networks.johnson import JohnsonNetwork
from fast_nst.networks.lean import LeanNetwork

__all__ = ["MOST_STRENGTH", "PRESETS", "StyleNetwork", "build_network"]

PRESETS: dict[str, Callable[[], StyleNetwork]] = {
    "quality": lambda: LeanNetwork(
        width=64, deep_width=64, deep_blocks=3, deepest_blocks=2, blocks=4, half_width=16, full_width=12
    ),
    "fast": lambda: LeanNetwork(
        width=32, deep_width=32, deep_blocks=3, deepest_blocks=2, blocks=2, half_width=16, full_width=4
    ),
    "johnson": lambda: JohnsonNetwork((32, 64, 128), padded=True),
    "johnson-half": lambda: JohnsonNetwork((16, 32, 64), padded=False),
}


def build_network(preset: str, styles: int = 1, *, has_strength: bool = False) -> StyleNetwork:
    """Return a freshly initialised network of `preset` that holds so many styles.

    Raises:
        ConfigError: for an unknown preset.
    """
    if preset not in PRESETS:
        raise ConfigError(
            f"no network preset {preset!r}; there are {', '.join(PRESETS)}{did_you_mean(preset, PRESETS)}"
        )
    network = PRESETS[preset]()
    network.hold_styles(styles, has_strength=has_strength)
    return network
