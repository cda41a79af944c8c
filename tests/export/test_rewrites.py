"""The rewrites: what they merge, what they leave, and that the graph's answer stays the same."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from fast_nst.export.rewrites import merge_slices, shorten_names, store_half, unpack_half

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


WEIGHTS = np.random.default_rng(0).normal(0, 1, (5, 6, 14)).astype(np.float32)  # 420 of them


def sum_with_weights():
    """`out` is the picture twice over, side by side, plus weights; `few` weights are too few to be worth a cast."""
    nodes = [
        helper.make_node("Concat", ["picture", "picture"], ["both"], axis=2),
        helper.make_node("Add", ["both", "weights"], ["sum"]),
        helper.make_node("Add", ["sum", "few"], ["brighter"]),
        helper.make_node("Mul", ["brighter", "weights"], ["out"]),
    ]
    model = graph_of(nodes, {})
    model.graph.initializer.append(numpy_helper.from_array(WEIGHTS, "weights"))
    model.graph.initializer.append(numpy_helper.from_array(np.float32([0.1]), "few"))
    return model


def test_weights_are_kept_in_half_the_bytes_and_computed_with_in_float32():
    graph = ir.from_proto(sum_with_weights())
    assert store_half(graph) == 1
    small = ir.to_proto(graph)

    kept = {tensor.name: tensor.data_type for tensor in small.graph.initializer}
    assert sorted(kept.values()) == [TensorProto.FLOAT, TensorProto.FLOAT16]  # the few stay as they are
    onnx.checker.check_model(small, full_check=True)
    rounded = WEIGHTS.astype(np.float16).astype(np.float32)
    both = np.concatenate([PICTURE, PICTURE], axis=2)
    np.testing.assert_array_equal(answer(small)[0], (both + rounded + np.float32(0.1)) * rounded)
    assert len(small.SerializeToString()) < len(sum_with_weights().SerializeToString()) * 0.8


def test_unpacked_weights_are_constants_again():
    graph = ir.from_proto(sum_with_weights())
    store_half(graph)
    before = answer(ir.to_proto(graph))
    assert unpack_half(graph) == 1
    wide = ir.to_proto(graph)

    assert [node.op_type for node in wide.graph.node] == ["Concat", "Add", "Add", "Mul"]
    assert {tensor.data_type for tensor in wide.graph.initializer} == {TensorProto.FLOAT}
    np.testing.assert_array_equal(answer(wide)[0], before[0])


def test_names_are_short_and_what_the_graph_takes_and_gives_keeps_its_own():
    graph = ir.from_proto(sum_with_weights())
    before = answer(sum_with_weights())
    shorten_names(graph)
    short = ir.to_proto(graph)

    onnx.checker.check_model(short)
    assert [node.name for node in short.graph.node] == ["Concat_0", "Add_1", "Add_2", "Mul_3"]
    assert {tensor.name for tensor in short.graph.initializer} == {"v0", "v1"}
    assert (short.graph.input[0].name, short.graph.output[0].name) == ("picture", "out")
    np.testing.assert_array_equal(answer(short)[0], before[0])


def test_new_names_do_not_meet_old_ones():
    """A value that is called v1 already must not be taken for the one that becomes v1."""
    nodes = [helper.make_node("Neg", ["picture"], ["v1"]), helper.make_node("Abs", ["v1"], ["v0"])]
    graph = ir.from_proto(graph_of([*nodes, helper.make_node("Neg", ["v0"], ["out"])], {}))
    shorten_names(graph)
    np.testing.assert_array_equal(answer(ir.to_proto(graph))[0], -PICTURE)
