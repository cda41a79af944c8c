import numpy as np
import pytest

from fast_nst.compare.plot import plot_race
from fast_nst.images import read_pixels


@pytest.mark.parametrize("network", [0.001, 1e4])
def test_the_network_is_in_the_plot_however_good_or_bad_it_is(make_case, tmp_path, network):
    plot_race([make_case(network=network), make_case(network=network, name="other")], tmp_path / "plot.png")
    pixels = read_pixels(tmp_path / "plot.png").astype(int)
    assert pixels.shape == (675, 1200, 3)
    for color in ((0x16, 0xA3, 0x4A), (0x3B, 0x82, 0xF6), (0xF9, 0x73, 0x16)):  # network, from content, from noise
        drawn = np.abs(pixels[:, :700] - color).sum(axis=-1) < 8
        assert drawn.sum() > 100
