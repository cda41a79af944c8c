import importlib.util
import shutil

import numpy as np
import pytest

from fast_nst import shipped
from fast_nst.cli import main
from fast_nst.images import read_picture
from fast_nst.inference import demo
from fast_nst.inference.sheet import LABEL_HEIGHT, MARGIN


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A copy of the package, empty but for its models folder."""
    models = tmp_path / "fast_nst" / "models"
    models.mkdir(parents=True)
    monkeypatch.setattr(shipped, "_PACKAGE", models.parent)
    return models


@pytest.fixture
def photographs(monkeypatch, save_picture):
    files = [save_picture("tall.png", 90, 70), save_picture("wide.png", 64, 128)]
    monkeypatch.setattr(demo, "find_photographs", lambda: files)


def test_every_style_is_painted_on_every_photograph(package, photographs, save_model, tmp_path, capsys):
    for name in ("great-wave", "starry-night"):
        save_model(package / f"{name}.onnx")
    assert main(["demo", "-o", str(tmp_path / "new")]) == 0
    names = ["tall-great-wave", "wide-great-wave", "tall-starry-night", "wide-starry-night"]
    expected = [tmp_path / "new" / f"{name}.jpg" for name in names] + [tmp_path / "new" / "contact-sheet.png"]
    assert capsys.readouterr().out.splitlines() == list(map(str, expected))
    pastiche, content = (read_picture(path).pixels.astype(int) for path in (expected[0], tmp_path / "tall.png"))
    assert np.abs(pastiche - (255 - content)).max() < 12  # of JPEG
    sheet = read_picture(expected[-1]).pixels
    first_row, height = LABEL_HEIGHT + MARGIN, round(90 * 400 / 70)
    cells = [
        sheet[first_row : first_row + height, MARGIN + i * (400 + MARGIN) :][:, :400].astype(int) for i in range(3)
    ]
    assert np.abs(cells[0] + cells[1] - 255).max() <= 2, "the photograph comes first, then its negative"
    np.testing.assert_array_equal(cells[1], cells[2])


def test_of_a_network_of_several_styles_each_is_painted_but_those_of_many(
    package, photographs, many_model, tmp_path, capsys
):
    for name in ("many", "painters"):
        shutil.copy(many_model, package / f"{name}.onnx")
    assert main(["demo", "-o", str(tmp_path / "new")]) == 0
    names = [f"{photo}-painters-{style}.jpg" for style in ("red", "green", "blue") for photo in ("tall", "wide")]
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "new" / name) for name in [*names, "contact-sheet.png"]
    ]
    red = read_picture(tmp_path / "new" / "tall-painters-red.jpg").pixels.astype(int)
    assert np.abs(red - [200, 0, 0]).max() < 12  # of JPEG


def test_a_second_demo_replaces_the_first(package, photographs, save_model, tmp_path):
    save_model(package / "candy.onnx")
    assert [main(["demo", "-o", str(tmp_path / "new")]) for _ in range(2)] == [0, 0]


def test_a_copy_without_styles_says_so(package, photographs, tmp_path, capsys):
    assert main(["demo", "-o", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.startswith("fast-nst: no style is shipped with this copy")
    assert not (tmp_path / "new").exists()


def test_the_photographs_come_with_scikit_image():
    assert [file.name for file in demo.find_photographs()] == ["astronaut.png", "coffee.png", "chelsea.png"]
    assert read_picture(demo.find_photographs()[0]).pixels.shape == (512, 512, 3)


def test_a_missing_scikit_image_names_the_extra(package, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["demo", "-o", str(tmp_path / "new")]) == 2
    message = (
        "fast-nst: the demo's photographs come with scikit-image, which is missing: pip install 'fast-nst[demo]'\n"
    )
    assert capsys.readouterr().err == message
