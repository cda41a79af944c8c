"""The rewrites: what they merge, what they leave, and that the graph's answer stays the same."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from fast_nst.export.rewrites import merge_slices

PICTURE = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)


def graph_of(nodes, constants, outputs=("out",)):
    graph = helper.make_graph(
        nodes,
        "slices",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["A", "B", "C"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["a", "b", "c"]) for name in outputs],
        [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def answer(model):
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"picture": PICTURE})


def rewritten(model):
    graph = ir.from_proto(model)
    found = merge_slices(graph)
    return found, ir.to_proto(graph)


def sliced(source, target, axis, start="one", end="four"):
    return helper.make_node("Slice", [source, start, end, axis, "one"], [target])


CONSTANTS = {"one": [1], "four": [4], "axis0": [0], "axis1": [1], "axis2": [2]}


def test_two_slices_on_different_axes_become_one():
    model = graph_of([sliced("picture", "cut", "axis0"), sliced("cut", "out", "axis1")], CONSTANTS)
    found, smaller = rewritten(model)
    assert found == 1
    assert [node.op_type for node in smaller.graph.node] == ["Slice"]
    np.testing.assert_array_equal(answer(smaller)[0], PICTURE[1:4, 1:4])
    np.testing.assert_array_equal(answer(model)[0], PICTURE[1:4, 1:4])


def test_three_become_one_too():
    cuts = [sliced("picture", "a", "axis0"), sliced("a", "b", "axis1"), sliced("b", "out", "axis2")]
    found, smaller = rewritten(graph_of(cuts, CONSTANTS))
    assert found == 2
    assert len(smaller.graph.node) == 1
    np.testing.assert_array_equal(answer(smaller)[0], PICTURE[1:4, 1:4, 1:4])


def test_an_end_that_is_computed_stays_computed():
    nodes = [
        helper.make_node("Shape", ["picture"], ["height"], start=1, end=2),
        helper.make_node("Sub", ["height", "one"], ["last"]),
        sliced("picture", "cut", "axis0"),
        sliced("cut", "out", "axis1", end="last"),
    ]
    found, smaller = rewritten(graph_of(nodes, CONSTANTS))
    assert found == 1
    np.testing.assert_array_equal(answer(smaller)[0], PICTURE[1:4, 1:5])


@pytest.mark.parametrize(
    ("nodes", "outputs"),
    [
        ([sliced("picture", "cut", "axis0"), sliced("cut", "out", "axis0")], ["out"]),  # the same axis
        ([sliced("picture", "cut", "axis0"), sliced("cut", "out", "axis1")], ["out", "cut"]),  # seen between
        (
            [
                sliced("picture", "cut", "axis0"),
                sliced("cut", "out", "axis1"),
                helper.make_node("Neg", ["cut"], ["negative"]),
            ],
            ["out", "negative"],
        ),
    ],
    ids=["the same axis", "an output of the graph", "used elsewhere"],
)
def test_what_must_stay_stays(nodes, outputs):
    model = graph_of(nodes, CONSTANTS, outputs)
    found, same = rewritten(model)
    assert found == 0
    assert len(same.graph.node) == len(nodes)
    onnx.checker.check_model(same)
    for before, after in zip(answer(model), answer(same), strict=True):
        np.testing.assert_array_equal(before, after)
