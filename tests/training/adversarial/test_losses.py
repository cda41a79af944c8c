"""What both sides want, by hand."""

import math

import pytest
import torch

from fast_nst.training.adversarial.losses import LOSSES

LOGITS = torch.tensor([-2.0, 0.0, 3.0])


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator", "d"),
    [
        (
            "cross-entropy",  # D is 1 / (1 + exp(-logit))
            [math.log(1 + math.exp(2)), math.log(2), math.log(1 + math.exp(-3))],
            [math.log(1 + math.exp(-2)), math.log(2), math.log(1 + math.exp(3))],
            [math.log(1 + math.exp(2)), math.log(2), math.log(1 + math.exp(-3))],
            [1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-3))],
        ),
        ("least-squares", [9, 1, 4], [4, 0, 9], [9, 1, 4], [0, 0, 1]),
        ("hinge", [3, 1, 0], [0, 1, 4], [2, 0, -3], [0, 0.5, 1]),
    ],
)
def test_each_loss_is_that_of_its_paper(name, real, fake, generator, d):
    sides = LOSSES[name]
    for found, expected in ((sides.real, real), (sides.fake, fake), (sides.generator, generator), (sides.d, d)):
        torch.testing.assert_close(found(LOGITS), torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize("name", LOSSES)
def test_logits_beyond_the_threshold_are_the_artists(name):
    sides = LOSSES[name]
    assert sides.d(torch.tensor(sides.threshold)) == 0.5
    assert sides.d(torch.tensor(sides.threshold + 0.1)) > 0.5


def test_the_generators_cross_entropy_does_not_saturate():
    logit = torch.tensor(-8.0, requires_grad=True)  # a pastiche that is told with certainty
    LOSSES["cross-entropy"].generator(logit).backward()
    assert logit.grad < -0.99  # log(1 - D) would have -0.0003
