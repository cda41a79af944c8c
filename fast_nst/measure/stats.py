"""Medians and how far values lie around them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quartiles:
    """The quarter points of some values; `median` is the middle one."""

    lower: float
    median: float
    upper: float
    count: int


def quartiles(values: Sequence[float | None]) -> Quartiles | None:
    """Return the quarter points, interpolated between neighbours, of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    lower, median, upper = map(float, np.quantile(known, (0.25, 0.5, 0.75)))
    return Quartiles(lower, median, upper, len(known))
