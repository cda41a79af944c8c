import math

from hypothesis import given
from hypothesis import strategies as st

from fast_nst.compare.k_star import k_star, k_star_quartiles
from fast_nst.measure.stats import Quartiles

LOSSES = st.floats(0, 1e6)


def test_k_star_is_the_first_step_at_or_below_the_target():
    assert k_star([8.0, 4.0, 2.0, 1.0], 2.5) == 2


def test_k_star_of_an_equal_loss_is_that_step():
    assert k_star([8.0, 4.0, 2.0, 1.0], 4.0) == 1


def test_k_star_is_zero_when_the_start_is_better_or_equal():
    assert k_star([8.0, 4.0], 9.0) == 0
    assert k_star([8.0, 4.0], 8.0) == 0


def test_k_star_is_none_when_no_step_gets_there():
    assert k_star([8.0, 4.0, 2.0, 1.0], 0.9) is None
    assert k_star([], 1.0) is None


def test_k_star_counts_the_first_visit_where_the_loss_goes_up_again():
    assert k_star([8.0, 2.0, 300.0, 1.0], 2.0) == 1


@given(st.lists(LOSSES), LOSSES)
def test_before_k_star_no_loss_is_as_low_as_the_target(totals, target):
    steps = k_star(totals, target)
    assert all(total > target for total in totals[:steps])
    assert steps is None or totals[steps] <= target


def test_a_k_star_that_is_not_reached_counts_as_infinite():
    assert k_star_quartiles([3, None, 5]) == Quartiles(3, 5, 5, 3)
    assert k_star_quartiles([None, 4, None]) == Quartiles(4, math.inf, math.inf, 3)


def test_between_two_k_stars_the_median_is_the_lower():
    assert k_star_quartiles([9, 4]) == Quartiles(4, 4, 4, 2)
    assert k_star_quartiles([None, 4]) == Quartiles(4, 4, 4, 2)
    assert k_star_quartiles([]) is None
