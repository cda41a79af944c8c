"""A network read back from its `.onnx` file, to be added to, or to teach another.

Reading it back is not exact: a file holds the kernels that are computed with, in float16, and the weights that they
were made of are found by least squares.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import ModelProto, numpy_helper
from torch import Tensor, nn

from fast_nst.errors import ModelError
from fast_nst.inference.stylizer import FORMAT
from fast_nst.networks import PRESETS, StyleNetwork, build_network
from fast_nst.networks.blocks import ArrangedConv2d
from fast_nst.networks.styled import ROWS_WITH_STRENGTH

_ITERATIONS = 40  # of conjugate gradients; a dozen are enough


def read_network(path: Path) -> tuple[StyleNetwork, dict[str, str]]:
    """Read a network back from an `.onnx` file: one of many styles, or one of one style that has strengths.

    Returns:
        The network, whose pastiches are within a level or two of the file's, and the file's metadata.

    Raises:
        ModelError: if the file cannot be read, or is no such network of a preset that is known.
    """
    model = load_style(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    preset = metadata.get("preset", "")
    if preset not in PRESETS:
        raise ModelError(f"{path} holds a network of the preset {preset!r}; known are {', '.join(PRESETS)}")
    constants = _constants(model)
    styles, photograph = _rows(model, constants, path)
    network = build_network(preset, len(styles))
    layers = _convolutions_in_order(network)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    if len(layers) != len(convolutions):
        raise ModelError(
            f"{path} holds a network with {len(convolutions)} convolutions, the preset {preset} has {len(layers)} now: "
            "it is from an earlier version, and can paint but not be read back; train it again"
        )
    with torch.no_grad():
        for layer, node in zip(layers, convolutions, strict=True):
            weight, *bias = (torch.from_numpy(constants[name].astype(np.float32)) for name in node.input[1:])
            _take(layer, weight, bias[0] if bias else None)
        network.hold_styles(len(styles), has_strength=photograph is not None)
        network.styles.copy_(torch.from_numpy(styles.astype(np.float32)))
        if network.photograph is not None and photograph is not None:
            network.photograph.copy_(torch.from_numpy(photograph.astype(np.float32)))
    return network.eval(), metadata


def read_metadata(path: Path) -> dict[str, str]:
    """Return what a style file says of itself; raises `ModelError` for what is no style file."""
    return {entry.key: entry.value for entry in load_style(path).metadata_props}


def load_style(path: Path) -> ModelProto:
    """Read the model of a style file; raises `ModelError` for what is none."""
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's errors share no base class with the system's
        raise ModelError(f"{path} cannot be read as an ONNX model; copy or export it again") from error
    found = next((entry.value for entry in model.metadata_props if entry.key == "format"), None)
    if found != FORMAT:
        raise ModelError(f"{path} is an ONNX model but not a style; `fast-nst export` writes one")
    return model


def style_table(model: ModelProto, path: Path) -> str:
    """Return the name of the constant that holds a row a style: what the input `style` is multiplied with."""
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type in ("MatMul", "Gemm") and _comes_from_style(node.input[0], makers):
            table = node.input[1]
            return str(makers[table].input[0]) if table in makers else str(table)
    raise ModelError(f"{path} has an input style, but no rows of styles; export it again")


def _rows(model: ModelProto, constants: Mapping[str, np.ndarray], path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the rows of a file's styles, as in `StyleNetwork.styles`, and that of the photograph, if it has one."""
    if _is_of_many(model):
        styles = constants[style_table(model, path)]
        width = styles.shape[1] / ROWS_WITH_STRENGTH
        return styles, next((one for one in constants.values() if one.ndim == 1 and one.size == width), None)
    for one in constants.values():
        if one.ndim == 2 and len(one) == 1 + ROWS_WITH_STRENGTH:  # of which a strength mixes two
            return one[1:].reshape(1, -1), one[0]
    raise ModelError(f"{path} holds one style at strength 1 alone, which cannot be read back; give its checkpoint")


def _is_of_many(model: ModelProto) -> bool:
    return "style" in [entry.name for entry in model.graph.input]


def _constants(model: ModelProto) -> dict[str, np.ndarray]:
    """Return the constants of a file, also under the names of what they are cast to."""
    found = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _comes_from_style(name: str, makers: Mapping[str, onnx.NodeProto]) -> bool:
    while name in makers and makers[name].op_type in ("Unsqueeze", "Reshape", "Cast"):
        name = makers[name].input[0]
    return name == "style"


def _convolutions_in_order(network: StyleNetwork) -> list[nn.Conv2d]:
    """Return the convolutions of a network in the order in which they are computed."""
    order: list[nn.Conv2d] = []
    hooks = [
        layer.register_forward_pre_hook(lambda layer, _: order.append(layer))
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    return order


def _take(layer: nn.Conv2d, kernel: Tensor, bias: Tensor | None) -> None:
    """Give a convolution the weights that its kernel in a file was made of."""
    if isinstance(layer, ArrangedConv2d):
        kernel = _solved(layer.arranged, kernel, layer.weight)
        bias = None if bias is None or layer.bias is None else _solved(layer.arranged_bias, bias, layer.bias)
    layer.weight.copy_(kernel)
    if layer.bias is not None and bias is not None:
        layer.bias.copy_(bias)


def _solved(linear: Callable[[Tensor], Tensor], made: Tensor, like: Tensor) -> Tensor:
    """Return x, of the shape of `like`, for which `linear(x)` is nearest to `made`: by conjugate gradients."""

    def transposed(vector: Tensor) -> Tensor:
        with torch.enable_grad():
            zero = torch.zeros_like(like, dtype=torch.float64, requires_grad=True)
            (product,) = torch.autograd.grad(linear(zero.float()).double(), zero, vector)
        return product

    x = torch.zeros_like(like, dtype=torch.float64)
    residual = transposed(made.double())
    direction, norm = residual, residual.square().sum()
    for _ in range(_ITERATIONS):
        if norm < 1e-20:
            break
        image = transposed(linear(direction.float()).double())
        length = norm / (direction * image).sum()
        x = x + length * direction
        residual = residual - length * image
        before, norm = norm, residual.square().sum()
        direction = residual + norm / before * direction
    return x.float()
