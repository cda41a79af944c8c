"""Random VGG weights, small because they stop at conv2_2: deep enough for one pooling."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

SHALLOW = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128)}  # index in torchvision's `features`: channels in, out


@pytest.fixture(scope="session")
def vgg_state() -> dict[str, Tensor]:
    """Weights of conv1_1 .. conv2_2 under torchvision's names, scaled so that activations neither die nor grow."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for index, (channels_in, channels_out) in SHALLOW.items():
        scale = (2 / (9 * channels_in)) ** 0.5
        state[f"features.{index}.weight"] = scale * torch.randn(channels_out, channels_in, 3, 3, generator=generator)
        state[f"features.{index}.bias"] = 0.1 * torch.randn(channels_out, generator=generator)
    return state


@pytest.fixture(scope="session")
def vgg_file(vgg_state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cut weight file that says which input it expects: torchvision's."""
    path = tmp_path_factory.mktemp("vgg") / "shallow.safetensors"
    save_file(vgg_state, path, metadata={"input": "torchvision"})
    return path


@pytest.fixture
def image() -> Tensor:
    """Noise, `(2, 3, 24, 20)` in [0, 1]."""
    return torch.rand(2, 3, 24, 20, generator=torch.Generator().manual_seed(1))
