import csv
from pathlib import Path

import pytest

from fast_nst.cli import main
from fast_nst.gatys import descent


@pytest.fixture
def run(vgg_file, save_picture, tmp_path, monkeypatch, capsys):
    """Return a function that sweeps photo.png in small runs: exit code, lines on stdout, text on stderr."""
    monkeypatch.chdir(tmp_path)
    save_picture("photo.png", 40, 60)
    save_picture("painting.png", 50, 40)
    layers = ["--content-layers", "relu1_1", "--style-layers", "relu1_1", "--loss-network", str(vgg_file)]
    small = ["--style-levels", "1", "--style-size", "32", "--size", "24", "--steps", "3", "--device", "cpu"]

    def run(*options, content="photo.png", style="painting.png"):
        code = main(["sweep", content, style, "-o", "out", *layers, *small, *map(str, options)])
        captured = capsys.readouterr()
        return code, captured.out.split(), captured.err

    return run


def table():
    with Path("out/table.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_grid_is_painted_and_told(run):
    code, out, err = run("--grid", "style_weight=2,8", "optimizer=lbfgs,adam")
    assert (code, out) == (0, ["out/sheet.jpg", "out/table.csv", "out/curves.png"])
    assert "[4/4] style_weight 8, optimizer adam: judged" in err
    assert [(float(row["style_weight"]), row["optimizer"]) for row in table()] == [
        (2.0, "lbfgs"),
        (2.0, "adam"),
        (8.0, "lbfgs"),
        (8.0, "adam"),
    ]


def test_a_finished_cell_is_never_run_again(run, monkeypatch):
    run("--grid", "style_weight=2,8")
    before = {row["picture"] for row in table()}
    steps = []
    monkeypatch.setattr(descent, "_check_finite", steps.append)
    code, _, err = run("--grid", "style_weight=2,4,8")
    assert code == 0
    assert len(steps) == 4  # the new cell's
    assert err.count("there already") == 2
    assert before < {row["picture"] for row in table()}


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(run, monkeypatch):
    check = descent._check_finite
    seen = []

    def press(step):
        seen.append(step)
        if len(seen) == 7:
            raise KeyboardInterrupt
        check(step)

    monkeypatch.setattr(descent, "_check_finite", press)
    code, out, err = run("--grid", "style_weight=2,4,8")
    assert (code, out[0], len(table())) == (130, "out/sheet.jpg", 1)
    assert "interrupted; the same command goes on from here" in err
    code, _, err = run("--grid", "style_weight=2,4,8")
    assert (code, err.count("there already"), len(table())) == (0, 1, 3)


def test_a_value_of_several_parts_has_plus_between_them(run):
    assert run("--grid", "style_terms=gram,gram+moments:0.5")[0] == 0
    assert [row["style_terms"] for row in table()] == ["gram", "gram+moments:0.5"]
    assert table()[0]["judged_total"] != table()[1]["judged_total"]


def test_recipes_are_settings_and_what_is_typed_wins(run):
    code, _, err = run("--grid", "recipe=gatys2016,johnson2016", "--init", "content")
    assert code == 0, err
    gatys, johnson = table()
    assert gatys["steps_done"] == johnson["steps_done"] == "3"  # typed
    assert float(gatys["total"]) != pytest.approx(float(johnson["total"]), rel=0.1)
    assert "balanced" in err  # the judge is that of the settings outside the grid


def test_a_cell_that_fails_ends_none_of_the_others(run):
    code, _, err = run("--grid", "learning_rate=1,1e30")
    assert (code, len(table())) == (1, 1)
    assert "learning_rate 1e30: step 1:" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "at least one setting, such as --grid style_weight=2,8,32"),
        (("--grid", "style_weight"), "expected NAME=A,B,C"),
        (("--grid", "style_wieght=1,2"), "no file 'style_wieght=1,2'; did you mean 'style_weight'?"),
        (("--grid", "output=a,b"), "no setting 'output'"),
        (("--grid", "device=cpu,cuda"), "no setting 'device'"),
        (("--grid", "style_weight=1,2", "style_weight=4"), "the grid has style_weight twice"),
        (("--grid", "recipe=gatys2016", "--recipe", "johnson2016"), "leave --recipe out"),
        (("--grid", "style_weight=1,heavy"), "'heavy' is not a valid float"),
        (("--grid", "optimizer=lbfsg"), "'lbfsg' is not one of 'lbfgs'"),
        (("--grid", "recipe=gatis2016"), "no recipe 'gatis2016'; did you mean 'gatys2016'?"),
        (("--grid", "style_weight=-1,2"), "the weight style_weight is -1.0"),
    ],
)
def test_what_makes_no_sense_is_said_before_the_work(run, tmp_path, options, message):
    code, out, err = run(*options)
    assert (code, out) == (2, [])
    assert message in err
    assert not (tmp_path / "out").exists()


def test_a_value_that_is_given_twice_is_one_cell(run):
    code, _, err = run("--grid", "optimizer=adam,adam")
    assert (code, len(table())) == (0, 1)
    assert "[1/1]" in err


def test_a_blend_has_plus_between_its_numbers(run, save_picture):
    save_picture("other.png", 30, 30)
    assert run("other.png", "--grid", "style_blend=1+1,1+9")[0] == 0
    assert [row["style_blend"] for row in table()] == ["1+1", "1+9"]


def test_a_folder_that_cannot_be_made_is_told_before_the_work(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cells").write_text("a note")
    code, out, err = run("--grid", "style_weight=2,8")
    assert (code, out) == (2, [])
    assert "cells" in err
    assert "judged" not in err


def test_a_file_in_the_folders_place_is_refused(run, tmp_path):
    (tmp_path / "out").write_text("a note")
    code, _, err = run("--grid", "style_weight=2")
    assert code == 2
    assert "out is a file, expected a folder" in err
