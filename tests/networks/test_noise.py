"""Noise by place: what repeats, how strong it is, and that it is smooth where it is to be."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from fast_nst.networks.noise import PERIOD, TILE_SIDES, PlaceNoise


def spectrum_above(noise: Tensor, frequency: float) -> float:
    """Which share of a square's energy has a frequency above one, in cycles a place."""
    power = np.abs(np.fft.fft2(noise.numpy())) ** 2
    along = np.fft.fftfreq(len(noise))
    return float(power[np.hypot(along[:, None], along[None]) > frequency].sum() / power.sum())


@pytest.mark.parametrize("grain", [1, 4, 16])
def test_noise_has_about_mean_0_and_deviation_1(grain):
    noise = PlaceNoise([grain])(TILE_SIDES[0] * 4, TILE_SIDES[1] * 4)
    assert abs(noise.mean()) < 0.02
    assert 0.9 < noise.std() < 1.1


def test_coarser_grains_are_smoother():
    noise = PlaceNoise([1, 2, 4, 8])(256, 256)
    shares = [spectrum_above(channel, 0.125) for channel in noise]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.9
    assert shares[3] < 0.01


def test_each_place_has_its_noise_wherever_one_begins_to_look():
    noise = PlaceNoise([1, 2])
    assert torch.equal(noise(40, 50, (100, 200)), noise(140, 250)[:, 100:, 200:])


def test_noise_repeats_after_the_product_of_both_tiles_and_not_before():
    noise = PlaceNoise([1])
    row = noise(1, PERIOD + 40)
    assert torch.equal(row[..., :40], row[..., PERIOD:])
    for before in (*TILE_SIDES, TILE_SIDES[0] * 60, TILE_SIDES[1] * 60):
        assert (row[..., :40] - row[..., before : before + 40]).abs().mean() > 0.3


def test_noise_is_the_sum_of_two_tiles():
    noise = PlaceNoise([1])
    one, other = (noise.get_buffer(f"tile_{side}")[0].float() for side in TILE_SIDES)
    assert_close(noise(1, 1, (63, 70))[0, 0, 0], (one[2, 9] + other[63, 3]) * 0.5**0.5 / 32)


def test_noise_is_no_weight():
    assert PlaceNoise([1, 2]).state_dict() == {}
    assert list(PlaceNoise([1, 2]).parameters()) == []
