"""One more style in a file of many."""

import json

import numpy as np
import pytest
import torch

from fast_nst.errors import ModelError
from fast_nst.export import ContractModule, export_network
from fast_nst.export.adding import add_style
from fast_nst.inference import Stylizer
from fast_nst.networks import build_network


@pytest.fixture(scope="module")
def many(many_file, tmp_path_factory):
    return many_file("fast", tmp_path_factory.mktemp("adding"))


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


def test_a_file_of_one_style_cannot_grow(many, tmp_path):
    network, path = build_network("fast", has_strength=True).eval(), tmp_path / "hill.onnx"
    export_network(network, path, {"preset": "fast", "styles": json.dumps([{"name": "hill"}])}, sizes=((64, 64),))
    with pytest.raises(ModelError, match="no network of many styles, of which alone one can be added to"):
        add_style(path, network.styles[0], {"name": "wave"}, tmp_path / "grown.onnx")
