"""Where a run starts: a network that has learnt to paint already, and now learns other styles."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from fast_nst.errors import ConfigError
from fast_nst.networks.styled import widened
from fast_nst.perceptual import Objective
from fast_nst.training.base import BASE, base_file, load_base
from fast_nst.training.checkpoint import load_checkpoint
from fast_nst.training.module import StyleTransferModule

_LOOKED_AT = 4  # crops by which a style is found


class Start(NamedTuple):
    """A network to start from: its preset, its weights by the network's own names, and its styles' names, if known."""

    preset: str
    weights: dict[str, Tensor]
    styles: tuple[str, ...] = ()


def read_start(start: str, preset: str) -> Start:
    """Read what a run's `init_from` names: a checkpoint, or `BASE` for the shipped weights of the preset.

    Raises:
        ConfigError: if there is no base for the preset, or the checkpoint is of another preset.
        ModelError: if the checkpoint cannot be read.
    """
    if start == BASE:
        if base_file(preset) is None:
            raise ConfigError(f"there is no base for the preset {preset}; give --from-scratch, or a checkpoint")
        return Start(preset, load_base(preset))
    other = load_checkpoint(Path(start))
    if other.config.preset != preset:
        raise ConfigError(f"{start} holds a {other.config.preset} network, this run trains {preset}")
    styles = tuple(painting.name for painting in other.config.all_paintings())
    return Start(preset, dict(other.network.state_dict()), styles)


def begin(module: StyleTransferModule, start: Start, crops: Tensor, objectives: Sequence[Objective] = ()) -> None:
    """Give the network of a run the weights of another, and each of its styles that network's of its name, or nearest.

    Nearest is the style whose pastiches of some crops the new style's objective likes best.

    Args:
        module: of the run.
        start: the other.
        crops: `(N, 3, H, W)` RGB in [0, 1].
        objectives: what says how near another's style is to each of the run's; by default what it is trained by.
    """
    weights, network, names = dict(start.weights), module.network, [p.name for p in module.config.all_paintings()]
    rows, photograph = widened(weights.pop("styles"), network.styles.shape[1]), weights.pop("photograph", None)
    network.load_state_dict({**network.state_dict(), **weights})
    objectives = objectives or module.objectives
    with torch.no_grad():
        for number, name in enumerate(names):
            if name in start.styles:
                row = start.styles.index(name)
            else:
                row = _nearest(module, number, rows, crops[:_LOOKED_AT], objectives[number])
            network.styles[number] = rows[row]
        if network.photograph is not None:
            network.photograph.copy_(
                widened(rows.mean(0), len(network.photograph)) if photograph is None else photograph
            )


@torch.no_grad()
def _nearest(module: StyleTransferModule, number: int, rows: Tensor, crops: Tensor, objective: Objective) -> int:
    """Return which of the rows `(S, P)` paints most like the style of this number."""
    if len(rows) == 1:
        return 0
    network = module.network
    style = torch.eye(network.style_count)[number] if network.style_count > 1 else None
    losses = []
    for candidate in rows:
        network.styles[number] = candidate
        pastiche = network(crops, style)
        losses.append(float(objective(pastiche, objective.content_targets(crops)).total.mean()))
    return losses.index(min(losses))
