"""The measures of content against values done by hand, the papers' formulas in loops, and what they promise."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from fast_nst.perceptual import (
    balanced_channels,
    content_loss,
    gradient_loss,
    gram_loss,
    gram_matrix,
    pixel_loss,
    ssim,
    ssim_loss,
)
from fast_nst.perceptual.content import detailed_places

CONSTANTS = ["relative", "gatys2016", "johnson2016"]
TV_FORMS = ["anisotropic", "squared", "isotropic"]
seeds = st.integers(0, 2**32 - 1)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("constants", "expected"), [("relative", 5 / 30), ("gatys2016", 5 / 2), ("johnson2016", 5 / 4)]
)
def test_content_loss_of_four_known_activations(constants, expected):
    target = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)  # energy 1 + 4 + 9 + 16 = 30
    features = torch.tensor([[2.0, 2.0], [3.0, 2.0]]).view(1, 1, 2, 2)  # missed: 1 and 2, squared 1 + 4
    assert_close(content_loss(features, target, constants), torch.tensor([expected]))


@pytest.mark.parametrize(
    ("constants", "expected"), [("relative", 4 / 26), ("gatys2016", 4 / 2), ("johnson2016", 4 / 2)]
)
def test_content_loss_of_two_places_that_count_differently(constants, expected):
    target, features = torch.tensor([3.0, 4.0]).view(1, 1, 1, 2), torch.tensor([4.0, 2.0]).view(1, 1, 1, 2)
    places = torch.tensor([2.0, 0.5]).view(1, 1, 1, 2)  # missed: 2 * 1 + 0.5 * 4; energy: 2 * 9 + 0.5 * 16
    assert_close(content_loss(features, target, constants, places), torch.tensor([expected]))


def checks(height: int, width: int, deviation: float) -> Tensor:
    """Grey in [0, 1], one pixel lighter and the next darker by `deviation`: `(1, 3, height, width)`."""
    sign = (torch.arange(height)[:, None] + torch.arange(width)) % 2 * 2 - 1
    return (0.5 + deviation * sign).expand(1, 3, height, width)


def test_where_a_photograph_is_flat_little_counts_as_content_and_where_it_has_detail_much():
    photograph = torch.full((1, 3, 96, 256), 0.5)
    photograph[:, :, :, 192:] = checks(96, 64, 0.4)
    places = detailed_places(photograph, 4)[0, 0]
    # Further than 24 px from the checks the detail is 0.01; all in them it is 0.4 less what their mean over 17 x 17 px
    # takes away, and 0.01. The mean is about a quarter of that: shares of 0.1 and of 3.5, of which the roots are taken.
    assert_close(places[:, :40], torch.full((24, 40), 1 / 3))
    assert 1.7 < places[12, -3] < 1.95


def test_no_place_counts_more_than_twice():
    photograph = torch.full((1, 3, 96, 512), 0.5)
    photograph[:, :, :, 480:] = checks(96, 32, 0.4)
    assert detailed_places(photograph, 8).max() == 2


@pytest.mark.parametrize("photograph", [torch.full((2, 3, 40, 48), 0.3), checks(64, 80, 0.2)])
def test_where_a_photograph_is_alike_everywhere_all_places_count_1(photograph):
    places = detailed_places(photograph, 8)
    count, _, height, width = photograph.shape
    assert_close(places, torch.ones(count, 1, height // 8, width // 8), atol=0.02, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 70), (33, 20)])
def test_places_of_each_picture_of_a_batch_are_its_own_however_small(height, width):
    batch = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    batch[1] *= 0.1
    places = detailed_places(batch, 4)
    assert places.shape == (2, 1, height // 4, width // 4)
    assert_close(places, torch.cat([detailed_places(picture[None], 4) for picture in batch]))


def test_places_do_not_know_how_light_a_photograph_is():
    photograph = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(0)) / 2
    assert_close(detailed_places(photograph + 0.4, 5), detailed_places(photograph, 5))


@pytest.mark.parametrize("constants", CONSTANTS)
def test_content_loss_of_the_target_itself_is_zero(constants):
    assert_close(content_loss(noise(2, 3, 4, 5), noise(2, 3, 4, 5), constants), torch.zeros(2, dtype=torch.float64))


def test_gatys_content_loss_is_his_equation_1():
    features, target = noise(1, 3, 2, 4, seed=1), noise(1, 3, 2, 4, seed=2)
    loss = 0.0
    for i, row, column in itertools.product(range(3), range(2), range(4)):
        loss += 0.5 * (features[0, i, row, column] - target[0, i, row, column]).item() ** 2
    assert content_loss(features, target, "gatys2016").item() == pytest.approx(loss)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_relative_content_loss_does_not_know_the_scale_of_the_activations(seed, scale):
    features, target = noise(1, 3, 4, 5, seed=seed), noise(1, 3, 4, 5, seed=seed + 1)
    assert_close(content_loss(scale * features, scale * target), content_loss(features, target))


def test_relative_content_loss_of_a_black_pastiche_is_one():
    target = noise(2, 3, 4, 5)
    assert_close(content_loss(torch.zeros_like(target), target), torch.ones(2, dtype=torch.float64))


def test_relative_losses_against_a_dead_target_that_is_met_are_zero_with_a_finite_gradient():
    dead = torch.zeros(1, 2, 3, 3)
    features = dead.clone().requires_grad_()
    loss = content_loss(features, dead) + gram_loss(gram_matrix(features), gram_matrix(dead))
    loss.sum().backward()
    assert loss.item() == 0
    assert_close(features.grad, dead)


# Gradients of features


def steps() -> tuple[Tensor, Tensor]:
    """Two channels, `(1, 2, 2, 2)`: the target's differ by 1 and by 2 along a row; the pastiche is flat."""
    target = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]], [[0.0, 2.0], [0.0, 2.0]]]], dtype=torch.float64)
    return torch.full_like(target, 5.0), target


