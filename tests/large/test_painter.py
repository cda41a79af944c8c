"""Strips: the same pixels as in one piece."""

import numpy as np
import pytest

from fast_nst.inference import Stylizer
from fast_nst.large.graph import StyleGraph
from fast_nst.large.painter import StripPainter, cut
from fast_nst.large.schedule import IN_MEMORY, ON_DISK, schedule
from fast_nst.large.store import MemoryRows, Store

PROVIDERS = ["CPUExecutionProvider"]


def in_strips(path, pixels, rows, price=ON_DISK, folder=None, tell=lambda rows: None):
    """Return the pastiche, painted in strips of so many rows."""
    graph, pastiche = StyleGraph(path, Stylizer(path, threads=1).controls), np.zeros_like(pixels)
    store = Store(folder)
    store.put("content", MemoryRows(pixels))
    store.put("pastiche", MemoryRows(pastiche))
    StripPainter(graph, 1, PROVIDERS).paint(store, len(pixels), schedule(graph, price), rows, tell)
    return pastiche


@pytest.mark.parametrize("name", ["quality", "fast", "johnson", "johnson-half"])
@pytest.mark.parametrize(("height", "width", "rows"), [(307, 101, 64), (256, 64, 128), (331, 83, 72), (193, 211, 64)])
def test_strips_are_the_picture_painted_in_one_piece(style_of, scene, name, height, width, rows):
    pixels = scene(height, width)
    whole = Stylizer(style_of(name), threads=1)(pixels)
    strips = in_strips(style_of(name), pixels, rows)
    assert np.abs(strips.astype(int) - whole).max() <= 1
    assert np.mean(strips != whole) < 0.001


@pytest.mark.parametrize("height", range(129, 138))
def test_every_height_within_a_size_multiple(style_of, scene, height):
    pixels = scene(height, 64)
    whole = Stylizer(style_of("quality"), threads=1)(pixels)
    assert np.abs(in_strips(style_of("quality"), pixels, 64).astype(int) - whole).max() <= 1


@pytest.mark.parametrize(
    ("height", "rows", "price"),
    [(128, 64, ON_DISK), (193, 64, IN_MEMORY), (263, 80, ON_DISK), (211, 112, 1e9), (331, 96, 0.0)],
)
def test_noise_goes_on_from_strip_to_strip(style_of, scene, height, rows, price):
    """Whatever is kept, and whatever is made again."""
    pixels = scene(height, 67)
    whole = Stylizer(style_of("noisy"), threads=1)(pixels)
    strips = in_strips(style_of("noisy"), pixels, rows, price)
    assert np.abs(strips.astype(int) - whole).max() <= 1
    assert np.mean(strips != whole) < 0.001


def test_noise_that_began_anew_in_each_strip_would_show(style_of, scene, monkeypatch):
    pixels = scene(1024, 96)  # a strip sees some 300 px up and down
    whole = Stylizer(style_of("noisy"), threads=1)(pixels)
    monkeypatch.setattr(StyleGraph, "_counted_on", lambda self, count, constants: [count])
    strips = in_strips(style_of("noisy"), pixels, 64)
    assert np.abs(strips.astype(int) - whole)[512:].mean() > 0.5


@pytest.mark.parametrize("price", [0.0, IN_MEMORY, 1e9])
def test_it_does_not_matter_what_is_kept_or_where(style_of, scene, tmp_path, price):
    pixels = scene(203, 90)
    whole = Stylizer(style_of("johnson-half"), threads=1)(pixels)
    for folder in (None, tmp_path):
        strips = in_strips(style_of("johnson-half"), pixels, 64, price, folder)
        assert np.abs(strips.astype(int) - whole).max() <= 1
    assert list(tmp_path.iterdir()) == []


def test_statistics_of_each_strip_alone_would_show(style_of, scene):
    """What this module is for: painted strip by strip without it, the picture is another."""
    pixels = scene(256, 96)
    stylizer = Stylizer(style_of("quality"), threads=1)
    naive = np.concatenate([stylizer(pixels[:128]), stylizer(pixels[128:])])
    assert np.abs(naive.astype(int) - stylizer(pixels)).max() > 50


def test_every_row_of_every_pass_is_told_once(style_of, scene):
    told = []
    in_strips(style_of("fast"), scene(200, 64), 64, tell=told.append)
    assert sum(told) == 200 * 22
    assert told[:3] == [64, 64, 72]  # no strip has less than 64


def test_a_style_without_norms_is_painted_in_strips_too(invert_model, scene):
    pixels = scene(150, 70)
    np.testing.assert_array_equal(in_strips(invert_model, pixels, 64), 255 - pixels)


@pytest.mark.parametrize(("height", "rows"), [(64, 64), (127, 64), (128, 64), (1000, 100), (1000, 5000), (65, 1)])
def test_strips_cover_all_rows_and_begin_at_multiples(height, rows):
    strips = list(cut(height, rows, 8))
    assert strips[0][0] == 0
    assert strips[-1][1] == height
    assert [bottom for _, bottom in strips[:-1]] == [top for top, _ in strips[1:]]
    assert all(top % 8 == 0 for top, _ in strips)
    assert min(bottom - top for top, bottom in strips) >= 64
