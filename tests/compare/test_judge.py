"""Pastiches judged over photographs."""

import numpy as np
import pytest

from fast_nst.compare.judge import default_objective, judge, median_terms
from fast_nst.images import Picture, read_pixels, write_picture


@pytest.fixture
def photographs(tmp_path):
    """Three files of noise as large as a painting is seen, the third of them the painting."""
    rng, paths = np.random.default_rng(0), []
    for name in ("1.png", "2.png", "painting.png"):
        write_picture(tmp_path / name, Picture(rng.integers(0, 256, (320, 512, 3), dtype=np.uint8)))
        paths.append(tmp_path / name)
    return paths


def test_photographs_left_as_they_are_have_all_their_content_and_the_painting_its_own_style(photographs):
    found = judge(default_objective(photographs[2], "mini"), lambda content: content, photographs, 512)
    assert [one["content"] for one in found] == [0, 0, 0]
    assert found[2]["style"] == pytest.approx(0, abs=1e-9)
    assert min(found[0]["style"], found[1]["style"]) > 0.001
    for one in found:
        assert one["total"] == pytest.approx(one["content"] + one["style"] + one["tone"] + one["tv"])


def test_the_painting_in_place_of_each_photograph_is_its_style_and_not_their_content(photographs):
    painting = read_pixels(photographs[2])
    found = judge(default_objective(photographs[2], "mini"), lambda content: painting, photographs, 512)
    assert [one["style"] for one in found] == pytest.approx([0, 0, 0], abs=1e-9)
    assert found[2]["content"] == 0
    assert min(found[0]["content"], found[1]["content"]) > 0.05


def test_photographs_are_repainted_at_the_size_asked_for(photographs):
    seen = []

    def paint(content):
        seen.append(content.shape)
        return content

    judge(default_objective(photographs[2], "mini"), paint, photographs, 64)
    assert seen == [(40, 64, 3)] * 3


def test_each_term_has_its_own_median():
    judged = [{"style": 1.0, "total": 9.0}, {"style": 2.0, "total": 5.0}, {"style": 7.0, "total": 8.0}]
    assert median_terms(judged) == {"style": 2.0, "total": 8.0}
