"""The lean network in phases: the same as with pictures that are really doubled, and cheaper."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate
from torch.testing import assert_close

from fast_nst.networks.base import squash, weave
from fast_nst.networks.lean import (
    Detour,
    DoublingPhases,
    FullSizePhases,
    HalvingPhases,
    InPhases,
    LeanNetwork,
    NarrowBlock,
    PaintingPhases,
    PhaseNorm,
)
from fast_nst.networks.styled import StyleNorm, number_norms, plain_style


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def unravel(phases: Tensor) -> Tensor:
    """The large picture of which these are the 2x2 phases."""
    return nn.functional.pixel_shuffle(phases, 2)


def test_weaving_puts_row_phases_in_rows_and_column_phases_in_columns():
    phases = torch.arange(12.0).reshape(1, 12, 1, 1)  # period 2: row, column, colour
    assert weave(phases, 2)[0, 0].tolist() == [[0, 3], [6, 9]]
    assert weave(phases, 2)[0, 2].tolist() == [[2, 5], [8, 11]]
    assert torch.equal(weave(phases[:, :3], 1), phases[:, :3])


def test_a_narrow_block_adds_to_its_input_and_loses_a_rim_unless_mirrored():
    hidden = noise(2, 6, 9, 8)
    for mirrored in (True, False):
        block = NarrowBlock(6, 3, mirrored=mirrored)
        number_norms(block)
        style = plain_style(block)
        style[block.residual[-1].first :] = 0  # scales of the last norm
        expected = hidden if mirrored else hidden[:, :, 1:-1, 1:-1]
        assert torch.equal(block(hidden, style), expected)


def test_doubling_in_phases_is_doubling_and_a_convolution():
    layer, hidden = DoublingPhases(3, 5), noise(2, 3, 7, 6)
    plain = conv2d(interpolate(hidden, scale_factor=2), layer.weight)
    assert_close(unravel(layer(hidden)), plain)


def test_halving_in_phases_is_a_convolution_of_stride_two():
    layer, photograph = HalvingPhases(5), noise(2, 3, 28, 24)
    assert_close(unravel(layer(photograph)), conv2d(photograph, layer.weight, stride=2))


def test_a_photograph_in_phases_holds_the_same_numbers():
    photograph = noise(2, 3, 8, 12)
    assert torch.equal(unravel(InPhases()(photograph)), photograph)


def test_the_norm_of_phases_is_that_of_the_large_picture():
    norm, phases = PhaseNorm(5), noise(2, 20, 6, 7) * 3 + 1
    style = torch.rand(10) + 0.5
    assert_close(unravel(norm(phases, style)), StyleNorm.forward(norm, unravel(phases), style))


def test_full_size_in_phases_is_doubling_and_a_convolution_with_the_photograph_beside_it():
    layer, hidden, photograph = FullSizePhases(3, 5), noise(2, 3, 7, 6), noise(2, 3, 14, 12)
    plain = conv2d(torch.cat([interpolate(hidden, scale_factor=2), photograph], dim=1), layer.weight, layer.bias)
    assert_close(unravel(layer(hidden, InPhases()(photograph))), plain)


def test_painting_in_phases_is_a_convolution():
    layer, phases = PaintingPhases(5), noise(2, 20, 6, 7)
    assert_close(weave(layer(phases), 2), conv2d(unravel(phases), layer.weight, layer.bias), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer", [DoublingPhases(2, 3), HalvingPhases(1), PaintingPhases(1)])
def test_a_convolution_in_phases_has_the_gradient_of_a_plain_one(layer):
    channels = {DoublingPhases: 2, HalvingPhases: 3, PaintingPhases: 4}[type(layer)]
    hidden = noise(1, channels, 8, 12).double().requires_grad_()
    assert torch.autograd.gradcheck(layer.double(), hidden)


def test_the_whole_network_is_the_plain_one_in_another_order():
    network, content = LeanNetwork(4, 6, 1, 1, 2, 3, 5).double(), torch.rand(2, 3, 70, 81).double()
    seen = network.enlarge(content)
    style = network.style_row()
    noise_there = network.noise(seen.shape[2] // 4, seen.shape[3] // 4)[None].double()
    source = network.contrast(seen) + 0.25 * noise_there
    entered = network.enter_norm(network.enter_photograph(seen) + network.enter_contrast(source), style)
    hidden = network.blocks(entered + network.detour(entered, style), style)
    beside = seen[:, :, 12:-12, 12:-12]  # px: 4 go on the way in, 4 in each of the blocks
    hidden = conv2d(interpolate(hidden, scale_factor=2), network.doubling.weight)
    norm, leak, _ = network.at_half
    half = leak(StyleNorm.forward(norm, hidden + conv2d(beside, network.halving.weight, stride=2), style))
    half = half[:, :, 1:-1, 1:-1] + network.half_residual(half, style)
    beside = seen[:, :, 16:-16, 16:-16]
    full = conv2d(torch.cat([interpolate(half, scale_factor=2), beside], dim=1), network.full.weight, network.full.bias)
    leak, paint = network.paint
    plain = squash(conv2d(leak(full), paint.weight, paint.bias))
    assert_close(network(content), plain[:, :, :70, :81])


def test_what_a_detour_and_the_one_inside_it_see_is_its_reach():
    detour = Detour(2, 2, 3, 3, inner=Detour(2, 2, 2, 1))
    assert detour.reach == 3 + 1 + 1 + 2 * (2 + 0)
    number_norms(detour)
    for layer in detour.modules():
        if isinstance(layer, StyleNorm):
            layer.forward = lambda hidden, _style: hidden
    picture = torch.zeros(1, 2, 96, 96, requires_grad=True)
    detour.double()(picture.double(), plain_style(detour).double())[0, 0, 47, 47].backward()
    rows = picture.grad[0].abs().sum((0, 2)).nonzero()
    assert 47 - rows.min() <= 2 * detour.reach + 1
    assert rows.max() - 47 <= 2 * detour.reach + 1
