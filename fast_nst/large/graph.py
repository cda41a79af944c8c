"""A style file as strips need it: which tensors grow with the picture, by how much, and where the norms cut it.

An instance norm wants the mean and the variance of its whole input, so no strip can be taken through it before all
strips have come that far. Everything else looks a few rows around. So a file with K norms is a chain of K + 1 *stages*:
a tensor is of stage k if k norms lie on the way to it, counted in the file's order; with the statistics of the first k
norms known, every tensor of stage k can be computed strip by strip.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from fast_nst.errors import ModelError
from fast_nst.large.probe import CONTENT, PASTICHE, PROBE_WIDTH, PROBES, Probe, shapes

# What makes each row of its output of a few rows of its input, or has nothing to do with rows.
_LOCAL = {
    *("AveragePool", "Conv", "DepthToSpace", "Pad", "Resize", "BatchNormalization", "InstanceNormalization"),
    *("Concat", "Expand", "Gather", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    *("Add", "Clip", "Div", "LeakyRelu", "Min", "Mod", "Mul", "Neg", "Relu", "Round", "Sqrt", "Sub", "Tanh"),
    *("BitwiseNot", "Cast", "Constant", "DequantizeLinear", "Identity", "QuantizeLinear", "Range"),
}
ROWS_ABOVE = "rows_above"
"""An input of the model of a strip that counts rows, for noise: the picture's rows above the strip; without it, 0."""


@dataclass(frozen=True, slots=True)
class Norm:
    """An instance norm: its node, its input, and the channels in a row that share their statistics."""

    node: NodeProto
    tensor: str
    group: int


