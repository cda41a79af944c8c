"""A style trained for real with nothing but what is installed: mini, the base, and scikit-image's photographs."""

import importlib.util
import shutil
from pathlib import Path

import pytest
import torch

from fast_nst.cli import main
from fast_nst.images import Pixels, fit, read_pixels
from fast_nst.inference import Stylizer
from fast_nst.networks import build_network
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image, to_pixels


@pytest.fixture
def shipped_photographs() -> Path:
    """The folder of pictures inside scikit-image."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


@torch.no_grad()
def test_a_style_is_learnt_offline_within_minutes(shipped_photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "no downloads"))
    for name in ("astronaut.png", "chelsea.png", "motorcycle_left.png", "rocket.jpg"):
        (tmp_path / "photographs").mkdir(exist_ok=True)
        shutil.copy(shipped_photographs / name, tmp_path / "photographs")
    painting, model = (
        shipped_photographs / "ihc.png",
        tmp_path / "stained.onnx",
    )  # as good as a painting: a stained tissue
    options = ["--max-steps", "60", "--crop-size", "128", "--run-dir", str(tmp_path / "run"), "--quiet", "--seed", "1"]
    content = ["--content-dir", str(tmp_path / "photographs")]

    with torch.enable_grad():
        assert main(["train", "--style", str(painting), *content, "-o", str(model), *options]) == 0
    told = capsys.readouterr().err
    assert "the loss network is mini, a small copy of VGG-19" in told
    assert "--loss-network vgg19 downloads the whole one" in told

    unseen = fit(read_pixels(shipped_photographs / "coffee.png"), 256)
    objective = Objective(ObjectiveConfig(loss_network="mini"), to_image(fit(read_pixels(painting), 512)))
    targets = objective.content_targets(to_image(unseen))

    def judged(pixels: Pixels) -> dict[str, float]:
        return objective(to_image(pixels), targets).floats()

    untrained = build_network("johnson-half")(to_image(unseen))
    own, random, trained = judged(unseen), judged(to_pixels(untrained)), judged(Stylizer(model)(unseen))
    assert trained["total"] < 0.7 * own["total"]
    assert trained["total"] < 0.7 * random["total"]
    assert trained["style"] < 0.5 * own["style"]
