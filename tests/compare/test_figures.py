"""All figures of a pastiche at once."""

import numpy as np
import pytest
import torch

from fast_nst.compare.appearance import colour_distance, luminance_range, octave_shares, tone_kept
from fast_nst.compare.figures import FIGURES, FLAT_OCTAVES, WHOLE_OCTAVES, Viewer
from fast_nst.images import fit, read_pixels
from fast_nst.inference.demo import find_photographs


@pytest.fixture(scope="module")
def photographs():
    return [fit(read_pixels(path), 160)[:96, :96] for path in find_photographs()[:3]]


def means(image):
    """An encoder: the colours of 8 px blocks."""
    return torch.nn.functional.avg_pool2d(image, 8)


def test_each_figure_is_its_functions(photographs):
    photograph, painting, _ = photographs
    pastiche = 255 - photograph
    found = Viewer([painting])(photograph, pastiche)
    assert tuple(found) == FIGURES
    low, high = luminance_range(pastiche)
    assert (found["luminance_low"], found["luminance_high"], found["luminance_range"]) == (low, high, high - low)
    assert found["tone_kept"] == tone_kept(photograph, pastiche) == pytest.approx(-1)
    assert found["colour_distance"] == colour_distance(pastiche, painting)
    assert [found[name] for name in WHOLE_OCTAVES] == octave_shares(pastiche, painting)
    assert found["strokes"] == pytest.approx(np.mean([found[name] for name in WHOLE_OCTAVES]))
    known = [found[name] for name in FLAT_OCTAVES if found[name] is not None]
    assert found["flat_strokes"] == pytest.approx(np.mean(known))
    assert found["deep_distance"] is None


def test_the_painting_itself_is_at_no_distance(photographs):
    photograph, painting, _ = photographs
    viewer = Viewer([painting], means)
    found = viewer(photograph, photograph)
    assert viewer(painting, painting)["deep_distance"] == pytest.approx(0, abs=1e-9)
    assert viewer(painting, painting)["strokes"] == pytest.approx(1)
    assert 0 < found["deep_distance"] < viewer(photograph, 255 - photograph)["deep_distance"]


def test_of_several_paintings_it_is_the_mean(photographs):
    photograph, one, other = photographs
    alone = [Viewer([painting], means)(photograph, photograph) for painting in (one, other)]
    both = Viewer([one, other], means)
    found = both(photograph, photograph)
    for name in ("colour_distance", "strokes", "deep_distance", "luminance_high"):
        assert found[name] == pytest.approx(np.mean([figures[name] for figures in alone]))
    ranges = [high - low for low, high in map(luminance_range, (one, other))]
    assert both.painting["luminance_range"] == pytest.approx(np.mean(ranges))


def test_a_photograph_without_a_flat_part_has_no_such_figure(photographs):
    rough = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    found = Viewer([photographs[1]])(rough, rough)
    assert found["flat_strokes"] is None
    assert found["strokes"] is not None
