import json
from dataclasses import replace

import numpy as np
import pytest
from skimage.metrics import structural_similarity
from torch.nn.functional import avg_pool2d

from fast_nst.compare import session
from fast_nst.compare.appearance import colour_distance, luminance_range
from fast_nst.compare.records import METHODS
from fast_nst.compare.session import CompareConfig, Comparison, trained_objective
from fast_nst.errors import ConfigError, ImageError, ModelError
from fast_nst.images import Picture, fit, read_pixels, write_picture
from fast_nst.inference import Stylizer


@pytest.fixture
def compare(objective, invert_model, painting, tmp_path, monkeypatch):
    """Return a function that sets up a comparison whose methods run in this process."""
    monkeypatch.setattr(session, "run_alone", lambda function, job, on_news: function(job, on_news))
    config = CompareConfig(size=(90,), steps=(1, 2), threads=1, objective=objective)

    def build(model=invert_model, style=painting, **changes):
        return Comparison(replace(config, **changes), Stylizer(model), [style], tmp_path / "report")

    return build


def measured(comparison, photo):
    tasks = comparison.tasks(photo, photo.name)
    return {task.method: comparison.measure(task, lambda step: None) for task in tasks}


def stems(comparison, photo):
    return {task.method: task.stem for task in comparison.tasks(photo, photo.name)}


def changed(one, other, photo):
    before, after = stems(one, photo), stems(other, photo)
    return {method for method in METHODS if before[method] != after[method]}


def test_every_method_is_judged_by_one_objective(compare, photo):
    results = measured(compare(), photo)
    own = results["photo"].points[0]
    assert own.losses["content"] == 0
    assert own.ssim == 1
    assert results["content"].history["total"][0] == pytest.approx(own.losses["total"], rel=1e-5)
    assert [point.step for point in results["noise"].points] == [1, 2]
    for result in results.values():
        for point in result.points:
            terms = point.losses
            parts = (terms[name] for name in ("content", "style", "tone", "tv"))
            assert sum(parts) == pytest.approx(terms["total"], rel=1e-5)


def test_every_picture_is_seen_beside_painting_and_photograph(compare, photo, painting):
    comparison = compare()
    results = measured(comparison, photo)
    content, style = read_pixels(photo), fit(read_pixels(painting), 64)
    assert results["photo"].points[0].appearance["tone_kept"] == pytest.approx(1)
    network = results["network"].points[0].appearance
    assert network["tone_kept"] == pytest.approx(-1)
    assert network["colour_distance"] == pytest.approx(colour_distance(255 - content, style))
    assert comparison.viewer.painting["luminance_range"] == pytest.approx(np.subtract(*luminance_range(style)[::-1]))


def test_the_optimisation_works_at_the_size_that_is_judged_from_its_first_step(compare, save_picture):
    large = save_picture("large.png", 200, 300)
    comparison = compare(size=(300,))
    task = next(task for task in comparison.tasks(large, large.name) if task.method == "content")
    job = comparison._descent_job(read_pixels(large), task)
    assert job.config.scales() == [(300, 2)]
    result = comparison.measure(task, lambda step: None)
    assert [point.step for point in result.points] == [1, 2]
    assert len(result.history["total"]) == 3


def test_another_judge_asks_for_everything(compare, photo, monkeypatch, tmp_path):
    weights = tmp_path / "deep.safetensors"
    weights.write_bytes(b"weights")
    before = stems(compare(), photo)
    monkeypatch.setattr(session, "load_encoder", lambda network, device: lambda image: avg_pool2d(image, 8))
    judged = compare(judge=str(weights))
    assert not set(before.values()) & set(stems(judged, photo).values())
    assert judged.facts["judge"]["judge"] == "deep.safetensors"
    assert measured(judged, photo)["network"].points[0].appearance["deep_distance"] > 0


def test_pictures_lie_beside_the_results(compare, photo, tmp_path):
    result = measured(compare(), photo)["network"]
    expected = 255 - read_pixels(photo)
    assert (result.height, result.width) == (70, 90)
    np.testing.assert_array_equal(read_pixels(tmp_path / "report/results" / result.points[0].picture), expected)


def test_what_was_measured_is_found_again_by_a_later_comparison(compare, photo):
    results = measured(compare(), photo)
    later = compare()
    for task in later.tasks(photo, photo.name):
        assert later.stored(task) == results[task.method]


def test_a_stored_result_is_of_the_photograph_asked_for_now(compare, photo):
    measured(compare(), photo)
    comparison = compare()

    assert [comparison.stored(task).photo for task in comparison.tasks(photo, "sub/photo.png")] == ["sub/photo.png"] * 4


def test_another_model_asks_for_the_network_alone(compare, photo, blur_model):
    assert changed(compare(), compare(model=blur_model), photo) == {"network"}


def test_another_seed_or_other_steps_ask_for_the_optimisation_alone(compare, photo):
    assert changed(compare(), compare(seed=1), photo) == {"content", "noise"}
    assert changed(compare(), compare(steps=(1, 3)), photo) == {"content", "noise"}


