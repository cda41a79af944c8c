"""How pictures look, by pictures whose figures can be had by hand."""

import numpy as np
import pytest

from fast_nst.compare.appearance import (
    OCTAVES,
    colour_distance,
    flat_places,
    luminance,
    luminance_range,
    octave_shares,
    octaves,
    tone_kept,
)
from fast_nst.images import fit, read_pixels
from fast_nst.inference.demo import find_photographs


def grey(plane):
    return np.repeat(np.asarray(plane, np.uint8)[..., None], 3, axis=-1)


def blocks(values):
    """A row of grey blocks, 8 px each."""
    return grey(np.kron(np.array([values]), np.ones((8, 8))))


def checks(amplitude, height=64, width=64):
    """A checkerboard of single pixels, around middle grey."""
    rows, columns = np.indices((height, width))
    return grey(128 + amplitude * (-1.0) ** (rows + columns))


def painted(height, width, colour):
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3))


@pytest.fixture(scope="module")
def photograph():
    return fit(read_pixels(find_photographs()[0]), 256)


def energy(plane):
    return np.sqrt((plane**2).mean())


def test_luminance_weighs_red_green_and_blue():
    pixels = np.array([[[100, 0, 0], [0, 100, 0], [0, 0, 100], [255, 255, 255]]], np.uint8)
    assert luminance(pixels)[0] == pytest.approx([29.9, 58.7, 11.4, 255])


def test_the_range_leaves_a_hundredth_out_at_either_end():
    assert luminance_range(grey([range(101)])) == pytest.approx((1, 99))


def test_tone_is_the_rank_correlation_of_blocks():
    # ranks 1 2 3 4 against 1 2 4 3: 1 - 6 (0 + 0 + 1 + 1) / (4 (16 - 1))
    assert tone_kept(blocks([0, 50, 100, 200]), blocks([7, 8, 90, 80])) == pytest.approx(0.8)


def test_blocks_of_one_luminance_share_a_rank():
    # ranks 1.5 1.5 3 4 against 1 2 3 4: covariance 4.5, variances 4.5 and 5
    assert tone_kept(blocks([10, 10, 20, 30]), blocks([1, 2, 3, 4])) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_tone_knows_no_contrast_and_no_strokes_within_a_block(photograph):
    assert tone_kept(photograph, photograph) == pytest.approx(1)
    assert tone_kept(photograph, photograph // 4 + 100) == pytest.approx(1, abs=0.01)
    assert tone_kept(photograph, 255 - photograph) == pytest.approx(-1)
    strokes = checks(8).astype(int) - 128
    assert tone_kept(blocks([40, 80, 160] * 3), (blocks([40, 80, 160] * 3) + strokes[:8, :1])) == pytest.approx(1)


def test_what_is_no_whole_block_does_not_count():
    ours = blocks([0, 100, 200]).copy()
    theirs = ours.copy()
    theirs[:, 16:] = 255 - theirs[:, 16:]
    assert tone_kept(ours[:, :23], theirs[:, :23]) == pytest.approx(1)
    assert tone_kept(ours, theirs) < 1


def test_no_tone_is_kept_where_all_is_one():
    assert tone_kept(blocks([0, 100, 200]), blocks([9, 9, 9])) == 0


def test_colours_elsewhere_in_a_picture_are_no_distance(photograph):
    turned = photograph[::-1, ::-1].transpose(1, 0, 2)
    assert colour_distance(turned, photograph) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("ours", "theirs", "distance"),
    [
        ((0, 0, 0), (255, 255, 255), 100.0),
        ((255, 0, 0), (0, 255, 0), 170.6),  # Lab 53.2 80.1 67.2 and 87.7 -86.2 83.2
        ((7, 80, 200), (7, 80, 200), 0.0),
    ],
)
def test_two_colours_are_their_delta_e_apart(ours, theirs, distance):
    assert colour_distance(painted(4, 5, ours), painted(9, 8, theirs)) == pytest.approx(distance, abs=0.1)


def test_half_of_a_picture_moved_is_the_root_of_half_the_square():
    half = grey([[0, 255]] * 4)
    assert colour_distance(half, painted(4, 4, (255, 255, 255))) == pytest.approx(100 / 2**0.5, abs=0.1)


def test_a_checkerboard_is_all_in_the_finest_octave():
    found = octaves(checks(50))
    assert [octave.shape for octave in found] == [(64, 64), (32, 32), (16, 16), (8, 8)]
    assert [energy(octave) for octave in found] == pytest.approx([50, 0, 0, 0], abs=1e-9)


def test_stripes_of_four_pixels_fall_into_two_octaves():
    stripes = grey(np.tile([148, 148, 108, 108], (64, 16)))
    fine, coarse = octaves(stripes)[:2]
    # the blur leaves a quarter of this frequency, and of every second pixel of that, which alternate, nothing
    assert np.abs(fine[:, 4:-4]) == pytest.approx(15)
    assert np.abs(coarse[:, 4:-4]) == pytest.approx(5)


def test_one_grey_has_no_octave_and_is_flat_everywhere():
    plain = painted(64, 64, (90, 90, 90))
    assert all(energy(octave) < 1e-9 for octave in octaves(plain))
    assert all(places.all() for places in flat_places(plain))


def test_a_place_is_flat_by_its_contrast_at_all_finer_octaves():
    left_flat = np.concatenate([painted(256, 128, (128, 128, 128)), checks(40, 256, 128)], axis=1)
    for number, places in enumerate(flat_places(left_flat)):
        half = places.shape[1] // 2
        assert places.shape == (256 >> number, 256 >> number)
        assert places[:, : half - 5].all()
        assert not places[:, half + 5 :].any()


def test_faint_grain_and_a_slow_gradient_are_flat():
    grain = checks(2, 128, 128)
    assert flat_places(grain)[0].all()
    assert not flat_places(checks(4, 128, 128))[0].any()
    slope = grey(np.tile(np.arange(128), (128, 1)))
    assert all(places[:, 2:-2].all() for places in flat_places(slope)[:2])


def test_strokes_half_as_strong_are_a_half():
    assert octave_shares(checks(20), checks(40)) == [pytest.approx(0.5), None, None, None]  # the painting has no others


def test_a_picture_has_the_whole_of_its_own_strokes_but_not_where_it_is_flat(photograph):
    assert octave_shares(photograph, photograph) == pytest.approx([1] * OCTAVES)
    flat = octave_shares(photograph, photograph, flat_places(photograph))
    assert all(share is None or share < 0.6 for share in flat)
    assert flat[0] is not None


def test_strokes_in_flat_parts_are_the_pastiches_own():
    plain, rough = painted(128, 64, (128, 128, 128)), checks(40, 128, 64)
    places = flat_places(np.concatenate([plain, rough], axis=1))
    blank, lively = (np.concatenate([left, rough], axis=1) for left in (plain, checks(10, 128, 64)))
    painting = checks(40)
    assert octave_shares(blank, painting, places)[0] < 0.05  # what a blur brings in from the other half
    assert octave_shares(lively, painting, places)[0] == pytest.approx(0.25, abs=0.01)


def test_of_a_few_places_nothing_is_said():
    few = [np.zeros(octave.shape, bool) for octave in octaves(checks(20))]
    few[0][:8, :7] = True
    assert octave_shares(checks(20), checks(20), few)[0] is None
    few[0][:8, :8] = True
    assert octave_shares(checks(20), checks(20), few)[0] == pytest.approx(1)
