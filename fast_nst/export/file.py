"""Tracing a network, writing it to an `.onnx` file, and holding the file against PyTorch."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript.optimizer import optimize_ir
from torch import Tensor, nn

from fast_nst.errors import ModelError
from fast_nst.export.contract import ContractModule
from fast_nst.export.rewrites import merge_slices, shorten_names, store_half
from fast_nst.images import atomic_path
from fast_nst.inference.stylizer import FORMAT, MIN_SIDE
from fast_nst.networks import MOST_STRENGTH, StyleNetwork

TOLERANCE = 2
"""Levels of 255 that a pixel may differ from PyTorch.

Weights are stored in float16, which makes 1, and 2 where a network has hardly learnt; mistakes make far more.
"""
PARITY_SIZES = ((64, 64), (97, 131), (211, 160))  # height, width; none of them is the size that is traced
_TRACED_SIZE = (80, 112)
_OPSET = 18
"""Of the ONNX operators: the newest with which ONNX Runtime has a fast `AveragePool` on the CPU."""
FOLDED = 2**24  # elements of a rearranged kernel that is still written as a constant


def export_network(
    network: StyleNetwork,
    path: Path,
    metadata: Mapping[str, str],
    *,
    sizes: Sequence[tuple[int, int]] = PARITY_SIZES,
) -> int:
    """Write `network` to `path` as an `.onnx` file under the model contract.

    Args:
        network: maps `(N, 3, H, W)` in [0, 1] to the same shape, for every H, W >= 64.
        path: replaced if it exists.
        metadata: what the file says of itself, beside the `format` and its `inputs`.
        sizes: heights and widths at which the file is held against PyTorch before it is kept.

    Returns:
        The largest difference to PyTorch met, in levels of 255: 0 to 2.

    Raises:
        ModelError: if the file's answers have another size or differ by more than two levels; no file is written.
    """
    contract = ContractModule(network).eval()
    with atomic_path(path, raises=ModelError) as temporary:
        _write(contract, temporary, metadata)
        difference = parity(contract, temporary, sizes)
        if difference > TOLERANCE:
            raise ModelError(
                f"{path} not written: pixels differ from PyTorch's by {difference}/255, allowed is {TOLERANCE}/255"
            )
    return difference


def parity(contract: ContractModule, path: Path, sizes: Sequence[tuple[int, int]]) -> int:
    """Return the largest difference between PyTorch and ONNX Runtime, in levels of 255, over random pictures.

    Raises:
        ModelError: if the file answers with another size than it was given.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng, largest = np.random.default_rng(0), 0
    for number, (height, width) in enumerate(sizes):
        content = _smooth_noise(rng, 1 + number % 2, height, width)
        controls = _some_controls(contract.network, rng)
        with torch.no_grad():
            expected = contract(torch.from_numpy(content), **controls).numpy()
        (answer,) = session.run(None, {"content": content} | {name: one.numpy() for name, one in controls.items()})
        if answer.shape != expected.shape:
            raise ModelError(f"{path.name} answers {content.shape} with {answer.shape}, expected {expected.shape}")
        largest = max(largest, int(np.abs(answer.astype(int) - expected).max()))
    return largest


def _some_controls(network: StyleNetwork, rng: np.random.Generator) -> dict[str, Tensor]:
    """Return a random value of each control that a network has."""
    controls = {}
    if network.style_count > 1:
        controls["style"] = torch.from_numpy(rng.dirichlet(np.ones(network.style_count)).astype(np.float32))
    if network.has_strength:
        controls["strength"] = torch.tensor(rng.uniform(0, MOST_STRENGTH), dtype=torch.float32)
    return controls


def describe_inputs(network: StyleNetwork) -> dict[str, dict[str, Any]]:
    """Return what a file's metadata says of its inputs beside `content`: shape, default and meaning of each."""
    told: dict[str, dict[str, Any]] = {}
    if network.style_count > 1:
        first = [1.0] + [0.0] * (network.style_count - 1)
        meaning = "weights of the styles, in the order of the metadata's list `styles`; they sum to 1"
        told["style"] = {"shape": [network.style_count], "default": first, "meaning": meaning}
    if network.has_strength:
        meaning = "how much of the style: 0 gives the photograph back, 1 is what the style was judged at"
        told["strength"] = {"shape": [], "default": 1.0, "range": [0.0, MOST_STRENGTH], "meaning": meaning}
    return told


def _smooth_noise(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Random pictures with shapes in them, not only grain: uint8 `(N, H, W, 3)`."""
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, 3, 8, 8)))
    shapes = nn.functional.interpolate(coarse, (height, width), mode="bicubic").permute(0, 2, 3, 1).numpy()
    grain = rng.normal(0, 10, (count, height, width, 3))
    return (shapes + grain).clip(0, 255).astype(np.uint8)


def _write(contract: ContractModule, path: Path, metadata: Mapping[str, str]) -> None:
    example = torch.zeros(2, *_TRACED_SIZE, 3, dtype=torch.uint8)
    controls = _some_controls(contract.network, np.random.default_rng(0))
    free = {
        0: torch.export.Dim("N", min=1),
        1: torch.export.Dim("H", min=MIN_SIDE),
        2: torch.export.Dim("W", min=MIN_SIDE),
    }
    with _quiet():
        program = torch.onnx.export(
            contract,
            (example,),
            kwargs=controls,
            input_names=["content", *controls],
            output_names=["pastiche"],
            opset_version=_OPSET,
            dynamic_shapes={"content": free, **dict.fromkeys(controls)},
            dynamo=True,
        )
    assert program is not None  # it is None only without dynamo
    optimize_ir(program.model, input_size_limit=FOLDED, output_size_limit=FOLDED)
    merge_slices(program.model)
    RemoveUnusedNodesPass()(program.model)  # constants too, of which ONNX Runtime would complain
    store_half(program.model)
    shorten_names(program.model)
    model = program.model_proto
    for free_dim, told in zip(("N", "H", "W"), model.graph.output[0].type.tensor_type.shape.dim, strict=False):
        told.dim_param = free_dim  # the exporter writes out the arithmetic of padding and cropping, which cancels
    _forget_origin(model)
    if inputs := describe_inputs(contract.network):
        metadata = {**metadata, "inputs": json.dumps(inputs)}
    for key, value in {"format": FORMAT, **metadata}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes on where each node comes from: they name folders of the machine it ran on."""
    graph = model.graph
    del graph.value_info[:]  # of shapes between: arithmetic on N, H and W that no runtime needs to be told
    parts: list[Any] = [model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output]
    for part in parts:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress notes and its warnings about itself off a user's terminal."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            exporter.setLevel(level)
