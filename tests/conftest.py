"""Fixtures for every test: model files small enough to compute their answer by hand, made without PyTorch."""

import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fast_nst.images import Picture, write_picture

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: with threads of their own they wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

METADATA = {
    "format": "fast_nst/1",
    "title": "The Negative",
    "artist": "Nobody",
    "year": "1839",
    "licence": "CC0-1.0",
    "preset": "none",
}
INVERT = [helper.make_node("BitwiseNot", ["content"], ["pastiche"])]
BLUR = [  # the rounded mean of the 3x3 neighbours that are inside the picture
    helper.make_node("Cast", ["content"], ["float"], to=TensorProto.FLOAT),
    helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
    helper.make_node("AveragePool", ["planes"], ["means"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    helper.make_node("Round", ["means"], ["rounded"]),
    helper.make_node("Transpose", ["rounded"], ["pixels"], perm=[0, 2, 3, 1]),
    helper.make_node("Cast", ["pixels"], ["pastiche"], to=TensorProto.UINT8),
]


def _save_model(
    path: Path,
    nodes: list[onnx.NodeProto] = INVERT,
    *,
    metadata: dict[str, str] = METADATA,
    shape: tuple[str | int, ...] = ("N", "H", "W", 3),
    output_type: int = TensorProto.UINT8,
    constants: list[onnx.TensorProto] | None = None,
    controls: list[onnx.ValueInfoProto] | None = None,
) -> Path:
    """Write a model of the contract, or one that breaks it as the arguments say."""
    content = helper.make_tensor_value_info("content", TensorProto.UINT8, shape)
    pastiche = helper.make_tensor_value_info("pastiche", output_type, ("N", "H", "W", 3))
    graph = helper.make_graph(nodes, "style", [content, *(controls or [])], [pastiche], constants or [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_counts() -> Iterator[None]:
    """Let Ctrl-C count: in a background job of a shell it is ignored, here and in every process started from here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def save_model() -> Callable[..., Path]:
    """Return a function that writes a model of the contract, or one that breaks it as its arguments say."""
    return _save_model


@pytest.fixture(scope="session")
def invert_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style file whose pastiche is the negative, `255 - content`: `negative.onnx`."""
    return _save_model(tmp_path_factory.mktemp("models") / "negative.onnx")


@pytest.fixture(scope="session")
def blur_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style file whose pastiche depends on the neighbours, so that borders show: a 3x3 box blur."""
    return _save_model(tmp_path_factory.mktemp("models") / "blur.onnx", BLUR)


@pytest.fixture(scope="session")
def many_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the styles `red`, `green` and `blue` with strengths: it draws pixels towards one colour.

    The pastiche is `(1 - strength) * content + strength * 200 * weights`, rounded.
    """
    nodes = [
        helper.make_node("Cast", ["content"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["style", "level"], ["colour"]),
        helper.make_node("Sub", ["one", "strength"], ["rest"]),
        helper.make_node("Mul", ["float", "rest"], ["kept"]),
        helper.make_node("Mul", ["colour", "strength"], ["laid on"]),
        helper.make_node("Add", ["kept", "laid on"], ["mixed"]),
        helper.make_node("Round", ["mixed"], ["rounded"]),
        helper.make_node("Clip", ["rounded", "least", "most"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["pastiche"], to=TensorProto.UINT8),
    ]
    numbers = {"level": 200.0, "one": 1.0, "least": 0.0, "most": 255.0}
    inputs = {
        "style": {"shape": [3], "default": [1.0, 0.0, 0.0], "meaning": "weights"},
        "strength": {"shape": [], "default": 1.0, "range": [0.0, 1.5], "meaning": "how much"},
    }
    names = json.dumps([{"name": name} for name in ("red", "green", "blue")])
    return _save_model(
        tmp_path_factory.mktemp("models") / "colours.onnx",
        nodes,
        metadata=METADATA | {"title": "3 styles", "inputs": json.dumps(inputs), "styles": names},
        constants=[helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in numbers.items()],
        controls=[
            helper.make_tensor_value_info("style", TensorProto.FLOAT, (3,)),
            helper.make_tensor_value_info("strength", TensorProto.FLOAT, ()),
        ],
    )


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style file that inverts 1,000 times over and gives the content back: time enough to be interrupted."""
    values = ["content", *(f"step{number}" for number in range(999)), "pastiche"]
    nodes = [helper.make_node("BitwiseNot", [before], [after]) for before, after in itertools.pairwise(values)]
    return _save_model(tmp_path_factory.mktemp("models") / "slow.onnx", nodes)


def _draw(height: int, width: int) -> np.ndarray:
    """Smooth colours, different in every corner: pixels `(height, width, 3)` that survive JPEG."""
    rows, columns = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    planes = np.broadcast_arrays(255 * rows, 255 * columns, 255 * (1 - rows) * columns)
    return np.rint(np.stack(planes, axis=-1)).astype(np.uint8)


@pytest.fixture
def save_picture(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that draws a picture and writes it under the test's folder."""

    def save(name: str, height: int = 70, width: int = 90, *, alpha: np.ndarray | None = None) -> Path:
        path = tmp_path / name
        write_picture(path, Picture(_draw(height, width), alpha=alpha))
        return path

    return save


@pytest.fixture(scope="session")
def vgg_state():
    """Random weights of VGG's conv1_1 .. conv2_2 under torchvision's names; activations neither die nor grow."""
    import torch

    generator, state = torch.Generator().manual_seed(0), {}
    for index, (channels_in, channels_out) in {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128)}.items():
        scale = (2 / (9 * channels_in)) ** 0.5
        state[f"features.{index}.weight"] = scale * torch.randn(channels_out, channels_in, 3, 3, generator=generator)
        state[f"features.{index}.bias"] = 0.1 * torch.randn(channels_out, generator=generator)
    return state


@pytest.fixture(scope="session")
def vgg_file(vgg_state, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cut file of VGG weights that says which input it expects: torchvision's."""
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("vgg") / "shallow.safetensors"
    save_file(vgg_state, path, metadata={"input": "torchvision"})
    return path
