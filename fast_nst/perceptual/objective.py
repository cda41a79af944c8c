"""One object that says how good a pastiche is; training, the Gatys method and the comparison all use it.

References:
    [Snelgrove2017] High-Resolution Multi-Scale Neural Texture Synthesis, SIGGRAPH Asia 2017 (the style pyramid).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.perceptual.losses import Constants, TvForm, content_loss, gram_loss, gram_matrix, total_variation
from fast_nst.perceptual.vgg import (
    Architecture,
    Arithmetic,
    InputConvention,
    Pooling,
    VggFeatures,
    check_layers,
    check_network,
    downloaded,
    layer_names,
)


@dataclass(frozen=True)
class ObjectiveConfig:
    """What "looks like" means, in plain values that a YAML file or a checkpoint can hold.

    Layer weights are relative to each other: they are divided by their sum.

    Raises:
        ConfigError: where a value makes no sense.
    """

    loss_network: str = field(
        default="auto",
        metadata={
            "help": "Frozen network that judges: vgg19, vgg16, mini, or a file of weights, whole or cut; "
            "auto is vgg19 where torchvision has downloaded it already, else mini."
        },
    )
    vgg_input: InputConvention | None = field(
        default=None, metadata={"help": "Input the weights expect, where the file does not say."}
    )
    pooling: Pooling = field(default="max", metadata={"help": "Pooling inside the loss network."})
    content_layers: Mapping[str, float] = field(
        default_factory=lambda: {"relu3_3": 1.0}, metadata={"help": "Content layers and their weights."}
    )
    style_layers: Mapping[str, float] = field(
        default_factory=lambda: {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu3_4": 1.0},
        metadata={"help": "Style layers and their weights."},
    )
    style_levels: int = field(
        default=3, metadata={"help": "Levels of the style pyramid: 1, 1/2, 1/4 ... of the picture's size."}
    )
    style_size: int = field(default=512, metadata={"help": "Longer side of the painting as the objective sees it, px."})
    content_weight: float = field(default=1.0, metadata={"help": "Weight of the content term."})
    style_weight: float = field(default=4.0, metadata={"help": "Weight of the style term."})
    tv_weight: float = field(default=1.0, metadata={"help": "Weight of the total variation term."})
    tv_form: TvForm = field(default="anisotropic", metadata={"help": "Form of total variation."})
    constants: Constants = field(default="relative", metadata={"help": "Whose normalisation of the terms."})
    loss_arithmetic: Arithmetic = field(default="float32", metadata={"help": "Arithmetic of the loss network."})

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), get_args(choices))
        if self.loss_network != "auto":
            check_network(self.loss_network)
        _check_weights({name: getattr(self, name) for name in ("content_weight", "style_weight", "tv_weight")})
        for name in ("content_layers", "style_layers"):
            layers = getattr(self, name)
            known = "vgg19" if self.loss_network == "auto" else self.loss_network
            if known in get_args(Architecture):  # a file is asked once it is read
                check_layers(layers, known)  # type: ignore[arg-type]
            _check_weights(layers)
            if not any(layers.values()):
                raise ConfigError(f"{name} has no layer with a weight above 0; a term is turned off by its own weight")
        if not 1 <= self.style_levels <= 5:
            raise ConfigError(f"style_levels is {self.style_levels}, expected 1 to 5")
        if self.style_size < 32:
            raise ConfigError(f"style_size is {self.style_size} px, expected at least 32")

    def resolved(self) -> Self:
        """Return this with `auto` replaced by a loss network that is at hand: nothing is downloaded unasked.

        VGG-19 if torchvision has downloaded it before, or `mini` lacks a layer; else `mini`.
        """
        if self.loss_network != "auto":
            return self
        has_all = {*self.content_layers, *self.style_layers} <= set(layer_names("mini"))
        return replace(self, loss_network="mini" if has_all and downloaded("vgg19") is None else "vgg19")


_CHOICES = {
    "vgg_input": InputConvention,
    "pooling": Pooling,
    "tv_form": TvForm,
    "constants": Constants,
    "loss_arithmetic": Arithmetic,
}


def _check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value not in choices and (name, value) != ("vgg_input", None):
        hint = did_you_mean(str(value), choices)
        raise ConfigError(f"{name} is {value!r}, expected {' or '.join(choices)}{hint}")


def _check_weights(weights: Mapping[str, float]) -> None:
    for name, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise ConfigError(f"the weight {name} is {weight}, expected a number >= 0")


class Losses(NamedTuple):
    """The weighted terms of the objective and their sum, each `(N,)`, or a scalar after `mean()`."""

    content: Tensor
    style: Tensor
    tv: Tensor
    total: Tensor

    def mean(self) -> Self:
        """Average each term over the batch."""
        return self._replace(**{name: term.mean() for name, term in self._asdict().items()})

    def floats(self) -> dict[str, float]:
        """Return the terms of a single image, or of a mean, as plain numbers."""
        return {name: float(term.detach()) for name, term in self._asdict().items()}


class Objective(nn.Module):
    """`content_weight * content + style_weight * style + tv_weight * total variation` against one style image.

    Args:
        config: layers, weights, constants.
        style_image: `(1, 3, H, W)` RGB in [0, 1], already at the size it is to be judged at.
    """

    def __init__(self, config: ObjectiveConfig, style_image: Tensor) -> None:
        super().__init__()
        self.config = config
        self.loss_network = VggFeatures(
            [*config.content_layers, *config.style_layers],
            network=config.resolved().loss_network,
            input_convention=config.vgg_input,
            pooling=config.pooling,
            arithmetic=config.loss_arithmetic,
        )
        with torch.no_grad():
            for level, image in enumerate(self._pyramid(style_image)):
                for layer, features in self.loss_network(image, config.style_layers).items():
                    self.register_buffer(_gram_name(level, layer), gram_matrix(features), persistent=False)

    @torch.no_grad()
    def content_targets(self, content: Tensor) -> dict[str, Tensor]:
        """Return the activations of `content` `(N, 3, H, W)` that a pastiche of it is held against."""
        return dict(self.loss_network(content, self.config.content_layers))

    def forward(self, pastiche: Tensor, content_targets: Mapping[str, Tensor]) -> Losses:
        """Judge `pastiche` `(N, 3, H, W)`, RGB in [0, 1], made from the photograph behind `content_targets`.

        Values outside [0, 1] are judged as they are, so that an optimiser finds its way back.
        """
        config = self.config
        features = self.loss_network(pastiche)
        content = self._content(features, content_targets)
        style = self._style(pastiche, features)
        tv = config.tv_weight * total_variation(pastiche, config.tv_form, config.constants)
        return Losses(content, style, tv, content + style + tv)

    def _content(self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        layers = _layer_weights(self.config.content_layers, self.config.constants)
        terms = [w * content_loss(features[layer], targets[layer], self.config.constants) for layer, w in layers]
        return self.config.content_weight * torch.stack(terms).sum(0)

    def _style(self, pastiche: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        config, terms = self.config, []
        for level, image in enumerate(self._pyramid(pastiche)):
            level_features = features if level == 0 else self.loss_network(image, config.style_layers)
            for layer, weight in _layer_weights(config.style_layers, config.constants):
                gram = gram_matrix(level_features[layer])
                terms.append(weight * gram_loss(gram, self.get_buffer(_gram_name(level, layer)), config.constants))
        return config.style_weight / config.style_levels * torch.stack(terms).sum(0)

    def _pyramid(self, image: Tensor) -> list[Tensor]:
        """`image` at 1, 1/2, 1/4 ..: what a layer cannot see at full size it sees further up [Snelgrove2017].

        Deviates from [Snelgrove2017], whose pyramid is Gaussian: here a level is the mean of 2x2 px.
        """
        if min(image.shape[2:]) < (least := _least_side(self.config)):
            raise ConfigError(
                f"a picture of {image.shape[3]}x{image.shape[2]} px is too small for this objective, which needs "
                f"{least} px a side; give a larger size, lower style_levels, or take shallower layers"
            )
        levels = [image]
        for _ in range(self.config.style_levels - 1):
            levels.append(F.avg_pool2d(levels[-1], 2))
        return levels


def _layer_weights(layers: Mapping[str, float], constants: Constants) -> list[tuple[str, float]]:
    """Return each layer's weight: a share of one, as w_l of [Gatys2016]; but [Johnson2016] adds the layers up."""
    total = 1.0 if constants == "johnson2016" else sum(layers.values())
    return [(layer, weight / total) for layer, weight in layers.items()]


def _least_side(config: ObjectiveConfig) -> int:
    """Side in px that leaves one activation of the deepest layers, after the poolings and the pyramid's halvings."""
    content, style = (max(int(layer[4]) for layer in layers) for layers in (config.content_layers, config.style_layers))
    return int(2 ** max(content - 1, style - 1 + config.style_levels - 1))


def _gram_name(level: int, layer: str) -> str:
    return f"style_gram_{level}_{layer}"
