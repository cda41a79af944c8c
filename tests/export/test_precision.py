import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from fast_nst.benchmark.photograph import draw_photograph
from fast_nst.errors import ModelError
from fast_nst.export import precision
from fast_nst.export.precision import load, narrow, psnr, to_float16, to_int8
from fast_nst.networks.lean import GRAINS
from fast_nst.networks.noise import TILE_SIDES

PHOTOGRAPHS = [draw_photograph(80, 96), np.flipud(draw_photograph(70, 64)).copy()]


def types_of(model, op_type):
    """The element types of the weights that nodes of this type take."""
    weights = {initializer.name: initializer.data_type for initializer in model.graph.initializer}
    return {weights.get(name) for node in model.graph.node if node.op_type == op_type for name in node.input[1:2]}


def before_first_norm(model):
    """Weights of the two convolutions, of the photograph and of its contrast, that the first norm gets the sum of."""
    convolutions = next(iter(precision._convolutions_before_norms(model).values()))
    assert len(convolutions) == 2
    weights = {initializer.name: initializer for initializer in model.graph.initializer}
    return [weights[node.input[1]] for node in convolutions]


@pytest.fixture(scope="module")
def model(small_style):
    return load(small_style)


@pytest.fixture(scope="module")
def loud(model):
    """The same style with weights a million times as large: the norm takes that out, float16 cannot hold it."""
    louder = onnx.ModelProto()
    louder.CopyFrom(model)
    for weight in before_first_norm(louder):
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1e6), weight.name))
    return louder


def test_psnr_by_hand(model, monkeypatch):
    assert psnr(model, model, PHOTOGRAPHS) == [float("inf")] * 2

    class Session:
        def __init__(self, serialized, *_):
            self.level = {b"ours": 100, b"theirs": 110}[serialized]

        def run(self, _, inputs):
            return [np.full((1, 4, 4, 3), self.level, np.uint8)]

    class Named:
        def __init__(self, name):
            self.name = name

        def SerializeToString(self):  # noqa: N802
            return self.name

    monkeypatch.setattr(precision.onnxruntime, "InferenceSession", Session)
    assert psnr(Named(b"ours"), Named(b"theirs"), PHOTOGRAPHS[:1]) == [pytest.approx(28.13, abs=0.01)]  # 255 / 10


def test_float16_holds_half_the_bytes_and_the_pictures(model):
    half = to_float16(model, PHOTOGRAPHS)
    assert types_of(half, "Conv") == {onnx.TensorProto.FLOAT16}
    noise = len(GRAINS) * sum(side**2 for side in TILE_SIDES)  # bytes, which are whole numbers and stay
    assert half.ByteSize() - noise < 0.85 * (model.ByteSize() - noise)
    assert min(psnr(model, half, PHOTOGRAPHS)) > 50


def test_local_contrast_stays_in_float32(model):
    half, kept = to_float16(model, PHOTOGRAPHS), precision._of_local_contrast(model)
    assert {node.op_type for node in model.graph.node if node.name in kept} >= {"AveragePool", "Sqrt", "Resize", "Div"}
    makers = {name: node for node in half.graph.node for name in node.output}
    (root,) = (node for node in half.graph.node if node.op_type == "Sqrt")
    energy = makers[root.input[0]]  # with the floor added
    assert energy.op_type == "Add"
    assert makers[energy.input[0]].op_type == "AveragePool"  # and no cast between them


def test_weights_too_large_for_float16_are_scaled_and_the_norm_takes_it_out(model, loud):
    scaled = onnx.ModelProto()
    scaled.CopyFrom(loud)
    precision._scale_before_norms(scaled, precision._largest_before_norms(scaled, PHOTOGRAPHS))
    pairs = zip(before_first_norm(loud), before_first_norm(scaled), strict=True)
    factors = {numpy_helper.to_array(before).max() / numpy_helper.to_array(after).max() for before, after in pairs}
    (factor,) = factors  # the same for both
    assert np.log2(factor) == round(np.log2(factor)) > 10  # a power of two: no digit is lost
    assert max(precision._largest_before_norms(scaled, PHOTOGRAPHS).values()) <= precision._TAME
    assert min(psnr(loud, scaled, PHOTOGRAPHS)) > 90
    assert min(psnr(loud, to_float16(loud, PHOTOGRAPHS), PHOTOGRAPHS)) > 50


def test_weights_that_are_tame_are_left_as_they_are(model):
    same = onnx.ModelProto()
    same.CopyFrom(model)
    precision._scale_before_norms(same, precision._largest_before_norms(same, PHOTOGRAPHS))
    assert same == model


def test_int8_multiplies_integers_in_convolutions_alone(model):
    narrowed = to_int8(model, PHOTOGRAPHS)
    producers = {name: node for node in narrowed.graph.node for name in node.output}
    for node in narrowed.graph.node:
        if node.op_type == "Conv":
            assert [producers[name].op_type for name in node.input[:2]] == ["DequantizeLinear"] * 2
        if node.op_type == "InstanceNormalization":
            assert all(name not in producers for name in node.input[1:])  # scale and bias stay float32 constants
    assert 25 < min(psnr(model, narrowed, PHOTOGRAPHS)) < 70


@pytest.mark.parametrize("name", ["fp16", "int8"])
def test_a_narrow_model_says_what_it_is(small_style, name, monkeypatch):
    monkeypatch.setitem(precision.LEAST_PSNR, "int8", 20.0)  # an untrained network of few channels
    narrowed = narrow(small_style, name, PHOTOGRAPHS)
    told = {entry.key: entry.value for entry in narrowed.model.metadata_props}
    assert told["arithmetic"] == name
    assert told["title"] == "Small"
    assert told["format"] == "fast_nst/1"
    assert float(told["psnr_db"]) == pytest.approx(np.median(narrowed.ratios), abs=0.06)


def test_what_comes_out_too_far_from_float32_is_refused(small_style, monkeypatch):
    monkeypatch.setattr(precision, "psnr", lambda *_: [20.0, 34.0, 50.0])
    with pytest.raises(ModelError, match=r"within 34.0 dB of float32.s only, at least 35 dB is asked"):
        narrow(small_style, "int8", PHOTOGRAPHS)


def test_a_narrow_file_is_not_narrowed_again(small_style, tmp_path):
    onnx.save(narrow(small_style, "fp16", PHOTOGRAPHS).model, tmp_path / "half.onnx")
    with pytest.raises(ModelError, match="computes in fp16 already"):
        narrow(tmp_path / "half.onnx", "int8", PHOTOGRAPHS)
