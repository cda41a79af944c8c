"""One more style for a network of many: its row alone is learnt, and joins the others in their file."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fast_nst.errors import ModelError
from fast_nst.export import ContractModule, export_network
from fast_nst.export.adding import add_style, check_can_add
from fast_nst.export.reading import read_metadata, read_network
from fast_nst.images import atomic_path
from fast_nst.inference import Stylizer
from fast_nst.inference.zoo import SUFFIX, find_style, shipped_styles
from fast_nst.training.checkpoint import CHECKPOINT_NAME, Trained, load_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.module import StyleTransferModule
from fast_nst.training.start import Start

SOURCE_NAME = "source.onnx"
"""The network that a run adds to, in the run's folder."""
_PROBED = (1, 128, 160, 3)  # size of the picture by which file and PyTorch are compared


def as_source(config: TrainConfig, folder: Path) -> tuple[TrainConfig, Start]:
    """Return a run's configuration with what the network it adds to decides, and that network's weights.

    The run's folder gets a copy of the network, and adds to that: the original may be replaced by what comes of it.

    Raises:
        ModelError: if it cannot be read, or is no network of many styles.
    """
    assert config.add_to is not None
    with _as_file(config.add_to) as file:
        check_can_add(read_metadata(file), config.all_paintings()[0].name, config.add_to)
        network, metadata = read_network(file)
        with atomic_path(folder / SOURCE_NAME) as temporary:
            shutil.copyfile(file, temporary)
    config = replace(
        config,
        add_to=str(folder / SOURCE_NAME),
        preset=metadata["preset"],
        fixed_strength=not network.has_strength,
        init_from=None,
    )
    return config, Start(metadata["preset"], dict(network.state_dict()))


def freeze(module: StyleTransferModule) -> None:
    """Let a run learn nothing but its style's row."""
    for name, weight in module.network.named_parameters():
        weight.requires_grad_(name == "styles")


def export_trained(trained: Trained, model: Path) -> int:
    """Write what a run gives to `model`: its network, or the one that it adds to with its style.

    Returns:
        By how many levels, of 255, the file differs from PyTorch at most.

    Raises:
        ModelError: if it differs by too much, or the network that is added to has a style of that name.
    """
    if trained.config.add_to:
        return add_trained(trained, model)
    return export_network(trained.network, model, trained.metadata())


def add_trained(trained: Trained, model: Path) -> int:
    """Write the network that a run adds to, with the run's style, to `model`.

    Returns:
        By how many levels, of 255, the new style's pastiche of a picture of noise differs from PyTorch's at most: the
        network was read back from a file that holds its kernels in float16.

    Raises:
        ModelError: if it has a style of that name.
    """
    assert trained.config.add_to is not None
    with _as_file(trained.config.add_to) as source:
        add_style(source, trained.network.styles[0], trained.styles()[0], model)
    content = np.random.default_rng(0).integers(0, 256, _PROBED, dtype=np.uint8)
    with torch.no_grad():
        expected = ContractModule(trained.network).eval()(torch.from_numpy(content)).numpy()
    pastiche = Stylizer(model, styles=[trained.styles()[0]["name"]], providers=["cpu"])(content)
    return int(np.abs(pastiche.astype(int) - expected).max())


@contextmanager
def _as_file(source: str) -> Iterator[Path]:
    """Give a network as an `.onnx` file, which it or the shipped one of its name is, or which a checkpoint becomes."""
    path = Path(source)
    if path.suffix == SUFFIX or source in shipped_styles():
        yield find_style(source)
        return
    trained = load_checkpoint(path / CHECKPOINT_NAME if path.is_dir() else path)
    if trained.network.style_count < 2:
        raise ModelError(f"{source} holds one style; `fast-nst train --style-dir` trains a network of many")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"network{SUFFIX}"
        export_network(trained.network, file, trained.metadata())
        yield file
