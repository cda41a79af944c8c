"""The greatest strength of a style, brought back to where more is no nearer to the style."""

import pytest
import torch

from fast_nst.networks.base import weave
from fast_nst.training.boldest import Boldest
from fast_nst.training.module import StyleTransferModule
from fast_nst.training.run import read_objectives


@pytest.fixture
def module(config):
    """A tiny network, and in its row a style at 1 that is as it was drawn."""
    made = config(fixed_strength=False, from_scratch=True)
    torch.manual_seed(0)
    made = StyleTransferModule(made.plain(), read_objectives(made))
    made.progress = lambda: 1.0
    return made


@pytest.fixture
def crops():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def descended(module, crops):
    """Return a row that the style term likes better than the one at strength 1: some steps of its gradient down."""
    network = module.network
    row = network.styles.detach()[0].chunk(3)[1].clone().requires_grad_()
    optimizer = torch.optim.Adam([row], lr=0.02)
    objective = module.objectives[0]
    for _ in range(15):
        pastiche = weave(network.phases(crops, row), network.period)[:, :, :64, :64]
        optimizer.zero_grad()
        objective(pastiche, objective.content_targets(crops)).style.log().mean().backward()
        optimizer.step()
    return row.detach()


def test_a_row_that_goes_wrong_becomes_that_of_strength_one(module, crops):
    faint, plain, most = module.network.styles.data[0].chunk(3)
    better = descended(module, crops)
    most.copy_(2 * plain - better)  # the other way
    Boldest(crops).on_train_end(None, module)
    torch.testing.assert_close(most, plain)
    torch.testing.assert_close(faint, plain)


def test_a_run_that_may_go_on_is_left_as_it_is(module, crops):
    module.progress = lambda: 0.5
    _, plain, most = module.network.styles.data[0].chunk(3)
    most.copy_(2 * plain - descended(module, crops))
    before = most.clone()
    Boldest(crops).on_train_end(None, module)
    assert torch.equal(most, before)


def test_a_row_that_goes_on_towards_the_style_stays(module, crops):
    _, _, most = module.network.styles.data[0].chunk(3)
    better = descended(module, crops)
    most.copy_(better)
    Boldest(crops).on_train_end(None, module)
    torch.testing.assert_close(most, better)


def test_a_row_that_goes_too_far_is_brought_back_part_of_the_way(module, crops):
    _, plain, most = module.network.styles.data[0].chunk(3)
    step = descended(module, crops) - plain
    most.copy_(plain + 40 * step)
    boldest = Boldest(crops)
    boldest.on_train_end(None, module)
    shares = ((most - plain) / (40 * step)).nanmedian()
    assert shares < 1
    terms = [boldest._style_term(module, 0, strength) for strength in (1.0, 1.5)]
    assert terms[1] <= terms[0]
