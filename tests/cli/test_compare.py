import json
import signal

import pytest
import torch
from safetensors.torch import save_file

from fast_nst.cli import main
from fast_nst.compare import session, writer


@pytest.fixture
def weights(tmp_path):
    """Random weights of conv1_1 alone."""
    state = {"features.0.weight": torch.randn(64, 3, 3, 3) / 27**0.5, "features.0.bias": torch.zeros(64)}
    save_file(state, tmp_path / "conv1_1.safetensors", metadata={"input": "torchvision"})
    return tmp_path / "conv1_1.safetensors"


@pytest.fixture
def arguments(weights, invert_model, save_picture, tmp_path, monkeypatch):
    """A comparison of two photographs at one size, two steps, that runs in this process: eight results."""
    monkeypatch.setattr(session, "run_alone", lambda function, job, on_news: function(job, on_news))
    monkeypatch.setattr(writer, "plot_race", lambda cases, path: path.write_bytes(b"drawn elsewhere"))
    save_picture("photos/a.png", 64, 64)
    save_picture("photos/b.png", 64, 72)
    files = [
        "--style-image",
        str(save_picture("painting.png")),
        "--model",
        str(invert_model),
        "--loss-network",
        str(weights),
    ]
    layers = ["--content-layers", "relu1_1", "--style-layers", "relu1_1", "--style-levels", "1", "--style-size", "64"]
    options = ["--size", "80", "--steps", "1,2", "--threads", "1", "-o", str(tmp_path / "report")]
    return [str(tmp_path / "photos"), *files, *layers, *options]


@pytest.fixture
def count_measured(monkeypatch):
    """Return the tasks that are measured; after `stop_after[0]` of them comes a Ctrl-C."""
    measured, stop_after = [], [100]
    measure = session.Comparison.measure

    def count(self, task, on_step):
        if len(measured) == stop_after[0]:
            signal.raise_signal(signal.SIGINT)
        measured.append(str(task))
        return measure(self, task, on_step)

    monkeypatch.setattr(session.Comparison, "measure", count)
    return measured, stop_after


def read_report(tmp_path):
    return json.loads((tmp_path / "report/report.json").read_text())


def test_a_comparison_prints_its_three_files(arguments, tmp_path, capsys):
    assert main(["compare", *arguments]) == 0
    out, err = capsys.readouterr()
    assert out.split() == [str(tmp_path / "report" / name) for name in ("report.json", "report.md", "report.html")]
    assert "[8/8] b.png, 80 px, Gatys from noise: total" in err
    report = read_report(tmp_path)
    assert report["is_complete"]
    assert len(report["results"]) == 8
    assert {race["last_step"] for photo in report["photos"] for race in photo["races"].values()} == {2}


def test_the_same_command_again_measures_nothing(arguments, count_measured, capsys):
    measured, _ = count_measured
    assert main(["compare", *arguments]) == 0
    assert main(["compare", *arguments]) == 0
    assert len(measured) == 8
    assert "8 results of an earlier run found" in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(arguments, count_measured, tmp_path, capsys):
    measured, stop_after = count_measured
    stop_after[0] = 5
    assert main(["compare", *arguments]) == 130
    assert "interrupted; the same command goes on from here" in capsys.readouterr().err
    partial = read_report(tmp_path)
    assert not partial["is_complete"]
    assert [photo["photo"] for photo in partial["photos"]] == ["a.png"]
    stop_after[0] = 100
    assert main(["compare", *arguments]) == 0
    assert len(measured) == 8
    assert len(read_report(tmp_path)["photos"]) == 2


def test_a_broken_photograph_is_said_once_and_the_rest_is_done(arguments, tmp_path, capsys):
    (tmp_path / "photos/broken.jpg").write_text("hello")
    assert main(["compare", *arguments]) == 1
    assert capsys.readouterr().err.count("broken.jpg: not a picture") == 1
    report = read_report(tmp_path)
    assert len(report["photos"]) == 2
    assert len(report["failures"]) == 1


def test_nothing_readable_is_exit_code_2_and_no_report(arguments, tmp_path, capsys):
    for name in ("a.png", "b.png"):
        (tmp_path / "photos" / name).write_text("hello")
    assert main(["compare", *arguments]) == 2
    assert not (tmp_path / "report/report.json").exists()
    assert "a.png: not a picture" in capsys.readouterr().err


def test_the_models_objective_is_the_default_and_what_is_typed_wins(arguments, save_model, tmp_path):
    trained = json.dumps({"style_weight": 3.0, "tv_weight": 4.0, "style_layers": {"relu1_1": 2.0}})
    model = save_model(tmp_path / "trained.onnx", metadata={"format": "fast_nst/1", "objective": trained})
    photo = str(tmp_path / "photos/a.png")
    assert main(["compare", photo, *arguments[1:], "--model", str(model), "--tv-weight", "5"]) == 0
    objective = read_report(tmp_path)["objective"]
    assert (objective["style_weight"], objective["tv_weight"], objective["content_weight"]) == (3.0, 5.0, 1.0)
    assert objective["style_layers"] == {"relu1_1": 1.0}  # typed, as is every option of `arguments`


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--steps", "ten"], "expected whole numbers with commas between them"),
        (["--size", "32"], "expected at least 64 px"),
        (["--model", "starry-nigth.onnx"], "there is no model file starry-nigth.onnx"),
        (["--style-image", "gone.jpg"], "gone.jpg: no such file"),
        (["--loss-network", "gone.pth"], "no weights at gone.pth"),
        (["--style-layers", "conv3_1"], "lacks conv1_2"),
        (["--judge", "gone.pth"], "--judge gone.pth does not serve: no weights at gone.pth"),
        (["--judge", "conv1_1.safetensors"], "which trained the network or is the objective's loss network here"),
        (["--stepz", "5"], "--steps"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_code_2(arguments, capsys, extra, message):
    assert main(["compare", *arguments, *extra]) == 2
    assert message in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_refused(arguments, weights, capsys):
    assert main(["compare", *arguments, "-o", str(weights)]) == 2
    assert "is a file, expected a folder" in capsys.readouterr().err
