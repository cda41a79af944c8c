"""Controls from the command line; the network draws pixels towards red, green or blue, see `many_model`."""

import json

import numpy as np
import pytest
from PIL import Image

from fast_nst.cli import main


@pytest.fixture
def grey(tmp_path):
    """A photograph of one grey, 100."""
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((64, 80, 3), 100, np.uint8)).save(path)
    return path


@pytest.fixture
def halves(tmp_path):
    """A mask whose left half is white, of another size than the photograph."""
    path = tmp_path / "halves.png"
    Image.fromarray(np.repeat(np.array([[255, 255, 0, 0]], np.uint8), 2, axis=0)).save(path)
    return path


def stylize(photograph, tmp_path, *options):
    output = tmp_path / "out" / "out.png"
    assert main(["stylize", str(photograph), "-o", str(output), "--overwrite", *map(str, options)]) == 0
    return np.asarray(Image.open(output))


def fail(capsys, *arguments):
    assert main(["stylize", *map(str, arguments)]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    return told


def test_a_mixture_at_a_strength(grey, tmp_path, many_model):
    pastiche = stylize(grey, tmp_path, "--style", f"{many_model}/red:1,blue:3", "--strength", 0.5)
    assert pastiche[0, 0].tolist() == [75, 50, 125]


def test_a_pastiche_is_called_after_its_styles(grey, many_model, capsys):
    main(["stylize", str(grey), "--style", f"{many_model}/red,blue"])
    assert capsys.readouterr().out.strip().endswith("grey-red-blue.png")


def test_the_photographs_colours_come_back(grey, tmp_path, many_model):
    pastiche = stylize(grey, tmp_path, "--style", f"{many_model}/green", "--preserve-color", "luminance")
    assert pastiche[0, 0].tolist() == [117, 117, 117]  # 0.587 * 200
    pastiche = stylize(grey, tmp_path, "--style", f"{many_model}/green", "--preserve-color", "statistics")
    assert pastiche[0, 0].tolist() == [100, 100, 100]


def test_another_pictures_colours_come(grey, tmp_path, many_model):
    Image.fromarray(np.full((5, 5, 3), (10, 20, 30), np.uint8)).save(tmp_path / "other.png")
    pastiche = stylize(grey, tmp_path, "--style", f"{many_model}/green", "--color-from", tmp_path / "other.png")
    assert pastiche[0, 0].tolist() == [10, 20, 30]


def test_a_mask_keeps_the_photograph_outside(grey, tmp_path, many_model, halves):
    pastiche = stylize(grey, tmp_path, "--style", f"{many_model}/red", "--mask", halves)
    assert pastiche[:, 0].tolist() == [[200, 0, 0]] * 64
    assert pastiche[:, -1].tolist() == [[100, 100, 100]] * 64
    assert 100 < pastiche[0, 40, 0] < 200  # soft between


def test_a_mask_can_be_taken_the_other_way_round(grey, tmp_path, many_model, halves):
    pastiche = stylize(grey, tmp_path, "--style", f"{many_model}/red", "--mask", halves, "--invert-mask")
    assert pastiche[0, 0].tolist() == [100, 100, 100]
    assert pastiche[0, -1].tolist() == [200, 0, 0]


def test_a_folder_of_masks_is_for_a_folder_of_photographs(grey, tmp_path, many_model, halves):
    (tmp_path / "masks").mkdir()
    halves.rename(tmp_path / "masks" / "grey.png")
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    grey.rename(photographs / "grey.png")
    arguments = ["stylize", photographs, "-o", tmp_path / "out", "--style", f"{many_model}/red"]
    assert main([*map(str, arguments), "--mask", str(tmp_path / "masks")]) == 0
    assert np.asarray(Image.open(tmp_path / "out" / "grey.png"))[0, -1].tolist() == [100, 100, 100]


def test_a_picture_without_its_mask_fails_and_the_rest_are_done(grey, tmp_path, many_model, halves, capsys):
    (tmp_path / "masks").mkdir()
    halves.rename(tmp_path / "masks" / "grey.png")
    (tmp_path / "other.png").write_bytes(grey.read_bytes())
    options = ["--style", f"{many_model}/red", "--mask", str(tmp_path / "masks"), "--json", "-o", str(tmp_path / "out")]
    assert main(["stylize", str(grey), str(tmp_path / "other.png"), *options]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["width"] == 80
    assert "there is no mask other.png" in second["problem"]


def test_transparent_colours_do_not_show(tmp_path, blur_model):
    pastiches = []
    for hidden in (0, 255):
        pixels = np.full((70, 80, 4), 255, np.uint8)
        pixels[..., :3] = 90
        pixels[20:40, 30:50] = (hidden, hidden, hidden, 0)
        Image.fromarray(pixels).save(tmp_path / "cut.png")
        pastiches.append(stylize(tmp_path / "cut.png", tmp_path, "--style", blur_model))
        small = stylize(tmp_path / "cut.png", tmp_path, "--style", blur_model, "--size", 65)
        assert np.abs(small[small[..., 3] > 0][:, :3].astype(int) - 90).max() <= 1
    np.testing.assert_array_equal(*pastiches)
    assert (pastiches[0][pastiches[0][..., 3] > 0][:, :3] == 90).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preserve-color", "luminance", "--color-from", "grey.png"], "give one of them"),
        (["--mask", "a.png", "--mask", "red=b.png"], "of several masks each needs a style, as in --mask STYLE=FILE"),
        (["--mask", "purple=halves.png"], "not 'purple'"),
        (["--invert-mask"], "is for a mask; give one with --mask"),
        (["--label-map", "halves.png"], "--label 1=STYLE) go together"),
        (["--label-map", "halves.png", "--label", "one=red"], "'one=red' is no label and its style; expected"),
        (["--mask", "missing.png"], "missing.png: no such file"),
        (["--strength", "9"], "the strength is 9, expected 0 to 1.5"),
    ],
)
def test_what_cannot_be_is_one_line(grey, halves, tmp_path, many_model, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    assert message in fail(capsys, grey, "--style", f"{many_model}/red", "-o", tmp_path / "x.png", *options)
    assert not (tmp_path / "x.png").exists()


def test_a_network_of_many_styles_wants_one_named_before_anything_is_read(grey, many_model, capsys):
    assert "has the styles red, green, blue; name one" in fail(capsys, grey, "--style", many_model)
