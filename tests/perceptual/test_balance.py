"""Weights that nobody has to guess: the rule by hand, and what it promises."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fast_nst.perceptual import PULL_ON_NETWORK, Objective, ObjectiveConfig, balanced
from fast_nst.perceptual.config import CONTENT_TERMS, STYLE_TERMS


@pytest.fixture
def config(vgg_file) -> ObjectiveConfig:
    layers = {"content_layers": {"relu2_2": 1.0}, "style_layers": {"relu1_1": 1.0, "relu2_1": 1.0}}
    return ObjectiveConfig(loss_network=str(vgg_file), style_levels=2, **layers)


def picture(seed: int, contrast: float = 1.0) -> Tensor:
    noise = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(seed))
    return 0.5 + contrast * (noise - 0.5)


def terms(config: ObjectiveConfig, painting: Tensor, photograph: Tensor, pastiche: Tensor) -> dict[str, float]:
    objective = Objective(replace(config, content_weight=1.0, style_weight=1.0, tv_weight=0.0), painting)
    return objective(pastiche, objective.content_targets(photograph)).floats()


def test_the_style_weight_is_thirty_by_the_root_of_what_the_photograph_misses(config):
    painting, photograph = picture(0, 0.3), picture(1)
    missed = terms(config, painting, photograph, photograph)["style"]
    weighed = balanced(config, [painting], [photograph])
    assert weighed.content_weight == pytest.approx(1.0)
    assert weighed.style_weight == pytest.approx(30 / missed**0.5, rel=5e-3)  # three digits
    assert balanced(config, [painting], [photograph], PULL_ON_NETWORK).style_weight == pytest.approx(
        10 / missed**0.5, rel=5e-3
    )


def test_a_faint_painting_pulls_less_than_a_strong_one(config):
    photograph = picture(1)
    faint, strong = (balanced(config, [picture(0, contrast)], [photograph]).style_weight for contrast in (0.05, 0.6))
    assert faint < strong / 2


@pytest.mark.parametrize("style", STYLE_TERMS)
@pytest.mark.parametrize("content", CONTENT_TERMS)
def test_whatever_the_terms_they_start_where_the_default_ones_do(config, content, style):
    painting, photograph = picture(0, 0.3), picture(1)
    other = replace(config, content_terms={content: 2.0}, style_terms={style: 3.0})
    default, weighed = balanced(config, [painting], [photograph]), balanced(other, [painting], [photograph])
    stand_in = torch.nn.functional.interpolate(painting, size=photograph.shape[2:], mode="bilinear", antialias=True)
    for chosen, term, pastiche in (("content_weight", "content", stand_in), ("style_weight", "style", photograph)):
        expected = getattr(default, chosen) * terms(config, painting, photograph, pastiche)[term]
        found = getattr(weighed, chosen) * terms(other, painting, photograph, pastiche)[term]
        assert found == pytest.approx(expected, rel=2e-2)


def test_of_many_photographs_the_median_counts(config):
    painting, usual, glaring = picture(0, 0.3), picture(1, 0.5), picture(2, 3.0)
    alone = balanced(config, [painting], [usual])
    assert balanced(config, [painting], [usual, glaring, usual]) == alone != balanced(config, [painting], [glaring])


def test_a_weight_that_is_given_is_kept(config):
    given = replace(config, style_weight=7.0)
    weighed = balanced(given, [picture(0)], [picture(1)])
    assert (weighed.style_weight, weighed.content_weight) == (7.0, 1.0)
    both = replace(config, style_weight=7.0, content_weight=0.0)
    assert balanced(both, [], []) is both


def test_a_papers_constants_come_with_the_papers_weights(config):
    weighed = balanced(replace(config, constants="gatys2016"), [picture(0)], [picture(1)])
    assert (weighed.content_weight, weighed.style_weight) == (1.0, 4.0)


def test_a_painting_of_one_colour_and_a_black_photograph_have_finite_weights(config):
    weighed = balanced(config, [torch.full((1, 3, 32, 32), 0.5)], [torch.zeros(1, 3, 32, 32)])
    assert 0 < weighed.style_weight < float("inf")
    assert 0 < weighed.content_weight < float("inf")
