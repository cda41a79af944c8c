import csv
import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

from fast_nst.cli.options import build
from fast_nst.errors import ConfigError, ImageError, TrainingError
from fast_nst.gatys import OPTIMIZERS, Album, GatysConfig, Step, descent, optimize, repaint, start_image
from fast_nst.images import Picture, read_pixels, write_picture
from fast_nst.perceptual import Losses, Objective, ObjectiveConfig, to_image, to_pixels

RECIPE = Path(__file__).parents[2] / "configs" / "recipes" / "gatys2016.yaml"
FEATURES = ("features.0", "features.2", "features.5", "features.7")  # conv1_1 .. conv2_2


@pytest.fixture(scope="module")
def vgg_file(vgg_state, tmp_path_factory):
    """The weights of every test, said to expect Caffe's input, as in the paper."""
    path = tmp_path_factory.mktemp("vgg") / "caffe.safetensors"
    save_file(vgg_state, path, metadata={"input": "caffe"})
    return path


@pytest.fixture(scope="module")
def objective_config(vgg_file):
    return ObjectiveConfig(
        loss_network=str(vgg_file),
        content_layers={"relu2_1": 1.0},
        style_layers={"relu1_1": 1.0, "relu2_1": 1.0},
        style_levels=2,
        style_size=32,
        style_weight=1.0,
    )


@pytest.fixture(scope="module")
def objective(objective_config):
    return Objective(objective_config, stripes())


def stripes(height=32, width=32):
    """A painting: red and blue stripes, `(1, 3, H, W)`."""
    wave = (torch.arange(width) // 3 % 2).float().expand(height, width)
    return torch.stack([0.2 + 0.6 * wave, torch.full_like(wave, 0.3), 0.8 - 0.6 * wave])[None]


def gradient(height=32, width=32):
    """A photograph: soft light, values from 0.25 to 0.75, `(1, 3, H, W)`."""
    rows, columns = torch.linspace(0.25, 0.75, height)[:, None], torch.linspace(0.25, 0.75, width)[None]
    planes = torch.broadcast_tensors(rows, columns, 0.5 + (rows - columns) / 2)
    return torch.stack(planes)[None]


def noise(height=32, width=32):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(7))


# The paper, written a second time: nothing of the package is used below.


def reference_features(weights, image):
    """relu1_1 .. relu2_2 of a VGG with average pooling, on RGB 0..255 minus Caffe's mean."""
    hidden = 255 * image - torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1)
    found = {}
    for layer, name in zip(("relu1_1", "relu1_2", "relu2_1", "relu2_2"), FEATURES, strict=True):
        if layer == "relu2_1":
            hidden = F.avg_pool2d(hidden, 2)
        hidden = F.conv2d(hidden, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1).clamp_min(0)
        found[layer] = hidden[0].flatten(1)  # (N_l, M_l), as in the paper
    return found


def reference_losses(weights, content, style, start, steps, alpha, beta):
    """The total loss at the start and after every L-BFGS step, by equations 1, 4, 5 and 7 of the paper."""
    target = reference_features(weights, content)["relu2_2"]
    grams = {layer: f @ f.T for layer, f in reference_features(weights, style).items() if layer != "relu2_2"}
    pixels = start.clone().requires_grad_()
    lbfgs = torch.optim.LBFGS([pixels], lr=1, max_iter=1, history_size=100)
    totals = []

    def closure():
        lbfgs.zero_grad()
        features = reference_features(weights, pixels)
        content_loss = ((features["relu2_2"] - target) ** 2).sum() / 2
        style_loss = torch.zeros(())
        for layer, gram in grams.items():
            maps, positions = features[layer].shape
            error = ((features[layer] @ features[layer].T - gram) ** 2).sum() / (4 * maps**2 * positions**2)
            style_loss = style_loss + error / len(grams)
        total = alpha * content_loss + beta * style_loss
        total.backward()
        totals.append(total.item())
        return total

    for _ in range(steps + 1):
        lbfgs.step(closure)
    return totals


