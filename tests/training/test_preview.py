"""What a style will look like, in half a minute."""

from dataclasses import replace
from pathlib import Path

import pytest

from fast_nst.cli import main
from fast_nst.errors import ImageError
from fast_nst.gatys import descent, settled
from fast_nst.images import fit, read_pixels
from fast_nst.perceptual import PULL_ON_NETWORK, PULL_ON_PIXELS, balanced, to_image
from fast_nst.training import preview
from fast_nst.training.preview import write_preview


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(preview, "_SIDE", 64)
    monkeypatch.setattr(preview, "_STEPS", 2)


def test_the_first_photographs_stand_beside_what_becomes_of_them(config, tmp_path):
    objective = write_preview(config(), tmp_path / "preview.jpg")
    pixels = read_pixels(tmp_path / "preview.jpg")
    assert pixels.shape[1] == 2 * 2 * 64 + 3 * 12
    photographs, pastiches = pixels[60:, 12:140].astype(int), pixels[60:, 152:280].astype(int)
    assert abs(photographs - pastiches).mean() > 2
    assert objective.style_weight > 0


def test_a_style_weight_that_is_given_counts_for_more_on_pixels(config, tmp_path, monkeypatch):
    made = config(objective=config().objective.__class__(**{**vars(config().objective), "style_weight": 5.0}))
    used = []
    monkeypatch.setattr(preview, "repaint", lambda *run: used.append(run[2].objective.style_weight) or (run[0], []))
    objective = write_preview(made, tmp_path / "preview.jpg")
    assert used[0] == pytest.approx(5.0 * PULL_ON_PIXELS / PULL_ON_NETWORK)
    assert objective.style_weight == pytest.approx(5.0)


def test_the_weight_that_is_told_is_the_one_that_a_training_would_have(config, tmp_path, monkeypatch):
    made = config()
    monkeypatch.setattr(preview, "repaint", lambda *run: (run[0], []))
    told = write_preview(made, tmp_path / "preview.jpg").style_weight
    photograph = to_image(fit(next(preview._readable(made)), 64))
    painting = to_image(fit(read_pixels(made.style[0]), made.objective.style_size))
    assert told == pytest.approx(
        balanced(made.objective, [painting], [photograph], PULL_ON_NETWORK).style_weight, rel=0.05
    )


def test_an_objective_that_needs_large_pictures_is_previewed_at_full_size(config, tmp_path, monkeypatch):
    made = config(objective=replace(config().objective, content_weight=1.0, style_weight=1.0))
    sizes = []
    monkeypatch.setattr(preview, "_SIDE", 256)
    monkeypatch.setattr(preview, "repaint", lambda *run: sizes.append(_start(*run)) or (run[0], []))
    write_preview(made, tmp_path / "preview.jpg")
    deep = replace(made, objective=replace(made.objective, style_levels=5))
    write_preview(deep, tmp_path / "preview.jpg")
    assert sizes == 3 * [128] + 3 * [256]  # of 64 px, the painting would have 32 x 27 at 128; five levels need 32


def _start(photograph, styles, run):
    """Return the size that `repaint` would start at."""
    return settled(run, photograph, styles).start_size


def test_time_is_shared_among_the_photographs(config, tmp_path, monkeypatch):
    given = []
    repaint = preview.repaint
    monkeypatch.setattr(preview, "repaint", lambda *run: given.append(60 * run[2].max_minutes) or repaint(*run))
    write_preview(config(), tmp_path / "preview.jpg", seconds=9.0)
    assert given[0] == pytest.approx(3.0, abs=0.5)
    assert given[-1] > 1.5 * given[0]  # the first ones left time over


def test_photographs_that_cannot_be_read_are_named(config, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("a note")
    with pytest.raises(ImageError, match=r"no photograph in .*photos can be read and is wider"):
        write_preview(config(content_dir=(str(tmp_path / "photos"),)), tmp_path / "preview.jpg")
    assert not (tmp_path / "preview.jpg").exists()


def test_the_command_writes_the_preview_and_does_not_train(config, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = config()
    layers = ["--content-layers", "relu2_1", "--style-layers", "relu1_1", "--style-levels", "1", "--style-size", "64"]
    network = ["--loss-network", made.objective.loss_network]
    places = ["--style", made.style[0], "--content-dir", made.content_dir[0], "-o", "hill.onnx"]
    assert main(["train", "--preview", *places, *layers, *network]) == 0
    captured = capsys.readouterr()
    assert captured.out.split() == ["hill-preview.jpg"]
    assert "balanced for this painting: content weight" in captured.err
    assert "for one picture to hang on a wall, `fast-nst gatys`" in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["hill-preview.jpg"]
    assert main(["train", "--preview", *places, *layers, *network]) == 2
    assert "hill-preview.jpg: exists already" in capsys.readouterr().err
    monkeypatch.setattr(descent, "_check_finite", lambda step: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["train", "--preview", "--overwrite", *places, *layers, *network]) == 130


def test_a_preview_is_of_one_style(config, tmp_path, capsys):
    folder = Path(config().style[0]).parent
    photographs = config().content_dir[0]
    assert main(["train", "--style-dir", str(folder), "--content-dir", photographs, "--preview"]) == 2
    assert "a preview is of one painting; give it with --style, without" in capsys.readouterr().err
