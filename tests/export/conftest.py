"""A small style file, exported once, and files of two styles."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fast_nst.export import export_network
from fast_nst.networks import StyleNetwork, build_network
from fast_nst.networks.lean import LeanNetwork

METADATA = {"title": "2 styles", "styles": json.dumps([{"name": "hill"}, {"name": "wave"}])}


@pytest.fixture(scope="package")
def small_style(tmp_path_factory):
    """A lean network of few channels, untrained: `small.onnx`."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("export") / "small.onnx"
    export_network(LeanNetwork(8, 8, 1, 1, 1, 8, 8).eval(), path, {"title": "Small"}, sizes=((64, 64), (97, 131)))
    return path


@pytest.fixture(scope="session")
def many_file() -> Callable[..., tuple[StyleNetwork, Path]]:
    """Return a function that makes a network of two styles, untrained, and its file `many.onnx` in a folder."""

    def make(preset: str, folder: Path) -> tuple[StyleNetwork, Path]:
        torch.manual_seed(0)
        network = build_network(preset, 2, has_strength=True).eval()
        network.styles.data += 0.3 * torch.randn_like(network.styles)
        count = str(sum(weight.numel() for weight in network.parameters()))
        metadata = METADATA | {"preset": preset, "parameters": count}
        export_network(network, folder / "many.onnx", metadata, sizes=((64, 64),))
        return network, folder / "many.onnx"

    return make
