import math

import numpy as np
import pytest

from fast_nst.errors import FastNstError
from fast_nst.images import read_pixels
from fast_nst.plots import plot_curves, plot_losses

BLUE, ORANGE, RED = (31, 119, 180), (255, 127, 14), (214, 39, 40)  # content, style, tone
GREEN, BLACK = (44, 160, 44), (0, 0, 0)  # tv, total


def rows(count=5, **terms):
    losses = {"content": 0.2, "style": 0.5, "tone": 0.3, "tv": 0.1, "total": 1.1, **terms}
    return [{"step": step, **{name: loss / (step + 1) for name, loss in losses.items()}} for step in range(count)]


def has(pixels, color):
    return bool((np.abs(pixels.astype(int) - color) <= 2).all(axis=2).any())


def test_every_term_is_drawn(tmp_path):
    plot_losses(rows(), tmp_path / "losses.png", x="step", title="Udnie")
    pixels = read_pixels(tmp_path / "losses.png")
    assert pixels.shape == (600, 960, 3)
    assert all(has(pixels, color) for color in (BLUE, ORANGE, RED, GREEN, BLACK))


def test_a_term_that_is_always_zero_is_left_out(tmp_path):
    plot_losses(rows(tv=0.0), tmp_path / "losses.png", x="step", title="Udnie")
    pixels = read_pixels(tmp_path / "losses.png")
    assert not has(pixels, GREEN)
    assert has(pixels, BLUE)


def test_a_single_row_is_a_visible_point(tmp_path):
    plot_losses(rows(1), tmp_path / "losses.png", x="step", title="")
    plot_losses(rows(1, content=0.0), tmp_path / "fewer.png", x="step", title="")
    drawn, fewer = (np.count_nonzero(read_pixels(tmp_path / name) < 128) for name in ("losses.png", "fewer.png"))
    assert drawn > fewer


@pytest.mark.parametrize(
    "data", [[], rows(3, content=0.0, style=0.0, tone=0.0, tv=0.0, total=0.0), rows(3, style=math.nan)]
)
def test_what_a_logarithm_cannot_show_is_no_error(tmp_path, data, recwarn):
    plot_losses(data, tmp_path / "losses.png", x="step", title="")
    assert not has(read_pixels(tmp_path / "losses.png"), ORANGE)
    assert not recwarn.list


def test_any_column_can_be_the_horizontal_axis(tmp_path):
    timed = [{**row, "seconds": 1000.0 * row["step"]} for row in rows()]
    plot_losses(timed, tmp_path / "steps.png", x="step", title="")
    plot_losses(timed, tmp_path / "seconds.png", x="seconds", title="")
    assert (read_pixels(tmp_path / "steps.png") != read_pixels(tmp_path / "seconds.png")).any()


def test_an_existing_plot_is_replaced_and_a_folder_made(tmp_path):
    path = tmp_path / "new" / "losses.png"
    for count in (3, 5):
        plot_losses(rows(count), path, x="step", title="")
    assert [file.name for file in path.parent.iterdir()] == ["losses.png"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FastNstError, match=r"losses\.png: cannot be written"):
        plot_losses(rows(), tmp_path / "file" / "losses.png", x="step", title="")


def test_curves_of_any_length_are_drawn_and_named(tmp_path):
    plot_curves({"lbfgs": [8.0, 2.0, 1.0], "adam": [8.0, 7.0]}, tmp_path / "curves.png", x="step", y="loss", title="")
    pixels = read_pixels(tmp_path / "curves.png")
    assert has(pixels, BLUE)
    assert has(pixels, ORANGE)
    assert not has(pixels, GREEN)
