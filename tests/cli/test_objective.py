"""What is said where nobody chose what judges."""

import pytest
import torch
from safetensors.torch import save_file

from fast_nst.cli import main
from fast_nst.cli.objective import resolved
from fast_nst.perceptual import ObjectiveConfig, config


@pytest.fixture
def asked(vgg_file):
    """Return a function that makes an objective on a file that ends with conv2_2."""

    def make(content: str, *styles: str) -> ObjectiveConfig:
        layers = {"content_layers": {content: 1.0}, "style_layers": dict.fromkeys(styles, 1.0)}
        return ObjectiveConfig(loss_network=str(vgg_file), **layers)

    return make


def test_layers_that_a_cut_file_lacks_come_from_mini_and_that_is_told(asked, vgg_file, capsys):
    cut = asked("relu4_1", "relu1_1", "relu3_1", "relu4_1")
    assert resolved(cut) == cut
    assert capsys.readouterr().err == (
        f"fast-nst: {vgg_file} ends with relu2_2, so mini gives relu3_1, relu4_1; "
        "--loss-network vgg19 downloads the whole network\n"
    )


def test_layers_that_mini_lacks_too_are_replaced_by_the_deepest_one_and_that_is_told(asked, capsys):
    settled = resolved(asked("relu4_2", "relu4_1"))
    assert (settled.content_layers, settled.style_layers) == ({"relu2_2": 1.0}, {"relu4_1": 1.0})
    told = capsys.readouterr().err
    assert "ends with relu2_2, so mini gives relu4_1, and relu2_2 takes the place of relu4_2; --loss-network" in told


def test_of_a_file_that_has_all_layers_nothing_is_told(asked, capsys):
    whole = asked("relu2_2", "relu1_1", "relu2_1")
    assert resolved(whole) == whole
    assert capsys.readouterr().err == ""


def test_the_message_comes_before_the_work(save_picture, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_picture("photo.png", 40, 60)
    state = {"features.0.weight": torch.randn(64, 3, 3, 3) / 27**0.5, "features.0.bias": torch.zeros(64)}
    save_file(state, "conv1_1.safetensors", metadata={"input": "torchvision"})
    small = ["--size", "24", "--style-size", "32", "--style-levels", "1", "--steps", "1", "--device", "cpu"]
    assert (
        main(["gatys", "photo.png", "photo.png", "-o", "out.png", *small, "--loss-network", "conv1_1.safetensors"]) == 0
    )
    told = capsys.readouterr().err
    from_mini = "relu2_1, relu2_2, relu3_1, relu3_3, relu4_1"
    assert told.startswith(f"fast-nst: conv1_1.safetensors ends with relu1_1, so mini gives {from_mini}; ")


def test_mini_is_told_where_vgg19_was_not_downloaded(monkeypatch, capsys):
    monkeypatch.setattr(config, "downloaded", lambda network: None)
    assert resolved(ObjectiveConfig()).loss_network == "mini"
    assert capsys.readouterr().err.startswith("fast-nst: the loss network is mini, a small copy of VGG-19")
