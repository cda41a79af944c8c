import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast_nst.perceptual import to_image, to_pixels


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_pixels_survive_the_way_to_an_image_and_back(data):
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    values = data.draw(st.binary(min_size=3 * height * width, max_size=3 * height * width))
    pixels = np.frombuffer(values, np.uint8).reshape(height, width, 3)
    assert (to_pixels(to_image(pixels)) == pixels).all()


def test_pixels_are_rounded_to_the_nearest_level_and_clamped():
    levels = torch.tensor([-0.2, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.2])
    assert to_pixels(levels.expand(1, 3, 1, 5))[0, :, 0].tolist() == [0, 0, 1, 255, 255]
