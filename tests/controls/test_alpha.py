"""What is hidden under transparency: replaced by what depends on visible pixels alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast_nst.controls.alpha import fill_transparent
from fast_nst.images.rows import MemoryRows


def random_pixels(seed, height, width):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def fill(pixels, alpha):
    filled = pixels.copy()
    fill_transparent(MemoryRows(filled), MemoryRows(alpha), len(pixels))
    return filled


def hole(height, width, rows, columns):
    alpha = np.full((height, width), 255, np.uint8)
    alpha[slice(*rows), slice(*columns)] = 0
    return alpha


@given(st.integers(1, 300), st.integers(1, 90), st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_hidden_colours_never_show_and_visible_ones_stay(height, width, seed):
    rng = np.random.default_rng(seed)
    alpha = rng.choice(np.array([0, 0, 128, 255], np.uint8), (height, width))
    pixels, other = random_pixels(seed, height, width), random_pixels(seed + 100, height, width)
    other[alpha > 0] = pixels[alpha > 0]
    filled = fill(pixels, alpha)
    np.testing.assert_array_equal(filled, fill(other, alpha))
    np.testing.assert_array_equal(filled[alpha > 0], pixels[alpha > 0])


def test_an_opaque_picture_is_not_touched():
    pixels = random_pixels(0, 70, 40)

    class Locked(MemoryRows):
        def write(self, first, rows):
            pytest.fail("written")

    fill_transparent(Locked(pixels), MemoryRows(np.full((70, 40), 255, np.uint8)), 70)


def test_all_transparent_is_grey():
    assert (fill(random_pixels(0, 70, 40), np.zeros((70, 40), np.uint8)) == 128).all()


def test_one_colour_spreads_everywhere():
    pixels = np.zeros((300, 200, 3), np.uint8)
    pixels[:20, :30] = (200, 30, 90)
    alpha = 255 - hole(300, 200, (0, 20), (0, 30))
    assert np.abs(fill(pixels, alpha).astype(int) - (200, 30, 90)).max() <= 1


def test_what_is_near_has_the_nearest_colours():
    pixels = np.zeros((64, 256, 3), np.uint8)
    pixels[:, :64], pixels[:, 192:] = (250, 0, 0), (0, 0, 250)
    filled = fill(pixels, hole(64, 256, (0, 64), (64, 192)))
    assert np.abs(filled[:, 66].astype(int) - (250, 0, 0)).max() < 80
    assert np.abs(filled[:, 189].astype(int) - (0, 0, 250)).max() < 80


def test_what_is_filled_is_smooth_also_from_band_to_band():
    rows = np.linspace(0, 250, 320)[:, None, None]
    pixels = np.broadcast_to(rows, (320, 160, 3)).astype(np.uint8)
    filled = fill(pixels, hole(320, 160, (20, 300), (30, 130))).astype(int)
    inside = filled[25:295, 35:125]
    assert np.abs(np.diff(inside, axis=0)).max() <= 12
    assert np.abs(np.diff(inside, axis=1)).max() <= 12
    far = np.abs(inside - pixels[25:295, 35:125]).mean()
    assert far < 25  # it goes from dark to light as what is around it does


def test_it_is_the_same_however_columns_are_cut(monkeypatch):
    pixels, alpha = (
        random_pixels(0, 150, 700),
        np.random.default_rng(1).choice(np.array([0, 255], np.uint8), (150, 700)),
    )
    alpha[:, 100:500] = 0
    whole = fill(pixels, alpha)
    monkeypatch.setattr("fast_nst.controls.alpha._COLUMNS", 64)
    np.testing.assert_array_equal(fill(pixels, alpha), whole)
