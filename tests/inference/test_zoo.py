from pathlib import Path

import pytest

from fast_nst import shipped
from fast_nst.errors import ModelError
from fast_nst.inference import find_style, shipped_styles


@pytest.fixture
def installed(tmp_path, monkeypatch, save_model):
    """An installed copy, outside any clone, that ships two styles."""
    package = tmp_path / "site-packages" / "fast_nst"
    (package / "models").mkdir(parents=True)
    monkeypatch.setattr(shipped, "_PACKAGE", package)
    monkeypatch.chdir(tmp_path)
    return [save_model(package / "models" / f"{name}.onnx") for name in ("starry-night", "great-wave")]


def test_shipped_styles_are_listed_by_name(installed):
    starry_night, great_wave = installed
    assert list(shipped_styles().items()) == [("great-wave", great_wave), ("starry-night", starry_night)]


def test_shipped_styles_of_a_clone_lie_at_its_top(tmp_path, monkeypatch, save_model):
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "fast_nst")
    (tmp_path / "models").mkdir()
    model = save_model(tmp_path / "models" / "candy.onnx")
    assert shipped_styles() == {}, "a folder called models next to the package is ours in a clone only"
    (tmp_path / "pyproject.toml").touch()
    assert shipped_styles() == {"candy": model}


def test_a_style_is_found_by_name_and_by_path(installed, tmp_path, save_model):
    own = save_model(tmp_path / "own.onnx")
    assert find_style("starry-night") == installed[0]
    assert find_style(own) == own
    assert find_style("own.onnx") == Path("own.onnx")


def test_a_file_called_like_a_shipped_style_does_not_hide_it(installed, tmp_path):
    (tmp_path / "starry-night").mkdir()
    assert find_style("starry-night") == installed[0]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("stary-night", r"no style 'stary-night'; did you mean 'starry-night'\? \(shipped: great-wave, starry-night;"),
        ("zzz", r"no style 'zzz' \(shipped: great-wave"),
        ("great_wave.onnx", r"no model file great_wave.onnx; did you mean 'great-wave'\?"),
        ("gone/zzz.onnx", r"no model file gone.zzz.onnx$"),
        ("site-packages", r"site-packages is a folder, expected a shipped style or an .onnx file"),
    ],
)
def test_a_style_that_is_not_there_names_the_nearest(installed, wanted, message):
    with pytest.raises(ModelError, match=message):
        find_style(wanted)
