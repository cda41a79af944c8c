"""Local contrast: nothing where nothing is, as strong everywhere else, and it moves with the photograph."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from fast_nst.networks.contrast import LocalContrast

PERIOD = 4


def texture(height: int, width: int) -> Tensor:
    """A picture in [0, 1] whose places, of 4 px, each have a grey of their own."""
    places = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0))
    return places.repeat_interleave(PERIOD, 2).repeat_interleave(PERIOD, 3).expand(-1, 3, -1, -1)


def test_a_picture_of_one_colour_has_none():
    picture = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(1, 3, 80, 96)
    assert_close(LocalContrast(PERIOD)(picture), torch.zeros(1, 5, 20, 24), atol=2e-3, rtol=0)


def test_the_finest_band_of_a_single_bright_place_by_hand():
    picture = torch.zeros(1, 3, 60 * PERIOD, 60 * PERIOD)
    picture[:, :, 30 * PERIOD : 31 * PERIOD, 30 * PERIOD : 31 * PERIOD] = 0.9
    bands = LocalContrast(PERIOD)(picture)
    # Less its mean over 3x3 places the bright one keeps 8/9, each neighbour has -1/9; over 34x34 places the mean square
    # is that of all nine.
    deviation = ((0.8**2 + 8 * 0.1**2) / 34**2 + 1e-6) ** 0.5
    assert bands[0, 0, 30, 30].item() == pytest.approx(0.8 / deviation, rel=1e-4)
    assert bands[0, 0, 31, 30].item() == pytest.approx(-0.1 / deviation, rel=1e-4)
    assert bands[0, 0, 33, 30].item() == pytest.approx(0, abs=1e-4)


def test_faint_structure_comes_out_as_strong_as_plain_one():
    picture = texture(60, 60)
    plain, faint = (LocalContrast(PERIOD)(0.5 + share * (picture - 0.5)) for share in (1.0, 0.3))
    assert_close(plain[:, :4].std((0, 2, 3)), torch.ones(4), atol=0.2, rtol=0)
    assert_close(faint, plain, atol=0.05, rtol=0)


def test_grey_has_no_colour_and_red_is_told_from_blue():
    assert LocalContrast(PERIOD)(texture(40, 40))[:, 4].abs().max() < 1e-3
    red = texture(40, 40) * torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)
    blue = red.flip(1)
    of_red, of_blue = LocalContrast(PERIOD)(red)[:, 4], LocalContrast(PERIOD)(blue)[:, 4]
    assert of_red.std() > 0.5
    assert_close(of_red, -of_blue)


def test_it_moves_with_the_picture_by_whole_places():
    contrast, picture = LocalContrast(PERIOD), texture(100, 100)
    reach = contrast.reach
    moved = contrast(picture[:, :, 8 * PERIOD :, 4 * PERIOD :])
    inside = (slice(None), slice(None), slice(reach, -reach), slice(reach, -reach))
    assert_close(moved[inside], contrast(picture)[:, :, 8:, 4:][inside], atol=1e-4, rtol=1e-4)


def test_a_place_sees_as_far_as_it_says():
    contrast = LocalContrast(PERIOD)
    side = 2 * contrast.reach + 22
    for middle in (side // 2, side // 2 + 1):  # the first and the second of a pair
        picture = texture(side, side).double().requires_grad_()
        contrast.double()(picture)[0, :, middle, middle].sum().backward()
        rows = picture.grad[0].abs().sum((0, 2)).nonzero() // PERIOD
        assert max(middle - rows.min(), rows.max() - middle) == contrast.reach
