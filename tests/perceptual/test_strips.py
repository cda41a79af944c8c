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


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize(("height", "width"), [(160, 40), (163, 37), (97, 64), (129, 33)])
@pytest.mark.parametrize("layers", [["relu3_4"], ["relu1_1", "relu2_2", "relu3_1"], ["relu1_2"]])
def test_strips_give_the_activations_and_gradients_of_one_piece(deep_file, height, width, layers, pooling):
    network = VggFeatures(layers, network=deep_file, pooling=pooling)
    image = picture(height, width)

    def look(strip_pixels: int | None) -> tuple[dict[str, Tensor], Tensor]:
        network.strip_pixels = strip_pixels
        pixels = image.clone().requires_grad_()
        found = network(pixels)
        torch.stack([features.square().sum() for features in found.values()]).sum().backward()
        return found, pixels.grad

    whole, gradient = look(None)
    for strip_pixels in (1, 20 * width, 50 * width):
        found, strip_gradient = look(strip_pixels)
        assert found.keys() == whole.keys()
        for layer in layers:
            assert_close(found[layer], whole[layer], rtol=1e-5, atol=1e-5)
        assert_close(strip_gradient, gradient, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))


def test_strips_cover_every_row_once_and_lie_on_the_poolings_grid():
    image = picture(163, 10)
    found = list(strips(image, ["relu3_1"], 300))
    assert [strip.top for strip in found] == list(range(0, 160, 28))
    assert [strip.bottom for strip in found][:-1] == [strip.top for strip in found][1:]
    assert found[-1].bottom == 163
    assert all(strip.first % 4 == 0 for strip in found)


def test_a_small_image_is_looked_at_in_one_piece(deep_file, monkeypatch):
    network = VggFeatures(["relu2_1"], network=deep_file)
    network.strip_pixels = 40 * 50
    monkeypatch.setattr("fast_nst.perceptual.vgg.features_in_strips", None)
    network(picture(40, 50))
    with pytest.raises(TypeError):
        network(picture(41, 50))


def test_an_objective_in_strips_is_the_same(deep_file):
    terms = {"gram": 1.0, "moments": 1.0, "sliced_wasserstein": 1.0}
    config = ObjectiveConfig(
        loss_network=str(deep_file), style_terms=terms, content_terms={"features": 1.0, "gradients": 1.0}
    )
    objective = Objective(config, picture(64, 64))
    pastiche, content = picture(120, 72), picture(120, 72).flip(3)
    whole = objective(pastiche, objective.content_targets(content)).floats()
    objective.loss_network.strip_pixels = 2000
    assert objective(pastiche, objective.content_targets(content)).floats() == pytest.approx(whole, rel=1e-4)
