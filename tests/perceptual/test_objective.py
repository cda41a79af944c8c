"""One object, one number: what each term is, and that neither batch, level nor layer changes its meaning."""

import json
from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from torch.testing import assert_close

from fast_nst.errors import ConfigError
from fast_nst.perceptual import (
    Losses,
    Objective,
    ObjectiveConfig,
    balanced_channels,
    gradient_loss,
    hue_loss,
    tone_loss,
    total_variation,
)
from fast_nst.perceptual.config import CONTENT_TERMS, STYLE_TERMS

MEAN, STD = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


@pytest.fixture
def config(vgg_file) -> ObjectiveConfig:
    """Layers that the shallow weights have; two levels."""
    return ObjectiveConfig(
        loss_network=str(vgg_file),
        content_layers={"relu2_2": 1.0},
        style_layers={"relu1_1": 1.0, "relu2_1": 1.0},
        style_levels=2,
    )


@pytest.fixture
def style_image() -> Tensor:
    """Noise of another size than `image`, `(1, 3, 16, 28)`."""
    return torch.rand(1, 3, 16, 28, generator=torch.Generator().manual_seed(2))


def judge(config: ObjectiveConfig, style_image: Tensor, pastiche: Tensor, content: Tensor) -> Losses:
    objective = Objective(config, style_image)
    return objective(pastiche, objective.content_targets(content))


