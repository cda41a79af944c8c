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
    picture, ways = pictures(1)[0], set()
    for number in range(300):
        moved = _moved(picture, np.random.default_rng(number))
        is_new = (moved == 0.5).all(0)  # rows and columns at one side each
        down, right = int(is_new.all(1).sum()), int(is_new.all(0).sum())
        down, right = (-down if not is_new[0].all() else down), (-right if not is_new[:, 0].all() else right)
        ways |= {("down", down), ("right", right)}
        assert int(is_new.sum()) == 32 * 32 - (32 - abs(down)) * (32 - abs(right))
        assert torch.equal(moved[:, ~is_new], picture.roll((down, right), (1, 2))[:, ~is_new])
    assert ways == {(way, px) for way in ("down", "right") for px in range(-4, 5)}  # an eighth of 32 px either way


def test_gradients_reach_what_was_changed():
    content = pictures(4).requires_grad_()
    augment(content, 1.0, rngs(4)).sum().backward()
    assert (content.grad.flatten(1).abs().sum(1) > 0).all()


def test_they_are_changed_more_often_where_all_are_known_and_less_where_not():
    assert adapted(0.5, 0.9, 4, target=0.6) == pytest.approx(0.501)
    assert adapted(0.5, 0.3, 4, target=0.6) == pytest.approx(0.499)
    assert adapted(0.0, 0.3, 4, target=0.6) == 0
    assert adapted(1.0, 0.9, 4, target=0.6) == 1
