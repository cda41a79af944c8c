import json

import pytest

from fast_nst.cli import main, styles


@pytest.fixture
def shipped(monkeypatch, save_model, tmp_path):
    models = {name: save_model(tmp_path / f"{name}.onnx") for name in ("great-wave", "starry-night")}
    monkeypatch.setattr(styles, "shipped_styles", lambda: models)
    return models


def test_the_table_has_a_line_for_every_style(shipped, capsys):
    assert main(["styles"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "TITLE", "ARTIST", "YEAR", "LICENCE", "NETWORK", "STRENGTH", "SIZE"]
    assert lines[0].split("  ")[0] == "great-wave"
    assert lines[1].split() == [
        "starry-night",
        "The",
        "Negative",
        "Nobody",
        "1839",
        "CC0-1.0",
        "none",
        "1",
        "0.0",
        "MB",
    ]
    assert {line.index("The Negative") for line in lines} == {header.index("TITLE")}


def test_json_is_a_list_of_objects(shipped, capsys):
    assert main(["styles", "--json"]) == 0
    great_wave, starry_night = json.loads(capsys.readouterr().out)
    assert great_wave["name"] == "great-wave"
    assert starry_night == {
        "name": "starry-night",
        "title": "The Negative",
        "artist": "Nobody",
        "year": "1839",
        "licence": "CC0-1.0",
        "preset": "none",
        "size_bytes": shipped["starry-night"].stat().st_size,
        "styles": [],
        "has_strength": False,
    }


def test_what_a_network_of_many_holds_is_told(monkeypatch, many_model, capsys):
    monkeypatch.setattr(styles, "shipped_styles", lambda: {"colours": many_model})
    assert main(["styles"]) == 0
    _, line, holds = capsys.readouterr().out.splitlines()
    assert line.split()[-3:] == ["any", "0.0", "MB"]
    assert holds == "colours holds red, green, blue"


def test_a_copy_without_styles_says_so(monkeypatch, capsys):
    monkeypatch.setattr(styles, "shipped_styles", dict)
    assert main(["styles"]) == 2
    assert capsys.readouterr().err.startswith("fast-nst: no style is shipped with this copy")
    assert main(["styles", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
