"""Of every network: its sizes, what a pixel of it sees, and that its border shows no seam."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from fast_nst.errors import ConfigError
from fast_nst.networks import PRESETS, build_network
from fast_nst.networks.contrast import LocalContrast
from fast_nst.networks.johnson import JohnsonNetwork
from fast_nst.networks.lean import LeanNetwork
from fast_nst.networks.noise import PERIOD
from fast_nst.networks.styled import StyleNorm

THIN = (2, 2, 2)  # geometry does not depend on the width
NETWORKS = {
    "johnson, padded": lambda blocks: JohnsonNetwork(THIN, blocks, padded=True),
    "johnson, valid": lambda blocks: JohnsonNetwork(THIN, blocks, padded=False),
    "lean": lambda blocks: LeanNetwork(2, 2, blocks // 2, 1, blocks, 2, 2),
}
CENTRED = ("johnson, valid", "lean")
SIDE, MIDDLE = 640, 304
"""px, of the picture on which it is seen where a pixel looks, and about its middle: a multiple of 16."""
sides = st.integers(64, 140)
every_network = pytest.mark.parametrize("name", NETWORKS)
every_centred_network = pytest.mark.parametrize("name", CENTRED)


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


class MeanAround(nn.Module):
    """Five times the mean over all places that local contrast sees."""

    def __init__(self, contrast: LocalContrast) -> None:
        super().__init__()
        self.period, self.reach, self.channels = contrast.period, contrast.reach, contrast.channels

    def forward(self, picture: Tensor) -> Tensor:
        places = F.avg_pool2d(picture, self.period).mean(1, keepdim=True)
        places = F.pad(places, (self.reach,) * 4, mode="replicate")
        return F.avg_pool2d(places, 2 * self.reach + 1, stride=1).expand(-1, self.channels, -1, -1)


def linear(network: nn.Module) -> nn.Module:
    """Take norms, rectifiers and noise out of `network`, so that only where a pixel looks is left.

    Local contrast becomes a mean over what it sees.
    """
    if isinstance(network, LeanNetwork):
        for tile in network.noise.buffers():
            tile.zero_()
    for name, child in network.named_children():
        if isinstance(child, StyleNorm | nn.ReLU | nn.LeakyReLU):
            setattr(network, name, nn.Identity())
        elif isinstance(child, LocalContrast):
            setattr(network, name, MeanAround(child))
        else:
            linear(child)
    return network


def averaging(name: str, blocks: int = 5) -> nn.Module:
    """A network of box blurs: every weight positive, so that nothing a pixel sees cancels out."""
    network = linear(NETWORKS[name](blocks))
    for weight in network.parameters():
        weight.data = torch.full_like(weight, 0.0 if weight.ndim == 1 else 1 / max(1, weight[0].numel()))
    return network


def sight(network: nn.Module, row: int, column: int) -> tuple[Tensor, Tensor]:
    """How much the output pixel at `row`, `column` depends on each row and on each column of a picture."""
    content = torch.zeros(1, 3, SIDE, SIDE, requires_grad=True)  # where tanh is not saturated
    network(content)[0, 0, row, column].backward()
    influence = content.grad[0].abs().sum(0)
    return influence.sum(1), influence.sum(0)


# Sizes


@every_network
@settings(deadline=None, max_examples=15)
@given(height=sides, width=sides)
def test_the_pastiche_has_the_size_of_its_content(name, height, width):
    network = NETWORKS[name](5)
    assert network(noise(1, 3, height, width)).shape == (1, 3, height, width)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 71)])
@torch.no_grad()
def test_every_preset_repaints_small_and_odd_pictures(preset, height, width):
    pastiche = build_network(preset)(noise(2, 3, height, width))
    assert pastiche.shape == (2, 3, height, width)
    assert pastiche.isfinite().all()
    assert pastiche.std() > 0


@pytest.mark.parametrize(
    ("preset", "count"), [("johnson", 1_677_635), ("johnson-half", 424_099), ("quality", 307_223), ("fast", 80_223)]
)
def test_every_preset_has_the_parameters_it_claims(preset, count):
    assert sum(parameter.numel() for parameter in build_network(preset).parameters()) == count


def test_an_unknown_preset_names_the_nearest_and_the_others():
    message = r"no network preset .jonson-half.; there are quality, fast, johnson,.*; did you mean .johnson-half.\?"
    with pytest.raises(ConfigError, match=message):
        build_network("jonson-half")


@every_network
def test_the_pastiche_reaches_slightly_beyond_black_and_white(name):
    network = NETWORKS[name](5)
    for bias, expected in ((100.0, 1.0882), (-100.0, -0.0882)):  # 0.5 +- 150 / 255
        [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][-1].bias.data.fill_(bias)
        assert_close(network(noise(1, 3, 64, 64)), torch.full((1, 3, 64, 64), expected), atol=1e-4, rtol=0)


@every_network
@torch.no_grad()
def test_a_picture_does_not_depend_on_the_others_of_its_batch(name):
    network, content = NETWORKS[name](5), noise(3, 3, 64, 70)
    singles = torch.cat([network(picture[None]) for picture in content])
    assert_close(network(content), singles, atol=1e-4, rtol=1e-4)


# Where a pixel looks


@pytest.mark.parametrize("blocks", [2, 5])
@every_network
def test_no_pixel_sees_further_than_the_receptive_radius(name, blocks):
    network, reach = averaging(name, blocks), []
    for place in range(MIDDLE, MIDDLE + network.size_multiple):  # each place in the grid of the deepest layer
        for seen in sight(network, place, place):
            indices = seen.nonzero()
            reach += [place - indices.min().item(), indices.max().item() - place]
    assert network.receptive_radius - 1 <= max(reach) <= network.receptive_radius


@every_centred_network
def test_a_network_looks_where_it_paints(name):
    network = averaging(name)
    centres = [
        (seen * torch.arange(SIDE)).sum() / seen.sum() - place
        for place in range(MIDDLE, MIDDLE + network.size_multiple)
        for seen in sight(network, place, place)
    ]
    furthest = max(abs(centre.item()) for centre in centres)
    assert furthest < network.size_multiple / 2  # half the smallest picture's pixel
    assert abs(sum(centres).item() / len(centres)) <= 0.501  # an even stride has no middle pixel


@every_network
@torch.no_grad()
def test_content_moved_by_the_size_multiple_moves_the_pastiche(name):
    network, content = linear(NETWORKS[name](5)), noise(1, 3, 600, 600)
    by, far = network.size_multiple, network.receptive_radius
    here, there = network(content), network(content.roll((by, by), (2, 3)))
    here, there = here[..., far : -far - by, far : -far - by], there[..., far + by : -far, far + by : -far]
    assert_close(here, there, atol=1e-5, rtol=0)


# Borders


@torch.no_grad()
def test_a_valid_network_sees_no_edge_only_a_mirrored_picture():
    network, content = linear(NETWORKS["johnson, valid"](5)), noise(1, 3, 72, 80)
    mirrored = F.pad(content, (64, 64, 64, 64), mode="reflect")
    assert_close(network(content), network(mirrored)[..., 64:-64, 64:-64], atol=1e-5, rtol=0)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (67, 90)])
@torch.no_grad()
def test_one_colour_stays_one_colour_up_to_the_border(preset, height, width):
    network = linear(build_network(preset))  # norms out: they would make any picture of one colour flat grey
    colour = torch.tensor([0.9, 0.3, 0.1]).view(1, 3, 1, 1)
    pastiche = network(colour.expand(1, 3, height, width))
    assert_close(pastiche, pastiche[..., 32:33, 32:33].expand_as(pastiche), atol=1e-4, rtol=0)


@torch.no_grad()
def test_one_colour_stays_one_colour_under_instance_norm():
    pastiche = build_network("johnson-half")(torch.full((1, 3, 67, 90), 0.7))
    assert_close(pastiche, pastiche[..., 32:33, 32:33].expand_as(pastiche), atol=1e-4, rtol=0)


@pytest.mark.parametrize("preset", ["quality", "fast"])
@torch.no_grad()
def test_a_network_with_noise_paints_a_blank_wall_everywhere_and_twice_the_same(preset):
    network, wall = build_network(preset), torch.full((1, 3, 128, 160), 0.7)
    pastiche = network(wall)
    blocks = pastiche.unfold(2, 32, 32).unfold(3, 32, 32)
    assert blocks.std((4, 5)).min() > 0.01
    assert torch.equal(network(wall), pastiche)
    assert not torch.equal(network(wall, place=(1, 0)), pastiche)


@torch.no_grad()
def test_noise_that_moves_with_the_content_moves_the_pastiche():
    network, content = NETWORKS["lean"](2), noise(1, 3, 560, 560)
    there = content.roll((16, 32), (2, 3))
    for layer in network.modules():
        if isinstance(layer, StyleNorm):
            layer.forward = lambda hidden, _style: hidden  # statistics of the whole see the border move
    far = network.receptive_radius
    here, moved = network(content), network(there, place=(-4 % PERIOD, -8 % PERIOD))
    assert_close(
        here[..., far:-far, far:-far][..., :-16, :-32], moved[..., far:-far, far:-far][..., 16:, 32:], atol=1e-4, rtol=0
    )
