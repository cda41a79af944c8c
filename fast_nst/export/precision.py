"""Narrower arithmetic: a float32 style file in, one that computes in float16 or int8 out, and what that costs.

* fp16: everything between the two casts is float16, but for what leads to the local contrast: the faint differences
  that it makes strong are lost in float16. Weights whose convolution would come near float16's limit (65,504)
  are scaled down by a power of two; the instance norm that follows takes the factor out again, and its epsilon is
  scaled with it, so that in exact arithmetic nothing changes.
* int8: convolutions multiply 8-bit integers (QDQ, static: ranges are those met on photographs); norms and the rest stay
  float32. Weights have 7 bits, because processors without VNNI add two products of 8 bits in 16 and would saturate.
"""

import contextlib
import io
import logging
import math
import statistics
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnx_ir
import onnxruntime
from onnx import ModelProto, NodeProto, helper, numpy_helper

from fast_nst.errors import ModelError
from fast_nst.export.rewrites import unpack_half
from fast_nst.images import Pixels

Precision = Literal["fp16", "int8"]
LEAST_PSNR: Mapping[str, float] = {"fp16": 50.0, "int8": 35.0}
"""dB to the float32 file's pastiche below which a file is not written."""

_TAME = 256.0
"""The largest activation that a norm may be given in float16; its kernels square and sum it."""


@dataclass(frozen=True, eq=False)
class Narrowed:
    """A model of narrower arithmetic, and the peak signal-to-noise ratio of each photograph's pastiche, in dB."""

    model: ModelProto
    ratios: list[float]


def narrow(source: Path, precision: Precision, photographs: Sequence[Pixels]) -> Narrowed:
    """Make a model of narrower arithmetic of a float32 style file.

    Args:
        source: a style under the model contract.
        precision: of the arithmetic.
        photographs: uint8 `(H, W, 3)`, sides at least 64: what activations are measured on, and what the model is held
            against `source` on.

    Raises:
        ModelError: if `source` is not float32, or the median of the ratios is below `LEAST_PSNR`.
    """
    model = load(source)
    told = {entry.key: entry.value for entry in model.metadata_props}
    if (found := told.get("arithmetic", "fp32")) != "fp32":
        raise ModelError(f"{source} computes in {found} already, expected a file in fp32")
    narrowed = to_float16(model, photographs) if precision == "fp16" else to_int8(model, photographs)
    ratios = psnr(model, narrowed, photographs)
    if (middle := statistics.median(ratios)) < LEAST_PSNR[precision]:
        least = f"at least {LEAST_PSNR[precision]:g} dB is asked"
        raise ModelError(f"{source} in {precision}: pictures within {middle:.1f} dB of float32's only, {least}")
    helper.set_model_props(narrowed, {**told, "arithmetic": precision, "psnr_db": f"{middle:.1f}"})
    return Narrowed(narrowed, ratios)


def load(source: Path) -> ModelProto:
    """Read a style file, its weights unpacked to float32."""
    graph = onnx_ir.load(source)
    unpack_half(graph)
    return onnx_ir.to_proto(graph)


