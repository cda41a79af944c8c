"""A run small enough for a test: a dozen drawn photographs, a drawn painting, random VGG weights up to conv2_2."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from fast_nst.images import Picture, write_picture
from fast_nst.networks import PRESETS, johnson
from fast_nst.perceptual import ObjectiveConfig
from fast_nst.training.config import TrainConfig
from fast_nst.training.run import Outcome, train


def _scene(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A few rectangles of random colour on a gradient: every photograph differs from every other."""
    pixels = np.linspace(rng.integers(0, 128, 3), rng.integers(128, 256, 3), width)[None].repeat(height, 0)
    for _ in range(6):
        top, left = rng.integers(0, height - 20), rng.integers(0, width - 20)
        pixels[top : top + rng.integers(10, 40), left : left + rng.integers(10, 40)] = rng.integers(0, 256, 3)
    return pixels.astype(np.uint8)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 10 photographs, 72 to 99 px a side, two of them in a folder below."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for number in range(10):
        name = f"holiday/{number}.png" if number > 7 else f"{number}.png"
        write_picture(folder / name, Picture(_scene(rng, 72 + 3 * number, 99 - 2 * number)))
    return folder


@pytest.fixture
def bucket(photographs: Path) -> Iterator[str]:
    """The URL of the folder of photographs in a store in memory, with a text among them."""
    store = fsspec.filesystem("memory")
    store.put(str(photographs), "/bucket/holiday", recursive=True)
    store.pipe("/bucket/holiday/notes.txt", b"no picture")
    yield "memory://bucket/holiday"
    store.rm("/bucket", recursive=True)


@pytest.fixture(scope="session")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A painting of 80 x 96 px."""
    path = tmp_path_factory.mktemp("painting") / "the_stripes.png"
    write_picture(path, Picture(_scene(np.random.default_rng(1), 80, 96)))
    return path


@pytest.fixture(scope="session")
def config(photographs: Path, painting: Path, vgg_file: Path) -> Callable[..., TrainConfig]:
    """Return a function that makes the configuration of a tiny run of a tiny network, with changes."""
    PRESETS["tiny"] = lambda: johnson.JohnsonNetwork((4, 4, 8), residual_blocks=1, padded=True)

    def make(**changes: Any) -> TrainConfig:
        values = {
            "style": str(painting),
            "content_dir": (str(photographs),),
            "preset": "tiny",
            "max_steps": 4,
            "batch_size": 2,
            "crop_size": 64,
            "workers": 0,
            "checkpoint_every": 2,
            "preview_every": 2,
            "accelerator": "cpu",
            "from_scratch": "init_from" not in changes and "from_scratch" not in changes,
            "precision": "32-true",
            "fixed_strength": True,
            "objective": ObjectiveConfig(
                loss_network=str(vgg_file),
                content_layers={"relu2_1": 1.0},
                style_layers={"relu1_1": 1.0, "relu2_1": 1.0},
                style_levels=2,
                style_size=64,
            ),
        }
        return TrainConfig(**(values | changes))

    return make


@pytest.fixture(scope="session")
def finished_run(config: Callable[..., TrainConfig], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run of four steps, its folder `run` and its file `run.onnx`; not to be changed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    made = config(title="Stripes", artist="Nobody")
    return train(made, folder.with_suffix(".onnx"), folder, show_bar=False)


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the export, which takes seconds, where it is not what is tested."""
    monkeypatch.setattr("fast_nst.training.growing.export_network", lambda *_: 0)
