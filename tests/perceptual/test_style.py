"""The measures of style against values done by hand, the papers' formulas in loops, and what they promise."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from fast_nst.perceptual import (
    centred_gram_matrix,
    channel_moments,
    gram_loss,
    gram_matrix,
    moments_loss,
    sorted_projections,
    wasserstein_loss,
)
from fast_nst.perceptual.style import MEASURES

CONSTANTS = ["relative", "gatys2016", "johnson2016"]
TV_FORMS = ["anisotropic", "squared", "isotropic"]
seeds = st.integers(0, 2**32 - 1)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_gram_matrix_of_two_known_channels():
    ones, ramp = torch.ones(2, 2), torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    features = torch.stack([ones, ramp])[None]  # C * H * W = 8
    assert_close(gram_matrix(features), torch.tensor([[[4.0, 6.0], [6.0, 14.0]]]) / 8)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_gram_matrix_is_blind_to_where_a_texture_is(seed):
    features = noise(2, 3, 4, 5, seed=seed)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    shuffled = features.flatten(2)[:, :, order].view(2, 3, 4, 5)
    assert_close(gram_matrix(shuffled), gram_matrix(features))


def test_gram_matrix_does_not_know_how_often_a_texture_repeats():
    features = noise(1, 3, 4, 5)
    assert_close(gram_matrix(features.repeat(1, 1, 3, 2)), gram_matrix(features))


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_gram_matrix_is_symmetric_and_positive_semidefinite(seed):
    gram = gram_matrix(noise(1, 6, 2, 2, seed=seed))  # rank at most 4 of 6
    assert_close(gram, gram.mT)
    assert torch.linalg.eigvalsh(gram).min() > -1e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gram_matrix_of_half_precision_activations_does_not_overflow(dtype):
    features = torch.full((1, 2, 64, 64), 300.0, dtype=dtype)  # a product is 9e4, the sum 4e8; float16 ends at 65,504
    expected = features[0, 0, 0, 0].float().square().item() / 2
    with torch.autocast("cpu", dtype):
        gram = gram_matrix(features)
    assert gram.dtype == torch.float32
    assert_close(gram, torch.full((1, 2, 2), expected))


def test_gradients_of_gram_matrices_are_right_to_the_second_order():
    features = noise(2, 3, 2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(gram_matrix, features)
    assert torch.autograd.gradgradcheck(gram_matrix, features)


def test_gram_matrix_names_the_shape_that_it_cannot_use():
    with pytest.raises(ValueError, match=r"must be \(N, C, H, W\), got \(3, 4, 5\)"):
        gram_matrix(torch.zeros(3, 4, 5))


@pytest.mark.parametrize(("constants", "expected"), [("relative", 6 / 4), ("gatys2016", 6 / 4), ("johnson2016", 6.0)])
def test_gram_loss_of_two_known_matrices(constants, expected):
    target = torch.tensor([[[1.0, 1.0], [1.0, 1.0]]])  # energy 4
    gram = torch.tensor([[[3.0, 0.0], [0.0, 1.0]]])  # missed: 2, -1, -1, 0, squared 4 + 1 + 1
    assert_close(gram_loss(gram, target, constants), torch.tensor([expected]))


def test_gatys_style_loss_is_his_equation_4():
    features, style = noise(1, 3, 2, 4, seed=1).float(), noise(1, 3, 2, 4, seed=2).float()
    n, m = 3, 2 * 4  # N_l feature maps of M_l = height times width
    loss = 0.0
    for i, j in itertools.product(range(n), repeat=2):
        g = sum((features[0, i, y, x] * features[0, j, y, x]).item() for y in range(2) for x in range(4))
        a = sum((style[0, i, y, x] * style[0, j, y, x]).item() for y in range(2) for x in range(4))
        loss += (g - a) ** 2 / (4 * n**2 * m**2)
    assert gram_loss(gram_matrix(features), gram_matrix(style), "gatys2016").item() == pytest.approx(loss, rel=1e-5)


def test_johnson_style_loss_is_the_squared_frobenius_norm_of_his_equation_4():
    features, style = noise(1, 3, 2, 4, seed=1).float(), noise(1, 3, 5, 4, seed=2).float()
    gram, target = (f[0].flatten(1) @ f[0].flatten(1).T / f.numel() for f in (features, style))
    expected = torch.linalg.matrix_norm(gram - target, "fro")[None] ** 2
    assert_close(gram_loss(gram_matrix(features), gram_matrix(style), "johnson2016"), expected)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_relative_style_loss_does_not_know_the_scale_of_the_activations(seed, scale):
    features, style = noise(1, 3, 4, 5, seed=seed), noise(1, 3, 7, 2, seed=seed + 1)
    scaled = gram_loss(gram_matrix(scale * features), gram_matrix(scale * style))
    assert_close(scaled, gram_loss(gram_matrix(features), gram_matrix(style)), rtol=1e-4, atol=0.0, check_dtype=False)


def test_one_style_image_serves_a_whole_batch():
    grams, target = gram_matrix(noise(3, 4, 5, 6)), gram_matrix(noise(1, 4, 5, 6, seed=1))
    assert_close(gram_loss(grams, target), gram_loss(grams, target.expand(3, -1, -1)))


# Gram matrices of centred features


def test_centred_gram_matrix_is_the_covariance_by_the_number_of_channels():
    features = noise(2, 3, 4, 5)
    expected = [np.cov(f.flatten(1).numpy(), ddof=0) / 3 for f in features]
    assert_close(centred_gram_matrix(features), torch.tensor(np.stack(expected)))


def test_centred_gram_matrix_does_not_know_the_means():
    features = noise(1, 3, 4, 5)
    assert_close(centred_gram_matrix(features + noise(1, 3, 1, 1, seed=1)), centred_gram_matrix(features))


# Moments


def test_channel_moments_of_two_known_channels():
    features = torch.tensor([[[[1.0, 3.0]], [[5.0, 5.0]]]])
    assert_close(channel_moments(features), torch.tensor([[[2.0, 5.0], [(1 + 1e-5) ** 0.5, 1e-5**0.5]]]))


@pytest.mark.parametrize(("constants", "expected"), [("relative", 4 / 30), ("gatys2016", 2.0), ("johnson2016", 2.0)])
def test_moments_loss_of_two_known_channels(constants, expected):
    target = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # squares add up to 30
    moments = target + torch.tensor([[[1.0, -1.0], [1.0, 1.0]]])  # four squared distances of 1, over two channels
    assert_close(moments_loss(moments, target, constants), torch.tensor([expected]))


def test_moments_loss_is_the_mean_over_channels_of_li_et_al():
    found, wanted = noise(1, 3, 4, 5), noise(1, 3, 6, 7, seed=1)
    expected = 0.0
    for channel in range(3):
        f, w = found[0, channel], wanted[0, channel]
        expected += (f.mean() - w.mean()) ** 2 + (f.std(correction=0) - w.std(correction=0)) ** 2
    loss = moments_loss(channel_moments(found), channel_moments(wanted), "gatys2016")
    assert_close(loss, (expected / 3)[None], rtol=1e-4, atol=0)  # the variance's epsilon


def test_a_flat_channel_has_a_finite_gradient():
    features = torch.ones(1, 2, 3, 3, requires_grad=True)
    moments_loss(channel_moments(features), torch.zeros(1, 2, 2), "gatys2016").sum().backward()
    assert torch.isfinite(features.grad).all()


# Sliced Wasserstein


def test_sorted_projections_are_ascending_and_keep_lengths():
    features = noise(2, 3, 4, 5)
    projections = sorted_projections(features)
    assert projections.shape == (2, 3, 20)
    assert (projections.diff(dim=2) >= 0).all()
    assert_close(projections.square().sum((1, 2)), features.square().sum((1, 2, 3)))  # directions at right angles
    assert_close(projections, sorted_projections(features.flip(3)))  # wherever a texture is


def test_of_one_channel_it_is_the_distance_of_the_sorted_values():
    found, wanted = torch.tensor([[[[3.0, 1.0, 2.0]]]]), torch.tensor([[[[2.0, 5.0, 0.0]]]])
    error = ((1 - 0) ** 2 + (2 - 2) ** 2 + (3 - 5) ** 2) / 3
    for constants, expected in (("relative", error / ((0 + 4 + 25) / 3)), ("gatys2016", error), ("johnson2016", error)):
        loss = wasserstein_loss(sorted_projections(found), sorted_projections(wanted), constants)
        assert_close(loss, torch.tensor([expected]))


def test_a_texture_that_repeats_is_the_same_distribution():
    features = noise(1, 4, 6, 6)
    tiled = features.repeat(1, 1, 2, 3)
    loss = wasserstein_loss(sorted_projections(tiled), sorted_projections(features), "relative")
    assert float(loss) < 0.01  # quantiles read off between values
    assert float(wasserstein_loss(sorted_projections(2 * tiled), sorted_projections(features))) > 0.5


def test_two_distributions_of_equal_second_moments_differ():
    bits = torch.tensor([-1.0, 1.0]).repeat(50)
    spikes = torch.zeros(100)
    spikes[:2] = torch.tensor([-(50**0.5), 50**0.5])
    bits, spikes = bits.view(1, 1, 10, 10), spikes.view(1, 1, 10, 10)
    assert_close(gram_matrix(bits), gram_matrix(spikes))
    assert float(wasserstein_loss(sorted_projections(bits), sorted_projections(spikes))) > 0.5


# Sums over places


@pytest.mark.parametrize("name", [name for name, measure in MEASURES.items() if measure.sums])
def test_sums_over_two_parts_give_the_statistics_of_the_whole(name):
    features, measure = noise(2, 4, 6, 5) + 1, MEASURES[name]
    parts = measure.sums.of(features[:, :, :2]) + measure.sums.of(features[:, :, 2:])
    assert_close(measure.sums.statistics(parts, 30), measure.statistics(features))
