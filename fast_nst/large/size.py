"""Amounts of memory, as people write them."""

import re

from fast_nst.errors import ConfigError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def parse_size(text: str) -> int:
    """Return the bytes that a size such as `2GB`, `1.5 GiB` or `800M` stands for.

    Raises:
        ConfigError: when it is no such size.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]I?)?B?\s*", text.upper())
    if not match or float(match[1]) == 0:
        raise ConfigError(f"{text!r} is no amount of memory; expected one such as 2GB or 800MB")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def format_size(count: float) -> str:
    """Return bytes as a person writes them: `2.3 GB`, `640 MB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
