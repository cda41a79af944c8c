"""An objective that needs no download, and results that need no measuring."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fast_nst.compare.figures import FIGURES
from fast_nst.compare.records import METHODS, Point, Result
from fast_nst.compare.summary import Case
from fast_nst.perceptual import ObjectiveConfig


@pytest.fixture(scope="session")
def objective(tmp_path_factory: pytest.TempPathFactory) -> ObjectiveConfig:
    """An objective on conv1_1 alone, with random weights."""
    path = tmp_path_factory.mktemp("vgg") / "conv1_1.safetensors"
    weight = torch.randn(64, 3, 3, 3, generator=torch.Generator().manual_seed(0)) / 27**0.5
    state = {"features.0.weight": weight, "features.0.bias": torch.zeros(64)}
    save_file(state, path, metadata={"input": "torchvision"})
    return ObjectiveConfig(
        loss_network=str(path),
        content_layers={"relu1_1": 1.0},
        style_layers={"relu1_1": 1.0},
        style_levels=1,
        style_size=64,
    )


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    """Return a function that makes up a photograph's results from losses: `steps` 1 and 3 are checkpoints.

    Step k takes k seconds, the network 0.5. Every term but the total is a quarter of it. Every figure of appearance is
    a tenth of it, but for the deep distance, which nobody knows.
    """

    def make(
        network: float,
        content: Sequence[float] = (8.0, 4.0, 2.0, 1.0),
        noise: Sequence[float] = (16.0, 8.0, 4.0, 2.0),
        name: str = "photo.jpg",
        size: int = 64,
    ) -> Case:
        totals = {"photo": content[:1], "network": [network], "content": content, "noise": noise}
        results = []
        for method in METHODS:
            history = list(totals[method])
            is_descent = method in ("content", "noise")
            steps = [step for step in (1, 3) if step < len(history)] if is_descent else [None]
            points = [
                Point(
                    step=step,
                    losses=dict.fromkeys(("content", "style", "tone", "tv"), history[step or 0] / 4)
                    | {"total": history[step or 0]},
                    ssim=1.0 if method == "photo" else 0.5,
                    seconds={"photo": None, "network": 0.5}.get(method, step),
                    memory_mib=None if method == "photo" else 100.0,
                    picture=f"{name}-{size}-{method}-{step}.png",
                    appearance=dict.fromkeys(FIGURES, history[step or 0] / 10) | {"deep_distance": None},
                )
                for step in steps
            ]
            columns = {"total": history, "seconds": [float(step) for step in range(len(history))]}
            results.append(Result(name, size, 64, 64, method, tuple(points), columns if is_descent else {}))
        return Case(results)

    return make


@pytest.fixture
def photo(save_picture: Callable[..., Path]) -> Path:
    """A photograph, 70 x 90 px."""
    return save_picture("photo.png")


@pytest.fixture
def painting(save_picture: Callable[..., Path]) -> Path:
    """A painting, 64 x 64 px."""
    return save_picture("painting.png", 64, 64)
