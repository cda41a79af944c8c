from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fast_nst.benchmark.network import network_memory, time_networks
from fast_nst.benchmark.photograph import draw_photograph
from fast_nst.benchmark.turns import Job
from fast_nst.errors import ModelError
from fast_nst.measure.isolation import run_alone


def job(*models, height=64, width=96, runs=2):
    return Job(models, height, width, 1, "CPUExecutionProvider", runs, 60.0)


def save_foreign(path: Path, shape, element=TensorProto.FLOAT) -> Path:
    """Write a model of somebody else's: other names, other layout."""
    graph = helper.make_graph(
        [helper.make_node("Neg", ["image"], ["out"])],
        "foreign",
        [helper.make_tensor_value_info("image", element, shape)],
        [helper.make_tensor_value_info("out", element, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return path


def test_every_model_is_timed_as_often(invert_model, blur_model):
    inverting, blurring = time_networks(job(invert_model, blur_model, runs=3), print)
    assert len(inverting) == len(blurring) == 3
    assert min(inverting + blurring) > 0


@pytest.mark.parametrize(
    ("shape", "element"),
    [
        ((1, 3, "h", "w"), TensorProto.FLOAT),
        (("n", "h", "w", 3), TensorProto.FLOAT16),
        ((1, 3, 64, 96), TensorProto.FLOAT),
    ],
)
def test_a_foreign_model_takes_the_picture_in_its_own_layout(tmp_path, shape, element):
    assert len(time_networks(job(save_foreign(tmp_path / "foreign.onnx", shape, element)), print)[0]) == 2


def test_a_model_of_one_size_says_which(tmp_path):
    model = save_foreign(tmp_path / "fixed.onnx", (1, 3, 720, 720))
    with pytest.raises(ModelError, match=r"takes \[1, 3, 720, 720\] only, not \[1, 3, 64, 96\]"):
        time_networks(job(model), print)


def test_a_model_that_takes_no_picture_says_what_it_takes(tmp_path):
    model = save_foreign(tmp_path / "vector.onnx", (1, 7))
    with pytest.raises(ModelError, match=r"expected one input, a picture of three channels; found image"):
        time_networks(job(model), print)


def test_a_larger_picture_takes_more_memory(blur_model):
    small, large = (run_alone(network_memory, job(blur_model, height=side, width=side), print) for side in (64, 1024))
    if small is None:
        pytest.skip("the system does not tell")
    assert large - small > 20  # MiB: a megapixel of three channels in float32 is 12, and there are several of it


def test_the_picture_is_the_same_each_time_and_no_blank():
    first, second = draw_photograph(70, 90), draw_photograph(70, 90)
    assert first.shape == (70, 90, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert first.std() > 20