@pytest.mark.parametrize(("constants", "expected"), [("relative", 1.0), ("gatys2016", 5.0), ("johnson2016", 10 / 8)])
def test_gradient_loss_of_a_flat_pastiche(constants, expected):
    flat, target = steps()  # two differences of 1 and two of 2 are missed: 2 * 1 + 2 * 4 = 10
    assert_close(gradient_loss(flat, target, constants), torch.tensor([expected], dtype=torch.float64))


def test_gradient_loss_does_not_see_a_constant_that_is_added():
    target = noise(2, 3, 5, 4)
    assert_close(gradient_loss(target + noise(1, 3, 1, 1, seed=3), target), torch.zeros(2, dtype=torch.float64))


def test_gradient_loss_weighs_the_channels_as_told():
    flat, target = steps()
    flat[0, 1] = target[0, 1]  # only the first channel, of energy 2, is missed
    weights = torch.tensor([3.0, 1.0], dtype=torch.float64)
    assert_close(gradient_loss(flat, target, "gatys2016", weights), torch.tensor([3.0], dtype=torch.float64))
    assert_close(gradient_loss(flat, target, "relative", weights), torch.tensor([6 / 14], dtype=torch.float64))


def test_balanced_channels_have_the_same_energy_each():
    flat, target = steps()
    weights = balanced_channels(target)
    assert_close(weights, torch.tensor([[1.6, 0.4]], dtype=torch.float64))  # 1 / 2 and 1 / 8, to an average of 1
    flat[0, 0] = target[0, 0]  # the second channel is missed: half of what there is
    assert_close(gradient_loss(flat, target, "relative", weights), torch.tensor([0.5], dtype=torch.float64))


def test_a_channel_that_is_nearly_flat_is_not_blown_up_and_a_flat_target_stays_finite():
    target = noise(1, 2, 6, 6)
    target[0, 1] *= 1e-6
    assert balanced_channels(target)[0, 1] <= 200 * balanced_channels(target)[0, 0]
    assert torch.isfinite(balanced_channels(torch.zeros(1, 2, 4, 4))).all()


# Pixels


@pytest.mark.parametrize(("constants", "expected"), [("relative", 0.25), ("gatys2016", 6.0), ("johnson2016", 0.25)])
def test_pixel_loss_of_a_picture_half_as_bright(constants, expected):
    white = torch.ones(1, 3, 4, 4)  # 48 values, each missed by 1/2
    assert_close(pixel_loss(white / 2, white, constants), torch.tensor([expected]))


def test_relative_pixel_loss_of_a_black_photograph_is_finite():
    assert_close(pixel_loss(torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)), torch.ones(1))


# SSIM


def pictures(height: int = 40, width: int = 31) -> tuple[Tensor, Tensor]:
    """A smooth picture, and it with noise: float64 in [0, 1], `(2, 3, H, W)`."""
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    smooth = torch.stack([rows * columns, rows.expand(height, width), 1 - columns.expand(height, width)]).double()
    smooth = torch.stack([smooth, smooth.flip(2)])
    return smooth, (smooth + 0.1 * noise(2, 3, height, width)).clamp(0, 1)


def test_ssim_is_that_of_scikit_image():
    from skimage.metrics import structural_similarity

    target, image = pictures()
    expected = [
        structural_similarity(
            np.moveaxis(x.numpy(), 0, -1),
            np.moveaxis(y.numpy(), 0, -1),
            channel_axis=-1,
            data_range=1.0,
            gaussian_weights=True,  # the paper's window
            sigma=1.5,
            use_sample_covariance=False,
        )
        for x, y in zip(image, target, strict=True)
    ]
    assert 0.2 < expected[0] < 0.8
    assert_close(ssim(image, target), torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=0)


def test_ssim_by_the_papers_formula_on_a_single_window():
    x, y = torch.rand(2, 1, 1, 11, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = [np.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2)) for i in range(11) for j in range(11)]
    weights = np.array(weights) / sum(weights)
    a, b = x.numpy().ravel(), y.numpy().ravel()
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
    covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    expected /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)  # equation 13
    assert_close(ssim(x, y), torch.tensor([expected], dtype=torch.float64))


def test_ssim_is_one_for_equal_pictures_and_its_loss_grows_with_noise():
    target, image = pictures()
    assert_close(ssim(target, target), torch.ones(2, dtype=torch.float64))
    assert (ssim_loss(image, target) > ssim_loss((image + target) / 2, target)).all()


def test_ssim_has_the_gradient_of_finite_differences():
    image = torch.rand(1, 2, 12, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ssim(x, pictures(12, 11)[0][:1, :2]), image)


def test_ssim_names_the_size_that_is_too_small():
    with pytest.raises(ValueError, match=r"11 px a side.*\(1, 3, 10, 20\)"):
        ssim(torch.zeros(1, 3, 10, 20), torch.zeros(1, 3, 10, 20))
