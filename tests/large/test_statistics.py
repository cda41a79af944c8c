"""Moments that come strip by strip."""

import numpy as np
import pytest

from fast_nst.large.statistics import Moments


def moments(values, cuts, group=1):
    """Return mean and variance of `(C, h, w)`, taken in at these rows."""
    found = Moments()
    for rows in np.split(values, cuts, axis=1):
        found.add(rows)
    return found.of_groups(group)


@pytest.mark.parametrize("cuts", [[], [1], [3, 4, 9]])
def test_strips_have_the_moments_of_the_whole(cuts):
    values = np.random.default_rng(0).normal(3, 2, (4, 12, 7)).astype(np.float32)
    mean, variance = moments(values, cuts)
    np.testing.assert_allclose(mean, values.mean((1, 2), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(variance, values.var((1, 2), dtype=np.float64), rtol=1e-5)


def test_a_mean_far_from_nought_costs_no_precision():
    values = (1e4 + np.random.default_rng(0).normal(0, 1, (1, 400, 50))).astype(np.float32)
    mean, variance = moments(values, [100, 101])
    assert mean[0] == pytest.approx(values.mean(dtype=np.float64), rel=1e-9)
    assert variance[0] == pytest.approx(values.var(dtype=np.float64), rel=1e-4)


def test_channels_in_a_row_share_their_moments():
    values = np.arange(8, dtype=np.float32).reshape(4, 1, 2)  # 0 1, 2 3 and 4 5, 6 7
    mean, variance = moments(values, [], group=2)
    assert mean.tolist() == [1.5, 1.5, 5.5, 5.5]
    assert variance.tolist() == [1.25] * 4


def test_half_floats_are_summed_as_floats():
    values = np.full((1, 300, 300), 3.0, np.float16)
    mean, variance = moments(values, [7])
    assert (mean.tolist(), variance.tolist()) == ([3.0], [0.0])
