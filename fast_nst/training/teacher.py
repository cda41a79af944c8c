"""A larger network that paints a run's styles already: what it paints, a smaller one is taught beside the objective.

The objective says what a picture should be like, but not how to come by it, and a small network takes shortcuts: smears
beside edges, one mark stamped everywhere. A larger one has found a way, which can be copied [Hinton2015].

References:
    [Hinton2015] Distilling the Knowledge in a Neural Network, arXiv:1503.02531 (for classifiers; here the distance is
        that of pixels).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from fast_nst.errors import ConfigError
from fast_nst.export.reading import read_network
from fast_nst.inference.zoo import SUFFIX, find_style, shipped_styles
from fast_nst.networks import StyleNetwork
from fast_nst.training.checkpoint import CHECKPOINT_NAME, load_checkpoint
from fast_nst.training.config import TrainConfig


class Teacher:
    """A frozen network, asked what it makes of a batch.

    Args:
        network: the larger one.
        rows: of each of the run's styles, its number there.
    """

    def __init__(self, network: StyleNetwork, rows: Sequence[int]) -> None:
        self._network = network.eval().requires_grad_(requires_grad=False)
        self._rows = tuple(rows)

    def to(self, device: torch.device) -> Self:
        """Bring it to a device."""
        self._network.to(device)
        return self

    @torch.no_grad()
    def __call__(self, content: Tensor, style: int, strength: Tensor | None, place: tuple[int, int]) -> Tensor:
        """Repaint `content`, `(N, 3, H, W)` RGB in [0, 1]; see `StyleNetwork.forward`.

        Args:
            content: the photographs.
            style: number of the run's style.
            strength: of each photograph, `(N,)`; None is 1.
            place: where the noise begins.
        """
        network = self._network
        row = torch.tensor(self._rows[style], device=content.device)
        chosen = F.one_hot(row, network.style_count).float() if network.style_count > 1 else None
        pastiche: Tensor = network(content, chosen, strength, place)
        return pastiche


def read_teacher(config: TrainConfig) -> Teacher | None:
    """Read the network that a run's `teacher` names: a style file, a shipped style, a checkpoint or a run's folder.

    Returns:
        The teacher; None for a run without one.

    Raises:
        ConfigError: if it does not paint what the run learns.
        ModelError: if it cannot be read.
    """
    if config.teacher is None:
        return None
    network, known = _read(config.teacher)
    if not network.has_strength and not config.fixed_strength:
        raise ConfigError(f"{config.teacher} paints at strength 1 alone; give --fixed-strength, or another teacher")
    names = [painting.name for painting in config.all_paintings()]
    if len(names) == len(known) == 1:
        return Teacher(network, [0])
    if missing := [name for name in names if name not in known]:
        raise ConfigError(f"{config.teacher} does not paint {', '.join(missing)}; it paints {', '.join(known)}")
    return Teacher(network, [known.index(name) for name in names])


def _read(source: str) -> tuple[StyleNetwork, list[str]]:
    """Return a network and the names of its styles."""
    path = Path(source)
    if path.suffix == SUFFIX or source in shipped_styles() or not path.exists():  # of which the nearest name is told
        network, metadata = read_network(find_style(source))
        return network, [style["name"] for style in json.loads(metadata["styles"])]
    trained = load_checkpoint(path / CHECKPOINT_NAME if path.is_dir() else path)
    return trained.network, [painting.name for painting in trained.config.all_paintings()]
