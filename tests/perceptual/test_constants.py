"""What every term promises, under everyone's constants."""

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from fast_nst.perceptual import content_loss, gradient_loss, pixel_loss, total_variation
from fast_nst.perceptual.style import MEASURES

CONSTANTS = ["relative", "gatys2016", "johnson2016"]
TV_FORMS = ["anisotropic", "squared", "isotropic"]
seeds = st.integers(0, 2**32 - 1)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def terms() -> list:
    measures = {"features": content_loss, "gradients": gradient_loss, "pixels": pixel_loss}
    measures |= {
        name: lambda x, y, c, m=measure: m.distance(m.statistics(x), m.statistics(y), c)
        for name, measure in MEASURES.items()
    }
    both = [(f"{n}-{c}", lambda x, y, m=m, c=c: m(x, y, c)) for n, m in measures.items() for c in CONSTANTS]
    variations = [(f"tv-{form}", lambda x, y, form=form: total_variation(x, form)) for form in TV_FORMS]
    return [pytest.param(function, id=name) for name, function in both + variations]


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
