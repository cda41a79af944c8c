"""The blocks: sizes in and out, and what a border does to them."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from fast_nst.networks.blocks import ConvBlock, DoublingConv2d, ResidualBlock, UpsampleBlock, WideConv2d, convolution
from fast_nst.networks.styled import number_norms, plain_style


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def apply(block: nn.Module, hidden: Tensor) -> Tensor:
    """Take activations through a block whose norms do nothing but norm."""
    number_norms(block)
    return block(hidden, plain_style(block))


@pytest.mark.parametrize("kernel_size", [3, 9])
@pytest.mark.parametrize("size", [16, 17])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_padded_conv_block_divides_the_size_by_its_stride(kernel_size, size, stride):
    block = ConvBlock(2, 4, kernel_size, stride=stride, padded=True)
    assert apply(block, noise(1, 2, size, 12)).shape == (1, 4, -(-size // stride), 12 // stride)


def test_a_valid_conv_block_loses_half_its_kernel_on_each_side():
    assert apply(ConvBlock(2, 4, 9, padded=False), noise(1, 2, 16, 12)).shape == (1, 4, 8, 4)


def test_a_conv_block_normalises_each_channel_of_each_picture_and_rectifies_it():
    block, content = ConvBlock(2, 4, 3, padded=True), noise(3, 2, 16, 12)
    hidden = block[0](content)
    variance, mean = torch.var_mean(hidden, dim=(2, 3), correction=0, keepdim=True)
    assert_close(apply(block, content), ((hidden - mean) / (variance + 1e-5).sqrt()).clamp_min(0))


@pytest.mark.parametrize("padded", [True, False])
def test_no_block_carries_a_bias_that_its_norm_would_cancel(padded):
    blocks = [ConvBlock(2, 4, 3, padded=padded), UpsampleBlock(2, 4, padded=padded), ResidualBlock(4, padded=padded)]
    convolutions = [module for block in blocks for module in block.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 4
    assert all(module.bias is None for module in convolutions)


def test_a_padded_convolution_mirrors_its_border():
    content, layer = noise(1, 2, 8, 6), convolution(2, 3, 3, padded=True)
    mirrored = torch.cat([content[:, :, 1:2], content, content[:, :, -2:-1]], dim=2)
    mirrored = torch.cat([mirrored[..., 1:2], mirrored, mirrored[..., -2:-1]], dim=3)
    (weight,) = layer.parameters()
    assert_close(layer(content), nn.functional.conv2d(mirrored, weight))


def test_an_upsample_block_doubles_the_size():
    assert apply(UpsampleBlock(4, 2, padded=True), noise(1, 4, 5, 7)).shape == (1, 2, 10, 14)
    assert apply(UpsampleBlock(4, 2, padded=False), noise(1, 4, 5, 7)).shape == (1, 2, 8, 12)


@pytest.mark.parametrize("padded", [True, False])
def test_a_doubling_convolution_is_doubling_and_a_convolution(padded):
    layer, hidden = DoublingConv2d(3, 5, padded=padded), noise(2, 3, 7, 6)
    doubled = nn.functional.interpolate(hidden, scale_factor=2, mode="nearest")
    mirrored = nn.functional.pad(doubled, (1, 1, 1, 1), mode="reflect") if padded else doubled
    assert_close(layer(hidden), nn.functional.conv2d(mirrored, layer.weight))


@pytest.mark.parametrize("kernel_size", [3, 4, 9])
@pytest.mark.parametrize("size", [(16, 16), (17, 16), (16, 17), (19, 21)])
def test_a_wide_convolution_is_a_plain_one(kernel_size, size):
    layer, hidden = WideConv2d(2, 3, kernel_size), noise(2, 2, *size)
    assert_close(layer(hidden), nn.functional.conv2d(hidden, layer.weight, layer.bias), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer", [DoublingConv2d(2, 3, padded=True), WideConv2d(2, 3, 5)])
def test_a_rearranged_convolution_has_the_gradient_of_a_plain_one(layer):
    hidden = noise(1, 2, 6, 8).double().requires_grad_()
    assert torch.autograd.gradcheck(layer.double(), hidden)


@pytest.mark.parametrize(("padded", "rim"), [(True, 0), (False, 2)])
def test_a_residual_block_that_has_learned_nothing_returns_its_input_less_its_rim(padded, rim):
    block, hidden = ResidualBlock(4, padded=padded), noise(2, 4, 9, 11)
    number_norms(block)
    style = plain_style(block)
    style[block.residual[-1].first :] = 0  # scales of the last norm
    out = block(hidden, style)
    assert_close(out, hidden[:, :, rim : 9 - rim, rim : 11 - rim])
    assert out.min() < 0  # no ReLU after the sum


def test_a_valid_residual_block_is_the_inside_of_a_padded_one():
    padded, valid = ResidualBlock(4, padded=True), ResidualBlock(4, padded=False)
    for ours, theirs in zip(valid.parameters(), padded.parameters(), strict=True):
        ours.data = theirs.data
    for block in (padded, valid):
        block.residual[0][1] = block.residual[2] = nn.Identity()  # their statistics see the border
    hidden = noise(1, 4, 9, 11)
    assert_close(apply(valid, hidden), apply(padded, hidden)[:, :, 2:-2, 2:-2])
