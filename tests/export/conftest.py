"""A small style file, exported once."""

import pytest
import torch

from fast_nst.export import export_network
from fast_nst.networks.lean import LeanNetwork


@pytest.fixture(scope="package")
def small_style(tmp_path_factory):
    """A lean network of few channels, untrained: `small.onnx`."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("export") / "small.onnx"
    export_network(LeanNetwork(8, 8, 1, 1, 1, 8, 8).eval(), path, {"title": "Small"}, sizes=((64, 64), (97, 131)))
    return path
