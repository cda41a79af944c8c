"""Styles to be cut: small networks of each kind, untrained."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fast_nst.inference import Stylizer, find_style
from fast_nst.large.graph import StyleGraph

if TYPE_CHECKING:
    from fast_nst.networks import StyleNetwork


@pytest.fixture(scope="session")
def style_of(tmp_path_factory) -> Callable[[str], Path]:
    """Return a function that gives a preset's style file: shipped and trained, or small and untrained (Johnson's).

    `noisy` is an untrained file of the preset `quality`, which has noise by place.
    """
    folder = tmp_path_factory.mktemp("styles")

    def find(preset: str) -> Path:
        if preset in ("quality", "fast"):
            return find_style("great-wave" if preset == "quality" else "great-wave-fast")
        path = folder / f"{preset}.onnx"
        if not path.is_file():
            torch = pytest.importorskip("torch")
            from fast_nst.export import export_network

            torch.manual_seed(0)
            export_network(_untrained(preset).eval(), path, {"title": preset}, sizes=((64, 64),))
        return path

    return find


def _untrained(preset: str) -> "StyleNetwork":
    from fast_nst.networks import build_network
    from fast_nst.networks.johnson import JohnsonNetwork

    if preset == "noisy":
        return build_network("quality")
    return JohnsonNetwork((8, 8, 16), 2, padded=preset == "johnson")


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