class StyleGraph:
    """The nodes of a style file, in order, its norms each one node, and what is known of its tensors.

    Args:
        path: a style under the model contract.
        controls: what its inputs beside `content` are given, by name: they are constants from here on.

    Raises:
        ModelError: if the file cannot be read.
    """

    def __init__(self, path: Path, controls: Mapping[str, np.ndarray] | None = None) -> None:
        try:
            self._model = onnx.load(path)
        except Exception as error:  # protobuf's errors share no base class with the system's
            raise ModelError(f"{path} cannot be read as an ONNX model; copy or export it again") from error
        self.path = path
        fix_inputs(self._model, controls or {})
        self._probe = Probe(self._model)
        low, high = map(self._probe, PROBES)
        self.shapes = dict(shapes(low, high))
        self._sizes = {name: array.shape for name, array in low.items()}
        moving = _moving(self._model.graph.node)
        folded = {name: numpy_helper.from_array(low[name], name) for name in low.keys() - moving - {PASTICHE}}
        nodes = [node for node in self._model.graph.node if moving & {*node.output}]
        self.nodes, self.norms = _join_grouped_norms(nodes, self._sizes)
        self.makers = {output: node for node in self.nodes for output in node.output}
        self.initializers = {entry.name: entry for entry in self._model.graph.initializer} | folded
        self.given = {CONTENT}
        """Tensors that nothing makes: they come with the picture."""
        self.size_multiple = max(shape.rows_per for shape in self.shapes.values())
        self.stages = self._count_stages()

    def given_bytes(self) -> float:
        """Return how much what comes with the picture takes, beside its pixels, in bytes a pixel of it."""
        return sum(self.shapes[name].bytes_per_pixel for name in self.given if name != CONTENT)

    def check_strips(self) -> None:
        """Raise `ModelError` if the file cannot be painted in strips: nodes may look further than a few rows."""
        for node in self.nodes:
            if node.op_type not in _LOCAL:
                reason = f"its {node.op_type} may look at the whole picture"
                raise ModelError(f"{self.path} cannot be painted in strips: {reason}; give it more memory")
        for norm in self.norms:
            if not {*norm.node.input[1:]} <= self.initializers.keys():
                reason = "one of its norms has a scale that is no constant"
                raise ModelError(f"{self.path} cannot be painted in strips: {reason}; export it again")

    def _count_stages(self) -> dict[str, int]:
        """Return the stage of each tensor that comes of the picture."""
        order = {norm.node.output[0]: number for number, norm in enumerate(self.norms)}
        stages = dict.fromkeys(self.given, 0)
        for node in self.nodes:
            known = [stages[name] for name in node.input if name in stages]
            if known:
                stage = max(known)
                for name in node.output:
                    stages[name] = max(stage, order[name] + 1) if name in order else stage
        return stages

    @functools.cached_property
    def costs(self) -> dict[str, float]:
        """Multiplications a pixel of the picture that each node takes, by its first output."""
        area = PROBES[0] * PROBE_WIDTH
        return {node.output[0]: self._multiplications(node) / area for node in self.nodes}

    def _multiplications(self, node: NodeProto) -> float:
        if node.op_type != "Conv":
            return 0.0
        weight = self._sizes.get(node.input[1]) or tuple(self.initializers[node.input[1]].dims)
        return float(np.prod(self._sizes[node.output[0]]) * np.prod(weight[1:]))

    def reach(self, nodes: Iterable[NodeProto]) -> int:
        """Return how many rows of the picture, at most, these nodes together look up or down.

        Rows of a tensor are counted from its top. So a kernel looks down from the row of its place, and what is padded
        at the top moves rows down, from where they look up.
        """
        up = up_surely = both = 0
        for node in nodes:
            if (shape := self.shapes.get(node.input[0])) is not None:
                least, most = self._padded_above(node)
                up, up_surely = up + most * shape.rows_per, up_surely + least * shape.rows_per
                if node.op_type in ("AveragePool", "Conv"):
                    kernel, dilation = _attribute(node, "kernel_shape", [1])[0], _attribute(node, "dilations", [1])[0]
                    both += (kernel - 1) * dilation * shape.rows_per
        return max(up, both - up_surely)

    def _padded_above(self, node: NodeProto) -> tuple[int, int]:
        """Return how many rows, at least and at most, a node puts above those of its input."""
        if node.op_type in ("AveragePool", "Conv"):
            rows = int(_attribute(node, "pads", [0])[0])
        elif node.op_type != "Pad":
            rows = 0
        elif (pads := self.initializers.get(node.input[1])) is not None:
            rows = int(numpy_helper.to_array(pads)[self.shapes[node.input[0]].axis])
        else:  # computed: as many as it grows by are above or below
            return 0, max(0, self.shapes[node.output[0]].rows_more - self.shapes[node.input[0]].rows_more)
        return rows, rows

    def working_bytes(self, nodes: Sequence[NodeProto]) -> float:
        """Return how much the tensors that exist at the fullest moment take, in bytes a pixel of the picture."""
        last_use = {name: place for place, node in enumerate(nodes) for name in node.input}
        live = {name: self.shapes[name].bytes_per_pixel for name in self._fed(nodes)}
        most = sum(live.values())
        for place, node in enumerate(nodes):
            live |= {name: self.shapes[name].bytes_per_pixel for name in node.output if name in self.shapes}
            most = max(most, sum(live.values()))
            for name in node.input:
                if last_use[name] == place:
                    live.pop(name, None)
        return most

    def _fed(self, nodes: Sequence[NodeProto]) -> set[str]:
        """Return the tensors that nodes take and none of them makes."""
        made = {name for node in nodes for name in node.output}
        return {name for node in nodes for name in node.input if name in self.shapes} - made

    def rows(self, name: str, height: int) -> int:
        """Return the rows of a tensor of a picture of `height` rows, any number of them."""
        shape, least = self.shapes[name], PROBES[0] + height % self.size_multiple
        return self._probed_rows(least)[name] + (height - least) // shape.rows_per

    @functools.cache  # noqa: B019 (few are asked for)
    def _probed_rows(self, height: int) -> dict[str, int]:
        probed = self._probe(height)
        return {name: probed[name].shape[shape.axis] for name, shape in self.shapes.items() if name in probed}

    def frontier(self, stage: int) -> list[str]:
        """Return what of a stage, or earlier, later ones are made of, so that nothing before it is needed again."""
        found: dict[str, None] = {}
        for node in self.nodes:
            if self.stages.get(node.output[0], 0) > stage:
                for name in node.input:
                    if self.stages.get(name, stage + 1) <= stage and name in self.shapes:
                        found[name] = None
        return [name for name in found if name not in self.given]

    def between(self, known: Iterable[str], wanted: Iterable[str]) -> list[NodeProto]:
        """Return the nodes, in order, that make the tensors `wanted` of those `known`, and of constants."""
        open_, needed = list(wanted), set()
        known = {*known, *self.given}
        while open_:
            name = open_.pop()
            if name in known or name not in self.makers:
                continue
            known.add(name)
            needed.add(id(self.makers[name]))
            open_ += self.makers[name].input
        return [node for node in self.nodes if id(node) in needed]

    def cut(
        self, known: Sequence[str], wanted: Sequence[str], statistics: Mapping[str, tuple[np.ndarray, np.ndarray]]
    ) -> bytes:
        """Return a model that makes the tensors `wanted` of a strip of the picture and the strips of those `known`.

        Args:
            known: inputs, beside `content`.
            wanted: outputs.
            statistics: mean and variance of the channels of norms on the way, by the norm's output; a norm of which
                they are not given takes those of what it gets, so that a model without any paints in one piece.
        """
        nodes, constants = [], dict(self.initializers)
        groups = {norm.node.output[0]: norm.group for norm in self.norms}
        for node in self.between(known, wanted):
            name = node.output[0]
            if name in statistics:
                nodes.append(self._fixed(node, constants, *statistics[name]))
            elif node.op_type == "Range" and name in self.shapes:
                nodes += self._counted_on(node, constants)
            elif groups.get(name, 1) > 1:
                nodes += _in_groups(node, self._sizes[name][1], groups[name], constants)
            else:
                nodes.append(node)
        used = {name for node in nodes for name in node.input}
        inputs = [self._model.graph.input[0]] if CONTENT in used else []
        inputs += [self._value(name) for name in (*sorted(self.given - {CONTENT}), *known) if name in used]
        if ROWS_ABOVE in used:  # with a constant of its name, it may be left out
            inputs.append(helper.make_tensor_value_info(ROWS_ABOVE, onnx.TensorProto.INT64, []))
        outputs = [self._value(name) if name != PASTICHE else self._model.graph.output[0] for name in wanted]
        kept = [constants[name] for name in constants if name in used]
        graph = helper.make_graph(nodes, "strip", inputs, outputs, kept)
        model: ModelProto = helper.make_model(graph, opset_imports=self._model.opset_import)
        model.ir_version = self._model.ir_version
        data: bytes = model.SerializeToString()
        return data

    def _counted_on(self, count: NodeProto, constants: dict[str, onnx.TensorProto]) -> list[NodeProto]:
        """Return what counts a strip's rows on from those above it, given the node that counts them from 0."""
        name = count.output[0]
        from_zero, above = NodeProto(), f"{name}/above"
        from_zero.CopyFrom(count)
        from_zero.output[0] = f"{name}/from_zero"
        constants[ROWS_ABOVE] = numpy_helper.from_array(np.array(0, np.int64), ROWS_ABOVE)
        per_row = numpy_helper.from_array(np.array(self.shapes[name].rows_per, np.int64), f"{name}/rows_per")
        constants[per_row.name] = per_row
        return [
            from_zero,
            helper.make_node("Div", [ROWS_ABOVE, per_row.name], [above]),
            helper.make_node("Add", [from_zero.output[0], above], [name]),
        ]

    def _fixed(
        self, node: NodeProto, constants: dict[str, onnx.TensorProto], mean: np.ndarray, variance: np.ndarray
    ) -> NodeProto:
        """Return the norm with the statistics given: what is called batch norm."""
        name = node.output[0]
        count = len(mean)
        values = {"mean": mean, "variance": variance}
        for role, given in (("scale", node.input[1]), ("shift", node.input[2])):
            own = numpy_helper.to_array(constants[given])
            values[role] = np.repeat(own, count // len(own))
        for role, array in values.items():
            kind = np.float32 if role in ("mean", "variance") else array.dtype
            constants[f"{name}/{role}"] = numpy_helper.from_array(array.astype(kind), f"{name}/{role}")
        inputs = [node.input[0], *(f"{name}/{role}" for role in ("scale", "shift", "mean", "variance"))]
        epsilon = _attribute(node, "epsilon", 1e-5)
        fixed: NodeProto = helper.make_node("BatchNormalization", inputs, [name], epsilon=epsilon)
        return fixed

    def _value(self, name: str) -> onnx.ValueInfoProto:
        kind, rank = helper.np_dtype_to_tensor_dtype(self.shapes[name].kind), len(self._sizes[name])
        info: onnx.ValueInfoProto = helper.make_tensor_value_info(name, kind, [None] * rank)
        return info


def _in_groups(norm: NodeProto, channels: int, group: int, constants: dict[str, onnx.TensorProto]) -> list[NodeProto]:
    """Return a norm of which some channels in a row share their statistics, as a file has it: between two reshapes."""
    name, tall = norm.output[0], f"{norm.output[0]}/tall"
    for role, count in (("tall", channels // group), ("wide", channels)):
        shape = np.array([0, count, -1, 0], np.int64)  # batch and columns as they are
        constants[f"{name}/{role}/shape"] = numpy_helper.from_array(shape, f"{name}/{role}/shape")
    inner = NodeProto()
    inner.CopyFrom(norm)
    inner.input[0], inner.output[0] = tall, f"{tall}/normed"
    return [
        helper.make_node("Reshape", [norm.input[0], f"{name}/tall/shape"], [tall]),
        inner,
        helper.make_node("Reshape", [f"{tall}/normed", f"{name}/wide/shape"], [name]),
    ]


def fix_inputs(model: ModelProto, values: Mapping[str, np.ndarray]) -> None:
    """Make constants of inputs of a model."""
    kept = [entry for entry in model.graph.input if entry.name not in values]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())


def _moving(nodes: Iterable[NodeProto]) -> set[str]:
    """Return the names of the tensors that depend on the picture; all others are the same for every picture."""
    found = {CONTENT}
    for node in nodes:
        if found & {*node.input}:
            found |= {*node.output}
    return found


def _attribute(node: NodeProto, name: str, default: Any) -> Any:
    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), default)


def _join_grouped_norms(
    nodes: list[NodeProto], sizes: Mapping[str, Sequence[int]]
) -> tuple[list[NodeProto], list[Norm]]:
    """Make one node of each norm between two reshapes: its picture is one in phases, which it sees as one tall one.

    Of a tensor `(N, C * G, H, W)` such a norm sees `(N, C, G * H, W)`; G channels in a row share their statistics.
    """
    makers = {output: node for node in nodes for output in node.output}
    users = {name: node for node in nodes for name in node.input}
    joined, gone, norms = [], set(), []
    for node in nodes:
        if node.op_type == "InstanceNormalization":
            before, after = makers.get(node.input[0]), users.get(node.output[0])
            group = 1
            if before is not None and after is not None and before.op_type == after.op_type == "Reshape":
                group = sizes[before.input[0]][1] // sizes[node.input[0]][1]
                gone |= {id(before), id(after)}
                node = helper.make_node(node.op_type, [before.input[0], *node.input[1:]], after.output)
            norms.append(Norm(node, node.input[0], group))
        joined.append(node)
    return [node for node in joined if id(node) not in gone], norms
