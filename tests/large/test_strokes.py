"""Large strokes on large pictures."""

import numpy as np
import pytest

from fast_nst.images import fit, resize
from fast_nst.inference import Stylizer
from fast_nst.large import strokes
from fast_nst.large.any_size import AnySizeStylizer
from fast_nst.large.store import DiskRows, MemoryRows
from fast_nst.large.strokes import follow, paint_small, shrink


def large(pixels, stroke_size, paint, folder=None):
    """Return the pastiche of pixels whose smaller copy is painted."""
    height, width = pixels.shape[:2]
    planes = [
        MemoryRows(pixels.copy()) if folder is None else DiskRows(folder, pixels.shape, pixels.dtype) for _ in "ab"
    ]
    planes[0].write(0, pixels)
    told = []
    paint_small(*planes, (width, height), stroke_size, paint, told.append)
    assert sum(told) == height
    return planes[1].read(0, height)


def test_a_network_that_changes_nothing_gives_the_photograph_back(scene):
    """The detail that shrinking loses is added again with its own strength: lightness comes back."""
    pixels = np.repeat(scene(300, 420).mean(2, keepdims=True), 3, 2).astype(np.uint8)
    smooth = resize(fit(pixels, 140), 300, 420)
    found = large(pixels, 140, lambda small: small)
    error, without = (np.abs(one.astype(float) - pixels).mean() for one in (found, smooth))
    assert error < 0.4 * without


def test_a_negative_gets_the_detail_turned_round(scene):
    pixels = np.repeat(scene(300, 420).mean(2, keepdims=True), 3, 2).astype(np.uint8)
    found = large(pixels, 140, lambda small: 255 - small)
    np.testing.assert_allclose(255 - large(pixels, 140, lambda small: small).astype(int), found, atol=1)


def test_strokes_that_the_photograph_does_not_have_stay_as_painted():
    pixels = np.full((200, 300, 3), 128, np.uint8)
    painted = np.random.default_rng(0).integers(0, 256, (67, 100, 3), dtype=np.uint8)
    found = large(pixels, 100, lambda small: painted)
    from PIL import Image

    np.testing.assert_array_equal(
        found, np.asarray(Image.fromarray(painted).resize((300, 200), Image.Resampling.BICUBIC))
    )


def test_strips_and_disks_change_nothing(scene, tmp_path, monkeypatch):
    pixels = scene(301, 200)
    whole = large(pixels, 100, lambda small: 255 - small)
    monkeypatch.setattr(strokes, "_STRIP_PIXELS", 40 * 200)
    for folder in (None, tmp_path):
        assert (
            np.abs(large(pixels, 100, lambda small: 255 - small, folder).astype(int) - whole).max() <= 2
        )  # Pillow's own rounding


@pytest.mark.parametrize(("shape", "longer_side", "expected"), [((300, 420), 100, (71, 100)), ((99, 50), 98, (98, 49))])
def test_shrinking_keeps_the_shape_and_the_mean(scene, shape, longer_side, expected):
    pixels = scene(*shape)
    small = shrink(MemoryRows(pixels), shape[::-1], longer_side)
    assert small.shape == (*expected, 3)
    np.testing.assert_allclose(small.mean((0, 1)), pixels.mean((0, 1)), atol=1)


def test_a_line_has_the_slope_that_was_drawn():
    photograph = np.random.default_rng(0).normal(128, 60, (40, 50)).astype(np.float32)
    for slope in (-0.5, 0.0, 1.2):
        np.testing.assert_allclose(follow(photograph, slope * photograph + 20), slope, atol=0.15)
    assert follow(photograph, 9 * photograph).max() <= 1.5
    assert np.abs(follow(np.full((9, 9), 7.0, np.float32), photograph[:9, :9])).max() < 0.01  # nothing to follow


def test_pictures_larger_than_the_stroke_size_only(scene):
    stylizer = Stylizer("great-wave-fast", threads=1)
    painter = AnySizeStylizer(stylizer, stroke_size=200)
    small = scene(150, 200)
    np.testing.assert_array_equal(painter(small), stylizer(small))
    pixels = scene(450, 600)
    found = painter(pixels)
    assert found.shape == pixels.shape
    enlarged = resize(stylizer(shrink(MemoryRows(pixels), (600, 450), 200)), 450, 600)
    assert np.abs(found.astype(int) - enlarged).mean() < np.abs(found.astype(int) - stylizer(pixels)).mean() / 2
