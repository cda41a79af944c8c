"""One object that says how good a pastiche is; training, the Gatys method and the comparison all use it.

References:
    [Snelgrove2017] High-Resolution Multi-Scale Neural Texture Synthesis, SIGGRAPH Asia 2017 (the style pyramid).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.errors import ConfigError
from fast_nst.perceptual.config import OF_LAYERS, ObjectiveConfig
from fast_nst.perceptual.constants import Constants
from fast_nst.perceptual.content import (
    SSIM_WINDOW,
    balanced_channels,
    content_loss,
    detailed_places,
    feature_energy,
    gradient_energy,
    gradient_loss,
    pixel_loss,
    scaled_error,
    squared_error,
    ssim_loss,
)
from fast_nst.perceptual.smoothness import total_variation
from fast_nst.perceptual.strips import Strip, features_in_strips, strips, sums_in_strips
from fast_nst.perceptual.style import MEASURES
from fast_nst.perceptual.tone import hue_loss, tone_loss
from fast_nst.perceptual.vgg import VggFeatures

_OF_PICTURES: dict[str, Callable[[Tensor, Tensor, Constants], Tensor]] = {"ssim": ssim_loss, "pixels": pixel_loss}
_PICTURE = "picture"  # the photograph itself, among its activations

Key = tuple[str, str]
"""A term and a layer."""


class Losses(NamedTuple):
    """The weighted terms of the objective and their sum, each `(N,)`, or a scalar after `mean()`."""

    content: Tensor
    style: Tensor
    tone: Tensor
    """Of luminance and of hue."""
    tv: Tensor
    total: Tensor

    def mean(self) -> Self:
        """Average each term over the batch."""
        return self._replace(**{name: term.mean() for name, term in self._asdict().items()})

    def floats(self) -> dict[str, float]:
        """Return the terms of a single image, or of a mean, as plain numbers."""
        return {name: float(term.detach()) for name, term in self._asdict().items()}


class Seen(NamedTuple):
    """What the loss network makes of a picture at one level of the pyramid."""

    contents: dict[Key, Tensor]
    """Content losses, `(N,)`."""
    styles: dict[Key, Tensor]
    """Statistics of the style, as `style.MEASURES` has them."""


class Objective(nn.Module):
    """Content, style, tone and total variation, each times its weight, added up: against one painting or several.

    A term of weight 0 is not computed. Weights that the configuration leaves open are `CONTENT_WEIGHT` and
    `STYLE_WEIGHT`.

    Args:
        config: terms, layers, weights, constants.
        style_images: `(1, 3, H, W)` RGB in [0, 1], each already at the size it is to be judged at. The style term is
            the mean of what it is against each, weighed by `config.style_blend`.
        strip_pixels: larger pictures are looked at in strips of so many pixels, which bounds memory (see `strips`);
            but not with a style term that needs all places at once, `sliced_wasserstein`. None: in one piece.
        loss_network: what judges, where several objectives have one in common; it gives the layers of `config`, at
            least. None: the one that `config` names.

    Raises:
        ConfigError: when `config.style_blend` has another number of weights than there are paintings, or a painting is
            too small.
    """

    def __init__(
        self,
        config: ObjectiveConfig,
        *style_images: Tensor,
        strip_pixels: int | None = None,
        loss_network: VggFeatures | None = None,
    ) -> None:
        super().__init__()
        self.config = config = config.resolved().weighed()
        assert config.content_weight is not None
        assert config.style_weight is not None
        self.content_weight, self.style_weight = config.content_weight, config.style_weight
        self.blend = _blend(config, len(style_images))
        self.content_layers = _content_layers(config) if self.content_weight else {}
        self.style_layers = config.style_layers if self.style_weight else {}
        is_additive = not self.style_layers or all(MEASURES[term].sums for term in self._style_terms())
        self.strip_pixels = strip_pixels if is_additive else None
        self.loss_network = loss_network or VggFeatures(
            [*self.content_layers, *self.style_layers],
            network=config.loss_network,
            input_convention=config.vgg_input,
            pooling=config.pooling,
            arithmetic=config.loss_arithmetic,
        )
        with torch.no_grad():
            for number, image in enumerate(style_images):
                for level, seen in self._pyramid(image):
                    for key, target in seen.styles.items():
                        self.register_buffer(_target_name(number, level, key), target, persistent=False)

    @torch.no_grad()
    def content_targets(self, content: Tensor) -> dict[str, Tensor]:
        """Return what a pastiche of `content` `(N, 3, H, W)` is held against: activations by layer, and `content`."""
        self._check_size(content)
        cut = self._cut(content, self.content_layers)
        if cut is None:
            found = self.loss_network(content, self.content_layers)
        else:
            found = features_in_strips(self.loss_network, content, self.content_layers, cut)
        return {**found, **self._places(content), _PICTURE: content.detach()}

    def _places(self, content: Tensor) -> dict[str, Tensor]:
        """Return what each place of each content layer counts; nothing where they are alike."""
        if self.config.content_places == "all" or not self.config.content_terms.get("features"):
            return {}
        return {_places_of(layer): detailed_places(content, 1 << (_block(layer) - 1)) for layer in self.content_layers}

    def forward(self, pastiche: Tensor, content_targets: Mapping[str, Tensor]) -> Losses:
        """Judge `pastiche` `(N, 3, H, W)`, RGB in [0, 1], made from the photograph behind `content_targets`.

        Values outside [0, 1] are judged as they are, so that an optimiser finds its way back.
        """
        self._check_size(pastiche)
        content, style = pastiche.new_zeros(2, len(pastiche))
        for level, seen in self._pyramid(pastiche, content_targets):
            content = content + self._content(seen.contents)
            style = style + self._style(seen.styles, level)
        content = content + self._pictures(pastiche, content_targets)
        tone = self._tone(pastiche, content_targets)
        tv = self.config.tv_weight * total_variation(pastiche, self.config.tv_form, self.config.constants)
        return Losses(content, style, tone, tv, content + style + tone + tv)

    def _content(self, losses: Mapping[Key, Tensor]) -> Tensor | float:
        shares = _layer_weights(self.content_layers, self.config.constants)
        terms = self.config.content_terms
        return self.content_weight * sum(terms[term] * shares[layer] * loss for (term, layer), loss in losses.items())

    def _pictures(self, pastiche: Tensor, targets: Mapping[str, Tensor]) -> Tensor | float:
        if not self.content_weight:
            return 0.0
        return self.content_weight * sum(
            weight * _OF_PICTURES[term](pastiche, targets[_PICTURE], self.config.constants)
            for term, weight in self.config.content_terms.items()
            if weight and term in _OF_PICTURES
        )

    def _tone(self, pastiche: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        total = pastiche.new_zeros(len(pastiche))
        if _PICTURE not in targets:  # without a photograph, style is judged alone
            return total
        if self.config.tone_weight:
            total = total + self.config.tone_weight * tone_loss(pastiche, targets[_PICTURE])
        if self.config.hue_weight:
            total = total + self.config.hue_weight * hue_loss(pastiche, targets[_PICTURE])
        return total

    def _style(self, statistics: Mapping[Key, Tensor], level: int) -> Tensor | float:
        shares = _layer_weights(self.style_layers, self.config.constants)
        total: Tensor | float = 0.0
        for (term, layer), found in statistics.items():
            weight = self.config.style_terms[term] * shares[layer]
            for number, blend in enumerate(self.blend):
                target = self.get_buffer(_target_name(number, level, (term, layer)))
                total = total + blend * weight * MEASURES[term].distance(found, target, self.config.constants)
        return self.style_weight / self.config.style_levels * total

    def _pyramid(
        self, image: Tensor, content_targets: Mapping[str, Tensor] | None = None
    ) -> Iterator[tuple[int, Seen]]:
        """Yield what is seen of an image at 1, 1/2, 1/4 .. of its size: of content only at the first.

        What a layer cannot see at full size it sees further up [Snelgrove2017]. Deviates from [Snelgrove2017], whose
        pyramid is Gaussian: here a level is the mean of 2x2 px.
        """
        self._check_size(image)
        for level in range(self.config.style_levels if self.style_layers else 1):
            image = F.avg_pool2d(image, 2) if level else image
            targets = content_targets if level == 0 else None
            cut = self._cut(image, self.loss_network.layers if targets else self.style_layers)
            yield level, self._look(image, targets) if cut is None else self._look_in_strips(image, targets, cut)

    def _look(self, image: Tensor, targets: Mapping[str, Tensor] | None) -> Seen:
        layers = self.style_layers if targets is None else self.loss_network.layers
        found, constants, contents = self.loss_network(image, layers), self.config.constants, {}
        for term, layer in self._content_keys(targets):
            assert targets is not None
            if term == "features":
                places = targets.get(_places_of(layer))
                contents[term, layer] = content_loss(found[layer], targets[layer], constants, places)
            else:
                channels = self._channel_weights(targets[layer])
                contents[term, layer] = gradient_loss(found[layer], targets[layer], constants, channels)
        styles = {(term, layer): MEASURES[term].statistics(found[layer]) for term, layer in self._style_keys()}
        return Seen(contents, styles)

    def _look_in_strips(self, image: Tensor, targets: Mapping[str, Tensor] | None, cut: Sequence[Strip]) -> Seen:
        """Return the same as `_look`, from sums over strips."""
        layers = self.style_layers if targets is None else self.loss_network.layers
        content_keys, style_keys = self._content_keys(targets), self._style_keys()

        def summands(part: Tensor, strip: Strip) -> list[Tensor]:
            found = self.loss_network(part, layers)
            errors = [_summed_error(term, found[layer], targets, layer, strip) for term, layer in content_keys]
            return [*errors, *(_style_sums(term, strip.own(layer, found[layer])) for term, layer in style_keys)]

        sums = iter(sums_in_strips(image, cut, summands))
        contents = {key: self._content_of(key, next(sums), targets) for key in content_keys}
        places = {layer: cut[-1].rows(layer).stop * (image.shape[3] >> (_block(layer) - 1)) for layer in layers}
        styles = {
            (term, layer): MEASURES[term].sums.statistics(next(sums), places[layer])  # type: ignore[union-attr]
            for term, layer in style_keys
        }
        return Seen(contents, styles)

    def _content_of(self, key: Key, error: Tensor, targets: Mapping[str, Tensor] | None) -> Tensor:
        """Return a content loss, given its error summed over the picture; of gradients, of each channel."""
        assert targets is not None
        (term, layer), constants = key, self.config.constants
        target = targets[layer]
        if term == "features":
            return scaled_error(error, feature_energy(target, targets.get(_places_of(layer))), target, constants)
        channels, energy = self._channel_weights(target), gradient_energy(target)
        weights = torch.ones_like(energy) if channels is None else channels
        return scaled_error((weights * error).sum(1), (weights * energy).sum(1), target, constants)

    def _channel_weights(self, target: Tensor) -> Tensor | None:
        return balanced_channels(target) if self.config.channel_weights == "balanced" else None

    def _content_keys(self, targets: Mapping[str, Tensor] | None) -> list[Key]:
        if targets is None:
            return []
        terms = [term for term in OF_LAYERS if self.config.content_terms.get(term)]
        return [(term, layer) for term in terms for layer in self.content_layers]

    def _style_terms(self) -> list[str]:
        return [term for term, weight in self.config.style_terms.items() if weight]

    def _style_keys(self) -> list[Key]:
        return [(term, layer) for layer in self.style_layers for term in self._style_terms()]

    def _cut(self, image: Tensor, layers: Iterable[str]) -> list[Strip] | None:
        """Return the strips that an image is to be looked at in; None for one piece."""
        names = list(layers)
        if not names or self.strip_pixels is None or image.numel() // image.shape[1] <= self.strip_pixels:
            return None
        return list(strips(image, names, self.strip_pixels))

    def _check_size(self, image: Tensor) -> None:
        if min(image.shape[2:]) < (least := least_side(self.config)):
            raise ConfigError(
                f"a picture of {image.shape[3]}x{image.shape[2]} px is too small for this objective, which needs "
                f"{least} px a side; give a larger size (of a painting, style_size), lower style_levels, or take "
                "shallower layers"
            )


def least_side(config: ObjectiveConfig) -> int:
    """Return the side, px, that leaves one activation of the deepest layers, after poolings and the pyramid's halvings.

    A picture or painting of less cannot be judged.
    """
    content_layers = _content_layers(config) if config.content_weight != 0 else {}
    style_layers = config.style_layers if config.style_weight != 0 else {}
    content = max((_block(layer) - 1 for layer in content_layers), default=0)
    style = max((_block(layer) - 1 + config.style_levels - 1 for layer in style_layers), default=0)
    window = SSIM_WINDOW if config.content_weight != 0 and config.content_terms.get("ssim") else 1
    return int(max(2 ** max(content, style), window))


def _summed_error(term: str, found: Tensor, targets: Mapping[str, Tensor] | None, layer: str, strip: Strip) -> Tensor:
    """Return a strip's share of a squared error: `(N,)`, of gradients `(N, C)`."""
    assert targets is not None
    rows = strip.rows(layer)
    if term == "features":
        places = targets.get(_places_of(layer))
        own_places = None if places is None else places[:, :, rows]
        return squared_error(strip.own(layer, found), targets[layer][:, :, rows], own_places)
    own, target = strip.own(layer, found, more=1), targets[layer][:, :, rows.start : rows.stop + 1]
    return gradient_energy(own - target, rows.stop - rows.start)


