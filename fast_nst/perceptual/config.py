"""What "looks like" means, in plain values that a YAML file or a checkpoint can hold."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self, get_args

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.perceptual.constants import Constants
from fast_nst.perceptual.smoothness import TvForm
from fast_nst.perceptual.style import MEASURES
from fast_nst.perceptual.vgg import (
    Architecture,
    Arithmetic,
    InputConvention,
    Pooling,
    check_layers,
    check_network,
    downloaded,
    held_layers,
    is_cut_off,
    is_left_to_mini,
    layer_names,
)

ChannelWeights = Literal["uniform", "balanced"]
ContentPlaces = Literal["detailed", "all"]

CONTENT_WEIGHT, STYLE_WEIGHT = 1.0, 4.0
"""Weights of an objective that says none and is not balanced for its painting; see `balance`."""

CONTENT_LAYERS = {"relu2_2": 0.5, "relu3_3": 0.7, "relu4_1": 0.3}
"""Content layers that nobody chose, and their weights: shallow ones keep edges and eyes, the deep one what is shown."""
STYLE_LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu3_3": 1.5, "relu4_1": 1.0}
"""Style layers that nobody chose, and their weights: most for those that see strokes; the first is the palette."""

OF_LAYERS, OF_PICTURES = ("features", "gradients"), ("ssim", "pixels")
"""The terms of content: on a layer's activations, and on the pictures themselves."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """What "looks like" means, in plain values that a YAML file or a checkpoint can hold.

    Layer weights are relative to each other: they are divided by their sum, but under `johnson2016`. Weights of terms
    are factors.

    Raises:
        ConfigError: where a value makes no sense.
    """

    loss_network: str = field(
        default="auto",
        metadata={
            "help": "Frozen network that judges: vgg19, vgg16, mini, or a file of weights; where that is cut, deeper "
            "layers come from mini; auto is vgg19 where torchvision has downloaded it already, else mini."
        },
    )
    vgg_input: InputConvention | None = field(
        default=None, metadata={"help": "Input the weights expect, where the file does not say."}
    )
    pooling: Pooling = field(default="max", metadata={"help": "Pooling inside the loss network."})
    content_layers: Mapping[str, float] = field(
        default_factory=lambda: dict(CONTENT_LAYERS), metadata={"help": "Content layers and their weights."}
    )
    style_layers: Mapping[str, float] = field(
        default_factory=lambda: dict(STYLE_LAYERS),
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
    content_places: ContentPlaces = field(
        default="all",
        metadata={
            "help": "Where the content term features counts: everywhere alike (all), or most where the photograph has "
            "detail (detailed). Other content terms are not weighed."
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
        default=1, metadata={"help": "Levels of the style pyramid: 1, 1/2, 1/4 ... of the picture's size."}
    )
    style_size: int = field(default=512, metadata={"help": "Longer side of the painting as the objective sees it, px."})
    content_weight: float | None = field(
        default=None, metadata={"help": "Weight of content. Left out: balanced; in a comparison, the model's, else 1."}
    )
    style_weight: float | None = field(
        default=None,
        metadata={
            "help": "Weight of style. Left out: balanced for the painting; in a comparison, the model's, else 4."
        },
    )
    tone_weight: float = field(
        default=0.3, metadata={"help": "Weight of the tone term: what is light in the photograph stays light."}
    )
    hue_weight: float = field(
        default=0.1, metadata={"help": "Weight of the hue term: what is warm in the photograph stays warm."}
    )
    tv_weight: float = field(default=4.0, metadata={"help": "Weight of the total variation term."})
    tv_form: TvForm = field(
        default="kuwahara",
        metadata={
            "help": "Form of total variation; kuwahara asks for flat patches with sharp edges. The others' weight "
            "should be less, about 1."
        },
    )
    constants: Constants = field(default="relative", metadata={"help": "Whose normalisation of the terms."})
    loss_arithmetic: Arithmetic = field(default="float32", metadata={"help": "Arithmetic of the loss network."})

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        object.__setattr__(self, "style_blend", tuple(self.style_blend))  # YAML and JSON have lists
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), get_args(choices))
        if self.loss_network != "auto":
            check_network(self.loss_network)
        terms = ("content", "style", "tone", "hue", "tv")
        weights = {name: getattr(self, name) for name in (f"{term}_weight" for term in terms)}
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

        VGG-19 if torchvision has downloaded it before, or `mini` lacks a layer; else `mini`. Where a file of weights is
        cut before a layer that is asked for, `mini`'s is used if it has that one; else the file's deepest layer.

        Raises:
            WeightsError: for a file that is no file of weights.
        """
        layers = {*self.content_layers, *self.style_layers}
        if self.loss_network == "auto":
            needs_vgg = not layers <= set(layer_names("mini")) or downloaded("vgg19") is not None
            return replace(self, loss_network="vgg19" if needs_vgg else "mini")
        held = held_layers(self.loss_network)
        if not any(_is_replaced(layer, held) for layer in layers):
            return self
        content, style = (_held(layers, held) for layers in (self.content_layers, self.style_layers))
        return replace(self, content_layers=content, style_layers=style)


def _is_replaced(layer: str, held: Sequence[str]) -> bool:
    """Whether neither a file that ends with the last of `held` nor `mini` has this layer of VGG-19."""
    return is_cut_off(layer, held) and not is_left_to_mini(layer, held)


def _held(layers: Mapping[str, float], held: Sequence[str]) -> dict[str, float]:
    """Return layers and their weights, those that nothing has after `held` added to its last one."""
    found: dict[str, float] = {}
    for layer, weight in layers.items():
        name = held[-1] if _is_replaced(layer, held) else layer
        found[name] = found.get(name, 0.0) + weight
    return found


CONTENT_TERMS = (*OF_LAYERS, *OF_PICTURES)
STYLE_TERMS = tuple(MEASURES)
_CHOICES = {
    "content_places": ContentPlaces,
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
