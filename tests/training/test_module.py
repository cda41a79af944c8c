import pytest
import torch

from fast_nst.errors import TrainingError
from fast_nst.networks.noise import PERIOD
from fast_nst.perceptual import grid_loss
from fast_nst.training.data import Crops
from fast_nst.training.module import Lot, StyleTransferModule, draw_lot, rate_share
from fast_nst.training.run import read_objectives


@pytest.fixture
def module(config):
    made = config()
    return StyleTransferModule(made.plain(), read_objectives(made))


def test_the_learning_rate_rises_for_a_twentieth_and_falls_to_a_hundredth():
    assert rate_share(0.025) == pytest.approx(0.5)
    assert rate_share(0.05) == pytest.approx(1.0)
    assert rate_share(0.525) == pytest.approx(0.01 + 0.99 / 2)  # half-way down the cosine
    assert rate_share(1.0) == pytest.approx(0.01)


def test_the_state_holds_the_network_and_nothing_else(module):
    assert module.state_dict().keys() == {f"network.{name}" for name in module.network.state_dict()}


def test_a_step_returns_the_mean_losses_of_its_batch(module):
    content = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    outputs = module.training_step(Crops(content, (), (0, 1)), 0)
    pastiche = module.network(content)
    each = [module.judge(content[i : i + 1], pastiche[i : i + 1], Lot(0, (1.0,))).total for i in (0, 1)]

    torch.testing.assert_close(outputs["terms"]["total"], torch.stack(each).mean().detach())


def test_every_step_asks_for_edges_anywhere_alike(config):
    made = config(grid_weight=5.0)
    module = StyleTransferModule(made.plain(), read_objectives(made))
    content = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    outputs = module.training_step(Crops(content, (), (0, 1)), 0)
    expected = grid_loss(module.network(content), module.network.size_multiple).mean().detach()

    torch.testing.assert_close(outputs["terms"]["grid"], expected)
    torch.testing.assert_close(outputs["loss"], outputs["terms"]["total"] + 5 * expected)


def test_noise_begins_anywhere_and_at_the_same_place_again():
    places = [draw_lot(0, (step,), 1).place for step in range(200)]
    assert len(set(places)) == 200
    assert all(0 <= row < PERIOD and 0 <= column < PERIOD for row, column in places)
    assert places == [draw_lot(0, (step,), 1).place for step in range(200)]
    assert draw_lot(1, (0,), 1).place != places[0]


def test_noise_begins_at_one_place_for_all_crops_of_a_step_however_they_are_split():
    whole = draw_lot(0, (4, 5, 6, 7), 1, batch_size=4).place
    assert {draw_lot(0, part, 1, batch_size=4).place for part in ((4, 6), (5, 7), (4, 5), (6, 7), (7,))} == {whole}
    assert whole not in {draw_lot(0, (first,), 1, batch_size=4).place for first in (0, 3, 8)}


def test_a_loss_that_is_not_finite_stops_and_names_the_term(module):
    with torch.no_grad():
        module.network.layers[-1].bias.fill_(torch.nan)

    with pytest.raises(TrainingError, match="step 0: the content loss is nan"):
        module.training_step(Crops(torch.zeros(1, 3, 64, 64), (), (0,)), 0)


@pytest.mark.parametrize("odd", [torch.inf, torch.nan])
def test_a_gradient_that_is_not_finite_is_left_out(module, odd):
    weights = list(module.network.parameters())
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    weights[0].grad[0, 0] = odd
    module.on_before_optimizer_step(module.configure_optimizers())

    assert not module.gradient_norm.isfinite()
    assert all((weight.grad == 0).all() for weight in weights)


def test_a_gradient_that_is_finite_is_left_as_it_is(module):
    for weight in module.network.parameters():
        weight.grad = torch.ones_like(weight)
    module.on_before_optimizer_step(module.configure_optimizers())

    count = sum(weight.numel() for weight in module.network.parameters())
    assert float(module.gradient_norm) == pytest.approx(count**0.5)
    assert all((weight.grad == 1).all() for weight in module.network.parameters())


def test_in_float16_a_gradient_that_is_not_finite_is_left_to_the_loss_scaler(config):
    made = config(precision="16-mixed")
    module = StyleTransferModule(made.plain(), read_objectives(made))
    next(module.network.parameters()).grad = torch.full_like(next(module.network.parameters()), torch.inf)

    module.on_before_optimizer_step(module.configure_optimizers())


def test_progress_goes_by_steps_or_time_whichever_is_further(config):
    made = config(max_minutes=2.0)
    module = StyleTransferModule(made.plain(), read_objectives(made))
    assert module.progress() == 0.0

    module.elapsed_s = 30.0
    assert module.progress() == pytest.approx(0.25)