@pytest.mark.parametrize("content_weight", [1e-3, 1e3])
def test_with_the_papers_recipe_the_loss_after_k_steps_is_that_of_an_independent_implementation(
    vgg_file, content_weight
):
    shallow = {  # of the recipe's layers, the test's weights have these
        "loss_network": str(vgg_file),
        "content_layers": {"relu2_2": 1.0},
        "style_layers": {"relu1_1": 1 / 3, "relu1_2": 1 / 3, "relu2_1": 1 / 3},
        "content_weight": content_weight,  # at 1e-3, the paper's, style rules; at 1e3 content does
    }
    config = build(GatysConfig, yaml.safe_load(RECIPE.read_text(encoding="utf-8")) | shallow)
    assert (config.optimizer, config.objective.pooling, config.objective.style_levels) == ("lbfgs", "average", 1)
    content, style, start, steps = gradient(24, 32), stripes(24, 32), noise(24, 32), 8
    objective = Objective(config.objective, style)
    _, history = optimize(objective, content, start, steps=steps, optimizer=config.optimizer)
    expected = reference_losses(load_file(vgg_file), content, style, start, steps, content_weight, beta=1.0)
    assert expected[-1] < expected[0] / 2
    assert history[0].losses["total"] == pytest.approx(expected[0], rel=1e-5)
    # Float32 rounds differently in the two: the paths part by and by, a step's share of the way is far larger.
    assert [step.losses["total"] for step in history] == pytest.approx(expected, rel=1e-2)


