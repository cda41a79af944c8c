"""Options for what the artist decides about a picture beside its style: colours, masks, regions."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click

from fast_nst.controls.color import ColorStatistics
from fast_nst.controls.finish import Finish, PreserveColor
from fast_nst.controls.regions import RegionFiles
from fast_nst.errors import ConfigError
from fast_nst.images import read_picture
from fast_nst.inference import Stylizer
from fast_nst.inference.zoo import parse_style, parse_weights


def control_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options, for `read_controls`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--preserve-color",
        type=click.Choice(get_args(PreserveColor)),
        help="Keep the photograph's colours: by pixel (luminance), or in all (statistics).",
    ),
    click.option("--color-from", type=click.Path(path_type=Path), metavar="IMAGE", help="Take this picture's colours."),
    click.option(
        "--mask",
        "masks",
        multiple=True,
        metavar="[STYLE=]FILE",
        help="Paint where it is white, or opaque; elsewhere the photograph stays. With a STYLE of a network of many, "
        "or a mixture, repeatable: each where its mask is, --style elsewhere if it names one. A folder has a mask for "
        "each picture, of its name.",
    ),
    click.option("--invert-mask", is_flag=True, help="Paint where masks are black, or transparent."),
    click.option(
        "--label-map",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="One mask for several styles: grey values, or numbers of a palette; or a folder of them.",
    ),
    click.option("--label", "labels", multiple=True, metavar="VALUE=STYLE", help="What a value of it stands for."),
)


def read_controls(
    style: str,
    *,
    preserve_color: PreserveColor | None,
    color_from: Path | None,
    masks: Sequence[str],
    invert_mask: bool,
    label_map: Path | None,
    labels: Sequence[str],
    max_megapixels: float,
) -> Finish:
    """Return what was asked for.

    Raises:
        ConfigError: where it contradicts itself.
        ImageError: if the picture whose colours are wanted cannot be read.
    """
    if invert_mask and not masks:
        raise ConfigError("--invert-mask is for a mask; give one with --mask")
    if preserve_color and color_from:
        raise ConfigError(
            "--preserve-color takes the photograph's colours and --color-from another's; give one of them"
        )
    colors = None
    if color_from is not None:
        picture = read_picture(color_from, max_megapixels=max_megapixels)
        colors = ColorStatistics.of(picture.pixels, picture.alpha)
    regions = None
    if masks or label_map or labels:
        weights = parse_style(style).weights
        ground = ",".join(f"{name}:{weight:g}" for name, weight in (weights or {}).items())
        named = [_named(mask) for mask in masks]
        has_styles = bool(labels) or any(name for name, _ in named)
        regions = RegionFiles(
            named,
            label_map,
            _labels(labels),
            ground if has_styles else "",
            is_inverted=invert_mask,
            max_megapixels=max_megapixels,
        )
    return Finish(preserve_color=preserve_color, colors=colors, regions=regions)


def _named(mask: str) -> tuple[str, Path]:
    """Return a mask's style, or nothing, and its file."""
    style, has_style, path = mask.partition("=")
    if not has_style or (mask and Path(mask).exists()):
        style, path = "", mask
    if not path:
        raise ConfigError(f"--mask {mask!r} names no file; expected one such as sky.png, or starry-night=sky.png")
    return style, Path(path)


def _labels(texts: Sequence[str]) -> dict[int, str]:
    labels: dict[int, str] = {}
    for text in texts:
        value, _, style = text.partition("=")
        if not value.isdecimal() or not style:
            raise ConfigError(f"{text!r} is no label and its style; expected one such as 1=starry-night")
        if int(value) in labels:
            raise ConfigError(f"the label {value} cannot stand for both {labels[int(value)]} and {style}")
        labels[int(value)] = style
    return labels


def region_styles(finish: Finish) -> list[str]:
    """Return the style of each region; nothing where there is one style."""
    return finish.regions.styles if isinstance(finish.regions, RegionFiles) else []


def region_stylizers(stylizer: Stylizer, finish: Finish) -> list[Stylizer]:
    """Return what each region is painted with; nothing where there is one style.

    Raises:
        ModelError: if the network does not have a region's style.
    """
    return [_chosen(stylizer, parse_weights(style)) for style in region_styles(finish)]


def _chosen(stylizer: Stylizer, weights: Mapping[str, float]) -> Stylizer:
    return stylizer.choose(list(weights), list(weights.values()))
