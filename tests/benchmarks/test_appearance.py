"""The table of how pastiches of several sources look."""

import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fast_nst.compare.figures import FIGURES
from fast_nst.images import Picture, fit, read_pixels, write_picture
from fast_nst.inference.demo import find_photographs


@pytest.fixture(scope="module")
def script(load_benchmark):
    return load_benchmark("appearance")


@pytest.fixture
def run(script, tmp_path, monkeypatch):
    """Return a function that judges two photographs: as they are, and in the negative, a little smaller."""
    for name, path in zip(("a", "b"), find_photographs()[:2], strict=True):
        pixels = fit(read_pixels(path), 136)
        write_picture(tmp_path / f"photos/{name}.jpg", Picture(pixels))
        write_picture(tmp_path / f"same/{name}.png", Picture(read_pixels(tmp_path / f"photos/{name}.jpg")))
        write_picture(tmp_path / f"negative/{name}.png", Picture(255 - fit(pixels, 132)))
    write_picture(tmp_path / "painting.png", Picture(fit(read_pixels(find_photographs()[2]), 128)))

    def main(*extra):
        sources = [f"same={tmp_path / 'same'}", f"negative={tmp_path / 'negative'}"]
        files = ["--photographs", tmp_path / "photos", "--painting", tmp_path / "painting.png", "--pastiches", *sources]
        sys_argv = [
            "appearance.py",
            *map(str, files),
            "-o",
            str(tmp_path / "table.json"),
            "--style-size",
            "128",
            *extra,
        ]
        monkeypatch.setattr(sys, "argv", sys_argv)
        return script.main()

    return main


def test_medians_of_every_source_stand_beside_the_photographs(run, tmp_path, capsys):
    assert run() == 0
    found = json.loads((tmp_path / "table.json").read_text())
    assert list(found["medians"]) == ["the photographs", "same", "negative"]
    assert found["medians"]["same"] == pytest.approx(found["medians"]["the photographs"])
    assert found["medians"]["negative"]["tone_kept"] < -0.95
    assert found["medians"]["same"]["strokes"] == pytest.approx(
        np.mean([found["pictures"]["same"][name]["strokes"] for name in "ab"])
    )
    assert tuple(found["pictures"]["negative"]["b"]) == FIGURES
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("|  | luminance from | to |")
    assert len({line.count("|") for line in lines[:6]}) == 1
    assert lines[4].startswith("| same |")


def test_a_photograph_that_a_source_lacks_is_left_out_for_all(run, tmp_path):
    (tmp_path / "negative/a.png").unlink()
    assert run() == 0
    assert json.loads((tmp_path / "table.json").read_text())["photographs"] == ["b"]


def test_sources_without_a_common_photograph_are_refused(run, tmp_path, capsys):
    for name in "ab":
        (tmp_path / f"negative/{name}.png").rename(tmp_path / f"negative/x{name}.png")
    assert run() == 2
    assert "no photograph has a pastiche of its name in each of same, negative" in capsys.readouterr().err


def test_a_figure_that_nobody_knows_has_no_median(script):
    unknown = dict.fromkeys(FIGURES)
    found = script.medians({"a": unknown | {"strokes": 1.0}, "b": unknown, "c": unknown | {"strokes": 3.0}})
    assert found["strokes"] == 2
    assert found["flat_strokes"] is None


def test_the_distilled_encoder_adds_up(script, tmp_path, run):
    """Every convolution takes the mean of the neighbours and adds 1, so that one can follow a picture of one grey."""
    state = {"conv0.weight": torch.ones(1, 3, 1, 1), "conv0.bias": torch.zeros(1)}
    for block, last in ((1, 2), (2, 2), (3, 4), (4, 1)):
        for layer in range(1, last + 1):
            state[f"conv{block}{layer}.weight"] = torch.full((1, 1, 3, 3), 1 / 9)
            state[f"conv{block}{layer}.bias"] = torch.full((1,), 1.0)
    state["conv41_aux.weight"], state["conv41_aux.bias"] = torch.tensor([2.0, -1.0]).reshape(2, 1, 1, 1), torch.zeros(2)
    path = tmp_path / "distilled.safetensors"
    save_file(state, path)
    encode = script.read_encoder(str(path))
    found = encode(torch.full((1, 3, 32, 40), 0.5))
    assert found.shape == (1, 2, 4, 5)
    assert found[0, 0] == pytest.approx(2 * (1.5 + 9) * torch.ones(4, 5))  # nine convolutions, each of which adds 1
    assert found[0, 1] == pytest.approx(-(1.5 + 9) * torch.ones(4, 5))
    assert run("--judge", str(path)) == 0
    medians = json.loads((tmp_path / "table.json").read_text())["medians"]
    assert medians["negative"]["deep_distance"] > 0