# The descent


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_history_holds_the_losses_of_the_start_and_after_every_step(objective, optimizer):
    content, seen = gradient(), []
    pastiche, history = optimize(
        objective,
        content,
        content,
        steps=4,
        optimizer=optimizer,
        on_step=lambda step, image: seen.append((step, image)),
    )
    assert [step.step for step in history] == [0, 1, 2, 3, 4]
    assert [step.evaluations for step in history] == [1, 2, 3, 4, 5]
    assert [step for step, _ in seen] == history
    targets = objective.content_targets(content)
    for step, image in seen:
        assert step.losses == pytest.approx(objective(image, targets).floats(), rel=1e-4)
    assert torch.equal(seen[0][1], content)
    assert torch.equal(seen[-1][1], pastiche)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_goes_down(objective, optimizer):
    _, history = optimize(objective, gradient(), noise(), steps=15, optimizer=optimizer)
    assert history[-1].losses["total"] < 0.7 * history[0].losses["total"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_path_does_not_depend_on_the_scale_of_the_loss(objective_config, optimizer):
    def run(factor):
        weights = dict.fromkeys(("content_weight", "style_weight", "tone_weight", "hue_weight", "tv_weight"), factor)
        objective = Objective(replace(objective_config, **weights), stripes())
        _, history = optimize(objective, gradient(), noise(), steps=5, optimizer=optimizer)
        return [step.losses["total"] / factor for step in history]

    assert run(1e8) == pytest.approx(run(1.0), rel=1e-2)


class TwoWells:
    """Stands in for an objective with a hill in the middle: wells at 0.3 and 0.7, and no curvature to trust at 0.5."""

    def content_targets(self, content):
        return {}

    def __call__(self, pixels, targets):
        total = 1e9 * ((pixels - 0.5).square() - 0.04).square().sum().view(1)
        nothing = torch.zeros(1)
        return Losses(content=total, style=nothing, tone=nothing, tv=nothing, total=total)


def test_a_start_on_a_hill_does_not_throw_lbfgs_out_of_the_world():
    start = 0.5 + 0.01 * (noise() - 0.5)
    _, history = optimize(TwoWells(), gradient(), start, steps=30)
    assert max(step.losses["total"] for step in history) < 10 * history[0].losses["total"]
    assert history[-1].losses["total"] < 1e-3 * history[0].losses["total"]


def test_neither_the_photograph_nor_the_start_is_changed(objective):
    content, start = gradient(), noise()
    optimize(objective, content, start, steps=2)
    assert torch.equal(content, gradient())
    assert torch.equal(start, noise())


def test_the_pastiche_is_clamped_to_what_a_picture_can_hold(objective):
    pastiche, _ = optimize(objective, gradient(), 3 * noise() - 1, steps=1, optimizer="adam")
    assert pastiche.min() == 0
    assert pastiche.max() == 1


def test_a_start_in_any_memory_format_serves(objective):
    start = noise().contiguous(memory_format=torch.channels_last)
    _, strided = optimize(objective, gradient(), start, steps=2)
    _, plain = optimize(objective, gradient(), noise(), steps=2)
    assert strided[-1].losses == plain[-1].losses


def test_a_target_ends_the_run_at_the_first_step_that_reaches_it(objective):
    _, free = optimize(objective, gradient(), noise(), steps=8, optimizer="adam")
    target = free[5].losses["total"]
    _, history = optimize(objective, gradient(), noise(), steps=8, optimizer="adam", target=target)
    assert len(history) == 6


def test_a_time_limit_ends_the_run_at_the_first_step_after_it(objective, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(descent.time, "monotonic", lambda: 10.0 * next(clock))
    _, history = optimize(objective, gradient(), noise(), steps=9, max_minutes=0.5)
    assert [step.seconds for step in history] == [10.0, 20.0, 30.0]


def test_at_the_optimum_lbfgs_ends_with_what_it_has(objective_config):
    weights = dict.fromkeys(("style_weight", "tone_weight", "hue_weight", "tv_weight"), 0.0)
    content_only = Objective(replace(objective_config, **weights), stripes())
    pastiche, history = optimize(content_only, gradient(), gradient(), steps=5)
    assert [step.losses["total"] for step in history] == [0.0]
    assert torch.equal(pastiche, gradient())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_step(objective, optimizer):
    with pytest.raises(TrainingError, match=r"step 1: the \w+ loss is (inf|nan).*lower learning rate"):
        optimize(objective, gradient(), noise(), steps=5, optimizer=optimizer, learning_rate=1e30)


def test_what_a_callback_raises_ends_the_run(objective):
    def interrupt(step, _):
        if step.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimize(objective, gradient(), noise(), steps=5, on_step=interrupt)


# From pixels to pixels


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_repainting_gives_a_picture_of_the_size_asked_for(objective_config, init):
    photograph, painting = to_pixels(gradient(40, 60)), to_pixels(stripes(50, 40))
    config = GatysConfig(steps=1, size=30, init=init, device="cpu", objective=objective_config)
    pastiche, history = repaint(photograph, [painting], config)
    assert pastiche.shape == (20, 30, 3)
    assert pastiche.dtype == np.uint8
    assert len(history) == 2


def test_the_same_seed_gives_the_same_picture_and_another_another(objective_config):
    def run(seed):
        config = GatysConfig(steps=2, size=24, init="noise", seed=seed, device="cpu", objective=objective_config)
        return repaint(to_pixels(gradient()), [to_pixels(stripes())], config)[1]

    first, again, other = run(0), run(0), run(1)
    assert first[-1].losses == again[-1].losses != other[-1].losses


def test_an_image_that_the_layers_reduce_to_nothing_is_refused(objective_config):
    painting, photograph = to_pixels(stripes()), to_pixels(gradient(100, 5))
    config = GatysConfig(size=32, device="cpu", objective=objective_config)
    with pytest.raises(
        ConfigError, match="a picture of 2x32 px is too small for this objective, which needs 4 px a side"
    ):
        repaint(photograph, [painting], config)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_named(objective_config, device):
    config = GatysConfig(device=device, objective=objective_config)
    with pytest.raises(ConfigError, match=f"device '{device}' cannot be used here"):
        repaint(to_pixels(gradient()), [to_pixels(stripes())], config)


# Where to start


def test_noise_is_faint_and_around_grey():
    start = start_image(GatysConfig(init="noise"), gradient(64, 64), to_pixels(stripes()))
    assert start.shape == (1, 3, 64, 64)
    assert float(start.mean()) == pytest.approx(0.5, abs=1e-3)
    assert float(start.std()) == pytest.approx(1 / 255, rel=0.05)


def test_a_picture_to_start_from_is_brought_to_the_photographs_size(tmp_path):
    painting = to_pixels(stripes(10, 10))
    write_picture(tmp_path / "start.png", Picture(to_pixels(gradient(32, 48))))
    from_file = start_image(GatysConfig(init=str(tmp_path / "start.png")), gradient(32, 48), painting)
    assert torch.equal(to_image(to_pixels(gradient(32, 48))), from_file)
    assert start_image(GatysConfig(init="style"), gradient(20, 48), painting).shape == (1, 3, 20, 48)


def test_a_misspelt_start_suggests_the_nearest():
    with pytest.raises(ConfigError, match=r"init is 'contnet', expected .* did you mean 'content'\?"):
        start_image(GatysConfig(init="contnet"), gradient(), to_pixels(stripes()))


def test_a_start_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "start.png").write_text("a note")
    with pytest.raises(ImageError, match=r"start\.png: not a picture"):
        start_image(GatysConfig(init=str(tmp_path / "start.png")), gradient(), to_pixels(stripes()))


def test_a_start_that_is_too_large_is_refused(tmp_path):
    write_picture(tmp_path / "start.png", Picture(np.zeros((64, 64, 3), np.uint8)))
    config = GatysConfig(init=str(tmp_path / "start.png"), max_megapixels=0.004)
    with pytest.raises(ImageError, match=r"over the limit of 0\.004"):
        start_image(config, gradient(), to_pixels(stripes()))


# Configuration


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "steps is 0, expected at least 1"),
        ({"size": -5}, "size is -5, expected at least 1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, expected a number above 0"),
        ({"max_minutes": -1.0}, "max_minutes is -1.0"),
        ({"target": math.nan}, "target is nan"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(values, message):
    with pytest.raises(ConfigError, match=message):
        GatysConfig(**values)


def test_a_configuration_survives_the_way_to_yaml_and_back(objective_config):
    config = GatysConfig(steps=7, target=0.25, init="noise", objective=objective_config)
    assert build(GatysConfig, yaml.safe_load(yaml.safe_dump(config.plain()))) == config


# What a run leaves behind


def fake_step(number):
    losses = {"content": 1.0, "style": 2.0, "tone": 0.25, "tv": 0.5, "total": 3.75}
    return Step(number, losses, seconds=2.0 * number, evaluations=number + 1)


def test_an_album_holds_the_curves_the_configuration_and_a_snapshot_every_so_many_steps(tmp_path):
    album = Album(tmp_path / "album", GatysConfig(steps=5), snapshot_every=2)
    for number in range(6):
        album.add(fake_step(number), torch.full((1, 3, 8, 8), number / 255))
    album.write_curves()
    names = sorted(path.name for path in album.folder.iterdir())
    assert names == ["config.yaml", "history.csv", "history.png", "step-0002.png", "step-0004.png"]
    assert (read_pixels(album.folder / "step-0004.png") == 4).all()
    with (album.folder / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[3]) == ["step", "content", "style", "tone", "tv", "total", "seconds", "evaluations", "size"]
    assert [float(value) for value in rows[3].values()] == [3, 1.0, 2.0, 0.25, 0.5, 3.75, 6.0, 4, 8]
    assert build(GatysConfig, yaml.safe_load((album.folder / "config.yaml").read_text())) == album.config


def test_a_snapshot_comes_with_the_curves_so_far(tmp_path):
    album = Album(tmp_path, GatysConfig(), snapshot_every=1)
    for number in range(2):
        album.add(fake_step(number), gradient())
    assert (tmp_path / "history.csv").read_text().count("\n") == 3  # the header and two steps


def test_without_snapshots_an_album_keeps_the_latest_pastiche_in_memory(tmp_path):
    album = Album(tmp_path, GatysConfig())
    for number in range(3):
        album.add(fake_step(number), torch.full((1, 3, 2, 2), float(number)))
    assert album.pastiche.unique().tolist() == [2.0]
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_new_run_drops_the_snapshots_of_an_earlier_one_and_nothing_else(tmp_path):
    for name in ("step-0400.png", "notes.txt"):
        (tmp_path / name).touch()
    Album(tmp_path, GatysConfig()).add(fake_step(0), gradient())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "notes.txt"]


def test_an_animation_shows_the_picture_forming(tmp_path):
    album = Album(tmp_path / "album", GatysConfig(size=32), animation=tmp_path / "forming.webp")
    for number in range(40):
        side = 16 if number < 20 else 32  # coarse, then fine
        album.add(fake_step(number), torch.full((1, 3, side, side), 6 * number / 255))
    album.write_animation()
    with Image.open(tmp_path / "forming.webp") as film:
        assert film.size == (32, 32)
        assert 10 < film.n_frames < 25  # closer at first
        shown = []
        for frame in range(film.n_frames):
            film.seek(frame)
            shown.append(film.convert("RGB").getpixel((16, 16))[0])
    assert shown[0] <= 1
    assert abs(shown[-1] - 6 * 39) <= 2
    assert shown == sorted(shown)


def test_without_an_animation_no_frame_is_kept(tmp_path):
    album = Album(tmp_path, GatysConfig())
    album.add(fake_step(0), gradient())
    album.write_animation()
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
