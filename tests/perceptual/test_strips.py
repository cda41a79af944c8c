"""In strips: the same activations, the same gradients."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from fast_nst.perceptual import Objective, ObjectiveConfig, VggFeatures
from fast_nst.perceptual.strips import strips


@pytest.fixture(scope="module")
def deep_file(tmp_path_factory):
    """Random weights of a narrow copy of VGG-19 to relu3_4, through `mini`'s format: any width serves there."""
    from safetensors.torch import save_file

    generator, state, channels = torch.Generator().manual_seed(0), {}, 3
    for index, width in {0: 4, 2: 4, 5: 6, 7: 6, 10: 8, 12: 8, 14: 8, 16: 8}.items():
        scale = (2 / (9 * channels)) ** 0.5
        state[f"features.{index}.weight"] = scale * torch.randn(width, channels, 3, 3, generator=generator)
        state[f"features.{index}.bias"] = 0.1 * torch.randn(width, generator=generator)
        channels = width
    state["heads.relu1_1.weight"] = torch.randn(4, 4, 1, 1, generator=generator)  # says that it is a `mini`
    state["heads.relu1_1.bias"] = torch.zeros(4)
    path = tmp_path_factory.mktemp("vgg") / "deep.safetensors"
    save_file(state, path, metadata={"input": "torchvision"})
    return path


def picture(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


ALL = {"gram": 1.0, "centred_gram": 0.5, "moments": 2.0}


@pytest.fixture(scope="module")
def objective(deep_file):
    """Return a function that makes an objective of every term that strips can be added up for."""

    def make(strip_pixels: int | None, **changes: object) -> Objective:
        values = {
            "loss_network": str(deep_file),
            "content_layers": {"relu3_3": 1.0, "relu2_1": 0.5},
            "style_layers": {"relu1_1": 1.0, "relu2_2": 2.0, "relu3_4": 1.0},
            "content_terms": {"features": 1.0, "gradients": 0.5, "ssim": 0.1, "pixels": 0.1},
            "style_terms": ALL,
            "style_levels": 2,
        }
        return Objective(ObjectiveConfig(**(values | changes)), picture(70, 61).flip(2), strip_pixels=strip_pixels)

    return make


def judged(objective: Objective, pastiche: Tensor, content: Tensor) -> tuple[dict[str, float], Tensor]:
    pixels = pastiche.clone().requires_grad_()
    losses = objective(pixels, objective.content_targets(content))
    losses.total.sum().backward()
    return losses.floats(), pixels.grad


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pooling": "average", "channel_weights": "balanced"},
        {"content_places": "detailed"},
        {"constants": "gatys2016"},
        {"constants": "johnson2016"},
        {"content_weight": 0.0},
        {"style_weight": 0.0},
        {"content_layers": {"relu1_1": 1.0}, "style_layers": {"relu1_1": 1.0}, "style_levels": 1},
        {"content_layers": {"relu1_2": 1.0}, "style_weight": 0.0},
    ],
)
@pytest.mark.parametrize(("height", "width"), [(160, 40), (163, 37), (98, 65)])
def test_strips_give_the_losses_and_gradients_of_one_piece(objective, changes, height, width):
    pastiche, content = picture(height, width), picture(height, width).flip(3)
    whole, gradient = judged(objective(None, **changes), pastiche, content)
    for strip_pixels in (1, 20 * width, 50 * width):
        losses, strip_gradient = judged(objective(strip_pixels, **changes), pastiche, content)
        assert losses == pytest.approx(whole, rel=1e-4)
        assert_close(strip_gradient, gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()))


def test_a_batch_in_strips_is_as_good_as_its_pictures_one_by_one(objective):
    batch = torch.cat([picture(120, 40), picture(120, 40).flip(2)])
    in_strips = objective(1500)
    losses = in_strips(batch, in_strips.content_targets(batch.flip(3)))
    for number, image in enumerate(batch):
        single = in_strips(image[None], in_strips.content_targets(image[None].flip(3)))
        assert_close(losses.total[number], single.total[0], rtol=1e-4, atol=0)


def test_only_a_strip_is_looked_at_at_once(objective, monkeypatch):
    rows, look = [], VggFeatures.forward

    def watch(self, image, layers=None):
        rows.append(image.shape[2])
        return look(self, image, layers)

    monkeypatch.setattr(VggFeatures, "forward", watch)
    judged(objective(40 * 40, style_levels=1), picture(400, 40), picture(400, 40))
    assert max(rows) < 200  # 40 rows, and what the deepest layer sees to both sides
    assert len(rows) > 20


def test_a_term_that_needs_all_places_at_once_is_looked_at_in_one_piece(objective, monkeypatch):
    terms = {"gram": 1.0, "sliced_wasserstein": 1.0}
    pastiche, content = picture(163, 37), picture(163, 37).flip(3)
    whole, _ = judged(objective(None, style_terms=terms), pastiche, content)
    assert judged(objective(500, style_terms=terms), pastiche, content)[0] == whole


def test_strips_cover_every_row_once_and_lie_on_the_poolings_grid():
    image = picture(163, 10)
    found = list(strips(image, ["relu3_1", "relu1_2"], 300))
    assert [strip.top for strip in found] == list(range(0, 160, 28))
    assert [strip.bottom for strip in found][:-1] == [strip.top for strip in found][1:]
    assert found[-1].bottom == 163
    assert all(strip.first % 4 == 0 for strip in found)
    assert found[1].rows("relu1_1") == slice(28, 56)
    assert found[1].rows("relu3_1") == slice(7, 14)
