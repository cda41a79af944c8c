"""Image transformation networks, by preset."""

from collections.abc import Callable

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.networks.base import StyleNetwork
from fast_nst.networks.johnson import JohnsonNetwork

PRESETS: dict[str, Callable[[], StyleNetwork]] = {
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
