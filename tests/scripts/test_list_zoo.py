"""The script that lists the shipped styles: its table, where it is put, and its sheet."""

import json
import sys
from types import ModuleType

import numpy as np
import pytest
import yaml

from fast_nst.images import Picture, read_pixels, write_picture

README = "# Styles\n\n<!-- zoo -->\nold\n<!-- /zoo -->\n\nWhat follows stays.\n"


@pytest.fixture(scope="module")
def script(load_script) -> ModuleType:
    """The script, as a module."""
    return load_script("list_zoo")


@pytest.fixture
def folder(tmp_path, save_model, monkeypatch):
    """A zoo of two paintings of which one has a style, and four photographs."""
    rng = np.random.default_rng(0)
    for name in ("photos/1.png", "photos/2.png", "photos/3.png", "photos/4.png", "sea.png", "hill.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        write_picture(path, Picture(rng.integers(0, 256, (80, 100, 3), dtype=np.uint8)))
    models = tmp_path / "models"
    models.mkdir()
    save_model(models / "sea.onnx")
    (models / "README.md").write_text(README)
    paintings = {name: {"style": str(tmp_path / f"{name}.png")} for name in ("sea", "hill")}
    zoo = {"presets": {"quality": {"suffix": "", "paintings": []}}, "paintings": paintings}
    (tmp_path / "zoo.yaml").write_text(yaml.safe_dump(zoo))
    arguments = [str(tmp_path / "zoo.yaml"), str(models), str(tmp_path / "photos"), "--loss-network", "mini"]
    monkeypatch.setattr(sys, "argv", ["list_zoo.py", *arguments])
    return models


def test_what_is_there_is_judged_listed_and_drawn(script, folder):
    assert [script.main(), script.main()] == [0, 0]  # again takes the place of what is there

    found = json.loads((folder / "zoo.json").read_text())
    assert list(found) == ["sea"]
    assert found["sea"]["title"] == "The Negative"
    losses = found["sea"]["losses"]
    assert losses["256"]["total"] > 1  # a negative of noise is neither its content nor the painting
    assert losses["256"]["total"] != losses["512"]["total"]
    readme = (folder / "README.md").read_text()
    assert readme.startswith("# Styles\n\n<!-- zoo -->\n| style | painting |")
    assert readme.endswith("|\n<!-- /zoo -->\n\nWhat follows stays.\n")
    assert "old" not in readme
    sheet = read_pixels(folder / "zoo.jpg")
    assert sheet.shape[1] == 200 + 2 * 12  # one style, and white on both sides


def test_a_zoo_without_styles_and_a_readme_without_marks_are_told(script, folder, capsys):
    (folder / "README.md").write_text("# Styles\n")
    assert script.main() == 2
    assert "README.md has no lines <!-- zoo --> and <!-- /zoo -->" in capsys.readouterr().err
    (folder / "sea.onnx").unlink()
    assert script.main() == 2
    assert "none of the styles of" in capsys.readouterr().err


def test_a_row_of_the_table(script):
    terms = {"content": 0.4, "style": 0.3, "tone": 0.2, "tv": 0.1, "total": 1.0}
    style = {
        "title": "Sea",
        "artist": "Nobody",
        "year": "1839",
        "licence": "CC0",
        "preset": "fast",
        "losses": {"256": terms, "512": terms | {"total": 0.9}},
        "bytes": 123_456,
        "sha256": "0123456789abcdef" * 4,
    }
    expected = (
        "| `sea` | Sea, Nobody, 1839 | CC0 | `fast` | 0.400, 0.300, 0.200, 0.100 | 1.000, 0.900 | 123 "
        "| `0123456789abcdef` |"
    )
    assert script.table({"sea": style}).splitlines()[2] == expected
