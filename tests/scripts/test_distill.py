"""The script that makes `mini`, on random weights in the shape of VGG-19 to conv3_4."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from fast_nst.images import Picture, write_picture
from fast_nst.perceptual.vgg import VggFeatures, convolution_names


@pytest.fixture(scope="module")
def distill(load_script) -> ModuleType:
    """The script, as a module."""
    return load_script("distill")


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of VGG-19 to conv3_4, drawn at random and scaled so that activations neither vanish nor explode."""
    generator, state, channels = torch.Generator().manual_seed(0), {}, 3
    for name, index in list(convolution_names("vgg19").items())[:8]:
        width = 64 * 2 ** (int(name[4]) - 1)
        weight = torch.randn(width, channels, 3, 3, generator=generator) * (2 / (9 * channels)) ** 0.5
        state |= {f"features.{index}.weight": weight, f"features.{index}.bias": torch.zeros(width)}
        channels = width
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save_file(state, path, metadata={"input": "caffe"})
    return path


@pytest.fixture(scope="module")
def batches() -> list[Tensor]:
    """Noise that is smooth, two batches of `(4, 3, 32, 32)`."""
    noise = torch.rand(2, 4, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    return [torch.nn.functional.interpolate(batch, scale_factor=4, mode="bilinear") for batch in noise]


def test_the_channel_that_tells_most_is_kept_first(distill: ModuleType) -> None:
    # a, b and a + b for independent a and b: the sum explains 1/2 of each beside itself, a nothing of b; after the
    # sum, a tells the rest.
    covariance = torch.tensor([[1.0, 0, 1], [0, 1, 1], [1, 1, 2]], dtype=torch.double)
    assert distill.telling_channels(covariance, 2) == [2, 0]


def test_with_every_channel_the_part_is_the_whole(distill: ModuleType, teacher_file, batches, tmp_path) -> None:
    widths = (64, 128, 256)
    vgg = VggFeatures([*distill.LAYERS, *distill.NAMES], network=teacher_file)
    statistics = distill.look(vgg, batches)
    small_file = tmp_path / "whole.safetensors"
    state = {key: tensor.contiguous() for key, tensor in distill.prune(vgg, statistics, widths).items()}
    save_file(state, small_file, metadata={"input": "caffe"})

    missed = distill.measure(
        VggFeatures(distill.LAYERS, network=small_file), distill.Teacher(vgg, statistics, widths), batches
    )

    assert max(share for shares in missed.values() for share in shares) <= 1e-4


def test_errors_are_shares_of_the_energy(distill: ModuleType) -> None:
    # Two images of one pixel with one component each: 3 and 1 where 4 and 2 are wanted, of energies 20 and 4, so that
    # 4 and 0 lie outside the component.
    found = {"relu1_1": torch.tensor([3.0, 1.0]).view(2, 1, 1, 1)}
    wanted = {"relu1_1": (torch.tensor([4.0, 2.0]).view(2, 1, 1, 1), torch.tensor([20.0, 4.0]))}

    (activations, grams, difference) = distill.errors(found, wanted)["relu1_1"]

    assert activations == pytest.approx(((1 + 4) / 20 + (1 + 0) / 4) / 2)
    assert grams == pytest.approx(((9 - 16) ** 2 / 16**2 + (1 - 4) ** 2 / 4**2) / 2)
    assert difference == pytest.approx(((9 - 1) - (16 - 4)) ** 2 / (16 - 4) ** 2)


def test_the_command_tunes_and_writes_a_loss_network(
    distill: ModuleType, teacher_file, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, pictures = np.random.default_rng(3), tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        coarse = rng.integers(0, 256, (10, 10, 3)).astype(np.uint8)
        write_picture(pictures / f"{number}.png", Picture(coarse.repeat(8, 0).repeat(8, 1)))
    monkeypatch.setattr(distill, "TRAINED_SIDE", 64)
    monkeypatch.setattr(distill, "PAINTED_SIDE", 64)
    output = tmp_path / "small.safetensors"
    arguments = f"{pictures} -o {output} --loss-network {teacher_file} --widths 4 8 12 --side 32 --steps 30"
    painters = f"--paintings {pictures / '0.png'} --painter-every 12 --painter-steps 1"
    monkeypatch.setattr(sys, "argv", ["distill.py", *f"{arguments} {painters}".split()])

    distill.main()

    small = VggFeatures(["relu3_4"], network=output)
    assert small(torch.zeros(1, 3, 32, 32))["relu3_4"].shape == (1, 12, 8, 8)
    with safe_open(output, framework="pt") as file:
        facts = file.metadata()
    assert (facts["input"], facts["widths"], facts["steps"]) == ("caffe", "[4, 8, 12]", "30")
    before, after = (
        sum(sum(shares) for shares in json.loads(facts[key]).values()) for key in ("missed_before_tuning", "missed")
    )
    assert after < before

    further, known = tmp_path / "further.safetensors", json.loads(facts["missed"])
    more = f"--start-from {output} --more {pictures / '1.png'} --steps 2"
    again = arguments.replace(str(output), str(further)).replace("--steps 30", more)
    monkeypatch.setattr(sys, "argv", ["distill.py", *again.split()])

    distill.main()

    with safe_open(further, framework="pt") as file:
        found = json.loads(file.metadata()["missed_before_tuning"])
    for layer, shares in known.items():  # the same pictures have the same components: it goes on where it was
        assert found[layer] == pytest.approx(shares, abs=0.01)
