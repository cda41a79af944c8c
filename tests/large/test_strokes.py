"""Large strokes on large pictures."""

import numpy as np
import pytest
from PIL import Image

from fast_nst.images import Picture, fit, resize
from fast_nst.inference import Stylizer
from fast_nst.large import stroke_size, strokes
from fast_nst.large.any_size import AnySizeStylizer
from fast_nst.large.store import DiskRows, MemoryRows
from fast_nst.large.stroke_size import painted_shape
from fast_nst.large.strokes import paint_small, shrink


def large(pixels, stroke_size, paint, folder=None):
    """Return the pastiche of pixels whose smaller copy is painted."""
    height, width = pixels.shape[:2]
    planes = [
        MemoryRows(pixels.copy()) if folder is None else DiskRows(folder, pixels.shape, pixels.dtype) for _ in "ab"
    ]
    planes[0].write(0, pixels)
    told = []
    paint_small(*planes, (width, height), painted_shape(height, width, stroke_size), paint, told.append)
    assert sum(told) == height
    return planes[1].read(0, height)


def test_a_network_that_changes_nothing_gives_the_photograph_back(scene):
    """The detail that shrinking loses is added again with its own strength: most of it comes back."""
    pixels = np.repeat(scene(300, 420).mean(2, keepdims=True), 3, 2).astype(np.uint8)
    smooth = resize(fit(pixels, 140), 300, 420)
    found = large(pixels, 140, lambda small: small)
    error, without = (np.abs(one.astype(float) - pixels).mean() for one in (found, smooth))
    assert error < 0.5 * without


def test_a_negative_gets_the_detail_turned_round(scene):
    pixels = np.repeat(scene(300, 420).mean(2, keepdims=True), 3, 2).astype(np.uint8)
    found = large(pixels, 140, lambda small: 255 - small)
    np.testing.assert_allclose(255 - large(pixels, 140, lambda small: small).astype(int), found, atol=1)


@pytest.mark.parametrize("turned", [0, 20, 45])
def test_a_straight_edge_rings_on_neither_side(turned):
    """A dark half plane with a straight border, painted as its negative: each side has one level to its border."""
    large_one = np.full((900, 900), 210, np.uint8)
    large_one[:, 450:] = 60
    turned_one = np.asarray(Image.fromarray(large_one).rotate(turned, Image.Resampling.BICUBIC, fillcolor=0))
    pixels = np.repeat(turned_one[250:650, 250:650, None], 3, axis=2)
    found = large(pixels, 140, lambda small: 255 - small).astype(int)
    assert found.min() >= 45 - 1
    assert found.max() <= 195 + 1
    exact = 255 - pixels.astype(int)
    inside = np.isin(pixels, (60, 210)).all(-1)
    assert np.abs(found - exact)[inside].max() <= 12  # of 150: no line runs beside the edge


def test_strips_and_disks_change_nothing(scene, tmp_path, monkeypatch):
    pixels = scene(301, 200)
    whole = large(pixels, 100, lambda small: 255 - small)
    monkeypatch.setattr(strokes, "_STRIP_PIXELS", 40 * 200)
    for folder in (None, tmp_path):
        np.testing.assert_array_equal(large(pixels, 100, lambda small: 255 - small, folder), whole)


@pytest.mark.parametrize(("shape", "expected"), [((300, 420), (71, 100)), ((99, 50), (98, 49))])
def test_shrinking_keeps_the_shape_and_the_mean(scene, shape, expected):
    pixels = scene(*shape)
    small = shrink(MemoryRows(pixels), shape[::-1], expected)
    assert small.shape == (*expected, 3)
    np.testing.assert_allclose(small.mean((0, 1)), pixels.mean((0, 1)), atol=1)


def test_shrinking_draws_no_line_along_an_edge():
    pixels = np.full((60, 90, 3), 200, np.uint8)
    pixels[:, :41] = 50
    small = shrink(MemoryRows(pixels), (90, 60), (20, 30))
    assert (small.min(), small.max()) == (50, 200)
    assert (np.diff(small.astype(int), axis=1) >= 0).all()


@pytest.fixture(scope="module")
def stylizer():
    return Stylizer("great-wave-fast", threads=1)


def test_pictures_larger_than_the_stroke_size_only(stylizer, scene):
    painter = AnySizeStylizer(stylizer, stroke_size=200)
    small = scene(150, 200)
    np.testing.assert_array_equal(painter(small), stylizer(small))
    pixels = scene(450, 600)
    found = painter(pixels)
    assert found.shape == pixels.shape
    enlarged = resize(stylizer(shrink(MemoryRows(pixels), (600, 450), (150, 200))), 450, 600)
    assert np.abs(found.astype(int) - enlarged).mean() < np.abs(found.astype(int) - stylizer(pixels)).mean() / 2


def test_unasked_large_pictures_get_large_strokes_and_none_leaves_every_pixel(stylizer, scene, monkeypatch):
    monkeypatch.setattr(stroke_size, "AUTO_PIXELS", 150 * 200)
    pixels = scene(450, 600)
    np.testing.assert_array_equal(AnySizeStylizer(stylizer)(pixels), AnySizeStylizer(stylizer, stroke_size=200)(pixels))
    np.testing.assert_array_equal(AnySizeStylizer(stylizer, stroke_size=None)(pixels), stylizer(pixels))
    np.testing.assert_array_equal(AnySizeStylizer(stylizer).paint(Picture(scene(150, 200))), stylizer(scene(150, 200)))


def test_pictures_just_below_and_just_above_look_alike(stylizer, scene, monkeypatch):
    """The size that is painted goes on from the limit, and so do strokes: the mean difference is a few levels."""
    monkeypatch.setattr(stroke_size, "AUTO_PIXELS", 299 * 400)
    pixels = scene(300, 400)
    found = AnySizeStylizer(stylizer)(pixels).astype(int)
    assert (found != stylizer(pixels)).any()
    assert np.abs(found - stylizer(pixels)).mean() < 10
