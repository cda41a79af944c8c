"""Styles to be cut: small networks of each kind, untrained."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fast_nst.inference import Stylizer, find_style
from fast_nst.large.graph import StyleGraph


@pytest.fixture(scope="session")
def style_of(tmp_path_factory) -> Callable[[str], Path]:
    """Return a function that gives a preset's style file: shipped and trained, or (Johnson's) small and untrained."""
    folder = tmp_path_factory.mktemp("styles")

    def find(preset: str) -> Path:
        if preset in ("quality", "fast"):
            return find_style("great-wave" if preset == "quality" else "great-wave-fast")
        path = folder / f"{preset}.onnx"
        if not path.is_file():
            torch = pytest.importorskip("torch")
            from fast_nst.export import export_network
            from fast_nst.networks.johnson import JohnsonNetwork

            torch.manual_seed(0)
            network = JohnsonNetwork((8, 8, 16), 2, padded=preset == "johnson").eval()
            export_network(network, path, {"title": preset}, sizes=((64, 64),))
        return path

    return find


@pytest.fixture(scope="session")
def quality() -> StyleGraph:
    """The Great Wave, cut."""
    stylizer = Stylizer("great-wave", threads=1)
    return StyleGraph(stylizer.path, stylizer.controls)


@pytest.fixture(scope="session")
def scene():
    """Return a function that makes pixels `(H, W, 3)` with flat and rough places and a bright corner."""

    def make(height: int, width: int):
        rng = np.random.default_rng(0)
        rows, columns = np.mgrid[:height, :width]
        waves = 60 * np.sin(rows / 9) * np.cos(columns / 13) + 40 * (rows > height // 3)
        noise = rng.normal(0, 30, (height, width)) * (columns > width // 2)
        return (
            np.stack([120 + waves + noise, 90 + waves, 200 - waves * columns / width], -1).clip(0, 255).astype(np.uint8)
        )

    return make