def _places_of(layer: str) -> str:
    """Name what the places of a layer count, among the photograph's activations."""
    return f"places of {layer}"


def _style_sums(term: str, found: Tensor) -> Tensor:
    sums = MEASURES[term].sums
    assert sums is not None
    return sums.of(found)


def _blend(config: ObjectiveConfig, paintings: int) -> tuple[float, ...]:
    """Return each painting's share of the style term."""
    weights = config.style_blend or (1.0,) * paintings
    if len(weights) != paintings:
        raise ConfigError(f"style_blend has {len(weights)} weights, expected one for each of {paintings} paintings")
    return tuple(weight / sum(weights) for weight in weights)


def _content_layers(config: ObjectiveConfig) -> Mapping[str, float]:
    """Return the content layers, or none where only the pictures themselves are compared."""
    return config.content_layers if any(config.content_terms.get(term) for term in OF_LAYERS) else {}


def _layer_weights(layers: Mapping[str, float], constants: Constants) -> dict[str, float]:
    """Return each layer's weight: a share of one, as w_l of [Gatys2016]; but [Johnson2016] adds the layers up."""
    total = 1.0 if constants == "johnson2016" else sum(layers.values())
    return {layer: weight / total for layer, weight in layers.items()}


def _block(layer: str) -> int:
    return int(layer[4])


def _target_name(number: int, level: int, key: Key) -> str:
    """Name the buffer of a painting's statistics."""
    term, layer = key
    return f"target_{number}_{level}_{term}_{layer}"