def test_other_threads_ask_for_what_is_timed(compare, photo):
    assert changed(compare(), compare(threads=2), photo) == {"network", "content", "noise"}


def test_another_objective_or_painting_or_photograph_asks_for_everything(compare, objective, photo, save_picture):
    heavier = replace(objective, style_weight=2.0)
    assert changed(compare(), compare(objective=heavier), photo) == set(METHODS)
    other = save_picture("other.png", 64, 80)
    assert changed(compare(), compare(style=other), photo) == set(METHODS)
    assert not set(stems(compare(), photo).values()) & set(stems(compare(), other).values())


def test_a_photograph_too_flat_for_the_contract_is_refused(compare, save_picture):
    comparison, flat = compare(), save_picture("flat.png", 30, 90)
    task = comparison.tasks(flat, "flat.png")[0]
    with pytest.raises(ImageError, match=r"flat.png: 90 x 30 px at --size 90, expected at least 64 a side"):
        comparison.measure(task, print)


def test_a_photograph_that_is_gone_is_refused(compare, tmp_path):
    with pytest.raises(ImageError, match=r"gone.png: cannot be read"):
        compare().tasks(tmp_path / "gone.png", "gone.png")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": (32,)}, "expected at least 64 px"),
        ({"size": ()}, "expected at least 64 px"),
        ({"steps": (0, 50)}, "expected ascending numbers from 1"),
        ({"steps": (100, 50)}, "expected ascending numbers from 1"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_options_without_sense_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        CompareConfig(**values)


def stylizer_with(save_model, path, objective):
    return Stylizer(save_model(path / "style.onnx", metadata={"format": "fast_nst/1", "objective": objective}))


def test_the_trained_objective_is_read_without_what_belongs_to_the_machine(save_model, tmp_path):
    trained = {"style_weight": 3.0, "loss_network": "a.pth", "vgg_input": "caffe", "loss_arithmetic": "bfloat16"}
    assert trained_objective(stylizer_with(save_model, tmp_path, json.dumps(trained))) == {
        "style_weight": 3.0,
        "hue_weight": 0.0,  # the file is from before there was such a term
    }


def test_a_network_that_no_gram_matrix_judged_is_compared_by_the_default_weight_of_style(save_model, tmp_path):
    trained = {"style_weight": 0.0, "content_weight": 1.0}
    found = trained_objective(stylizer_with(save_model, tmp_path, json.dumps(trained)))
    assert found == {"content_weight": 1.0, "hue_weight": 0.0}


def test_a_model_that_says_nothing_leaves_the_objective_open(invert_model):
    assert trained_objective(Stylizer(invert_model)) == {}


@pytest.mark.parametrize(("text", "message"), [("{", "no JSON object"), ("3", "no JSON object"), ('{"x": 1}', "has x")])
def test_an_objective_that_is_not_understood_is_refused(save_model, tmp_path, text, message):
    with pytest.raises(ModelError, match=message):
        trained_objective(stylizer_with(save_model, tmp_path, text))


def test_several_paintings_and_terms_of_any_kind_are_compared_too(
    objective, invert_model, painting, photo, tmp_path, monkeypatch
):
    monkeypatch.setattr(session, "run_alone", lambda function, job, on_news: function(job, on_news))
    other = tmp_path / "other.png"
    write_picture(other, Picture(read_pixels(painting)[:, ::-1] // 2))
    terms = {"content_terms": {"ssim": 1.0}, "style_terms": {"moments": 1.0, "gram": 0.5}, "style_blend": (1.0, 3.0)}
    config = CompareConfig(size=(90,), steps=(1, 2), threads=1, objective=replace(objective, **terms))
    comparison = Comparison(config, Stylizer(invert_model), [painting, other], tmp_path / "report")
    results = measured(comparison, photo)
    assert comparison.facts["style_image"]["file"] == f"{painting.name}, other.png"
    own = results["photo"].points[0]
    assert own.losses["content"] == pytest.approx(0, abs=1e-6)
    assert results["network"].points[0].losses["content"] == pytest.approx(1 - ssim_of_the_negative(photo), abs=0.05)
    assert results["content"].history["total"][0] == pytest.approx(own.losses["total"], rel=1e-4)


def ssim_of_the_negative(photo):
    pixels = read_pixels(photo)
    return structural_similarity(
        pixels, 255 - pixels, channel_axis=2, gaussian_weights=True, use_sample_covariance=False
    )


def test_of_a_network_of_many_each_style_has_its_weights_and_its_results(many_model, save_model, tmp_path):
    import onnx

    model = onnx.load(many_model)
    styles = [{"name": name, "style_weight": weight} for name, weight in (("red", 2.0), ("green", 3.0), ("blue", None))]
    next(entry for entry in model.metadata_props if entry.key == "styles").value = json.dumps(styles)
    onnx.save(model, tmp_path / "many.onnx")
    found = {
        name: trained_objective(Stylizer(f"{tmp_path}/many.onnx/{name}")) for name in ("red", "blue", "red:1,green:1")
    }
    assert found == {"red": {"style_weight": 2.0}, "blue": {}, "red:1,green:1": {}}
