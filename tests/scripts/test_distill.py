"""The script that makes `mini`, on random weights in the shape of VGG-19 to conv3_4, and of the encoder to conv5_1."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from fast_nst.images import Picture, write_picture
from fast_nst.inference import find_style
from fast_nst.perceptual.vgg import VggFeatures, convolution_names, load_weights


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


# The deep part


@pytest.fixture(scope="module")
def deep(distill) -> ModuleType:
    """The neighbour of the script that makes the deep part."""
    return sys.modules["distill_deep"]


def random_affine(generator: torch.Generator, width: int, channels: int, side: int) -> dict[str, Tensor]:
    scale = (2 / (side**2 * channels)) ** 0.5
    weight = scale * torch.randn(width, channels, side, side, generator=generator)
    return {"weight": weight, "bias": 0.1 * torch.randn(width, generator=generator)}


@pytest.fixture(scope="module")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the form of the distilled encoder, of 4, 4, 6, 10 and 12 channels."""
    generator, channels = torch.Generator().manual_seed(1), 3
    state = {"conv0.weight": 3 * torch.eye(3).flip(0).view(3, 3, 1, 1), "conv0.bias": -torch.ones(3)}
    for name in convolution_names("mini"):
        width, key = (4, 4, 6, 10, 12)[int(name[4]) - 1], name.replace("_", "")
        found = random_affine(generator, width, channels, 3)
        state |= {f"{key}.{part}": tensor for part, tensor in found.items()}
        channels = width
    for key, width in {"conv41_aux": 10, "conv51_aux": 12}.items():
        state |= {f"{key}.{part}": tensor for part, tensor in random_affine(generator, 512, width, 1).items()}
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    save_file(state, path)
    return path


def test_the_encoder_mirrors_what_lies_beyond_the_border(deep: ModuleType, encoder_file) -> None:
    # What is alike everywhere stays alike everywhere, which it would not beside zeros.
    found = deep.read_teacher(str(encoder_file)).look(torch.full((1, 3, 64, 48), 0.7))
    assert {layer: tuple(own.shape) for layer, own in found.items()} == {
        "relu3_4": (1, 6, 16, 12),
        "relu4_1": (1, 10, 8, 6),
        "relu4_2": (1, 10, 8, 6),
        "relu4_3": (1, 10, 8, 6),
        "relu4_4": (1, 10, 8, 6),
        "relu5_1": (1, 12, 4, 3),
    }
    for own in found.values():
        torch.testing.assert_close(own, own.mean((2, 3), keepdim=True).expand_as(own))
    assert found["relu5_1"].max() > 0


def test_the_encoder_is_its_convolutions_after_a_change_of_colours(deep: ModuleType, encoder_file, batches) -> None:
    teacher, state = deep.read_teacher(str(encoder_file)), deep.load_file(encoder_file)
    hidden = 3 * batches[0].flip(1) - 1
    for block in ("11 12", "21 22", "31 32 33 34", "41"):
        hidden = F.max_pool2d(hidden, 2) if block != "11 12" else hidden
        for key in block.split():
            padded = F.pad(hidden, (1, 1, 1, 1), mode="reflect")
            hidden = F.conv2d(padded, state[f"conv{key}.weight"], state[f"conv{key}.bias"]).relu()
    torch.testing.assert_close(teacher.look(batches[0])["relu4_1"], hidden)
    torch.testing.assert_close(teacher.heads["relu4_1"].weight.float(), state["conv41_aux.weight"][:, :, 0, 0])


@pytest.fixture(scope="module")
def zero_padded(deep: ModuleType, encoder_file):
    """A teacher with zeros beyond the border, as `mini` has them, from its own relu3_4 on."""
    encoder = deep.read_teacher(str(encoder_file))

    def look(batch: Tensor) -> dict[str, Tensor]:
        hidden = encoder.look(batch)["relu3_4"]
        found = {"relu3_4": hidden}
        for name, (weight, bias) in encoder.convolutions.items():
            hidden = F.max_pool2d(hidden, 2) if name.endswith("_1") else hidden
            hidden = F.conv2d(hidden, weight.float(), bias.float(), padding=1).relu()
            found[name.replace("conv", "relu")] = hidden
        return found

    return encoder._replace(look=look)


def test_with_every_channel_the_deep_part_is_the_teacher(deep: ModuleType, zero_padded, batches) -> None:
    def trunk(batch: Tensor) -> dict[str, Tensor]:
        return {"relu3_4": 1000 * zero_padded.look(batch)["relu3_4"]}

    seen = deep.look(trunk, zero_padded, batches)
    axes = deep.components(zero_padded, seen, (10, 12))
    deepening = deep.Deepening(deep.prune(zero_padded, seen, axes), trunk, zero_padded, seen, axes)

    assert seen.unit == pytest.approx(1000 * seen.teacher_unit, rel=1e-5)
    # A map of 10 channels and a constant has 11 dimensions, of which 10 are kept: hence not nearer.
    missed = deepening.measure({"noise": batches})["noise"]
    assert max(share for shares in missed.values() for share in shares) <= 0.01


