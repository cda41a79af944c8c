"""Every recipe's total, computed a second time by hand: nothing of the package is used for what is expected."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from fast_nst.cli.gatys import recipes
from fast_nst.cli.options import build
from fast_nst.gatys import GatysConfig
from fast_nst.perceptual import Objective

LAYERS = {"relu1_1": "features.0", "relu1_2": "features.2", "relu2_1": "features.5", "relu2_2": "features.7"}


@pytest.fixture(scope="module")
def caffe_file(vgg_state, tmp_path_factory):
    """Random weights of conv1_1 .. conv2_2 that expect pixels in 0..255, as every recipe's source does."""
    path = tmp_path_factory.mktemp("vgg") / "caffe.safetensors"
    save_file(vgg_state, path, metadata={"input": "caffe"})
    return path


def features(weights: dict[str, Tensor], image: Tensor, pool) -> dict[str, Tensor]:
    """Activations `(C, H, W)` of an image in [0, 1]."""
    hidden, found = 255 * image - torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1), {}
    for layer, name in LAYERS.items():
        if layer == "relu2_1":
            hidden = pool(hidden, 2)
        hidden = F.conv2d(hidden, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1).clamp_min(0)
        found[layer] = hidden[0]
    return found


def mean_square(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).square().mean())


def gram(found: Tensor) -> Tensor:
    flat = found.flatten(1).double()
    return flat @ flat.T / found.numel()


def gatys2016(p: dict, f: dict, s: dict, x: Tensor) -> float:
    content = float((f["relu2_2"].double() - p["relu2_2"].double()).square().sum()) / 2  # equation 1
    style = 0.0
    for layer in ("relu1_1", "relu2_1"):
        (maps, positions), (_, others) = f[layer].flatten(1).shape, s[layer].flatten(1).shape
        g = f[layer].flatten(1).double() @ f[layer].flatten(1).double().T
        a = s[layer].flatten(1).double() @ s[layer].flatten(1).double().T
        a = a * positions / others  # of the same size in the paper
        style += float((g - a).square().sum()) / (4 * maps**2 * positions**2) / 2  # equation 4; w_l of two layers
    return 1e-3 * content + style


def johnson2016(p: dict, f: dict, s: dict, x: Tensor) -> float:
    content = mean_square(f["relu2_2"], p["relu2_2"])
    style = sum(5.0 * mean_square(gram(f[layer]), gram(s[layer])) for layer in ("relu1_2", "relu2_2"))
    pixels = 255 * x.double()
    variation = float(pixels.diff(dim=3).square().sum() + pixels.diff(dim=2).square().sum()) / 2
    return content + style + 1e-6 * variation


def vgg16_mse(p: dict, f: dict, s: dict, x: Tensor) -> float:
    style = sum(mean_square(gram(f[layer]), gram(s[layer])) for layer in ("relu1_2", "relu2_2"))
    return mean_square(f["relu2_2"], p["relu2_2"]) + 5 * style


def vgg19_adam_tv(p: dict, f: dict, s: dict, x: Tensor) -> float:
    content = mean_square(f["relu2_2"], p["relu2_2"])
    style = sum(mean_square(gram(f[layer]), gram(s[layer])) for layer in ("relu1_1", "relu2_1")) / 5
    pixels, variation = (255 * x[0]).double(), 0.0
    for channel in pixels:
        for i in range(channel.shape[0]):
            for j in range(channel.shape[1]):
                right = channel[i, j + 1] - channel[i, j] if j + 1 < channel.shape[1] else 0.0
                below = channel[i + 1, j] - channel[i, j] if i + 1 < channel.shape[0] else 0.0
                variation += float(right**2 + below**2) ** 0.5
    return 5 * content + 500 * style + 1e-3 * variation


TOTALS = {
    "gatys2016": gatys2016,
    "johnson2016": johnson2016,
    "vgg16-mse": vgg16_mse,
    "vgg19-adam-tv": vgg19_adam_tv,
}


def test_every_recipe_is_checked():
    assert TOTALS.keys() == recipes().keys()


@pytest.mark.parametrize("name", TOTALS)
def test_the_total_of_a_recipe_is_its_formula_by_hand(name, caffe_file):
    """With the layers that the test's weights have in place of the deeper ones, at the recipe's own layer weights."""
    config = build(GatysConfig, yaml.safe_load(recipes()[name].read_text(encoding="utf-8"))).objective
    shallow = {layer: weight for layer, weight in config.style_layers.items() if layer in LAYERS}
    config = replace(
        config,
        loss_network=str(caffe_file),
        content_layers={"relu2_2": 1.0},
        style_layers=shallow,
        loss_arithmetic="float32",
    )
    generator = torch.Generator().manual_seed(3)
    content, pastiche, style = (torch.rand(1, 3, *size, generator=generator) for size in ((16, 20), (16, 20), (24, 12)))
    weights = load_file(caffe_file)
    pool = F.avg_pool2d if config.pooling == "average" else F.max_pool2d
    found = [features(weights, image, pool) for image in (content, pastiche, style)]
    expected = TOTALS[name](*found, pastiche)
    objective = Objective(config, style)
    total = float(objective(pastiche, objective.content_targets(content)).total)
    assert total == pytest.approx(expected, rel=1e-4)
    terms = objective(pastiche, objective.content_targets(content)).floats()
    assert all(terms[term] > 1e-6 * total for term in ("content", "style"))  # each of them is seen


@pytest.mark.parametrize(
    ("name", "optimizer", "rate", "init"),
    [
        ("gatys2016", "lbfgs", None, "noise"),
        ("johnson2016", "lbfgs", None, "noise"),
        ("vgg16-mse", "adam", 10 / 255, "content"),
        ("vgg19-adam-tv", "adam", 10 / 255, "noise"),
    ],
)
def test_a_recipe_descends_as_its_source_does(name, optimizer, rate, init):
    config = build(GatysConfig, yaml.safe_load(recipes()[name].read_text(encoding="utf-8")))
    assert (config.optimizer, config.init) == (optimizer, init)
    assert config.learning_rate == (None if rate is None else pytest.approx(rate, rel=1e-5))
