from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from fast_nst.errors import ModelError
from fast_nst.export import ContractModule, export_network, parity
from fast_nst.networks import build_network
from fast_nst.networks.base import StyleNetwork

SIZES = (
    (64, 64),
    (64, 65),
    (66, 67),
    (97, 131),
    (131, 97),
    (100, 250),
    (211, 160),
    (255, 257),
    (361, 640),
    (480, 481),
    (720, 1280),
    (1080, 1920),
)


def alone(network: StyleNetwork) -> StyleNetwork:
    """Give a network its one style."""
    network.hold_styles(1)
    return network


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network("johnson-half").eval()


@pytest.fixture(scope="module")
def model(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "style.onnx"
    export_network(network, path, {"title": "Noise"}, sizes=((64, 64),))
    return path


def test_the_file_answers_as_pytorch_does_at_twelve_sizes(network, model):
    assert parity(ContractModule(network).eval(), model, SIZES) <= 1


def test_the_padded_network_exports_too(tmp_path):
    torch.manual_seed(0)

    assert export_network(build_network("johnson"), tmp_path / "s.onnx", {}, sizes=((64, 64), (97, 131))) <= 1


def test_the_file_does_not_tell_where_it_was_made(model):
    content = model.read_bytes()

    assert str(Path(__file__).parents[1]).encode() not in content
    assert str(Path(torch.__file__).parents[1]).encode() not in content
    assert b".py" not in content


def test_the_graph_is_open_in_number_and_size(model):
    graph = onnx.load(model).graph
    shapes = [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (graph.input[0], graph.output[0])
    ]

    assert shapes == [["N", "H", "W", 3], ["N", "H", "W", 3]]
    assert (graph.input[0].name, graph.output[0].name) == ("content", "pastiche")


def test_the_file_stands_alone_and_says_what_it_is(model):
    metadata = {entry.key: entry.value for entry in onnx.load(model).metadata_props}

    assert metadata == {"format": "fast_nst/1", "title": "Noise"}
    assert [path.name for path in model.parent.iterdir()] == ["style.onnx"]  # no side file of weights


def test_pictures_of_a_batch_do_not_see_each_other(model):
    session = onnxruntime.InferenceSession(model)
    batch = np.random.default_rng(0).integers(0, 256, (3, 70, 90, 3), dtype=np.uint8)
    (together,) = session.run(None, {"content": batch})
    alone = np.concatenate([session.run(None, {"content": picture[None]})[0] for picture in batch])

    assert np.abs(together.astype(int) - alone).max() <= 1


def test_values_are_rounded_to_the_nearest_level_and_clamped():
    class Levels(StyleNetwork):
        def phases(self, content, style, place=(0, 0)):
            return torch.tensor([-0.5, 99.4 / 255, 1.7]).view(1, 3, 1, 1).expand_as(content)

    pastiche = ContractModule(alone(Levels()))(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))

    assert pastiche[0, 0, 0].tolist() == [0, 99, 255]


def test_a_file_that_differs_from_pytorch_is_not_written(network, tmp_path, monkeypatch):
    monkeypatch.setattr("fast_nst.export.file.parity", lambda *_: 7)

    with pytest.raises(ModelError, match="pixels differ from PyTorch's by 7/255, allowed is 2/255"):
        export_network(network, tmp_path / "style.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_crops_silently_is_found_out(tmp_path):
    """ONNX Runtime runs a model whose output keeps a fixed size whatever its input: parity must see the size."""

    class Crops(StyleNetwork):
        def phases(self, content, style, place=(0, 0)):
            return content[:, :, :64, :64]

    class Same(StyleNetwork):
        def phases(self, content, style, place=(0, 0)):
            return content

    torch.onnx.export(
        ContractModule(alone(Crops())),
        (torch.zeros(1, 80, 80, 3, dtype=torch.uint8),),
        tmp_path / "crops.onnx",
        input_names=["content"],
        output_names=["pastiche"],
        dynamic_shapes=({1: torch.export.Dim("H", min=64), 2: torch.export.Dim("W", min=64)},),
        dynamo=True,
    )
    with pytest.raises(ModelError, match=r"answers \(1, 97, 131, 3\) with \(1, 64, 64, 3\)"):
        parity(ContractModule(alone(Same())), tmp_path / "crops.onnx", ((97, 131),))
