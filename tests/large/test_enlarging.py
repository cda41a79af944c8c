"""A small pastiche at its photograph's size."""

import numpy as np
import pytest
from PIL import Image

from fast_nst.large.enlarging import Enlarging, follow, taps


def enlarge(photograph, small, painted):
    return Enlarging(small, painted, photograph.shape[1::-1]).rows(photograph, 0)


def edge(height, width, place, dark, light):
    """Return a straight edge, dark left of column `place`."""
    pixels = np.full((height, width, 3), light, np.uint8)
    pixels[:, :place] = dark
    return pixels


def test_nearness_of_the_same_size_is_one_pixel():
    nearest, shares = taps(5, 5)
    np.testing.assert_array_equal(nearest, range(5))
    np.testing.assert_allclose(shares, np.repeat([[0.0], [1.0], [0.0]], 5, axis=1), atol=1e-3)


def test_nearness_is_a_tent_blurred_by_a_box():
    """Of 2 px enlarged to 4 the box is 0.5 wide, and places are -0.25, 0.25, 0.75, 1.25."""
    nearest, shares = taps(2, 4)
    np.testing.assert_array_equal(nearest, [0, 0, 1, 1])
    # Distances of pixel 1, which is at 0.25: -1.25, -0.25, 0.75. Areas under 1 - |x| over 0.5 around each, by 0.5:
    # none of the first; the second from -0.5 to 0 is 0.375; the third from 0.5 to 1 is 0.125.
    np.testing.assert_allclose(shares[:, 1], [0, 0.75, 0.25], atol=1e-6)
    np.testing.assert_allclose(shares[::-1, 2], [0, 0.75, 0.25], atol=1e-6)


def test_a_straight_edge_is_as_sharp_as_the_photographs_and_has_no_halo():
    """An edge in the middle of a small pixel, painted in other colours: each side gets its own, and nothing else."""
    photograph = edge(12, 28, 14, 40, 220)
    small, painted = edge(3, 7, 3, 40, 220), edge(3, 7, 3, 200, 90)
    small[:, 3], painted[:, 3] = 130, 145
    found = enlarge(photograph, small, painted)
    np.testing.assert_allclose(found[:, :14].astype(int), 200, atol=1)  # the middle weighs (1 + (90 / 30)**2)**-4
    np.testing.assert_allclose(found[:, 14:].astype(int), 90, atol=1)
    without = np.asarray(Image.fromarray(painted).resize((28, 12), Image.Resampling.BICUBIC)).astype(int)
    assert without.max() >= 203  # where it rings a little
    assert np.abs(without[:, 12:16] - [[[200], [200], [90], [90]]]).max() > 30  # and be soft


def test_no_pixel_lies_beyond_the_nine_painted_around_it():
    random = np.random.default_rng(0)
    photograph, small, painted = (
        random.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in ((40, 60), (10, 15), (10, 15))
    )
    found = enlarge(photograph, small, painted)
    bordered = np.pad(painted, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(bordered, (3, 3), (0, 1)).repeat(4, 0).repeat(4, 1)
    assert (found >= windows.min((-2, -1))).all()
    assert (found <= windows.max((-2, -1))).all()


def test_strokes_where_the_photograph_is_flat_are_painted_ones_enlarged():
    """Nothing of the photograph is in it: a stroke neither moves nor splits."""
    photograph, small = np.full((8, 8, 3), 128, np.uint8), np.full((4, 4, 3), 128, np.uint8)
    painted = np.zeros((4, 4, 3), np.uint8)
    painted[:, 2] = 200
    found = enlarge(photograph, small, painted)
    _, shares = taps(4, 8)
    assert (found == found[:1, :, :1]).all()
    # of the column painted, which is after, on, on and before the one nearest to columns 3, 4, 5 and 6
    np.testing.assert_array_equal(
        found[0, :, 0], [0, 0, 0, *np.rint(200 * shares[[2, 1, 1, 0], [3, 4, 5, 6]]).astype(int), 0]
    )
    np.testing.assert_array_equal(found[0, :, 0], [0, 0, 0, 50, 150, 150, 50, 0])


def test_the_same_size_is_the_pastiche_itself():
    random = np.random.default_rng(0)
    photograph, painted = random.integers(0, 256, (2, 30, 20, 3), dtype=np.uint8)
    assert np.abs(enlarge(photograph, photograph, painted).astype(int) - painted).max() <= 1


def test_rows_are_the_same_however_they_are_cut(scene):
    photograph, small = scene(61, 90), scene(21, 31)
    enlarging = Enlarging(small, 255 - small, (90, 61))
    whole = enlarging.rows(photograph, 0)
    for rows in (1, 7, 40):
        cut = [enlarging.rows(photograph[top : top + rows], top) for top in range(0, 61, rows)]
        np.testing.assert_array_equal(np.concatenate(cut), whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_one_pixel_becomes_many(shape):
    photograph = np.full((*shape, 3), 77, np.uint8)
    found = enlarge(photograph, photograph[:1, :1], np.full((1, 1, 3), 33, np.uint8))
    np.testing.assert_array_equal(found, np.full((*shape, 3), 33))


def test_a_line_has_the_slope_that_was_drawn():
    photograph = np.random.default_rng(0).normal(128, 60, (40, 50)).astype(np.float32)
    for slope in (-0.5, 0.0, 0.8):
        np.testing.assert_allclose(follow(photograph, slope * photograph + 20), slope, atol=0.15)
    assert follow(photograph, 9 * photograph).max() <= 1
    assert np.abs(follow(np.full((9, 9), 7.0, np.float32), photograph[:9, :9])).max() < 0.01  # nothing to follow
