"""A grid of settings: its cells, what is kept of each, and what is written of all."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from fast_nst import sweep as module
from fast_nst.cli.options import build
from fast_nst.gatys import GatysConfig
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
    pastiche, _ = sweep.repaint(one)
    np.testing.assert_array_equal(again.picture(one), pastiche)


@pytest.mark.parametrize("change", [{"seed": 1}, {"steps": 3}, {"style_terms": {"moments": 1.0}}, {"size": 41}])
def test_whatever_changes_a_cell_makes_it_another(begin, base, change):
    sweep = begin()
    sweep.run(cell(base, style_weight=8.0))
    assert sweep.stored(cell(base, style_weight=8.0, **change)) is None


def test_a_cell_judged_by_another_objective_is_another(begin, base):
    begin().run(cell(base, style_weight=8.0))
    judge = replace(base.objective, tv_weight=3.0)
    assert begin(objective=judge).stored(cell(base, style_weight=8.0)) is None


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
    assert [row["style_weight"] for row in rows] == ["1.0", "2.0", "4.0"]
    assert [float(row["judged_total"]) for row in rows] == [result.judged["total"] for _, result in done]
    assert all((tmp_path / "sweep" / row["picture"]).is_file() for row in rows)
    height, width, _ = read_pixels(sheet).shape
    assert width == 3 * 360 + 4 * 12
    assert height > 2 * 270
