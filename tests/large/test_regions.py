"""Several styles in one picture and one pass, in one piece and in strips."""

import numpy as np
import pytest

from fast_nst.controls.finish import Finish
from fast_nst.controls.mask import Mask, Regions
from fast_nst.errors import ConfigError, ModelError
from fast_nst.images import Picture
from fast_nst.inference import Stylizer
from fast_nst.large import memory
from fast_nst.large.any_size import AnySizeStylizer
from fast_nst.large.regions import RegionGraph, paint_piece


@pytest.fixture(scope="module")
def many():
    return Stylizer("many", threads=1)


@pytest.fixture(scope="module")
def wave(many):
    return many.choose(["great-wave"])


@pytest.fixture(scope="module")
def scream(many):
    return many.choose(["the-scream"])


def everywhere(height, width):
    return Mask(np.full((height, width), 255, np.uint8))


def left(height, width):
    return Mask(np.where(np.arange(width) < width // 2, 255, 0).astype(np.uint8)[None].repeat(height, axis=0))


def difference(one, other):
    return np.abs(one.astype(int) - other)


@pytest.mark.parametrize("size", [(150, 203), (64, 64), (40, 90)])
def test_a_region_that_is_everywhere_is_its_style(many, wave, scene, size):
    pixels = scene(*size)
    painter = AnySizeStylizer(many, threads=1, regions=[wave])
    assert difference(painter(pixels, Regions([[everywhere(*size)]])), wave(pixels)).max() <= 1


def test_each_region_has_its_style_and_there_is_no_seam(many, wave, scream, scene):
    pixels = scene(200, 320)
    regions = Regions([[left(200, 320)], [left(200, 320).inverted()]])
    painted = AnySizeStylizer(many, threads=1, regions=[wave, scream])(pixels, regions)
    ours, others = wave(pixels), scream(pixels)
    assert difference(painted, ours)[:, :100].mean() < difference(painted, others)[:, :100].mean() / 2
    assert difference(painted, others)[:, 220:].mean() < difference(painted, ours)[:, 220:].mean() / 2
    beside = np.concatenate([ours[:, :160], others[:, 160:]], axis=1)
    seams = [difference(one[:, 160], one[:, 159]).mean() for one in (painted, beside)]
    assert seams[0] < seams[1]


def test_strips_paint_the_same(many, wave, scream, scene, monkeypatch):
    pixels, regions = scene(700, 300), Regions([[left(70, 30)], [left(70, 30).inverted()]])
    whole = AnySizeStylizer(many, threads=1, regions=[wave, scream])(pixels, regions)
    told = []
    monkeypatch.setattr(memory, "used_bytes", lambda: 10**9)
    limited = AnySizeStylizer(many, max_memory=10**9 + 60_000_000, threads=1, tell=told.append, regions=[wave, scream])
    assert difference(limited(pixels, regions), whole).max() <= 1
    assert told


def test_large_strokes_have_regions_too(many, wave, scream, scene):
    pixels, regions = scene(300, 400), Regions([[left(30, 40)], [left(30, 40).inverted()]])
    painted = AnySizeStylizer(many, threads=1, regions=[wave, scream], stroke_size=200)(pixels, regions)
    ours = AnySizeStylizer(wave, threads=1, stroke_size=200)(pixels)
    others = AnySizeStylizer(scream, threads=1, stroke_size=200)(pixels)
    assert difference(painted, ours)[:, :120].mean() < difference(painted, others)[:, :120].mean()


def test_where_no_region_is_there_is_the_photograph(many, wave, scream, scene):
    pixels = scene(100, 160)
    nowhere = Mask(np.zeros((100, 160), np.uint8))
    finish = Finish(regions=Regions([[left(100, 160)], [nowhere]]))
    painted = AnySizeStylizer(many, threads=1, regions=[wave, scream], finish=finish).paint(Picture(pixels))
    np.testing.assert_array_equal(painted[:, 80:], pixels[:, 80:])
    assert difference(painted, pixels)[:, :80].mean() > 10


def test_a_map_has_the_size_of_its_tensors_and_the_mean_of_what_it_lies_over(many, wave):
    graph = RegionGraph(many.path, [wave.controls])
    rng = np.random.default_rng(0)
    mask = Mask(rng.integers(0, 256, (104, 136), dtype=np.uint8))

    class Whole:
        def rows(self, top, bottom, width, height):
            return mask.rows(top, bottom, width, height)[None]

    for name, tensor in graph.maps.items():
        made = np.concatenate([rows for _, rows in graph.maps_at(name, Whole(), 104, 136)], axis=1)
        assert made.shape == (1, graph.rows(tensor, 104), graph.rows(tensor, 136))
        shape = graph.shapes[name]
        inside = shape.rows_more * shape.rows_per // 2
        place = -(-inside // shape.rows_per)  # the first of the map's that lies in the picture
        first = place * shape.rows_per - inside
        block = mask.levels[first : first + shape.rows_per, first : first + shape.rows_per]
        assert made[0, place, place] == pytest.approx(block.mean() / 255, abs=1e-5)


def test_regions_are_of_one_network_and_one_strength(many, wave, scream, scene):
    with pytest.raises(ConfigError, match=r"painted at one strength, not at 0\.5, 1;"):
        AnySizeStylizer(many, regions=[wave, scream.choose(strength=0.5)])
    with pytest.raises(ConfigError, match="regions are painted by one network"):
        AnySizeStylizer(many, regions=[wave, Stylizer("great-wave-fast")])
    with pytest.raises(ValueError, match="which region is where"):
        AnySizeStylizer(many, regions=[wave, scream])(scene(64, 64))


def test_cancelling_ends_what_is_painted_in_one_piece(many, wave, scream, scene, monkeypatch):
    content, painter = scene(90, 120), AnySizeStylizer(many, regions=[wave, scream])
    masks = Regions([[everywhere(90, 120)], [left(90, 120)]])
    painter(content, masks)
    maps_at = RegionGraph.maps_at

    def cancelled(*arguments):
        painter.cancel()  # as if from another thread, just before the network runs
        return maps_at(*arguments)

    options = painter._run_options
    monkeypatch.setattr(RegionGraph, "maps_at", cancelled)
    with pytest.raises(ModelError, match="failed on"):
        paint_piece(painter._region_graph, painter._region_session, content, masks, options)
    monkeypatch.undo()
    painter(content, masks)  # later calls run
