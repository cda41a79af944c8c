"""What becomes of a pastiche before it is written, the same however its rows lie."""

import numpy as np
import pytest
from PIL import Image

from fast_nst.controls import finish as module
from fast_nst.controls.color import ColorStatistics, match_statistics, preserve_luminance
from fast_nst.controls.finish import Finish
from fast_nst.controls.regions import RegionFiles
from fast_nst.images.rows import MemoryRows


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, 256, (90, 40, 3), dtype=np.uint8) for _ in range(2))


def finished(finish, content, pastiche, alpha=None, source=None):
    done = pastiche.copy()
    finish(MemoryRows(content), MemoryRows(done), None if alpha is None else MemoryRows(alpha), (40, 90), source)
    return done


def test_nothing_asked_for_changes_nothing(pictures):
    np.testing.assert_array_equal(finished(Finish(), *pictures), pictures[1])


def test_luminance_is_taken_pixel_by_pixel(pictures):
    np.testing.assert_array_equal(
        finished(Finish(preserve_color="luminance"), *pictures), preserve_luminance(*pictures)
    )


def test_statistics_are_the_photographs_or_anothers(pictures):
    content, pastiche = pictures
    own, wanted = map(ColorStatistics.of, (pastiche, content))
    expected = match_statistics(pastiche, own, wanted)
    np.testing.assert_array_equal(finished(Finish(preserve_color="statistics"), content, pastiche), expected)
    np.testing.assert_array_equal(finished(Finish(colors=wanted), pastiche, pastiche), expected)


def test_what_is_transparent_does_not_count_in_statistics(pictures):
    content, pastiche = pictures
    alpha = np.full((90, 40), 255, np.uint8)
    alpha[50:] = 0
    own, wanted = (ColorStatistics.of(pixels[:50]) for pixels in (pastiche, content))
    expected = match_statistics(pastiche, own, wanted)
    np.testing.assert_array_equal(finished(Finish(preserve_color="statistics"), content, pastiche, alpha), expected)


@pytest.mark.parametrize("rows", [1, 7, 90])
def test_it_is_the_same_in_any_strips(pictures, monkeypatch, tmp_path, rows):
    Image.fromarray(np.arange(36, dtype=np.uint8).reshape(6, 6) * 7).save(tmp_path / "mask.png")
    finish = Finish(preserve_color="statistics", regions=RegionFiles([("", tmp_path / "mask.png")]))
    whole = finished(finish, *pictures, source=tmp_path)
    monkeypatch.setattr(module, "_STRIP_PIXELS", 40 * rows)
    assert np.abs(finished(finish, *pictures, source=tmp_path).astype(int) - whole).max() <= 1


def test_outside_its_mask_there_is_the_photograph(pictures, tmp_path):
    Image.fromarray(np.repeat(np.array([[255, 0]], np.uint8), 20, axis=1).repeat(90, axis=0)).save(tmp_path / "m.png")
    done = finished(Finish(regions=RegionFiles([("", tmp_path / "m.png")])), *pictures, source=tmp_path)
    np.testing.assert_array_equal(done[:, :20], pictures[1][:, :20])
    np.testing.assert_array_equal(done[:, 20:], pictures[0][:, 20:])
