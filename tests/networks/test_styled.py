"""Styles as rows of numbers: mixtures, strengths, and one row for each picture of a batch."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from fast_nst.networks import MOST_STRENGTH, build_network
from fast_nst.networks.base import StyleNetwork, weave
from fast_nst.networks.styled import StyledSequential, StyleNorm, number_norms, plain_style, widened


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network() -> StyleNetwork:
    """A network of three styles with strengths, each with scales and shifts of its own."""
    torch.manual_seed(0)
    made = build_network("fast", 3, has_strength=True)
    for row in made.parameters():
        if row is made.styles or row is made.photograph:
            row.data += 0.3 * torch.randn_like(row)
    return made


def test_a_norm_takes_its_scales_and_shifts_from_its_own_columns():
    first, second = StyleNorm(2), StyleNorm(1)
    assert number_norms(StyledSequential(first, torch.nn.ReLU(), second)) == 6
    assert (first.first, second.first) == (0, 4)
    style = torch.tensor([2.0, 3.0, 10.0, 20.0, 5.0, 7.0])  # scales and shifts of the first, then of the second
    picture = torch.tensor([-1.0, 1.0]).view(1, 1, 1, 2)  # mean 0, variance 1
    assert_close(
        first(picture.expand(1, 2, 1, 2), style)[0, :, 0], torch.tensor([[8.0, 12.0], [17.0, 23.0]]), rtol=1e-4, atol=0
    )
    assert_close(second(picture, style)[0, 0, 0], torch.tensor([2.0, 12.0]), rtol=1e-4, atol=0)


def test_the_plain_style_norms_and_does_nothing_else():
    assert plain_style(StyledSequential(StyleNorm(2), StyleNorm(1))).tolist() == [1, 1, 0, 0, 1, 0]


def test_each_picture_of_a_batch_may_have_a_style_of_its_own():
    norm, pictures = StyleNorm(2), noise(3, 2, 5, 4)
    styles = noise(3, 4)
    each = [norm(picture[None], style) for picture, style in zip(pictures, styles, strict=True)]
    assert_close(norm(pictures, styles), torch.cat(each))


def test_a_mixture_is_the_weighted_mean_of_rows(network):
    rows = network.styles.chunk(3, dim=1)[1]
    assert_close(network.style_row(), rows[0])
    assert_close(network.style_row(torch.tensor([0.5, 0.0, 0.5])), (rows[0] + rows[2]) / 2)
    plain = build_network("fast", 3)
    plain.styles.data = torch.randn_like(plain.styles)
    assert_close(plain.style_row(torch.tensor([0.0, 0.25, 0.75])), 0.25 * plain.styles[1] + 0.75 * plain.styles[2])


def test_a_strength_is_between_the_photographs_row_and_the_three_of_the_style(network):
    style, photograph = torch.eye(3)[1], network.photograph
    faint, plain, boldest = network.styles[1].chunk(3)
    expected = {
        0.0: photograph,
        0.1: 0.8 * photograph + 0.2 * faint,
        0.5: faint,
        0.75: (faint + plain) / 2,
        1.0: plain,
        1.125: 0.75 * plain + 0.25 * boldest,
        1.5: boldest,
    }
    for strength, row in expected.items():
        assert_close(network.style_row(style, torch.tensor(strength)), row)
    each = network.style_row(torch.eye(3), torch.tensor([0.0, 1.0, 1.5]))
    assert_close(each, torch.stack([photograph, plain, network.styles[2].chunk(3)[2]]))


def test_strength_nought_gives_the_photograph_back_to_the_bit(network):
    content = noise(2, 3, 65, 70)
    pastiche = network(content, torch.eye(3)[1], torch.tensor([0.0, 0.6]))
    assert torch.equal(pastiche[0], content[0])
    assert (pastiche[1] - content[1]).abs().mean() > 0.01
    assert_close(network(content[1:], torch.eye(3)[1], torch.tensor(0.6)), pastiche[1:])


def test_half_strength_is_three_quarters_painted(network):
    content, style, half = noise(1, 3, 64, 64), torch.eye(3)[1], torch.tensor(0.5)
    painted = weave(network.phases(content, network.style_row(style, half)), network.period)
    assert_close(network(content, style, half), 0.25 * content + 0.75 * painted)


def test_strength_one_is_the_style_and_more_is_more_than_it(network):
    content, style = noise(1, 3, 64, 64), torch.eye(3)[2]
    plain = network(content, style)
    assert_close(network(content, style, torch.tensor(1.0)), plain)
    assert not torch.allclose(network(content, style, torch.tensor(MOST_STRENGTH)), plain, atol=0.01)


def test_a_network_of_one_strength_has_no_row_for_the_photograph():
    made = build_network("fast", 2)
    assert not made.has_strength
    assert "photograph" not in made.state_dict()
    assert made.style_count == 2


@pytest.mark.parametrize(("preset", "kilobytes"), [("quality", 14.6), ("fast", 6.3)])
def test_a_style_is_less_than_15_kb_of_a_file(preset, kilobytes):
    in_float16 = 2 * build_network(preset, has_strength=True).styles.shape[1]
    assert in_float16 / 1000 == pytest.approx(kilobytes, abs=0.1)


def test_rows_get_the_width_that_a_network_has():
    rows = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(widened(rows, 3), rows)
    assert widened(rows, 9)[1].tolist() == [3, 4, 5, 3, 4, 5, 3, 4, 5]
    assert widened(torch.arange(6.0), 2).tolist() == [2, 3]
