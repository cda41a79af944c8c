"""A file of many styles read back, and one more style in it."""

import json

import numpy as np
import pytest
import torch

from fast_nst.errors import ModelError
from fast_nst.export import ContractModule, export_network, parity
from fast_nst.export.adding import add_style, read_network
from fast_nst.inference import Stylizer
from fast_nst.networks import build_network

METADATA = {"title": "2 styles", "styles": json.dumps([{"name": "hill"}, {"name": "wave"}])}


def file_of(preset, folder, styles=2):
    torch.manual_seed(0)
    network = build_network(preset, styles, has_strength=True).eval()
    network.styles.data += 0.3 * torch.randn_like(network.styles)
    count = str(sum(weight.numel() for weight in network.parameters()))
    metadata = METADATA | {"preset": preset, "parameters": count}
    export_network(network, folder / "many.onnx", metadata, sizes=((64, 64),))
    return network, folder / "many.onnx"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return file_of("fast", tmp_path_factory.mktemp("adding"))


@pytest.mark.parametrize("preset", ["quality", "johnson-half", "johnson"])
def test_a_network_read_back_paints_as_its_file_does(preset, tmp_path):
    network, path = file_of(preset, tmp_path)
    again, metadata = read_network(path)
    assert metadata["preset"] == preset
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], weight, rtol=2e-3, atol=6e-3)  # kept in float16
    assert parity(ContractModule(again).eval(), path, ((97, 131),)) <= 2


def test_a_style_more_leaves_the_others_as_they_are_to_the_bit(many, tmp_path):
    network, path = many
    row = network.styles[0].detach() + 0.2 * torch.randn(network.styles.shape[1])
    grown = tmp_path / "grown.onnx"
    add_style(path, row, {"name": "city", "title": "The City"}, grown)

    content = np.random.default_rng(0).integers(0, 256, (70, 81, 3), dtype=np.uint8)
    for name in ("hill", "wave"):
        for strength in (0.4, 1.0, 1.5):
            before, after = (Stylizer(f"{file}/{name}", strength=strength)(content) for file in (path, grown))
            np.testing.assert_array_equal(before, after)
    assert grown.stat().st_size - path.stat().st_size < 15_000
    stylizer = Stylizer(f"{grown}/city")
    assert stylizer.styles == ("hill", "wave", "city")
    assert stylizer.metadata["title"] == "3 styles"
    assert int(stylizer.metadata["parameters"]) == int(Stylizer(path).metadata["parameters"]) + len(row)

    network.styles = torch.nn.Parameter(torch.cat([network.styles, row[None]]))
    expected = ContractModule(network).eval()(torch.from_numpy(content[None]), torch.eye(3)[2], torch.tensor(1.0))
    assert np.abs(stylizer(content).astype(int) - expected.numpy()[0]).max() <= 1


def test_a_name_that_is_taken_is_refused(many, tmp_path):
    network, path = many
    with pytest.raises(ModelError, match="has a style 'wave' already; give the new painting's file another name"):
        add_style(path, network.styles[0], {"name": "wave"}, tmp_path / "grown.onnx")
    assert not (tmp_path / "grown.onnx").exists()


def test_a_file_of_one_style_is_read_back_but_cannot_grow(tmp_path):
    torch.manual_seed(0)
    network, path = build_network("fast", has_strength=True).eval(), tmp_path / "hill.onnx"
    network.styles.data += 0.3 * torch.randn_like(network.styles)
    metadata = {"preset": "fast", "styles": json.dumps([{"name": "hill"}])}
    export_network(network, path, metadata, sizes=((64, 64),))
    again, told = read_network(path)
    assert told["preset"] == "fast"
    assert parity(ContractModule(again).eval(), path, ((97, 131),)) <= 2
    with pytest.raises(ModelError, match="no network of many styles, of which alone one can be added to"):
        add_style(path, network.styles[0], {"name": "wave"}, tmp_path / "grown.onnx")


def test_a_file_of_strength_1_alone_is_not_read_back(tmp_path):
    path = tmp_path / "hill.onnx"
    export_network(build_network("fast").eval(), path, {"preset": "fast"}, sizes=((64, 64),))
    with pytest.raises(ModelError, match=r"hill\.onnx holds one style at strength 1 alone"):
        read_network(path)


def test_a_file_of_no_preset_is_not_read_back(invert_model):
    with pytest.raises(ModelError, match="holds a network of the preset 'none'; known are quality, fast"):
        read_network(invert_model)


def test_a_file_that_is_no_model_is_named(tmp_path):
    (tmp_path / "notes.onnx").write_text("notes")
    with pytest.raises(ModelError, match=r"notes\.onnx cannot be read as an ONNX model"):
        read_network(tmp_path / "notes.onnx")


def test_a_network_of_another_version_of_its_preset_is_refused(tmp_path):
    torch.manual_seed(0)
    network, path = build_network("fast", 2).eval(), tmp_path / "old.onnx"
    export_network(network, path, METADATA | {"preset": "quality", "parameters": "1"}, sizes=((64, 64),))
    with pytest.raises(
        ModelError, match=r"old\.onnx holds a network with \d+ convolutions, the preset quality has 30 now"
    ):
        read_network(path)