def to_float16(model: ModelProto, photographs: Sequence[Pixels]) -> ModelProto:
    """Return the model in float16, its weights scaled so that no norm is given more than it can take."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = _copy(model)
    _scale_before_norms(model, _largest_before_norms(model, photographs))
    with _quiet():
        half: ModelProto = convert_float_to_float16(
            model, keep_io_types=True, node_block_list=_of_local_contrast(model)
        )
        cleaned = OnnxModel(half)  # the converter casts to float16 and back between two nodes in float32
        cleaned.remove_cascaded_cast_nodes()
        cleaned.remove_useless_cast_nodes()
    return half


def to_int8(model: ModelProto, photographs: Sequence[Pixels]) -> ModelProto:
    """Return the model with its convolutions in int8."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands over the photographs, one by one."""

        def __init__(self) -> None:
            self.rest = iter(photographs)

        def get_next(self) -> dict[str, Any] | None:
            """Return the next photograph as the model takes it; None at the end."""
            photograph = next(self.rest, None)
            return None if photograph is None else {"content": photograph[None]}

    with tempfile.TemporaryDirectory() as folder, _quiet():
        target = Path(folder) / "int8.onnx"
        quantize_static(
            _copy(model),
            target,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(target)


def psnr(reference: ModelProto, other: ModelProto, photographs: Sequence[Pixels]) -> list[float]:
    """Return the peak signal-to-noise ratio of `other`'s pastiche to `reference`'s, in dB, of each photograph."""
    sessions = [onnxruntime.InferenceSession(m.SerializeToString(), _silent(), _CPU) for m in (reference, other)]
    found = []
    for photograph in photographs:
        ours, theirs = (session.run(None, {"content": photograph[None]})[0].astype(float) for session in sessions)
        error = np.mean((ours - theirs) ** 2)
        found.append(math.inf if error == 0 else 10 * math.log10(255**2 / error))
    return found


_CPU = ["CPUExecutionProvider"]


def _silent() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options


def _copy(model: ModelProto) -> ModelProto:
    copied = ModelProto()
    copied.CopyFrom(model)
    return copied


def _of_local_contrast(model: ModelProto) -> list[str]:
    """Return the names of all nodes up to a division by a square root, enlarged or not: there local contrast ends."""
    producers = {name: node for node in model.graph.node for name in node.output}
    roots: set[str] = set()
    for node in model.graph.node:  # each stands after what makes its inputs
        if node.op_type == "Sqrt" or (node.op_type == "Resize" and node.input[0] in roots):
            roots.add(node.output[0])
    waiting = [node for node in model.graph.node if node.op_type == "Div" and roots & set(node.input)]
    found: dict[str, NodeProto] = {}
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found[node.name] = node
            waiting += [producers[name] for name in node.input if name in producers]
    return list(found)


def _convolutions_before_norms(model: ModelProto) -> dict[str, list[NodeProto]]:
    """Return the convolutions without bias, one or two that are added, that each norm follows, by the norm's output."""
    producers = {name: node for node in model.graph.node for name in node.output}
    found = {}
    for norm in model.graph.node:
        if norm.op_type == "InstanceNormalization":
            source = producers[norm.input[0]]
            while source.op_type == "Reshape":
                source = producers[source.input[0]]
            summed = source.op_type == "Add" and all(name in producers for name in source.input)
            sources = [producers[name] for name in source.input] if summed else [source]
            if all(node.op_type == "Conv" and len(node.input) == 2 for node in sources):
                found[norm.output[0]] = sources
    return found


def _largest_before_norms(model: ModelProto, photographs: Sequence[Pixels]) -> dict[str, float]:
    """Return the sum of the largest magnitudes that those convolutions give on the photographs, by the norm's output.

    A sum of two is no larger than that.
    """
    watched, before = _copy(model), _convolutions_before_norms(model)
    names = [convolution.output[0] for convolutions in before.values() for convolution in convolutions]
    for name in names:
        watched.graph.output.append(helper.make_empty_tensor_value_info(name))
    session = onnxruntime.InferenceSession(watched.SerializeToString(), _silent(), _CPU)
    largest = dict.fromkeys(names, 0.0)
    for photograph in photographs:
        for name, activation in zip(names, session.run(names, {"content": photograph[None]}), strict=True):
            largest[name] = max(largest[name], float(np.abs(activation).max()))
    return {norm: sum(largest[node.output[0]] for node in convolutions) for norm, convolutions in before.items()}


def _scale_before_norms(model: ModelProto, largest: Mapping[str, float]) -> None:
    """Scale the weights of the convolutions that exceed `_TAME` by a power of two, and the norm's epsilon with them."""
    weights = {initializer.name: initializer for initializer in model.graph.initializer}
    norms = {node.output[0]: node for node in model.graph.node if node.op_type == "InstanceNormalization"}
    for name, convolutions in _convolutions_before_norms(model).items():
        if largest[name] <= _TAME:
            continue
        factor = 2.0 ** -math.ceil(math.log2(largest[name] / _TAME))
        for convolution in convolutions:
            weight = weights[convolution.input[1]]
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(factor), weight.name))
        for attribute in norms[name].attribute:
            if attribute.name == "epsilon":
                attribute.f *= factor**2


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converters' advice off a user's terminal."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.root.setLevel(level)
