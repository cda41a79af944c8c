"""Rewrites of an exported graph: the same pictures from fewer nodes and fewer bytes.

Each changes a model in place and returns how often it found its pattern.
"""

import itertools

import numpy as np
import onnx_ir as ir

_SMALL = 256  # elements below which a weight stays as it is


def store_half(model: ir.Model) -> int:
    """Keep weights in float16, half the bytes, and cast them to the float32 that is computed with.

    The cast is of a constant: ONNX Runtime does it once, when it loads the file. Pictures change by less than rounding
    them to 8 bits does.
    """
    found = 0
    for weight in list(model.graph.initializers.values()):
        numbers = _constant(weight)
        if numbers is None or numbers.dtype != np.float32 or numbers.size < _SMALL:
            continue
        name = f"{weight.name}_half"
        half = _initializer(model.graph, numbers.astype(np.float16), name)
        cast = ir.node("Cast", [half], {"to": ir.DataType.FLOAT}, name=f"{name}_cast")
        model.graph.insert_before(model.graph[0], cast)
        _replace(model.graph, weight, cast.outputs[0])
        found += 1
    return found


def unpack_half(model: ir.Model) -> int:
    """Undo `store_half`: weights are float32 constants again, as tools that change them expect."""
    found = 0
    for cast in [node for node in model.graph if node.op_type == "Cast"]:
        half = cast.inputs[0]
        numbers = _constant(half)
        if half is None or numbers is None or numbers.dtype != np.float16:
            continue
        wide = _initializer(model.graph, numbers.astype(np.float32), f"{half.name}_wide")
        cast.outputs[0].replace_all_uses_with(wide)
        model.graph.remove(cast, safe=True)
        model.graph.initializers.pop(str(half.name))
        found += 1
    return found


def shorten_names(model: ir.Model) -> int:
    """Call nodes by what they do and values by a number: of a small file the exporter's names are a good part."""
    graph, kept = model.graph, {*model.graph.inputs, *model.graph.outputs}
    values = [*graph.initializers.values(), *(value for node in graph for value in node.outputs)]
    graph.initializers.clear()
    for number, value in enumerate(values):
        if value not in kept:
            value.name = f"v{number}"
        if value.const_value is not None and value.producer() is None:
            value.const_value.name = value.name
            graph.register_initializer(value)
    for number, node in enumerate(graph):
        node.name = f"{node.op_type}_{number}"
    return len(values)


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


def drop_idle_arithmetic(model: ir.Model) -> int:
    """Leave out multiplications by 1 and additions of something multiplied by 0."""
    found = 0
    for node in [node for node in model.graph if node.op_type in ("Mul", "Add")]:
        for value, other in (node.inputs, reversed(node.inputs)):
            is_idle = _is_all(other, 1) if node.op_type == "Mul" else _is_nought(other)
            if is_idle and value is not None and not node.outputs[0].is_graph_output():
                node.outputs[0].replace_all_uses_with(value)
                model.graph.remove(node, safe=True)
                found += 1
                break
    return found


def _is_all(value: ir.Value | None, number: float) -> bool:
    constant = _constant(value)
    return constant is not None and constant.size == 1 and bool((constant == number).all())


def _is_nought(value: ir.Value | None) -> bool:
    """Whether a value is made by multiplying with 0."""
    maker = None if value is None else value.producer()
    return maker is not None and maker.op_type == "Mul" and any(_is_all(factor, 0) for factor in maker.inputs)


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
    return _initializer(graph, numbers, name)


def _initializer(graph: ir.Graph, numbers: np.ndarray, name: str) -> ir.Value:
    tensor = ir.tensor(numbers, name=name)
    value = ir.Value(name=name, shape=ir.Shape(numbers.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    return value


def _replace(graph: ir.Graph, weight: ir.Value, computed: ir.Value) -> None:
    """Let `computed` stand wherever the initializer `weight` did."""
    computed.name, computed.shape, computed.type = f"{weight.name}_wide", weight.shape, weight.type
    weight.replace_all_uses_with(computed)
    graph.initializers.pop(str(weight.name))


def _constant(value: ir.Value | None) -> np.ndarray | None:
    return None if value is None or value.const_value is None else value.const_value.numpy()