def half_size(image: Tensor) -> Tensor:
    """The mean of each 2x2 block."""
    count, channels, height, width = image.shape
    return image.view(count, channels, height // 2, 2, width // 2, 2).mean((3, 5))


# Terms


def test_the_total_is_the_sum_of_the_weighted_terms(config, style_image, image):
    config = replace(config, content_weight=1.0, style_weight=1.0, tone_weight=1.0, hue_weight=0.5, tv_weight=1.0)
    plain = judge(config, style_image, image, image.flip(3))
    weights = {"content_weight": 2.0, "style_weight": 3.0, "tone_weight": 4.0, "hue_weight": 2.0, "tv_weight": 5.0}
    weighted = judge(replace(config, **weights), style_image, image, image.flip(3))
    assert_close(weighted.content, 2 * plain.content)
    assert_close(weighted.style, 3 * plain.style)
    assert_close(weighted.tone, 4 * plain.tone)
    assert_close(weighted.tv, 5 * plain.tv)
    assert_close(weighted.total, weighted.content + weighted.style + weighted.tone + weighted.tv)
    assert (torch.stack(plain) > 0).all()


def test_the_photograph_itself_has_no_content_loss(config, style_image, image):
    assert_close(judge(config, style_image, image, image).content, torch.zeros(2))


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_painting_itself_has_no_style_loss(config, style_image, levels):
    losses = judge(replace(config, style_levels=levels), style_image, style_image, style_image)
    assert_close(losses.style, torch.zeros(1))


@pytest.mark.parametrize(("tone_weight", "hue_weight"), [(1.0, 0.0), (0.0, 1.0), (2.0, 3.0)])
def test_the_tone_term_is_that_of_the_pictures_and_their_hue(config, style_image, image, tone_weight, hue_weight):
    weighed = replace(config, tone_weight=tone_weight, hue_weight=hue_weight)
    losses = judge(weighed, style_image, image, image.flip(3))
    pair = (image, image.flip(3))
    assert_close(losses.tone, tone_weight * tone_loss(*pair) + hue_weight * hue_loss(*pair))


def test_the_tv_term_is_the_total_variation_of_the_pastiche(config, style_image, image):
    for form in ("anisotropic", "isotropic", "squared", "kuwahara"):
        losses = judge(replace(config, tv_form=form, tv_weight=1.0, constants="johnson2016"), style_image, image, image)
        assert_close(losses.tv, total_variation(image, form, "johnson2016"))


def test_gatys_constants_give_gatys_total(config, style_image, image, vgg_state):
    photograph, pastiche = image[:1], image[1:]
    recipe = {"constants": "gatys2016", "style_levels": 1, "content_weight": 1.0, "style_weight": 1e3, "tv_weight": 0.0}
    losses = judge(replace(config, **recipe), style_image, pastiche, photograph)

    def features(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        def layer(hidden: Tensor, index: int) -> Tensor:
            weight, bias = vgg_state[f"features.{index}.weight"], vgg_state[f"features.{index}.bias"]
            return F.conv2d(hidden, weight, bias, padding=1).relu()

        relu1_1 = layer((picture - MEAN) / STD, 0)
        relu2_1 = layer(F.max_pool2d(layer(relu1_1, 2), 2), 5)
        return relu1_1[0].flatten(1), relu2_1[0].flatten(1), layer(relu2_1, 7)[0].flatten(1)

    *ours, ours_deep = features(pastiche)
    *theirs, _ = features(style_image)
    content = (ours_deep - features(photograph)[-1]).square().sum() / 2
    style = torch.zeros(())
    for f, s in zip(ours, theirs, strict=True):  # w_l = 1 / 2; the painting's Gram matrix has its own M
        error = f @ f.T / f.numel() - s @ s.T / s.numel()
        style += 0.5 * error.square().sum() / 4
    assert_close(losses.content, content[None], rtol=1e-4, atol=0)
    assert_close(losses.style, 1e3 * style[None], rtol=1e-4, atol=0)
    assert_close(losses.total, (content + 1e3 * style)[None], rtol=1e-4, atol=0)


# Levels, layers, batches


def test_the_pyramid_is_the_mean_of_the_levels_judged_one_by_one(config, style_image, image):
    one = replace(config, style_levels=1)
    full = judge(one, style_image, image, image).style
    half = judge(one, half_size(style_image), half_size(image), half_size(image)).style
    assert_close(judge(config, style_image, image, image).style, (full + half) / 2)


def test_a_level_costs_one_pass_and_no_more(config, style_image, image):
    objective, passes = Objective(replace(config, style_levels=3), style_image), []
    targets = objective.content_targets(image)
    objective.loss_network.convolutions["conv1_1"].register_forward_hook(lambda *_: passes.append(1))
    objective(image, targets)
    assert len(passes) == 3


def test_layer_weights_are_shares(config, style_image, image):
    def style(layers: dict[str, float]) -> Tensor:
        return judge(replace(config, style_layers=layers), style_image, image, image).style

    mixed = style({"relu1_1": 3.0, "relu2_1": 1.0})
    assert_close(mixed, 0.75 * style({"relu1_1": 1.0}) + 0.25 * style({"relu2_1": 1.0}))
    assert_close(mixed, style({"relu1_1": 30.0, "relu2_1": 10.0}))


def test_johnson_adds_layers_up(config, style_image, image):
    def style(layers: dict[str, float]) -> Tensor:
        papers = replace(config, style_layers=layers, constants="johnson2016")
        return judge(papers, style_image, image, image).style

    both = style({"relu1_1": 3.0, "relu2_1": 1.0})
    assert_close(both, 3 * style({"relu1_1": 1.0}) + style({"relu2_1": 1.0}))


def test_a_layer_may_judge_both_content_and_style(config, style_image, image):
    both = replace(config, content_layers={"relu2_1": 1.0}, style_layers={"relu2_1": 1.0})
    losses = judge(both, style_image, image, image.flip(2))
    assert (torch.stack(losses) > 0).all()


def test_a_batch_is_as_good_as_its_pictures_one_by_one(config, style_image, image):
    objective, contents = Objective(config, style_image), image.flip(2)
    batch = objective(image, objective.content_targets(contents))
    singles = [
        objective(pastiche[None], objective.content_targets(content[None]))
        for pastiche, content in zip(image, contents, strict=True)
    ]
    for term, of_each in zip(batch, zip(*singles, strict=True), strict=True):
        assert_close(term, torch.cat(of_each))


@pytest.mark.parametrize(("height", "width"), [(17, 23), (32, 9)])
def test_odd_sizes_are_judged_too(config, style_image, height, width):
    picture = torch.rand(1, 3, height, width)
    assert torch.stack(judge(config, style_image, picture, picture)).isfinite().all()


@pytest.mark.parametrize(
    ("content_layer", "style_layer", "levels", "least"),
    [
        ("relu2_2", "relu1_1", 1, 2),
        ("relu1_1", "relu2_1", 1, 2),
        ("relu2_2", "relu1_1", 3, 4),
        ("relu1_1", "relu2_1", 3, 8),
    ],
)
def test_a_picture_too_small_for_the_objective_says_how_many_pixels_it_needs(
    config, content_layer, style_layer, levels, least
):
    judging = replace(config, content_layers={content_layer: 1.0}, style_layers={style_layer: 1.0}, style_levels=levels)
    enough, too_small = torch.rand(1, 3, least, 40), torch.rand(1, 3, 40, least - 1)
    assert torch.stack(judge(judging, enough, enough, enough)).isfinite().all()
    message = f"a picture of {least - 1}x40 px is too small for this objective, which needs {least} px a side"
    with pytest.raises(ConfigError, match=message):
        Objective(judging, too_small)


# As something to descend


def test_a_step_down_the_gradient_lowers_the_total(config, style_image, image):
    objective = Objective(config, style_image)
    targets = objective.content_targets(image)
    pastiche = torch.full_like(image, 0.5, requires_grad=True)
    before = objective(pastiche, targets).total
    before.sum().backward()
    after = objective(pastiche.detach() - 1e-3 * pastiche.grad / pastiche.grad.abs().max(), targets).total
    assert (after < before).all()


def test_pixels_beyond_black_and_white_have_a_gradient(config, style_image, image):
    objective, pastiche = Objective(config, style_image), (3 * image - 1).requires_grad_()
    objective(pastiche, objective.content_targets(image)).total.sum().backward()
    outside = (pastiche < 0) | (pastiche > 1)
    assert (pastiche.grad[outside] != 0).all()


def test_the_gradient_reaches_the_pastiche_alone(config, style_image, image):
    objective, content = Objective(config, style_image), image.clone().requires_grad_()
    targets = objective.content_targets(content)
    assert not any(target.requires_grad for target in targets.values())
    assert not any(tensor.requires_grad for tensor in [*objective.parameters(), *objective.buffers()])


def test_the_mean_of_the_losses_is_that_of_plain_numbers():
    terms = torch.tensor([[1.0, 3.0], [10.0, 20.0], [2.0, 4.0], [0.0, 1.0], [13.0, 28.0]])
    assert Losses(*terms).mean().floats() == {"content": 2.0, "style": 15.0, "tone": 3.0, "tv": 0.5, "total": 20.5}


# Configuration


def test_the_default_configuration_is_plain_values():
    values = asdict(ObjectiveConfig())
    assert ObjectiveConfig(**json.loads(json.dumps(values))) == ObjectiveConfig()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"content_weight": -1.0}, "the weight content_weight is -1.0, expected a number >= 0"),
        ({"style_weight": float("nan")}, "the weight style_weight is nan"),
        ({"tv_weight": float("inf")}, "the weight tv_weight is inf"),
        ({"style_layers": {"relu1_1": -0.5}}, "the weight relu1_1 is -0.5"),
        ({"content_layers": {"relu1_1": -0.5}, "style_layers": {"relu1_1": 1.0}}, "the weight relu1_1 is -0.5"),
        ({"content_layers": {"relu33": 1.0}}, "vgg19 has no layer 'relu33'; did you mean 'relu3_3'"),
        ({"style_layers": {"relu3_4": 1.0}, "loss_network": "vgg16"}, "vgg16 has no layer 'relu3_4'"),
        ({"style_levels": 0}, "style_levels is 0, expected 1 to 5"),
        ({"style_levels": 6}, "style_levels is 6, expected 1 to 5"),
        ({"style_size": 31}, "style_size is 31 px, expected at least 32"),
        ({"style_layers": {}}, "style_layers has no weight above 0"),
        ({"content_layers": {"relu3_3": 0.0}}, "content_layers has no weight above 0"),
        ({"loss_network": "vgg11"}, r"loss network is 'vgg11', expected .* or a file .*; did you mean 'vgg1[69]'\?"),
        ({"constants": "gatys"}, r"constants is 'gatys', expected .*; did you mean 'gatys2016'\?"),
        ({"tv_form": "l1"}, "tv_form is 'l1', expected anisotropic or isotropic or squared or kuwahara"),
        ({"pooling": "avg"}, "pooling is 'avg', expected max or average"),
        ({"loss_arithmetic": "float16"}, "loss_arithmetic is 'float16', expected auto or float32 or bfloat16"),
        ({"vgg_input": "bgr"}, "vgg_input is 'bgr', expected torchvision or caffe"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        ObjectiveConfig(**options)


# Terms of many kinds


@pytest.mark.parametrize("term", CONTENT_TERMS)
def test_a_content_term_alone_is_zero_for_the_photograph_and_grows_away_from_it(config, style_image, image, term):
    config = replace(config, content_terms={term: 1.0}, style_weight=0.0, tv_weight=0.0)
    objective = Objective(config, style_image)
    targets = objective.content_targets(image)
    near, far = image + 0.02 * (image.flip(3) - image), image.flip(3)
    losses = [objective(pastiche, targets).total for pastiche in (image, near, far)]
    assert_close(losses[0], torch.zeros(2), atol=1e-6, rtol=0)
    assert (losses[0] < losses[1]).all()
    assert (losses[1] < losses[2]).all()


@pytest.mark.parametrize("term", STYLE_TERMS)
def test_a_style_term_alone_is_zero_for_the_painting_and_has_a_gradient(config, style_image, image, term):
    config = replace(config, style_terms={term: 1.0}, content_weight=0.0, tv_weight=0.0)
    objective = Objective(config, style_image)
    assert_close(objective(style_image, {}).total, torch.zeros(1), atol=1e-6, rtol=0)
    pastiche = image.clone().requires_grad_()
    objective(pastiche, {}).total.sum().backward()
    assert (pastiche.grad != 0).any()


def test_terms_add_up_by_their_weights(config, style_image, image):
    plain = replace(config, content_weight=1.0, style_weight=1.0, tv_weight=0.0)

    def losses(content: dict[str, float], style: dict[str, float]) -> Losses:
        return judge(replace(plain, content_terms=content, style_terms=style), style_image, image, image.flip(3))

    features, similarity = losses({"features": 1.0}, {"gram": 1.0}), losses({"ssim": 1.0}, {"moments": 1.0})
    both = losses({"features": 2.0, "ssim": 0.5}, {"gram": 3.0, "moments": 0.25})
    assert_close(both.content, 2 * features.content + 0.5 * similarity.content)
    assert_close(both.style, 3 * features.style + 0.25 * similarity.style)


def test_channels_may_count_alike_in_energy(config, style_image, image):
    config = replace(config, content_terms={"gradients": 1.0}, style_weight=0.0, content_weight=1.0, tv_weight=0.0)
    objective = Objective(config, style_image)
    target = objective.content_targets(image.flip(3))["relu2_2"]
    found = objective.loss_network(image)["relu2_2"]
    balanced = judge(replace(config, channel_weights="balanced"), style_image, image, image.flip(3)).content
    assert_close(balanced, gradient_loss(found, target, channel_weights=balanced_channels(target)))
    assert not torch.allclose(balanced, judge(config, style_image, image, image.flip(3)).content)


def test_several_paintings_are_judged_one_by_one_and_blended(config, style_image, image):
    other = 1 - style_image[..., :16]
    first, second = (judge(config, painting, image, image.flip(3)).style for painting in (style_image, other))

    def blended(*weights: float) -> Tensor:
        objective = Objective(replace(config, style_blend=weights), style_image, other)
        return objective(image, objective.content_targets(image.flip(3))).style

    assert_close(blended(3.0, 1.0), 0.75 * first + 0.25 * second)
    assert_close(blended(), (first + second) / 2)
    assert_close(blended(0.0, 2.0), second)


def test_a_blend_of_another_number_of_paintings_is_refused(config, style_image):
    with pytest.raises(ConfigError, match="style_blend has 3 weights, expected one for each of 2 paintings"):
        Objective(replace(config, style_blend=(1.0, 2.0, 3.0)), style_image, style_image)


def test_a_term_of_weight_zero_is_not_computed(config, style_image, image):
    objective = Objective(replace(config, style_weight=0.0), style_image)
    assert objective.loss_network.layers == {"relu2_2"}
    assert not list(objective.named_buffers(recurse=False))
    objective = Objective(replace(config, content_terms={"pixels": 1.0}), style_image)
    assert objective.loss_network.layers == {"relu1_1", "relu2_1"}


def test_a_picture_smaller_than_the_window_of_ssim_is_refused(config, style_image):
    objective = Objective(replace(config, content_terms={"ssim": 1.0}), style_image)
    with pytest.raises(ConfigError, match="10x24 px is too small for this objective, which needs 11 px a side"):
        objective(torch.zeros(1, 3, 24, 10), objective.content_targets(torch.zeros(1, 3, 24, 10)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"content_terms": {"feature": 1.0}}, "did you mean 'features'"),
        ({"style_terms": {"gramm": 1.0}}, "a term in style_terms is 'gramm', expected gram or"),
        ({"style_terms": {"gram": 0.0}}, "style_terms has no weight above 0; .* style_weight 0"),
        ({"style_blend": (1.0, -1.0)}, "the weight 2 of style_blend is -1.0"),
        ({"style_blend": (0.0,)}, "style_blend has no weight above 0"),
        ({"channel_weights": "equal"}, "channel_weights is 'equal', expected uniform or balanced"),
    ],
)
def test_a_term_that_makes_no_sense_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        ObjectiveConfig(**options)


