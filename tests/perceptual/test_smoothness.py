"""Total variation and the terms against grids: values done by hand, and what they promise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from fast_nst.perceptual import grid_loss, total_variation
from fast_nst.perceptual.smoothness import kuwahara

CONSTANTS = ["relative", "gatys2016", "johnson2016"]
TV_FORMS = ["anisotropic", "squared", "isotropic"]
seeds = st.integers(0, 2**32 - 1)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("form", "total"),
    [("anisotropic", 3 + 4 + 1), ("squared", 9 + 16 + 1), ("isotropic", 5 + 1)],
)
def test_total_variation_of_four_known_pixels(form, total):
    # Upper left: right 3, down 4. Upper right: down 1. The lower two have no difference.
    image = torch.tensor([[1.0, 4.0], [5.0, 5.0]]).view(1, 1, 2, 2)
    assert_close(total_variation(image, form), torch.tensor([total / 4]))
    for constants in ("gatys2016", "johnson2016"):
        assert_close(total_variation(image, form, constants), torch.tensor([float(total)]))


@pytest.mark.parametrize("form", TV_FORMS)
def test_relative_total_variation_is_a_mean_over_channels_and_pixels(form):
    image = noise(1, 3, 4, 5)
    assert_close(total_variation(image, form), total_variation(image, form, "johnson2016") / (3 * 4 * 5))
    assert_close(total_variation(image.repeat(1, 2, 1, 1), form), total_variation(image, form))


@pytest.mark.parametrize("form", TV_FORMS)
@settings(deadline=None, max_examples=20)
@given(seed=seeds, offset=st.floats(-1, 1), top=st.integers(1, 4), left=st.integers(1, 4))
def test_total_variation_knows_neither_brightness_nor_place(form, seed, offset, top, left):
    patch = noise(1, 3, 3, 3, seed=seed)
    here, there = torch.zeros(1, 3, 8, 8, dtype=torch.float64), torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    here[:, :, 1:4, 1:4] = patch
    there[:, :, top : top + 3, left : left + 3] = patch
    assert_close(total_variation(there + offset, form), total_variation(here, form))


@pytest.mark.parametrize("form", TV_FORMS)
def test_total_variation_of_one_colour_is_zero_with_a_finite_gradient(form):
    image = torch.full((2, 3, 4, 5), 0.5, requires_grad=True)
    variation = total_variation(image, form)
    variation.sum().backward()
    assert_close(variation, torch.zeros(2))
    assert_close(image.grad, torch.zeros_like(image))


def test_patches_with_a_sharp_edge_between_them_cost_nothing_by_kuwahara():
    image = torch.zeros(1, 3, 16, 17, dtype=torch.float64)
    image[:, :, :, 8:] = 1.0
    image[:, 0, 8:, :8] = 0.5
    assert_close(total_variation(image, "kuwahara"), torch.zeros(1, dtype=torch.float64), atol=1e-6, rtol=0)
    softened = torch.nn.functional.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
    assert total_variation(softened, "kuwahara") > 0.01


def test_a_lone_bright_pixel_costs_what_it_is_above_a_patch_by_kuwahara():
    # All four patches that have it in a corner are one of it and 15 dark pixels; every other pixel has a dark patch.
    image = torch.zeros(1, 1, 12, 12, dtype=torch.float64)
    image[..., 6, 6] = 1.0
    expected = torch.tensor([15 / 16], dtype=torch.float64)
    assert_close(total_variation(image, "kuwahara", "johnson2016"), expected, atol=1e-4, rtol=0)
    assert_close(total_variation(image, "kuwahara"), expected / 144, atol=1e-6, rtol=0)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, top=st.integers(0, 4), left=st.integers(0, 4))
def test_the_kuwahara_filter_moves_with_the_picture(seed, top, left):
    image = noise(1, 3, 20, 21, seed=seed).sigmoid()
    moved = kuwahara(image[:, :, top : top + 16, left : left + 16])
    assert_close(moved[:, :, 3:-3, 3:-3], kuwahara(image)[:, :, top + 3 : top + 13, left + 3 : left + 13])


def test_one_colour_costs_nothing_by_kuwahara_and_no_gradient_goes_through_the_filter():
    image = torch.full((2, 3, 9, 9), 0.5, requires_grad=True)
    assert_close(total_variation(image, "kuwahara"), torch.zeros(2))
    noisy = noise(1, 1, 9, 9).sigmoid().requires_grad_()
    total_variation(noisy, "kuwahara", "johnson2016").sum().backward()
    assert_close(noisy.grad, (noisy - kuwahara(noisy)).sign().detach())


@pytest.mark.parametrize("size", [(2, 2), (3, 9), (64, 2)])
def test_small_pictures_have_a_kuwahara_filter_too(size):
    filtered = kuwahara(torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)))
    assert filtered.shape == (2, 3, *size)
    assert filtered.isfinite().all()


def test_isotropic_total_variation_has_a_gradient_beside_flat_areas():
    image = torch.zeros(1, 1, 4, 4)
    image[..., 2:] = 1.0  # one vertical step among flat pixels
    image.requires_grad_()
    total_variation(image, "isotropic", "johnson2016").sum().backward()
    assert_close(image.grad, torch.tensor([0.0, -1.0, 1.0, 0.0]).expand(1, 1, 4, 4))


# Grid and shift


def test_grid_loss_of_a_stripe_in_every_fourth_column():
    image = torch.zeros(1, 3, 16, 17)
    image[..., 2::4] = 1.0  # differences across: 0 1 1 0, over and over; none down

    stripes = 0.25 / (0.5 + 1 / 255) ** 2
    assert_close(grid_loss(image, 4), torch.tensor([stripes / 2]))
    assert_close(grid_loss(image.mT, 4), torch.tensor([stripes / 2]))
    assert_close(grid_loss(image, 8), torch.tensor([stripes / 2]))


def test_grid_loss_sees_blocks_that_repeat_nowhere():
    noise = torch.rand(2, 3, 257, 257, generator=torch.Generator().manual_seed(0))
    blocks = noise[..., ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3)[..., 3:, 3:]

    assert (grid_loss(noise, 4) < 1e-4).all()
    assert (grid_loss(blocks, 4) > 2.5).all()  # all edges on one phase of four: (0.75^2 + 3 * 0.25^2) / 4 / 0.25^2 = 3
    assert (grid_loss(blocks, 3) < 0.1).all()


def test_the_gradient_of_grid_loss_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(lambda x: grid_loss(x, 2), noise(2, 2, 5, 7).requires_grad_())


def test_grid_loss_of_one_colour_is_zero_with_a_finite_gradient():
    image = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    grid_loss(image, 4).sum().backward()

    assert image.grad.abs().max() == 0
