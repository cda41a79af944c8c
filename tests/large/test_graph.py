"""Where a style file is cut, and how its tensors lie over the picture."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from fast_nst.errors import ModelError
from fast_nst.inference import Stylizer
from fast_nst.large.graph import StyleGraph
from fast_nst.large.probe import PASTICHE


def test_a_lean_network_has_25_norms_in_order(quality):
    assert [quality.stages[norm.tensor] for norm in quality.norms] == list(range(25))
    assert quality.stages[PASTICHE] == 25
    assert [norm.group for norm in quality.norms] == [1] * 23 + [4, 1]  # the last but one sees a picture in 2x2 phases


def test_tensors_lie_over_the_picture_as_the_network_says(quality):
    first, second = (quality.shapes[norm.tensor] for norm in quality.norms[:2])
    assert (first.axis, first.rows_per, second.rows_per) == (2, 4, 8)
    assert quality.shapes["content"].rows_per == quality.shapes[PASTICHE].rows_per == 1
    assert quality.size_multiple == 16


def test_rows_are_counted_for_heights_that_are_no_multiple_too(quality):
    stylizer = Stylizer("great-wave", threads=1)
    for height in (64, 97, 131, 200):
        pastiche = stylizer(np.zeros((height, 64, 3), np.uint8))
        assert quality.rows(PASTICHE, height) == len(pastiche) == height
    tensor = quality.norms[0].tensor
    assert quality.rows(tensor, 97) - quality.rows(tensor, 65) == 32 / 4


def test_multiplications_are_those_of_the_network(quality):
    assert sum(quality.costs.values()) == pytest.approx(18_300, rel=0.1)  # a small probe has much margin


def test_what_a_frontier_knows_needs_nothing_before_it(quality):
    for norm in range(25):
        frontier = quality.frontier(norm)
        assert quality.norms[norm].tensor in frontier
        later = quality.between(frontier, [PASTICHE])
        assert not {one.node.output[0] for one in quality.norms[:norm]} & {node.output[0] for node in later}


def test_a_norm_with_its_own_statistics_given_is_the_norm(quality, scene):
    """With mean and variance of the whole picture, the cut model paints the whole picture as the style does."""
    picture, statistics = scene(96, 80)[None], {}
    for norm in quality.norms:
        part = onnxruntime.InferenceSession(quality.cut([], [norm.tensor], statistics))
        tensor = part.run(None, {"content": picture})[0][0]
        grouped = tensor.reshape(len(tensor) // norm.group, -1).astype(np.float64)
        statistics[norm.node.output[0]] = (
            np.repeat(grouped.mean(1), norm.group),
            np.repeat(grouped.var(1), norm.group),
        )
    cut = onnxruntime.InferenceSession(quality.cut([], [PASTICHE], statistics)).run(None, {"content": picture})[0]
    whole = Stylizer("great-wave", threads=1)(picture)
    assert np.abs(cut.astype(int) - whole).max() <= 1


def test_what_is_no_model_or_looks_at_the_whole_picture_is_told(tmp_path, save_model):
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError, match="cannot be read as an ONNX model"):
        StyleGraph(tmp_path / "text.onnx")
    nodes = [
        helper.make_node("Cast", ["content"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["float", "mean"], ["rest"]),
        helper.make_node("Cast", ["rest"], ["pastiche"], to=TensorProto.UINT8),
    ]
    graph = StyleGraph(save_model(tmp_path / "mean.onnx", nodes))
    with pytest.raises(ModelError, match=r"mean\.onnx cannot be painted in strips: its ReduceMean may look"):
        graph.check_strips()


def test_reach_adds_up_what_convolutions_and_margins_see(quality):
    first = quality.between([], [quality.norms[0].tensor])
    second = quality.between([quality.norms[0].tensor], [quality.norms[1].tensor])
    assert quality.reach(second) == (2 - 1) * 4  # a 2x2 convolution at a quarter of the size
    assert quality.reach(first) > (3 - 1) * 4  # the same of 3x3, and the picture's margin