def test_of_a_cut_file_mini_has_the_deeper_layers_and_the_deepest_one_stands_for_those_that_nothing_has(vgg_file):
    styles = {"relu1_1": 1.0, "relu2_2": 2.0, "relu4_2": 0.5, "relu5_1": 0.5}
    whole = ObjectiveConfig(loss_network=str(vgg_file), style_layers=styles)
    cut = whole.resolved()
    assert cut.content_layers == {"relu2_2": 0.5, "relu3_3": 0.7, "relu4_1": 0.3}
    assert cut.style_layers == {"relu1_1": 1.0, "relu2_2": 2.5, "relu5_1": 0.5}
    assert cut.resolved() == cut
    assert Objective(whole, torch.rand(1, 3, 64, 64)).style_layers == cut.style_layers


def test_a_layer_that_another_vgg_has_is_not_taken_for_one_that_is_cut_off(tmp_path):
    last = {"features.17.weight": torch.zeros(512, 256, 3, 3), "features.28.weight": torch.zeros(512, 512, 3, 3)}
    save_file(last, tmp_path / "vgg16.safetensors", metadata={"input": "torchvision"})  # it ends with conv5_3
    asked = ObjectiveConfig(loss_network=str(tmp_path / "vgg16.safetensors"), style_layers={"relu3_4": 1.0})
    assert asked.resolved() == asked
    with pytest.raises(ConfigError, match="vgg16 has no layer 'relu3_4'"):
        Objective(asked, torch.rand(1, 3, 64, 64))


def test_a_layer_that_no_vgg_has_is_not_taken_for_one_that_is_cut_off(vgg_file):
    with pytest.raises(ConfigError, match="has no layer 'relu9_1'"):
        Objective(
            ObjectiveConfig(loss_network=str(vgg_file), content_layers={"relu9_1": 1.0}), torch.rand(1, 3, 64, 64)
        )
