import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image

from fast_nst.errors import ConfigError, ModelError
from fast_nst.inference import Stylizer


@pytest.fixture(scope="module")
def negative(invert_model):
    return Stylizer(invert_model, threads=1)


def random_pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def box_blur(content):
    """The mean of the 3x3 neighbours inside the picture, rounded: what the blur model computes, in float64."""
    height, width = content.shape[:2]
    padded = np.pad(content.astype(float), ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    neighbours = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.rint(np.nanmean(neighbours, axis=0)).astype(np.uint8)


@settings(deadline=None, max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 90))
def test_every_pixel_of_any_size_is_exact(negative, height, width):
    content = random_pixels(height, width, 3)
    pastiche = negative(content)
    assert pastiche.dtype == np.uint8
    np.testing.assert_array_equal(pastiche, 255 - content)


def test_a_batch_is_painted_picture_by_picture(negative):
    contents = random_pixels(3, 70, 64, 3)
    np.testing.assert_array_equal(negative(contents), 255 - contents)


def test_a_view_with_gaps_is_painted_like_its_copy(negative):
    content = random_pixels(140, 160, 3)[::2, ::-2]
    np.testing.assert_array_equal(negative(content), 255 - content)


def test_the_content_is_left_as_it_was(negative):
    content = random_pixels(20, 80, 3)
    before = content.copy()
    negative(content)
    np.testing.assert_array_equal(content, before)


def test_a_picture_of_the_smallest_size_is_not_padded(blur_model):
    content = random_pixels(64, 64, 3)
    np.testing.assert_array_equal(Stylizer(blur_model, threads=1)(content), box_blur(content))


@pytest.mark.parametrize(("height", "width"), [(62, 64), (64, 62), (5, 100), (1, 64), (1, 1), (17, 9)])
def test_a_smaller_picture_is_mirrored_outwards(blur_model, height, width):
    content = random_pixels(height, width, 3)
    mirrored = np.pad(content, ((1, 1), (1, 1), (0, 0)), mode="symmetric")
    expected = box_blur(mirrored)[1:-1, 1:-1]
    if height >= 64:  # that side is not padded, so its border has fewer neighbours
        expected = box_blur(mirrored[1:-1])[:, 1:-1]
    if width >= 64:
        expected = box_blur(mirrored[:, 1:-1])[1:-1]
    np.testing.assert_array_equal(Stylizer(blur_model, threads=1)(content), expected)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "1"])
def test_a_pil_image_comes_back_as_rgb_of_its_size(negative, mode):
    content = Image.fromarray(random_pixels(40, 70, 3)).convert(mode)
    pastiche = negative(content)
    assert (pastiche.mode, pastiche.size) == ("RGB", (70, 40))
    np.testing.assert_array_equal(np.asarray(pastiche), 255 - np.asarray(content.convert("RGB")))


def test_a_pil_image_keeps_its_transparency_unstyled(negative):
    content = Image.fromarray(random_pixels(40, 70, 4), "RGBA")
    pastiche = negative(content)
    assert pastiche.mode == "RGBA"
    seen = np.asarray(content)[..., 3] > 0
    np.testing.assert_array_equal(np.asarray(pastiche)[seen, :3], 255 - np.asarray(content)[seen, :3])
    np.testing.assert_array_equal(np.asarray(pastiche)[..., 3], np.asarray(content)[..., 3])


def test_what_is_hidden_in_a_pil_image_does_not_show(blur_model):
    pixels, stylizer = random_pixels(70, 70, 4), Stylizer(blur_model, threads=1)
    pixels[..., 3] = 255
    pixels[20:40, 30:50, 3] = 0
    other = pixels.copy()
    other[20:40, 30:50, :3] = 255
    pastiches = [np.asarray(stylizer(Image.fromarray(one, "RGBA"))) for one in (pixels, other)]
    np.testing.assert_array_equal(*pastiches)


def test_threads_share_one_stylizer(blur_model):
    stylizer = Stylizer(blur_model, threads=1)
    contents = [random_pixels(64 + side, 70, 3) for side in range(12)]
    with ThreadPoolExecutor(4) as pool:
        for content, pastiche in zip(contents, pool.map(stylizer, contents), strict=True):
            np.testing.assert_array_equal(pastiche, box_blur(content))


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((64, 64, 3), np.float32), TypeError, "expected a uint8 array or a PIL image, got a float32 array"),
        ([[1, 2, 3]], TypeError, "expected a uint8 array or a PIL image, got a list"),
        ("photo.jpg", TypeError, "got a str"),
        (np.zeros((64, 64), np.uint8), ValueError, r"\(H, W, 3\) or \(N, H, W, 3\), got shape \(64, 64\)"),
        (np.zeros((64, 64, 4), np.uint8), ValueError, r"got shape \(64, 64, 4\)"),
        (np.zeros((0, 64, 3), np.uint8), ValueError, r"got shape \(0, 64, 3\)"),
        (np.zeros((0, 64, 64, 3), np.uint8), ValueError, r"got shape \(0, 64, 64, 3\)"),
        (Image.new("I;16", (64, 64)), ValueError, "expected a PIL image of 8 bits a channel, got mode 'I;16'"),
    ],
)
def test_anything_but_pixels_is_refused(negative, image, error, message):
    with pytest.raises(error, match=message):
        negative(image)


