"""The three terms against values done by hand, the papers' formulas in loops, and the properties they promise."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from fast_nst.perceptual import content_loss, gram_loss, gram_matrix, grid_loss, shift_loss, total_variation

CONSTANTS = ["relative", "gatys2016", "johnson2016"]
TV_FORMS = ["anisotropic", "squared", "isotropic"]
seeds = st.integers(0, 2**32 - 1)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Content


@pytest.mark.parametrize(
    ("constants", "expected"), [("relative", 5 / 30), ("gatys2016", 5 / 2), ("johnson2016", 5 / 4)]
)
def test_content_loss_of_four_known_activations(constants, expected):
    target = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)  # energy 1 + 4 + 9 + 16 = 30
    features = torch.tensor([[2.0, 2.0], [3.0, 2.0]]).view(1, 1, 2, 2)  # missed: 1 and 2, squared 1 + 4
    assert_close(content_loss(features, target, constants), torch.tensor([expected]))


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


# Style


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


# Total variation


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


def test_isotropic_total_variation_has_a_gradient_beside_flat_areas():
    image = torch.zeros(1, 1, 4, 4)
    image[..., 2:] = 1.0  # one vertical step among flat pixels
    image.requires_grad_()
    total_variation(image, "isotropic", "johnson2016").sum().backward()
    assert_close(image.grad, torch.tensor([0.0, -1.0, 1.0, 0.0]).expand(1, 1, 4, 4))


# All of them


def terms() -> list:
    contents = [(f"content-{c}", lambda x, y, c=c: content_loss(x, y, c)) for c in CONSTANTS]
    styles = [(f"style-{c}", lambda x, y, c=c: gram_loss(gram_matrix(x), gram_matrix(y), c)) for c in CONSTANTS]
    variations = [(f"tv-{form}", lambda x, y, form=form: total_variation(x, form)) for form in TV_FORMS]
    return [pytest.param(function, id=name) for name, function in contents + styles + variations]


@pytest.mark.parametrize("term", terms())
def test_the_gradient_is_that_of_finite_differences(term):
    image, target = noise(2, 2, 3, 4).requires_grad_(), noise(2, 2, 3, 4, seed=1)
    assert torch.autograd.gradcheck(lambda x: term(x, target), image)


@pytest.mark.parametrize("term", terms())
def test_a_batch_is_as_good_as_its_pictures_one_by_one(term):
    images, targets = noise(3, 2, 4, 5), noise(3, 2, 4, 5, seed=1)
    singles = [term(image[None], target[None]) for image, target in zip(images, targets, strict=True)]
    assert_close(term(images, targets), torch.cat(singles))


@pytest.mark.parametrize("term", terms())
def test_a_term_is_positive_where_picture_and_target_differ(term):
    assert (term(noise(2, 2, 4, 5), noise(2, 2, 4, 5, seed=1)) > 0).all()


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


def test_the_gradients_of_both_are_those_of_finite_differences():
    image, moved = noise(2, 2, 5, 7).requires_grad_(), noise(2, 2, 4, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: grid_loss(x, 2), image)
    assert torch.autograd.gradcheck(lambda x, y: shift_loss(x, y, (1, 2), border=1), (image, moved))


def test_grid_loss_of_one_colour_is_zero_with_a_finite_gradient():
    image = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    grid_loss(image, 4).sum().backward()

    assert image.grad.abs().max() == 0


def test_shift_loss_of_one_pixel_that_differs():
    pastiche = torch.zeros(2, 3, 12, 10)
    moved = pastiche[:, :, 1:, 2:].clone()  # 11 x 8, of which 7 x 4 lie inside a border of two
    moved[1, 0, 2, 2] = 0.5
    moved[1, 1, 1, 2] = 9.0  # on the border

    assert_close(shift_loss(pastiche, moved, (1, 2), border=2), torch.tensor([0.0, 0.5 / (3 * 7 * 4)]))


def test_shift_loss_of_what_moves_along_is_zero_and_of_what_stays_is_not():
    pastiche = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    along, staying = pastiche[:, :, 3:, 5:], pastiche[:, :, :-3, :-5]

    assert shift_loss(pastiche, along, (3, 5)) == 0
    assert shift_loss(pastiche, staying, (3, 5)) > 0.3  # two numbers in [0, 1] are a third apart


@pytest.mark.parametrize(("height", "shift"), [(64, (1, 0)), (32, (0, 0))])
def test_shift_loss_of_what_cannot_be_compared(height, shift):
    with pytest.raises(ValueError, match="moved must be"):
        shift_loss(torch.zeros(1, 3, height, 64), torch.zeros(1, 3, height, 64), shift)