def test_units_are_changed_by_the_biases_alone(deep: ModuleType) -> None:
    generator = torch.Generator().manual_seed(5)

    def affine(width: int, channels: int, side: int) -> tuple:
        found = random_affine(generator, width, channels, side)
        return deep.Affine(found["weight"].double(), found["bias"].double())

    convolutions = {name: affine(3, 3, 3) for name in deep.NAMES}
    part = deep.DeepPart(convolutions, {layer: affine(2, 3, 1) for layer in deep.LAYERS})
    hidden = torch.rand(1, 3, 16, 16, generator=generator)
    found, state = part(hidden), part.state(500.0)
    large = deep.DeepPart(convolutions, {layer: affine(2, 3, 1) for layer in deep.LAYERS})
    indices = convolution_names("mini")
    for name in deep.NAMES:
        keys = {key: state[f"features.{indices[name]}.{key}"] for key in ("weight", "bias")}
        large.convolutions[name].load_state_dict(keys)
    for layer in deep.LAYERS:
        large.heads[layer].load_state_dict({key: state[f"heads.{layer}.{key}"] for key in ("weight", "bias")})
    for layer, activations in large(500 * hidden).items():
        torch.testing.assert_close(activations, 500 * found[layer], rtol=1e-4, atol=1e-2)


def test_pictures_of_a_photograph_that_is_kept_apart_are_not_learnt_from(distill: ModuleType, tmp_path) -> None:
    for name, grey in {"a": 0, "a_640_0_0": 50, "b": 100, "c": 150}.items():
        write_picture(tmp_path / f"{name}.png", Picture(np.full((8, 8, 3), grey, np.uint8)))
    found = distill.read_pictures(
        Namespace(pictures=[str(tmp_path)], apart=[str(tmp_path / "c.png")], more=[str(tmp_path / "a_640_0_0.png")])
    )
    assert [int(pixels[0, 0, 0]) for pixels in found.own] == [100]
    assert [int(pixels[0, 0, 0]) for pixels in found.apart] == [0]
    assert found.more == []


def test_a_deep_part_is_added_to_a_small_network_that_stays_as_it_is(
    distill: ModuleType, teacher_file, encoder_file, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, pictures = np.random.default_rng(3), tmp_path / "pictures"
    pictures.mkdir()
    for number in range(4):
        coarse = rng.integers(0, 256, (10, 10, 3)).astype(np.uint8)
        write_picture(pictures / f"{number}.png", Picture(coarse.repeat(8, 0).repeat(8, 1)))
    shallow, whole = tmp_path / "shallow.safetensors", tmp_path / "whole.safetensors"

    def run(arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["distill.py", str(pictures), *arguments.split()])
        distill.main()

    run(f"-o {shallow} --loss-network {teacher_file} --widths 4 8 12 --side 32 --steps 2")
    family = f"--family {pictures / '1.png'} {find_style('udnie-fast')} --strengths 1"
    deep_options = f"--deep-teacher {encoder_file} --deep-widths 6 7 --deep-side 64 --deep-steps 40"
    run(f"-o {whole} --start-from {shallow} {deep_options} {family} --apart {pictures / '3.png'}")

    before, after = load_weights(shallow).state, load_weights(whole).state
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())
    assert {tensor.dtype for tensor in after.values()} == {torch.float16}
    found = VggFeatures(["relu3_4", "relu4_1", "relu5_1"], network=whole)(torch.rand(1, 3, 64, 64))
    assert [tuple(found[layer].shape) for layer in sorted(found)] == [(1, 12, 16, 16), (1, 6, 8, 8), (1, 7, 4, 4)]
    with safe_open(whole, framework="pt") as file:
        facts = file.metadata()
    assert (facts["input"], facts["widths"], facts["deep_widths"]) == ("caffe", "[4, 8, 12]", "[6, 7]")
    assert "Wang et al. 2020" in facts["deep_source"]
    missed = [json.loads(facts[key]) for key in ("deep_missed_before_tuning", "deep_missed")]
    assert [list(kinds) for kinds in missed] == [["photographs", "paintings"]] * 2
    for kind in ("photographs", "paintings"):  # of layers: of activations, Gram matrices, and few pairs' differences
        first, last = (sum(sum(shares[:2]) for shares in kinds[kind].values()) for kinds in missed)
        assert last < first, (kind, first, last, missed[0][kind], missed[1][kind])
