"""A grid of settings: its cells, what is kept of each, and what is written of all."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

from fast_nst import sweep as module
from fast_nst.cli.options import build
from fast_nst.gatys import GatysConfig, repaint
from fast_nst.images import read_pixels
from fast_nst.perceptual import ObjectiveConfig
from fast_nst.sweep import Axis, Cell, Sweep, cells


@pytest.fixture
def base(vgg_file) -> GatysConfig:
    objective = ObjectiveConfig(
        loss_network=str(vgg_file),
        content_layers={"relu1_1": 1.0},
        style_layers={"relu1_1": 1.0},
        style_levels=1,
        style_size=32,
    )
    return GatysConfig(steps=2, size=40, device="cpu", objective=objective)


@pytest.fixture
def begin(base, save_picture, tmp_path):
    """Return a function that begins, or takes up, a sweep of one photograph and one painting."""
    content, style = save_picture("photo.png", 60, 80), save_picture("painting.png", 50, 40)
    return lambda **changes: Sweep(content, [style], replace(base, **changes), tmp_path / "sweep")


def cell(base: GatysConfig, **settings: object) -> Cell:
    objective = {name: value for name, value in settings.items() if hasattr(base.objective, name)}
    run = {name: value for name, value in settings.items() if name not in objective}
    config = replace(base, **run, objective=replace(base.objective, **objective))
    return Cell({name: str(value) for name, value in settings.items()}, config)


def test_the_grid_is_every_combination_the_last_axis_fastest(base):
    axes = [
        Axis("optimizer", (("adam", {"optimizer": "adam"}), ("sgd", {"optimizer": "sgd"}))),
        Axis("style_weight", (("1", {"style_weight": 1.0}), ("8", {"style_weight": 8.0}))),
    ]
    found = list(cells(axes, base.plain(), lambda options: build(GatysConfig, dict(options))))
    assert [str(one) for one in found] == [
        "optimizer adam, style_weight 1",
        "optimizer adam, style_weight 8",
        "optimizer sgd, style_weight 1",
        "optimizer sgd, style_weight 8",
    ]
    assert [(one.config.optimizer, one.config.objective.style_weight) for one in found] == [
        ("adam", 1.0),
        ("adam", 8.0),
        ("sgd", 1.0),
        ("sgd", 8.0),
    ]
    assert all(one.config.objective.style_size == 32 for one in found)


def test_a_cell_is_kept_whole_and_found_again(begin, base):
    sweep, one = begin(), cell(base, style_weight=8.0)
    assert sweep.stored(one) is None
    result = sweep.run(one)
    assert (result.steps, len(result.history)) == (2, 3)
    assert result.history[-1] == result.losses["total"]
    again = begin()
    assert again.stored(one) == result
    assert again.stored(cell(base, style_weight=9.0)) is None
    pastiche, _ = repaint(sweep.content, sweep.styles, one.config)
    np.testing.assert_array_equal(again.picture(one), pastiche)


@pytest.mark.parametrize("change", [{"seed": 1}, {"steps": 3}, {"style_terms": {"moments": 1.0}}, {"size": 41}])
def test_whatever_changes_a_cell_makes_it_another(begin, base, change):
    sweep = begin()
    sweep.run(cell(base, style_weight=8.0))
    assert sweep.stored(cell(base, style_weight=8.0, **change)) is None


def test_a_cell_is_judged_anew_by_another_objective_and_not_painted_anew(begin, base):
    result = begin().run(cell(base, style_weight=8.0))
    judge = replace(base.objective, tv_weight=3 * base.objective.tv_weight)
    again = begin(objective=judge).stored(cell(base, style_weight=8.0))
    assert (again.losses, again.ssim) == (result.losses, result.ssim)
    assert again.judged["tv"] == pytest.approx(3 * result.judged["tv"], rel=1e-5)


def test_a_start_picture_that_changes_makes_another_cell(begin, base, save_picture):
    sweep, start = begin(), save_picture("start.png", 30, 40)
    sweep.run(cell(base, init=str(start)))
    assert begin().stored(cell(base, init=str(start))) is not None
    start.unlink()
    save_picture("start.png", 20, 40)
    assert begin().stored(cell(base, init=str(start))) is None


def test_what_a_pastiche_does_not_depend_on_makes_no_other_cell(begin, base):
    sweep = begin()
    sweep.run(cell(base, style_weight=8.0))
    assert sweep.stored(cell(base, style_weight=8.0, max_megapixels=50.0, device="auto")) is not None


def test_a_recipe_gives_way_to_the_other_axes_wherever_it_stands(base):
    recipe = Axis("recipe", (("a", {"style_weight": 1.0, "tv_weight": 5.0}),))
    weight = Axis("style_weight", (("8", {"style_weight": 8.0}),))
    for axes in ([recipe, weight], [weight, recipe]):
        (one,) = cells(axes, base.plain(), lambda options: build(GatysConfig, dict(options)))
        assert (one.config.objective.style_weight, one.config.objective.tv_weight) == (8.0, 5.0)
        assert list(one.settings) == [axis.name for axis in axes]


def test_a_picture_smaller_than_ssims_window_has_none(begin, base):
    sweep = begin()
    result = sweep.run(cell(base, size=10, style_weight=8.0))
    assert math.isnan(result.ssim)
    assert result.judged["total"] > 0


def test_the_weights_that_were_balanced_are_kept(begin, base):
    sweep = begin()
    result = sweep.run(cell(base, optimizer="adam"))
    assert result.weights == {
        "content_weight": sweep.base.objective.content_weight,
        "style_weight": sweep.base.objective.style_weight,
    }
    assert begin().stored(cell(base, optimizer="adam")) == result


@pytest.mark.parametrize("suffix", [".json", ".png"])
def test_half_a_cell_is_none(begin, base, suffix, tmp_path):
    sweep, one = begin(), cell(base, style_weight=8.0)
    sweep.run(one)
    (path,) = (tmp_path / "sweep" / "cells").glob(f"*{suffix}")
    path.unlink()
    assert sweep.stored(one) is None


def test_every_cell_is_judged_by_the_settings_outside_the_grid(begin, base):
    sweep = begin()
    weight = sweep.base.objective.style_weight
    same = sweep.run(cell(base, style_weight=weight, content_weight=sweep.base.objective.content_weight))
    heavy = sweep.run(cell(base, style_weight=100 * weight, content_weight=sweep.base.objective.content_weight))
    assert same.judged["total"] == pytest.approx(same.losses["total"], rel=0.1)  # but for rounding to 8 bit
    assert heavy.losses["style"] > 10 * heavy.judged["style"]
    assert 0 < heavy.ssim < 1


def test_the_table_the_sheet_and_the_curves_hold_every_cell(begin, base, tmp_path):
    sweep = begin()
    axes = [Axis("style_weight", tuple((str(w), {"style_weight": w}) for w in (1.0, 2.0, 4.0)))]
    done = [(one, sweep.run(one)) for one in (cell(base, style_weight=w) for w in (1.0, 2.0, 4.0))]
    sheet, table, curves = sweep.write(done, axes)
    assert {path.name for path in (sheet, table, curves)} == {module.SHEET, module.TABLE, module.CURVES}
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["style_weight"]) for row in rows] == [1.0, 2.0, 4.0]
    assert {row["steps_done"] for row in rows} == {"2"}
    assert [float(row["judged_total"]) for row in rows] == [result.judged["total"] for _, result in done]
    assert all((tmp_path / "sweep" / row["picture"]).is_file() for row in rows)
    height, width, _ = read_pixels(sheet).shape
    assert width == 3 * 360 + 4 * 12
    assert height > 2 * 270


def test_a_cell_that_is_not_done_leaves_its_place_empty(begin, base):
    sweep = begin()
    axes = [Axis("seed", (("0", {}), ("1", {}))), Axis("style_weight", (("1", {}), ("2", {})))]
    grid = [(cell(base, seed=s, style_weight=w), None) for s in (0, 1) for w in (1.0, 2.0)]
    grid[3] = (grid[3][0], sweep.run(grid[3][0]))
    sheet, table, _ = sweep.write(grid, axes)
    pixels = read_pixels(sheet)
    left, right = pixels[:, 12:372], pixels[:, 384:744]
    assert pixels.shape[1] == 2 * 360 + 3 * 12
    assert abs(left[-200].astype(int) - 235).max() < 3
    assert abs(right[-200].astype(int) - 235).max() > 20
    assert table.read_text().count("\n") == 2
