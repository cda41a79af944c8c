"""How the tensors of a style lie over the picture: looked up on two black pictures, not derived."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto

CONTENT, PASTICHE = "content", "pastiche"
PROBES = (192, 320)
"""Rows of the two pictures: multiples of every network's size multiple."""
PROBE_WIDTH = 192


@dataclass(frozen=True, slots=True)
class Shape:
    """How a tensor lies over the picture.

    Of a picture of H rows, H a multiple of the network's size multiple, it has `H / rows_per + rows_more` rows along
    `axis`. Its row i counts as that over row `i * rows_per` of the picture: whether it has a margin there, or lost one,
    is the same in every strip.
    """

    axis: int
    rows_per: int
    """Rows of the picture to each of its own."""
    rows_more: int
    kind: np.dtype[Any]
    bytes_per_pixel: float
    """Of the picture."""


class Probe:
    """Runs a model on black pictures, and looks at everything on the way."""

    def __init__(self, model: ModelProto) -> None:
        told = ModelProto()
        told.CopyFrom(model)
        made = [name for node in model.graph.node for name in node.output if name and name != PASTICHE]
        told.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._names = [PASTICHE, *made]
        self._session = ort.InferenceSession(told.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def __call__(self, height: int) -> dict[str, np.ndarray]:
        """Return every tensor for a picture of `height` rows."""
        picture = np.zeros((1, height, PROBE_WIDTH, 3), np.uint8)
        made = self._session.run(self._names, {CONTENT: picture})
        return {CONTENT: picture} | dict(zip(self._names, made, strict=True))


def shapes(low: Mapping[str, np.ndarray], high: Mapping[str, np.ndarray]) -> Iterable[tuple[str, Shape]]:
    """Give the shape of each tensor of which exactly one side grows with the picture's height."""
    for name, array in low.items():
        growing = [axis for axis, side in enumerate(array.shape) if side != high[name].shape[axis]]
        if len(growing) == 1:
            (axis,) = growing
            rows_per, rest = divmod(PROBES[1] - PROBES[0], high[name].shape[axis] - array.shape[axis])
            if rest == 0:
                more = array.shape[axis] - PROBES[0] // rows_per
                yield name, Shape(axis, rows_per, more, array.dtype, array.nbytes / (PROBES[0] * PROBE_WIDTH))
