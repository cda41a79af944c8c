"""The encoder that sees the deep distance: one that made neither of the two sides."""

import json
from collections.abc import Callable, Collection
from pathlib import Path

from torch import Tensor

from fast_nst.errors import ConfigError, FastNstError, WeightsError
from fast_nst.inference import Stylizer
from fast_nst.perceptual import ObjectiveConfig, VggFeatures
from fast_nst.perceptual.vgg import Architecture, downloaded, held_layers, is_left_to_mini, layer_names

DEEP_LAYER = "relu4_1"

Encoder = Callable[[Tensor], Tensor]
"""Gives the activations `(1, C, h, w)` of an image `(1, 3, H, W)` RGB in [0, 1]."""


def trainers(stylizer: Stylizer, objective: ObjectiveConfig) -> set[str]:
    """Return the loss networks that trained a network and that an objective judges by, as names or files."""
    trained = json.loads(stylizer.metadata.get("objective") or "{}")
    return {objective.loss_network, trained.get("loss_network", objective.loss_network)}


def choose_encoder(asked: str | None, made_by: Collection[str]) -> str | None:
    """Return the encoder of the deep distance: one that made neither side.

    Args:
        asked: a name or a file; None for the first of vgg19, vgg16 and mini that is at hand, has the layer, and is not
            among `made_by`. Nothing is downloaded unasked.
        made_by: loss networks, names or files, that a pastiche was made with. A file whose name says an architecture
            counts as that.

    Returns:
        A name or a file of weights; None where there is none.

    Raises:
        ConfigError: when what was asked for made one.
    """
    taken = {_kind(trainer) for trainer in made_by}
    if asked is not None:
        if _kind(asked) in taken:
            raise ConfigError(
                f"--judge is {asked}, which trained the network or is the objective's loss network here, so that it "
                f"cannot judge them too; expected another of vgg19, vgg16 or a file of weights with {DEEP_LAYER}"
            )
        return asked
    full: tuple[Architecture, ...] = ("vgg19", "vgg16")
    at_hand = [name for name in full if downloaded(name) is not None]
    at_hand += ["mini"] if DEEP_LAYER in layer_names("mini") else []
    return next((name for name in at_hand if name not in taken), None)


def load_encoder(network: str, device: str = "cpu") -> Encoder:
    """Return a loss network, by its name or file, as an encoder to relu4_1.

    Raises:
        WeightsError: where it does not serve, or lacks the layer.
    """
    try:
        if is_left_to_mini(DEEP_LAYER, held := held_layers(network)):  # which may have trained what is judged
            raise WeightsError(f"it ends with {held[-1]}, expected a file with {DEEP_LAYER}")
        features = VggFeatures([DEEP_LAYER], network=network).to(device)
    except FastNstError as error:
        raise WeightsError(f"--judge {network} does not serve: {error}") from error

    def encode(image: Tensor) -> Tensor:
        activations: Tensor = features(image.to(device))[DEEP_LAYER]
        return activations.cpu()

    return encode


def _kind(network: str) -> str:
    """Return the architecture that a name or a file's name says, else the file's name."""
    name = Path(network).name
    return next((known for known in ("vgg19", "vgg16") if known in name), name)
