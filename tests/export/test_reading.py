"""A network read back from its file paints as the file does; what cannot be read back is told."""

import json

import pytest
import torch

from fast_nst.errors import ModelError
from fast_nst.export import ContractModule, export_network, parity
from fast_nst.export.reading import read_network
from fast_nst.networks import build_network


@pytest.mark.parametrize("preset", ["quality", "johnson-half", "johnson"])
def test_a_network_read_back_paints_as_its_file_does(preset, many_file, tmp_path):
    network, path = many_file(preset, tmp_path)
    again, metadata = read_network(path)
    assert metadata["preset"] == preset
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], weight, rtol=2e-3, atol=6e-3)  # kept in float16
    assert parity(ContractModule(again).eval(), path, ((97, 131),)) <= 2


def test_a_file_of_one_style_is_read_back(tmp_path):
    torch.manual_seed(0)
    network, path = build_network("fast", has_strength=True).eval(), tmp_path / "hill.onnx"
    network.styles.data += 0.3 * torch.randn_like(network.styles)
    metadata = {"preset": "fast", "styles": json.dumps([{"name": "hill"}])}
    export_network(network, path, metadata, sizes=((64, 64),))
    again, told = read_network(path)
    assert told["preset"] == "fast"
    assert parity(ContractModule(again).eval(), path, ((97, 131),)) <= 2


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
    export_network(
        network,
        path,
        {"preset": "quality", "styles": json.dumps([{"name": "hill"}, {"name": "wave"}])},
        sizes=((64, 64),),
    )
    with pytest.raises(
        ModelError, match=r"old\.onnx holds a network with \d+ convolutions, the preset quality has 30 now"
    ):
        read_network(path)
