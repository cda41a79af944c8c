"""k*: how many steps of the optimisation a network is worth."""

import math
from collections.abc import Sequence

from fast_nst.measure.stats import Quartiles


def k_star(totals: Sequence[float], target: float) -> int | None:
    """Return how many optimiser steps it takes to reach a loss.

    Args:
        totals: the loss at the start, after 1 step, after 2 steps ...
        target: the loss to reach.

    Returns:
        The first index at which the loss is `target` or less: 0 when the start is as good already. None when no step
        gets there, or `totals` is empty.
    """
    return next((step for step, total in enumerate(totals) if total <= target), None)


def k_star_quartiles(values: Sequence[int | None]) -> Quartiles | None:
    """Return the quarter points of k*, where None (not reached) counts as infinite; None for no values.

    Between two photographs it is the lower value, so that every figure is one that was observed.
    """
    if not values:
        return None
    ordered = sorted(math.inf if value is None else value for value in values)
    lower, median, upper = (ordered[math.floor((len(ordered) - 1) * share)] for share in (0.25, 0.5, 0.75))
    return Quartiles(lower, median, upper, len(ordered))
