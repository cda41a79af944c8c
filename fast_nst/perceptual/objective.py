"""One object that says how good a pastiche is; training, the Gatys method and the comparison all use it.

References:
    [Snelgrove2017] High-Resolution Multi-Scale Neural Texture Synthesis, SIGGRAPH Asia 2017 (the style pyramid).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Self, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.perceptual.constants import Constants
from fast_nst.perceptual.content import (
    SSIM_WINDOW,
    balanced_channels,
    content_loss,
    gradient_loss,
    pixel_loss,
    ssim_loss,
)
from fast_nst.perceptual.smoothness import TvForm, total_variation
from fast_nst.perceptual.style import MEASURES
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

ChannelWeights = Literal["uniform", "balanced"]

CONTENT_WEIGHT, STYLE_WEIGHT = 1.0, 4.0
"""Weights of an objective that says none and is not balanced for its painting; see `balance`."""

_OF_LAYERS = ("features", "gradients")  # measures of content on a layer's activations
_OF_PICTURES: dict[str, Callable[[Tensor, Tensor, Constants], Tensor]] = {"ssim": ssim_loss, "pixels": pixel_loss}
_PICTURE = "picture"  # the photograph itself, among its activations


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
    content_terms: Mapping[str, float] = field(
        default_factory=lambda: {"features": 1.0},
        metadata={
            "help": "What the same content means, and how much of each: features, gradients (of features), ssim, "
            "pixels.",
            "item": "TERM",
        },
    )
    channel_weights: ChannelWeights = field(
        default="uniform",
        metadata={"help": "What each channel counts in the content term gradients: alike, or alike in energy."},
    )
    style_terms: Mapping[str, float] = field(
        default_factory=lambda: {"gram": 1.0},
        metadata={
            "help": "What the same style means, and how much of each: gram, centred_gram, moments, sliced_wasserstein.",
            "item": "TERM",
        },
    )
    style_blend: tuple[float, ...] = field(
        default=(), metadata={"help": "Weights of several paintings, in their order, such as 3,7. Default: alike."}
    )
    style_levels: int = field(
        default=3, metadata={"help": "Levels of the style pyramid: 1, 1/2, 1/4 ... of the picture's size."}
    )
    style_size: int = field(default=512, metadata={"help": "Longer side of the painting as the objective sees it, px."})
    content_weight: float | None = field(default=None, metadata={"help": "Weight of content.  [default: balanced]"})
    style_weight: float | None = field(
        default=None, metadata={"help": "Weight of style.  [default: balanced, for the painting]"}
    )
    tv_weight: float = field(default=1.0, metadata={"help": "Weight of the total variation term."})
    tv_form: TvForm = field(default="anisotropic", metadata={"help": "Form of total variation."})
    constants: Constants = field(default="relative", metadata={"help": "Whose normalisation of the terms."})
    loss_arithmetic: Arithmetic = field(default="float32", metadata={"help": "Arithmetic of the loss network."})

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        object.__setattr__(self, "style_blend", tuple(self.style_blend))  # YAML and JSON have lists
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), get_args(choices))
        if self.loss_network != "auto":
            check_network(self.loss_network)
        weights = {name: getattr(self, name) for name in ("content_weight", "style_weight", "tv_weight")}
        _check_weights({name: weight for name, weight in weights.items() if weight is not None})
        self._check_terms()
        known = "vgg19" if self.loss_network == "auto" else self.loss_network
        if known in get_args(Architecture):  # a file is asked once it is read
            check_layers([*self.content_layers, *self.style_layers], known)  # type: ignore[arg-type]
        if not 1 <= self.style_levels <= 5:
            raise ConfigError(f"style_levels is {self.style_levels}, expected 1 to 5")
        if self.style_size < 32:
            raise ConfigError(f"style_size is {self.style_size} px, expected at least 32")

    def _check_terms(self) -> None:
        for name, known in (("content_terms", CONTENT_TERMS), ("style_terms", STYLE_TERMS)):
            for term in getattr(self, name):
                _check_choice(f"a term in {name}", term, known)
        for name in ("content_terms", "style_terms", "content_layers", "style_layers"):
            shares = getattr(self, name)
            _check_weights(shares)
            if not any(shares.values()):
                kind = name.partition("_")[0]
                raise ConfigError(f"{name} has no weight above 0; a term is turned off by {kind}_weight 0")
        _check_weights({f"{number} of style_blend": weight for number, weight in enumerate(self.style_blend, start=1)})
        if self.style_blend and not any(self.style_blend):
            raise ConfigError("style_blend has no weight above 0")

    def weighed(self) -> Self:
        """Return this with `CONTENT_WEIGHT` and `STYLE_WEIGHT` for the weights that it leaves open."""
        return replace(
            self,
            content_weight=CONTENT_WEIGHT if self.content_weight is None else self.content_weight,
            style_weight=STYLE_WEIGHT if self.style_weight is None else self.style_weight,
        )

    def resolved(self) -> Self:
        """Return this with `auto` replaced by a loss network that is at hand: nothing is downloaded unasked.

        VGG-19 if torchvision has downloaded it before, or `mini` lacks a layer; else `mini`.
        """
        if self.loss_network != "auto":
            return self
        has_all = {*self.content_layers, *self.style_layers} <= set(layer_names("mini"))
        return replace(self, loss_network="mini" if has_all and downloaded("vgg19") is None else "vgg19")


CONTENT_TERMS = (*_OF_LAYERS, *_OF_PICTURES)
STYLE_TERMS = tuple(MEASURES)
_CHOICES = {
    "channel_weights": ChannelWeights,
    "vgg_input": InputConvention,
    "pooling": Pooling,
    "tv_form": TvForm,
    "constants": Constants,
    "loss_arithmetic": Arithmetic,
}


def _check_choice(name: str, value: str | None, choices: Collection[str]) -> None:
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
    """`content_weight * content + style_weight * style + tv_weight * total variation` against one painting or several.

    A term of weight 0 is not computed. Weights that the configuration leaves open are `CONTENT_WEIGHT` and
    `STYLE_WEIGHT`.

    Args:
        config: terms, layers, weights, constants.
        style_images: `(1, 3, H, W)` RGB in [0, 1], each already at the size it is to be judged at. The style term is
            the mean of what it is against each, weighed by `config.style_blend`.

    Raises:
        ConfigError: when `config.style_blend` has another number of weights than there are paintings, or a painting is
            too small.
    """

    def __init__(self, config: ObjectiveConfig, *style_images: Tensor) -> None:
        super().__init__()
        self.config = config = config.weighed()
        assert config.content_weight is not None
        assert config.style_weight is not None
        self.content_weight, self.style_weight = config.content_weight, config.style_weight
        self.blend = _blend(config, len(style_images))
        self.content_layers = _content_layers(config) if self.content_weight else {}
        self.style_layers = config.style_layers if self.style_weight else {}
        self.loss_network = VggFeatures(
            [*self.content_layers, *self.style_layers],
            network=config.resolved().loss_network,
            input_convention=config.vgg_input,
            pooling=config.pooling,
            arithmetic=config.loss_arithmetic,
        )
        with torch.no_grad():
            for number, image in enumerate(style_images):
                for name, target in self._statistics(image):
                    self.register_buffer(_target_name(number, name), target, persistent=False)

    @torch.no_grad()
    def content_targets(self, content: Tensor) -> dict[str, Tensor]:
        """Return what a pastiche of `content` `(N, 3, H, W)` is held against: activations by layer, and `content`."""
        return {**self.loss_network(content, self.content_layers), _PICTURE: content.detach()}

    def forward(self, pastiche: Tensor, content_targets: Mapping[str, Tensor]) -> Losses:
        """Judge `pastiche` `(N, 3, H, W)`, RGB in [0, 1], made from the photograph behind `content_targets`.

        Values outside [0, 1] are judged as they are, so that an optimiser finds its way back.
        """
        self._check_size(pastiche)
        features = self.loss_network(pastiche)
        content = self._content(pastiche, features, content_targets)
        style = self._style(pastiche, features)
        tv = self.config.tv_weight * total_variation(pastiche, self.config.tv_form, self.config.constants)
        return Losses(content, style, tv, content + style + tv)

    def _content(self, pastiche: Tensor, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        total = pastiche.new_zeros(len(pastiche))
        if not self.content_weight:
            return total
        constants = self.config.constants
        for term, weight in self.config.content_terms.items():
            if not weight:
                continue
            if term in _OF_PICTURES:
                total = total + weight * _OF_PICTURES[term](pastiche, targets[_PICTURE], constants)
                continue
            for layer, share in _layer_weights(self.content_layers, constants):
                found, target = features[layer], targets[layer]
                if term == "features":
                    loss = content_loss(found, target, constants)
                else:
                    channels = balanced_channels(target) if self.config.channel_weights == "balanced" else None
                    loss = gradient_loss(found, target, constants, channels)
                total = total + weight * share * loss
        return self.content_weight * total

    def _style(self, pastiche: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        total = pastiche.new_zeros(len(pastiche))
        if not self.style_weight:
            return total
        shares = dict(_layer_weights(self.style_layers, self.config.constants))
        for (term, level, layer), statistics in self._statistics(pastiche, features):
            for number, blend in enumerate(self.blend):
                target = self.get_buffer(_target_name(number, (term, level, layer)))
                loss = MEASURES[term].distance(statistics, target, self.config.constants)
                total = total + blend * self.config.style_terms[term] * shares[layer] * loss
        return self.style_weight / self.config.style_levels * total

    def _statistics(
        self, image: Tensor, features: Mapping[str, Tensor] | None = None
    ) -> Iterator[tuple[tuple[str, int, str], Tensor]]:
        """Yield the statistics of an image under `(term, level, layer)`; `features` are its own, where they are known.

        The pyramid shows it at 1, 1/2, 1/4 ..: what a layer cannot see at full size it sees further up
        [Snelgrove2017]. Deviates from [Snelgrove2017], whose pyramid is Gaussian: here a level is the mean of 2x2 px.
        """
        if not self.style_layers:
            return
        self._check_size(image)
        for level in range(self.config.style_levels):
            if level > 0:
                image, features = F.avg_pool2d(image, 2), None
            found = self.loss_network(image, self.style_layers) if features is None else features
            for layer in self.style_layers:
                for term, weight in self.config.style_terms.items():
                    if weight:
                        yield (term, level, layer), MEASURES[term].statistics(found[layer])

    def _check_size(self, image: Tensor) -> None:
        if min(image.shape[2:]) < (least := self._least_side()):
            raise ConfigError(
                f"a picture of {image.shape[3]}x{image.shape[2]} px is too small for this objective, which needs "
                f"{least} px a side; give a larger size, lower style_levels, or take shallower layers"
            )

    def _least_side(self) -> int:
        """Side in px that leaves one activation of the deepest layers, after poolings and the pyramid's halvings."""
        content = max((_block(layer) - 1 for layer in self.content_layers), default=0)
        style = max((_block(layer) - 1 + self.config.style_levels - 1 for layer in self.style_layers), default=0)
        window = SSIM_WINDOW if self.content_weight and self.config.content_terms.get("ssim") else 1
        return int(max(2 ** max(content, style), window))


def _blend(config: ObjectiveConfig, paintings: int) -> tuple[float, ...]:
    """Return each painting's share of the style term."""
    weights = config.style_blend or (1.0,) * paintings
    if len(weights) != paintings:
        raise ConfigError(f"style_blend has {len(weights)} weights, expected one for each of {paintings} paintings")
    return tuple(weight / sum(weights) for weight in weights)


def _content_layers(config: ObjectiveConfig) -> Mapping[str, float]:
    """Return the content layers, or none where only the pictures themselves are compared."""
    return config.content_layers if any(config.content_terms.get(term) for term in _OF_LAYERS) else {}


def _layer_weights(layers: Mapping[str, float], constants: Constants) -> list[tuple[str, float]]:
    """Return each layer's weight: a share of one, as w_l of [Gatys2016]; but [Johnson2016] adds the layers up."""
    total = 1.0 if constants == "johnson2016" else sum(layers.values())
    return [(layer, weight / total) for layer, weight in layers.items()]


def _block(layer: str) -> int:
    return int(layer[4])


def _target_name(number: int, name: tuple[str, int, str]) -> str:
    """Name the buffer of a painting's statistics."""
    return "_".join(["target", str(number), *map(str, name)])
