"""From coarse to fine: which sizes, what each starts from, and how steps are counted."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from fast_nst.errors import ConfigError
from fast_nst.gatys import GatysConfig, repaint, repainting, settled
from fast_nst.perceptual import ObjectiveConfig, least_side


@pytest.fixture(scope="module")
def config(vgg_file) -> GatysConfig:
    objective = ObjectiveConfig(
        loss_network=str(vgg_file),
        content_layers={"relu2_1": 1.0},
        style_layers={"relu1_1": 1.0},
        style_levels=1,
        style_size=64,
    )
    return GatysConfig(steps=4, size=64, start_size=16, device="cpu", objective=objective)


def photograph(height: int = 90, width: int = 120) -> np.ndarray:
    rows, columns = np.linspace(0, 255, height)[:, None], np.linspace(0, 255, width)[None]
    return np.stack(np.broadcast_arrays(rows, columns, 255 - rows), axis=-1).astype(np.uint8)


def painting() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (80, 60, 3), np.uint8)


@pytest.mark.parametrize(
    ("size", "start", "expected"),
    [
        (512, 0, [(512, 500)]),
        (512, 512, [(512, 500)]),
        (1024, 256, [(256, 500), (512, 250), (1024, 125)]),
        (2000, 200, [(200, 500), (250, 250), (500, 125), (1000, 62), (2000, 31)]),
        (301, 150, [(150, 500), (151, 250), (301, 125)]),
    ],
)
def test_each_size_is_at_most_twice_the_one_before_with_half_the_steps(size, start, expected):
    assert GatysConfig(size=size, steps=500, start_size=start).scales() == expected


def test_work_begins_at_128_px_or_more_where_a_thin_picture_could_not_be_judged(config):
    objective = replace(config.objective, style_layers={"relu2_1": 1.0}, style_levels=5, style_size=1000)
    weighed = replace(objective, content_weight=1.0, style_weight=1.0)  # balancing them takes a while
    run = GatysConfig(size=1000, objective=weighed)
    assert least_side(run.objective) == 32
    assert settled(run, photograph(), [painting()]).start_size == 128
    assert settled(run, photograph(30, 240), [painting()]).start_size == 256
    with pytest.raises(ConfigError, match="too small for this objective"):
        settled(replace(run, objective=objective), photograph(30, 1200), [painting()])
    assert settled(replace(run, size=100), photograph(), [painting()]).start_size == 100


def test_a_start_larger_than_the_end_is_refused():
    with pytest.raises(ConfigError, match="start_size is 600, expected 0 to 512"):
        GatysConfig(start_size=600)


def test_steps_are_counted_over_all_sizes_and_the_last_has_the_size_asked_for(config):
    seen = []
    pastiche, history = repaint(photograph(), [painting()], config, lambda step, image: seen.append((step, image)))
    assert pastiche.shape == (48, 64, 3)
    assert [step.step for step in history] == list(range(5 + 3 + 2))
    assert [step.evaluations for step in history] == list(range(1, 11))
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(history))
    assert [step for step, _ in seen] == history
    assert [max(image.shape[2:]) for _, image in seen] == [16] * 5 + [32] * 3 + [64] * 2


def test_a_size_starts_from_the_pastiche_of_the_one_before(config):
    seen = []
    repaint(photograph(), [painting()], config, lambda step, image: seen.append(image))
    for last, first in ((seen[4], seen[5]), (seen[7], seen[8])):
        shrunk = torch.nn.functional.interpolate(first, size=last.shape[2:], mode="area")
        assert float((shrunk - last).abs().mean()) < 0.05
    assert float((seen[8] - torch.from_numpy(photograph(48, 64)).permute(2, 0, 1) / 255).abs().mean()) > 0.02


def test_paintings_shrink_with_the_photograph(config, monkeypatch):
    sides = []
    objective = repainting.Objective

    def watch(given, *images, **options):
        sides.append([max(image.shape[2:]) for image in images])
        return objective(given, *images, **options)

    monkeypatch.setattr(repainting, "Objective", watch)
    repaint(photograph(), [painting(), painting()], replace(config, objective=replace(config.objective, style_size=48)))
    assert sides == [[12, 12], [24, 24], [48, 48]]


def test_a_target_is_for_the_last_size_and_time_for_all(config, monkeypatch):
    _, history = repaint(photograph(), [painting()], replace(config, target=1e9))
    assert len(history) == 5 + 3 + 1  # the last size ends where it starts
    monkeypatch.setattr(repainting.time, "monotonic", itertools.count(0, 20.0).__next__)
    pastiche, history = repaint(photograph(), [painting()], replace(config, max_minutes=1.0))
    assert pastiche.shape == (48, 64, 3)
    assert len(history) < 10


def test_the_time_told_beforehand_is_that_of_a_step_times_what_all_sizes_cost(config, monkeypatch):
    """Of 4, 2 and 1 steps from 16 to 64 px, each size with its start: 5 / 16 + 3 / 4 + 2 steps of the last size."""
    seconds = itertools.cycle([0.0, 9.0, 9.0, 12.0])  # the first step takes 9, the second 3
    monkeypatch.setattr(repainting.time, "monotonic", seconds.__next__)
    run = settled(config, photograph(), [painting()])
    assert repainting.expected_seconds(run, photograph(), [painting()]) == pytest.approx(3 * (5 / 16 + 3 / 4 + 2))
    alone = replace(run, start_size=0)
    assert repainting.expected_seconds(alone, photograph(), [painting()]) == pytest.approx(3 * 5)
    monkeypatch.setattr(repainting, "_TIMED_SIDE", 32)
    assert repainting.expected_seconds(run, photograph(), [painting()]) == pytest.approx(3 * (5 / 4 + 3 + 2 * 4))


def test_open_weights_are_balanced_once_for_the_size_asked_for(config):
    found = settled(config, photograph(), [painting()])
    assert found.objective.style_weight is not None
    assert settled(found, photograph(90, 100), [painting()]) == found
    _, open_history = repaint(photograph(), [painting()], config)
    _, settled_history = repaint(photograph(), [painting()], found)
    assert [step.losses for step in open_history] == [step.losses for step in settled_history]


def test_strips_do_not_change_the_path(config):
    small = replace(config, start_size=0, steps=3)
    _, whole = repaint(photograph(), [painting()], small)
    _, strips = repaint(photograph(), [painting()], replace(small, strip_megapixels=0.0008))
    assert [step.losses["total"] for step in strips] == pytest.approx([s.losses["total"] for s in whole], rel=1e-3)