def test_a_style_tells_what_it_is(negative, invert_model):
    info = negative.info
    assert (info.name, info.title, info.artist, info.year) == ("negative", "The Negative", "Nobody", "1839")
    assert (info.licence, info.preset, info.size_bytes) == ("CC0-1.0", "none", invert_model.stat().st_size)
    assert negative.metadata["format"] == "fast_nst/1"


def test_what_a_style_does_not_tell_is_empty(tmp_path, save_model):
    info = Stylizer(save_model(tmp_path / "bare.onnx", metadata={"format": "fast_nst/1"})).info
    assert (info.name, info.title, info.licence) == ("bare", "", "")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"there is no model file .*gone\.onnx"):
        Stylizer(tmp_path / "gone.onnx")


@pytest.mark.parametrize("damage", [lambda model: b"", lambda model: b"not a model", lambda model: model[:-60]])
def test_a_broken_file_cannot_be_loaded(tmp_path, invert_model, damage):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(damage(invert_model.read_bytes()))
    with pytest.raises(
        ModelError, match=r"broken\.onnx is not an ONNX model, or damaged \(ONNX Runtime says: \w+ "
    ) as caught:
        Stylizer(broken)
    assert "\n" not in str(caught.value)


def test_a_foreign_model_is_told_from_a_style(tmp_path, save_model):
    with pytest.raises(ModelError, match=r"is an ONNX model but not a style: .* `fast-nst export` writes it"):
        Stylizer(save_model(tmp_path / "foreign.onnx", metadata={}))


def test_another_contract_version_is_named_with_ours(tmp_path, save_model):
    with pytest.raises(
        ModelError, match=r"is of format fast_nst/2, this version reads fast_nst/1; .* upgrade fast-nst"
    ):
        Stylizer(save_model(tmp_path / "next.onnx", metadata={"format": "fast_nst/2"}))


def test_a_style_of_one_size_only_breaks_the_contract(tmp_path, save_model):
    with pytest.raises(ModelError, match=r"expected input content uint8 .* any size; got content .*64, 'W', 3"):
        Stylizer(save_model(tmp_path / "fixed.onnx", shape=("N", 64, "W", 3)))


def test_a_style_that_gives_no_uint8_breaks_the_contract(tmp_path, save_model):
    nodes = [helper.make_node("Cast", ["content"], ["pastiche"], to=TensorProto.FLOAT16)]
    path = save_model(tmp_path / "half.onnx", nodes, output_type=TensorProto.FLOAT16)
    with pytest.raises(ModelError, match=r"expected output pastiche uint8 .* got pastiche tensor\(float16\)"):
        Stylizer(path)


def test_a_style_that_crops_is_caught_when_it_runs(tmp_path, save_model):
    crop = {"starts": [0, 0], "ends": [64, 64], "axes": [1, 2]}
    constants = [helper.make_tensor(name, TensorProto.INT64, [2], values) for name, values in crop.items()]
    nodes = [helper.make_node("Slice", ["content", *crop], ["pastiche"])]
    stylizer = Stylizer(save_model(tmp_path / "crop.onnx", nodes, constants=constants))
    assert stylizer(random_pixels(64, 64, 3)).shape == (64, 64, 3)
    with pytest.raises(ModelError, match=r"breaks its contract: pixels \(1, 80, 64, 3\) came back as \(1, 64, 64, 3\)"):
        stylizer(random_pixels(80, 64, 3))


def test_a_provider_is_chosen_by_its_short_or_full_name(invert_model):
    for name in ("cpu", "CPU", "CPUExecutionProvider"):
        assert Stylizer(invert_model, providers=[name]).providers == ["CPUExecutionProvider"]


def test_a_provider_that_is_not_there_lists_those_that_are(invert_model):
    with pytest.raises(ConfigError, match=r"provider abacus is not available; this ONNX Runtime offers .*cpu"):
        Stylizer(invert_model, providers=["abacus"])


def test_cuda_is_preferred_where_onnx_runtime_offers_it(invert_model, monkeypatch):
    offered = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: offered)
    asked = []
    real_session = ort.InferenceSession

    def spy(path, options, providers):
        asked.append(providers)
        return real_session(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(ort, "InferenceSession", spy)
    assert Stylizer(invert_model).providers == ["CPUExecutionProvider"]
    assert asked == [["CUDAExecutionProvider", "CPUExecutionProvider"]]
    with pytest.raises(ConfigError, match="CUDAExecutionProvider did not start"):
        Stylizer(invert_model, providers=["cuda"])


def test_fewer_than_one_thread_is_refused(invert_model):
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        Stylizer(invert_model, threads=0)


def test_cancel_ends_the_calls_that_run_and_no_later_ones(slow_model):
    stylizer = Stylizer(slow_model, threads=1)
    content = random_pixels(700, 700, 3)
    ended = threading.Event()

    def cancel_until_ended():
        while not ended.wait(0.01):
            stylizer.cancel()

    canceller = threading.Thread(target=cancel_until_ended)
    canceller.start()
    try:
        with pytest.raises(ModelError, match="terminate flag"):
            stylizer(content)
    finally:
        ended.set()
        canceller.join()
    assert stylizer(content[:64, :64]).shape == (64, 64, 3)


def test_too_little_memory_says_what_needs_less(invert_model, monkeypatch):
    class Full:
        def run(self, *_):
            raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for 123 bytes")

    stylizer = Stylizer(invert_model)
    monkeypatch.setattr(stylizer, "_session", Full())
    with pytest.raises(ModelError, match=r"failed on 90x70 px: not enough memory; a smaller --size needs less"):
        stylizer(random_pixels(70, 90, 3))
