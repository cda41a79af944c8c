"""The styles that ship with the package, and how a style is found by name or by path."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fast_nst.errors import ConfigError, ModelError, did_you_mean
from fast_nst.shipped import shipped_files

SUFFIX = ".onnx"
MANY = "many"
"""The shipped network of many styles, in which mixtures are looked for that name no file."""


@dataclass(frozen=True, slots=True)
class StyleChoice:
    """A model, by name or path, and the weights of its styles, by name; without weights it is a model of one style."""

    model: str | Path
    weights: Mapping[str, float] | None = None


def parse_style(text: str | Path) -> StyleChoice:
    """Return what a text such as `--style` takes stands for.

    `starry-night` and `my.onnx` are models; `my.onnx/hill` is one style of a network of many, and
    `my.onnx/hill:0.3,wave:0.7` a mixture of two; `hill:0.3,wave:0.7` is one of the shipped network `MANY`. A style
    without a weight counts 1.

    Raises:
        ConfigError: for a weight that is no number, or of one style alone.
    """
    choice = _parsed(text)
    if choice.weights and len(choice.weights) == 1 and [*choice.weights.values()] not in ([0.0], [1.0]):
        (weight,) = choice.weights.values()
        raise ConfigError(
            f"{text}: the weight of a single style changes nothing; for less of it leave :{weight:g} out and give "
            f"--strength {min(weight, 1):g}, or name another style to mix it with"
        )
    return choice


def _parsed(text: str | Path) -> StyleChoice:
    if isinstance(text, Path) or text in shipped_styles() or text.endswith(SUFFIX):
        return StyleChoice(text)
    model, found, names = text.partition(f"{SUFFIX}/")
    if found:
        return StyleChoice(model + SUFFIX, parse_weights(names))
    shipped, found, names = text.partition("/")
    if found and shipped in shipped_styles():
        return StyleChoice(shipped, parse_weights(names))
    return StyleChoice(MANY, parse_weights(text)) if {",", ":"} & set(text) else StyleChoice(text)


def style_label(text: str | Path) -> str:
    """Return what a pastiche's file is called after: the model, or the styles that are mixed; see `parse_style`.

    Raises:
        ModelError: if there is no such model.
        ConfigError: for a weight that is no number.
    """
    choice = parse_style(text)
    return find_style(choice.model).stem if choice.weights is None else "-".join(choice.weights)


def parse_weights(text: str) -> dict[str, float]:
    """Return the weight of each style in a text such as `hill:0.3,wave:0.7`; see `parse_style`."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition(":")
        try:
            weights[name] = weights.get(name, 0.0) + float(weight or 1.0)
        except ValueError:
            raise ConfigError(f"{part.strip()!r} is no style and its weight; expected one such as {name}:0.3") from None
    return weights


def shipped_styles() -> dict[str, Path]:
    """Return the file of every shipped style by its name, such as `starry-night`, sorted by name."""
    return shipped_files("models", f"*{SUFFIX}")


def find_style(name_or_path: str | Path) -> Path:
    """Return the `.onnx` file that a shipped style's name or a path stands for.

    A bare word is looked for among the shipped styles first; anything that ends in `.onnx` or has a folder in it
    is a path.

    Raises:
        ModelError: if there is no such style or file; the message names the nearest style.
    """
    shipped = shipped_styles()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    path = Path(name_or_path)
    if path.is_file():
        return path
    hint = did_you_mean(path.stem if path.suffix == SUFFIX else path.name, shipped)
    if path.is_dir():
        raise ModelError(f"{path} is a folder, expected a shipped style or an {SUFFIX} file{hint}")
    if path.suffix == SUFFIX or path.name != str(name_or_path):
        raise ModelError(f"there is no model file {path}{hint}")
    known = ", ".join(shipped) or "none in this copy"
    raise ModelError(
        f"there is no style {str(name_or_path)!r}{hint} (shipped: {known}; or give the path of an {SUFFIX} file)"
    )
