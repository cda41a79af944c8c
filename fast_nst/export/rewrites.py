"""Rewrites of an exported graph: the same pictures from fewer nodes.

Each changes a model in place and returns how often it found its pattern.
"""

import itertools

import numpy as np
import onnx_ir as ir


def merge_slices(model: ir.Model) -> int:
    """Make one Slice of two that follow each other on different axes: the picture between them is never written."""
    names, found = (f"slices_{number}" for number in itertools.count()), 0
    for second in [node for node in model.graph if node.op_type == "Slice"]:
        picture = second.inputs[0]
        if picture is None or len(picture.uses()) > 1 or picture.is_graph_output():
            continue
        first = picture.producer()
        if first is None or first.op_type != "Slice" or not _cut_apart(first, second):
            continue
        for place in range(1, 5):  # starts, ends, axes, steps
            second.replace_input_with(place, _concatenated(model.graph, first, second, place, next(names)))
        second.replace_input_with(0, first.inputs[0])
        model.graph.remove(first, safe=True)
        found += 1
    return found


def _cut_apart(first: ir.Node, second: ir.Node) -> bool:
    """Whether both name their axes, and no axis is the same."""
    axes = [_constant(node.inputs[3]) if len(node.inputs) == 5 else None for node in (first, second)]
    return axes[0] is not None and axes[1] is not None and not np.intersect1d(axes[0], axes[1]).size


def _concatenated(graph: ir.Graph, first: ir.Node, second: ir.Node, place: int, name: str) -> ir.Value:
    """Return both nodes' inputs at `place` as one: a constant where both are, else computed before `second`."""
    both = [first.inputs[place], second.inputs[place]]
    constants = [_constant(value) for value in both]
    if any(constant is None for constant in constants):
        joined = ir.node("Concat", both, {"axis": 0}, name=name)
        graph.insert_before(second, joined)
        joined.outputs[0].name = name
        return joined.outputs[0]
    numbers = np.concatenate([constant for constant in constants if constant is not None])
    tensor = ir.tensor(numbers, name=name)
    value = ir.Value(name=name, shape=ir.Shape(numbers.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    return value


def _constant(value: ir.Value | None) -> np.ndarray | None:
    return None if value is None or value.const_value is None else value.const_value.numpy()
