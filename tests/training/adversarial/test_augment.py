"""Changes before a discriminator sees pictures, and how often."""

import numpy as np
import pytest
import torch

from fast_nst.training.adversarial.augment import _moved, adapted, augment


def pictures(count=40):
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def rngs(count=40):
    return [np.random.default_rng([0, number]) for number in range(count)]


def test_nothing_changes_with_probability_nought():
    assert torch.equal(augment(pictures(), 0.0, rngs()), pictures())


def test_all_change_with_probability_one_and_each_in_its_own_way():
    changed = augment(pictures(), 1.0, rngs())
    assert changed.shape == (40, 3, 32, 32)
    apart = (changed - pictures()).flatten(1).abs().mean(1)
    assert apart.min() > 0.05
    holes = (changed == 0.5).all(1).flatten(1).sum(1)
    assert holes.min() >= 16 * 16  # a quarter of the picture is cut out


def test_half_of_the_changes_are_made_with_probability_one_half():
    changed = augment(pictures(400), 0.5, rngs(400))
    untouched = (changed == pictures(400)).flatten(1).all(1).float().mean()
    assert untouched == pytest.approx(0.5**3, abs=0.04)


def test_how_a_picture_is_changed_does_not_depend_on_those_beside_it():
    together = augment(pictures(), 0.7, rngs())
    assert torch.equal(together[7:9], augment(pictures()[7:9], 0.7, rngs()[7:9]))


def test_a_picture_is_moved_and_what_moves_in_is_grey():
    ramp = torch.arange(32.0).expand(1, 3, 32, 32) / 31
    shifts = set()
    for number in range(40):
        moved = _moved(ramp[0], np.random.default_rng(number))
        column = next(x for x in range(32) if not (moved[0, 16] == 0.5).all() and moved[0, 16, x] != 0.5)
        shifts.add(round(float(moved[0, 16, column] * 31)) - column)
        assert ((moved == 0.5) | torch.isclose(moved * 31 % 1, torch.zeros(()), atol=1e-4) | (moved > 0)).all()
    assert min(shifts) == -4
    assert max(shifts) == 4  # an eighth of 32 px either way


def test_gradients_reach_what_was_changed():
    content = pictures(4).requires_grad_()
    augment(content, 1.0, rngs(4)).sum().backward()
    assert (content.grad.flatten(1).abs().sum(1) > 0).all()


def test_they_are_changed_more_often_where_all_are_known_and_less_where_not():
    assert adapted(0.5, 0.9, 4, target=0.6) == pytest.approx(0.501)
    assert adapted(0.5, 0.3, 4, target=0.6) == pytest.approx(0.499)
    assert adapted(0.0, 0.3, 4, target=0.6) == 0
    assert adapted(1.0, 0.9, 4, target=0.6) == 1
