"""The photograph's colours, or another picture's, on the pastiche."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast_nst.controls.color import ColorStatistics, colour_map, match_statistics, preserve_luminance

LUMA = np.array([0.299, 0.587, 0.114])


def random_pixels(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def one(*colour):
    return np.array([[colour]], np.uint8)


# Luminance


def test_the_luminance_is_the_pastiches_and_the_colour_the_photographs():
    content, grey = one(150, 100, 50), one(120, 120, 120)
    # luminance of the photograph is 109.25; its colour, (40.75, -9.25, -59.25), goes around 120
    assert preserve_luminance(content, grey).tolist() == [[[161, 111, 61]]]


def test_a_grey_photograph_makes_the_pastiche_grey():
    content, pastiche = np.full((4, 5, 3), 70, np.uint8), random_pixels(0, 4, 5)
    kept = preserve_luminance(content, pastiche)
    assert (kept == kept[..., :1]).all()
    np.testing.assert_allclose(kept[..., 0], pastiche @ LUMA, atol=0.5)


@given(st.integers(0, 999))
@settings(deadline=None, max_examples=20)
def test_luminance_is_kept_and_no_hue_turns(seed):
    content, pastiche = random_pixels(seed, 6, 7), random_pixels(seed + 1000, 6, 7)
    kept = preserve_luminance(content, pastiche)
    np.testing.assert_allclose(kept @ LUMA, pastiche @ LUMA, atol=0.51)
    colour, wanted = (pixels - (pixels @ LUMA)[..., None] for pixels in (kept, content))
    cosine = (colour * wanted).sum(-1) / np.maximum(
        np.linalg.norm(colour, axis=-1) * np.linalg.norm(wanted, axis=-1), 1
    )
    strong = np.linalg.norm(colour, axis=-1) > 20  # rounding turns the hue of what is nearly grey
    assert (cosine[strong] > 0.99).all()


def test_where_there_is_no_room_the_colour_fades():
    assert preserve_luminance(one(255, 0, 0), one(255, 255, 255)).tolist() == [[[255, 255, 255]]]
    assert preserve_luminance(one(0, 0, 255), one(0, 0, 0)).tolist() == [[[0, 0, 0]]]


# Statistics


def test_statistics_are_those_of_numpy():
    pixels = random_pixels(0, 9, 11)
    found = ColorStatistics.of(pixels)
    flat = pixels.reshape(-1, 3)
    np.testing.assert_allclose(found.mean, flat.mean(0))
    np.testing.assert_allclose(found.covariance, np.cov(flat.T, bias=True))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5))
@settings(deadline=None, max_examples=20)
def test_they_are_the_same_however_a_picture_is_cut(cuts):
    pixels, top, joined = random_pixels(1, sum(cuts), 8), 0, ColorStatistics.none()
    for rows in cuts:
        joined += ColorStatistics.of(pixels[top : top + rows])
        top += rows
    whole = ColorStatistics.of(pixels)
    np.testing.assert_allclose(joined.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(joined.products, whole.products, rtol=1e-9)


def test_what_is_transparent_does_not_count():
    pixels, alpha = random_pixels(0, 9, 11), np.full((9, 11), 255, np.uint8)
    alpha[:, 6:] = 0
    found, seen = ColorStatistics.of(pixels, alpha), ColorStatistics.of(pixels[:, :6])
    np.testing.assert_allclose(found.mean, seen.mean)
    np.testing.assert_allclose(found.covariance, seen.covariance)
    assert ColorStatistics.of(pixels, np.zeros((9, 11), np.uint8)).count == 0
    assert (ColorStatistics.none() + seen).count == seen.count


def narrow(seed, mean, spread):
    """Pixels whose colours stay far from black and white."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(0, 1, (80, 90, 3)) @ rng.normal(0, 1, (3, 3))
    return (np.array(mean) + spread * mixed / mixed.std()).clip(0, 255).astype(np.uint8)


def test_a_pastiche_gets_the_mean_and_covariance_wanted():
    pastiche, photograph = narrow(0, (120, 130, 140), 12), narrow(1, (140, 110, 90), 14)
    own, wanted = ColorStatistics.of(pastiche), ColorStatistics.of(photograph)
    found = ColorStatistics.of(match_statistics(pastiche, own, wanted))
    np.testing.assert_allclose(found.mean, wanted.mean, atol=0.6)
    np.testing.assert_allclose(found.covariance, wanted.covariance, atol=0.03 * np.trace(wanted.covariance))


def test_equal_statistics_change_nothing():
    pastiche = random_pixels(0, 30, 30)
    own = ColorStatistics.of(pastiche)
    np.testing.assert_array_equal(match_statistics(pastiche, own, own), pastiche)


def test_the_map_is_the_one_that_moves_least():
    own, wanted = (ColorStatistics.of(narrow(seed, (128, 128, 128), 12)) for seed in (2, 3))
    matrix = colour_map(own, wanted)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)  # symmetric and positive: a gradient of a convex function
    assert np.linalg.eigvalsh(matrix).min() > 0


@pytest.mark.parametrize("colour", [(0, 0, 0), (10, 200, 30)])
def test_a_picture_of_one_colour_takes_the_mean_and_stays_of_one_colour(colour):
    flat, wanted = np.full((5, 6, 3), colour, np.uint8), narrow(0, (100, 120, 140), 10)
    found = match_statistics(flat, ColorStatistics.of(flat), ColorStatistics.of(wanted))
    assert (found == found[0, 0]).all()
    np.testing.assert_allclose(found[0, 0], wanted.reshape(-1, 3).mean(0), atol=0.6)


def test_noise_in_a_nearly_grey_picture_is_not_blown_up():
    rng = np.random.default_rng(0)
    noisy = np.rint(np.linspace(20, 230, 60)[:, None, None] + rng.normal(0, 0.6, (60, 50, 3))).astype(np.uint8)
    own, wanted = ColorStatistics.of(noisy), ColorStatistics.of(narrow(0, (100, 120, 140), 30))
    found = match_statistics(noisy, own, wanted).astype(float)
    assert (found[..., 0] - found[..., 1]).std() < 30
    assert np.linalg.eigvalsh(colour_map(own, wanted)).max() <= 4 + 1e-9


def test_pixels_nobody_sees_lend_no_colours():
    pixels = random_pixels(0, 5, 5)
    np.testing.assert_array_equal(match_statistics(pixels, ColorStatistics.of(pixels), ColorStatistics.none()), pixels)
    np.testing.assert_array_equal(match_statistics(pixels, ColorStatistics.none(), ColorStatistics.of(pixels)), pixels)


def test_a_grey_picture_gets_no_noise_of_colour():
    grey = np.repeat(random_pixels(0, 40, 40)[..., :1], 3, axis=-1)
    found = match_statistics(grey, ColorStatistics.of(grey), ColorStatistics.of(narrow(0, (100, 120, 140), 10)))
    flat = found.reshape(-1, 3).astype(float)
    values = np.linalg.eigvalsh(np.cov(flat.T))
    assert values[1] < 0.05 * values[2]  # still a line in the space of colours
