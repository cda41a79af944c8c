"""Reading a run back: the network and what is known of it, from a checkpoint."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from fast_nst import __version__
from fast_nst.errors import ConfigError, ModelError, first_line
from fast_nst.networks import StyleNetwork, build_network
from fast_nst.training.config import TrainConfig
from fast_nst.training.paintings import WEIGHTS

CHECKPOINT_NAME = "last.ckpt"
AVERAGE = "average"
"""Where a checkpoint of an adversarial run has the running mean of its network."""


@dataclass(frozen=True)
class Trained:
    """A network as a checkpoint holds it, and the run it comes from."""

    network: StyleNetwork
    config: TrainConfig
    step: int
    losses: dict[str, float]
    """Content, style, tone, tv, total, and D where there is one, averaged over the last 100 steps before it."""

    def title(self) -> str:
        """Return the painting's title; without one, its file's name made readable."""
        if len(self.config.paintings) > 1 and not self.config.title:
            return f"{len(self.config.paintings)} styles"
        return self.config.title or self.config.style_name().replace("_", " ").replace("-", " ").title()

    def styles(self) -> list[dict[str, Any]]:
        """Return what is known of each style's painting, and its weights in the objective."""
        paintings = self.config.all_paintings()
        return [painting.facts() | {name: getattr(painting, name) for name in WEIGHTS} for painting in paintings]

    def metadata(self) -> dict[str, str]:
        """Return what an exported file says of itself."""
        config, objective = self.config, asdict(self.config.objective)
        objective["loss_network"] = Path(config.objective.loss_network).name  # no folder: of no use elsewhere
        plain = json.dumps(config.plain(), sort_keys=True)
        teacher = Path(config.teacher or "").name
        taught = {"teacher": teacher, "teacher_weight": str(config.teacher_weight)} if teacher else {}
        adversary = {"adversary": json.dumps(asdict(config.adversary))} if config.adversary.adversarial else {}
        return {
            "title": self.title(),
            "styles": json.dumps(self.styles(), ensure_ascii=False),
            "artist": config.artist,
            "year": config.year,
            "licence": config.licence,
            "preset": config.preset,
            "parameters": str(sum(parameter.numel() for parameter in self.network.parameters())),
            "size_multiple": str(self.network.size_multiple),
            "receptive_radius": str(self.network.receptive_radius),
            "objective": json.dumps(objective, sort_keys=True),
            **adversary,
            **taught,
            "steps": str(self.step),
            "batch_size": str(config.batch_size),
            "crop_size": str(config.crop_size),
            "learning_rate": str(config.learning_rate),
            "grid_weight": str(config.grid_weight),
            "precision": config.precision,
            "seed": str(config.seed),
            "init_from": "/".join(Path(config.init_from or "").parts[-2:]),  # run and file, or `base`
            "data": config.data_description,
            "losses": json.dumps({name: round(loss, 6) for name, loss in self.losses.items()}),
            "version": __version__,
            "config_sha256": hashlib.sha256(plain.encode()).hexdigest(),
        }


def load_checkpoint(path: Path) -> Trained:
    """Read a training checkpoint.

    Raises:
        ModelError: if the file is missing, broken, or not a checkpoint of this package.
    """
    checkpoint = read_checkpoint(path)
    try:
        config = TrainConfig.from_plain(checkpoint["hyper_parameters"]["config"])
        styles = len(config.all_paintings())
        network = build_network(config.preset, styles, has_strength=not config.fixed_strength)
        prefix = f"{AVERAGE}." if config.adversary.adversarial else "network."
        network.load_state_dict(
            {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
        )
        step = int(checkpoint["global_step"])
    except (KeyError, TypeError, RuntimeError, ConfigError) as error:
        raise ModelError(f"{path} is no checkpoint of fast-nst train: {first_line(error)}") from error
    return Trained(network.eval(), config, step, checkpoint.get("losses", {}))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read the raw dictionary of a checkpoint, tensors on the CPU, without running any code it may hold."""
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}; a run keeps its own as last.ckpt in its folder")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise unrelated types
        raise ModelError(f"{path} cannot be read as a checkpoint; a run keeps its own as last.ckpt") from error
    if not isinstance(checkpoint, dict):
        raise ModelError(f"{path} is no checkpoint of fast-nst train: it holds a {type(checkpoint).__name__}")
    return checkpoint
