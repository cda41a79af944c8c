import json

import pytest

from fast_nst.cli import main


def test_the_table_has_a_line_for_every_measurement(invert_model, blur_model, tmp_path, capsys):
    output = tmp_path / "figures.json"
    arguments = ["--style", blur_model, "--baseline", invert_model, "--size", "64", "--size", "96x64", "--threads", "1"]
    assert main(["benchmark", *map(str, arguments), "--runs", "1", "--only", "network", "-o", str(output)]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:5] == ["SIZE", "THREADS", "PROVIDER", "MODEL", "MEDIAN"]
    assert [line.split()[:5] for line in lines] == [
        ["network", "64x64", "1", "cpu", "negative"],
        ["network", "64x64", "1", "cpu", "blur"],
        ["network", "96x64", "1", "cpu", "negative"],
        ["network", "96x64", "1", "cpu", "blur"],
    ]
    assert lines[0].endswith("baseline")
    assert len(json.loads(output.read_text())["rows"]) == 4


def test_json_goes_to_stdout(invert_model, capsys):
    arguments = ["--style", str(invert_model), "--size", "64", "--runs", "1", "--only", "network", "--json"]
    assert main(["benchmark", *arguments]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["model"] == "negative"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "12a"], "'12a': expected a side in px, WIDTHxHEIGHT, 720p, 1080p or 4k"),
        (["--baseline", "none.onnx"], "there is no model file none.onnx"),
        (["--provider", "abacus"], "provider abacus is not available"),
        (["--style", "starry-nigt.onnx"], "there is no model file starry-nigt.onnx"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(arguments, message, capsys):
    assert main(["benchmark", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_some_failures_are_told_and_cost_the_exit_code(invert_model, tmp_path, capsys):
    broken = tmp_path / "broken.onnx"
    broken.write_text("no model")
    arguments = ["--style", invert_model, "--size", "64", "--runs", "1", "--only", "network"]
    assert main(["benchmark", *map(str, arguments), "--baseline", str(broken)]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1].split()[-2:] == ["broken", "failed"]
    assert captured.err.count("is not an ONNX model") == 1
    assert main(["benchmark", "--style", str(broken), "--size", "64", "--only", "network"]) == 2


def test_a_network_of_many_styles_is_timed_by_its_first(many_model, capsys):
    assert main(["benchmark", "--style", str(many_model), "--size", "64", "--runs", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3  # the head, the network, the whole command
