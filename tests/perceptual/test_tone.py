"""Tone and hue: by hand on pictures of a few blocks, and what it does not mind."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from fast_nst.perceptual import hue_loss, luminance, tone_loss


def blocks(*rows: list[float]) -> Tensor:
    """A grey picture whose blocks of 16x16 px have these values."""
    return torch.tensor(rows).repeat_interleave(16, 0).repeat_interleave(16, 1).expand(1, 3, -1, -1)


def coloured(*colours: list[float]) -> Tensor:
    """A row of blocks of 16x16 px of these colours, twice over."""
    return torch.tensor([colours, colours]).permute(2, 0, 1)[None].repeat_interleave(16, 2).repeat_interleave(16, 3)


def noise(seed: int = 0) -> Tensor:
    return torch.rand(1, 3, 80, 112, generator=torch.Generator().manual_seed(seed))


def test_luminance_weighs_the_colours_as_the_eye_does():
    image = torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1)
    assert_close(luminance(image), torch.tensor(0.299 + 0.2935 + 0.0285).view(1, 1, 1, 1))


def test_tone_loss_of_four_blocks_by_hand():
    one, other = blocks([0.0, 1.0], [1.0, 0.0]), blocks([0.0, 1.0], [0.0, 1.0])
    assert_close(tone_loss(one, other), torch.tensor([1.0]))  # they agree on two blocks and not on the others
    three = blocks([0.0, 1.0], [1.0, 1.0])  # of deviation sqrt(3)/4; the mean product with `one` is 1/4 of 1/2
    assert_close(tone_loss(one, three), torch.tensor([1 - 0.125 / (0.5 * 3**0.5 / 4)]))


def test_a_negative_costs_two_and_a_blank_picture_one():
    image = noise()
    assert_close(tone_loss(1 - image, image), torch.tensor([2.0]))
    assert_close(tone_loss(torch.full_like(image, 0.3), image), torch.tensor([1.0]))


def test_a_photograph_of_one_tone_asks_for_nothing():
    assert_close(tone_loss(noise(), torch.full((1, 3, 80, 112), 0.3)), torch.zeros(1), atol=1e-6, rtol=0)


def test_small_pictures_have_at_least_four_blocks():
    image = torch.zeros(1, 3, 8, 8)
    image[..., :4, :4] = 1
    assert_close(tone_loss(image, image), torch.zeros(1), atol=1e-6, rtol=0)
    assert_close(tone_loss(1 - image, image), torch.tensor([2.0]))


def test_brightness_and_contrast_cost_nothing():
    image = blocks([0.2, 0.5, 0.8], [0.6, 0.4, 0.3])
    assert_close(tone_loss(0.4 * image + 0.1, image), torch.zeros(1), atol=1e-6, rtol=0)


def test_strokes_that_keep_each_block_as_light_cost_nothing():
    image = blocks([0.2, 0.5, 0.8], [0.6, 0.4, 0.3])
    strokes = torch.tensor([0.1, -0.1]).repeat(24)  # one column light, one dark
    assert_close(tone_loss(image + strokes, image), torch.zeros(1), atol=1e-6, rtol=0)


def test_each_picture_of_a_batch_has_its_own_tone():
    images, others = torch.cat([noise(0), noise(1)]), torch.cat([noise(2), noise(1)])
    assert_close(
        tone_loss(images, others), torch.cat([tone_loss(noise(0), noise(2)), torch.zeros(1)]), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("loss", [tone_loss, hue_loss])
def test_the_gradient_is_that_of_finite_differences_and_finite_for_one_grey(loss):
    image = noise()[..., :32, :48].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, noise(1)[..., :32, :48].double()), image)
    grey = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    loss(grey, noise()[..., :32, :32]).sum().backward()
    assert grey.grad.isfinite().all()


def test_hue_loss_by_hand():
    red, blue, green = [0.6, 0.0, 0.0], [0.0, 0.0, 0.6], [0.0, 0.6, 0.0]
    # Less their means, red and blue are (0.6, 0) and (-0.6, 0) in the two opponents.
    assert_close(hue_loss(coloured(red, blue), coloured(red, blue)), torch.zeros(1), atol=1e-6, rtol=0)
    assert_close(hue_loss(coloured(blue, red), coloured(red, blue)), torch.tensor([2.0]))
    # Red and green are (0.3, -0.45) and (-0.3, 0.45): of length sqrt(0.2925), and 0.3 of it along red less blue.
    along = 0.3 / 0.2925**0.5
    assert_close(hue_loss(coloured(red, green), coloured(red, blue)), torch.tensor([1 - along]))


def test_weak_colours_and_other_light_cost_no_hue_and_a_grey_pastiche_costs_one():
    image = noise().repeat_interleave(16, 2).repeat_interleave(16, 3)
    assert_close(hue_loss(0.3 * image + 0.2, image), torch.zeros(1), atol=1e-6, rtol=0)
    lit = image + image[:, :1]  # the same in all three colours
    assert_close(hue_loss(lit, image), torch.zeros(1), atol=1e-5, rtol=0)
    assert_close(hue_loss(luminance(image).expand(-1, 3, -1, -1), image), torch.tensor([1.0]))


def test_a_grey_photograph_asks_for_no_hue():
    assert_close(hue_loss(noise(), luminance(noise(1)).expand(-1, 3, -1, -1)), torch.zeros(1), atol=1e-6, rtol=0)
