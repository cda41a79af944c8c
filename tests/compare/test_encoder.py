"""Which encoder sees the deep distance."""

import json

import pytest
import torch
from safetensors.torch import save_file

from fast_nst.compare import encoder
from fast_nst.compare.encoder import choose_encoder, load_encoder, trainers
from fast_nst.errors import ConfigError, WeightsError
from fast_nst.inference import Stylizer
from fast_nst.perceptual import ObjectiveConfig, VggFeatures


@pytest.fixture
def at_hand(monkeypatch):
    """Return a function that says what torchvision has downloaded, and whether `mini` is deep enough."""

    def be(*names, mini=False):
        monkeypatch.setattr(encoder, "downloaded", lambda name: name if name in names else None)
        monkeypatch.setattr(encoder, "layer_names", lambda name: ["relu4_1"] if mini else ["relu3_1"])

    return be


@pytest.mark.parametrize(
    ("downloads", "mini", "made_by", "chosen"),
    [
        (["vgg16", "vgg19"], True, {"mini"}, "vgg19"),
        (["vgg16", "vgg19"], True, {"vgg19"}, "vgg16"),
        (["vgg19"], True, {"cut/vgg19_to_conv3_4.safetensors"}, "mini"),
        (["vgg19"], False, {"vgg19", "mini"}, None),
        ([], True, {"mini"}, None),
        ([], False, {"vgg19"}, None),
    ],
)
def test_unasked_it_is_one_at_hand_that_made_neither_side(at_hand, downloads, mini, made_by, chosen):
    at_hand(*downloads, mini=mini)
    assert choose_encoder(None, made_by) == chosen


@pytest.mark.parametrize("asked", ["mini", "some/vgg19-dcbb9e9d.pth"])
def test_what_made_a_side_cannot_judge_it(asked):
    with pytest.raises(ConfigError, match="cannot judge them too; expected another"):
        choose_encoder(asked, {"mini", "vgg19"})


def test_what_is_asked_for_is_taken():
    assert choose_encoder("other.safetensors", {"mini"}) == "other.safetensors"


def test_a_model_tells_what_trained_it(save_model, invert_model, tmp_path):
    trained = {"format": "fast_nst/1", "objective": json.dumps({"loss_network": "mini"})}
    stylizer = Stylizer(save_model(tmp_path / "style.onnx", metadata=trained))
    assert trainers(stylizer, ObjectiveConfig(loss_network="vgg19")) == {"mini", "vgg19"}
    assert trainers(Stylizer(invert_model), ObjectiveConfig(loss_network="vgg19")) == {"vgg19"}


def test_an_encoder_is_the_layer_relu4_1(tmp_path):
    generator, state, channels = torch.Generator().manual_seed(0), {}, 3
    for index, width in zip((0, 2, 5, 7, 10, 12, 14, 16, 19), (64, 64, 128, 128, *[256] * 4, 512), strict=True):
        scale = (2 / (9 * channels)) ** 0.5
        state[f"features.{index}.weight"] = scale * torch.randn(width, channels, 3, 3, generator=generator)
        state[f"features.{index}.bias"] = torch.zeros(width)
        channels = width
    path = tmp_path / "deep.safetensors"
    save_file(state, path, metadata={"input": "torchvision"})
    image = torch.rand(1, 3, 32, 48, generator=generator)
    found = load_encoder(str(path))(image)
    assert found.shape == (1, 512, 4, 6)
    assert torch.equal(found, VggFeatures(["relu4_1"], network=path)(image)["relu4_1"])


def test_weights_that_end_before_it_do_not_serve(vgg_file):
    with pytest.raises(
        WeightsError, match=r"--judge .*shallow.safetensors does not serve: it ends with relu2_2, expected a file"
    ):
        load_encoder(str(vgg_file))
