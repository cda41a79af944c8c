"""At which size a picture is painted."""

import pytest

from fast_nst.errors import ConfigError
from fast_nst.large.stroke_size import AUTO_PIXELS, painted_shape, parse_stroke_size


@pytest.mark.parametrize(("text", "expected"), [("auto", "auto"), ("none", None), ("64", 64), ("2000", 2000)])
def test_what_a_person_writes(text, expected):
    assert parse_stroke_size(text) == expected


@pytest.mark.parametrize("text", ["63", "0", "-5", "large", "1e3", ""])
def test_what_is_no_size_is_told(text):
    with pytest.raises(ConfigError, match=r"expected auto, none, or a longer side of at least 64 px"):
        parse_stroke_size(text)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1000, 1500), (1000, 1500)),  # as many pixels as auto paints: as it is
        ((1001, 1500), (1000, 1499)),  # just above: hardly less
        ((3000, 4000), (1060, 1414)),  # 12 megapixels; 4000 x (1.5 / 12) ** 0.5 = 1414.2
        ((4000, 3000), (1414, 1060)),
        ((1000, 6000), (500, 3000)),  # a panorama has as many pixels
    ],
)
def test_auto_paints_as_many_pixels_of_every_larger_picture(shape, expected):
    assert painted_shape(*shape, "auto") == expected
    assert abs(expected[0] * expected[1] / AUTO_PIXELS - 1) < 0.01


def test_a_size_is_of_the_longer_side_and_never_enlarges():
    assert painted_shape(300, 600, 200) == (100, 200)
    assert painted_shape(300, 600, 600) == painted_shape(300, 600, 900) == (300, 600)


def test_none_and_small_pictures_stay():
    assert painted_shape(9000, 9000, None) == (9000, 9000)
    assert painted_shape(480, 640, "auto") == (480, 640)
