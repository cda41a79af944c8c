"""Command-line options made from configuration dataclasses, and YAML files that set the same names.

A field of a configuration is one option: its name, type, default and help are said once, in the dataclass. A YAML file
given with `--config` sets defaults by the same names with underscores; what is typed on the command line wins.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from fast_nst.errors import ConfigError, did_you_mean

Config = typing.TypeVar("Config")


class Weights(click.ParamType[dict[str, float]]):
    """Things and their weights: `relu1_1,relu3_1:0.5`, or a mapping from YAML.

    Args:
        item: what is weighed, such as LAYER.
    """

    def __init__(self, item: str) -> None:
        self.item = item
        self.name = f"{item}[:WEIGHT],..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """Return `{item: weight}`; an item without a weight counts 1."""
        if isinstance(value, Mapping):
            parts = [f"{item}:{weight}" for item, weight in value.items()]
        else:
            parts = [str(part) for part in value] if isinstance(value, list) else str(value).split(",")
        weights = {}
        for part in parts:
            item, _, weight = part.strip().partition(":")
            try:
                weights[item] = float(weight or 1.0)
            except ValueError:
                self.fail(f"{part.strip()!r}: expected {self.item} or {self.item}:WEIGHT, with a number", param, ctx)
        return weights

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the form, not the class name."""
        return self.name


class OnlyInFiles(click.ParamType[Any]):
    """What is too long for a command line: a mapping from YAML."""

    name = "mapping"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the mapping."""
        if not isinstance(value, Mapping):
            self.fail(f"{value!r}: expected a mapping, in a file given with --config", param, ctx)
        return value


class Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers in a row: `3,7`, or a list from YAML."""

    name = "NUMBER,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return the numbers."""
        parts = value if isinstance(value, list | tuple) else str(value).split(",")
        try:
            return tuple(float(part) for part in parts)
        except (TypeError, ValueError):
            self.fail(f"{value!r}: expected numbers with commas between them, such as 3,7", param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the form, not the class name."""
        return self.name


def options_from(config: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a command one option for each plain field of the dataclass `config`.

    Fields that are dataclasses themselves contribute their own fields. A field whose metadata has `"option": False`
    gets none: the command declares it itself.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        hints = typing.get_type_hints(config)
        for field in reversed(dataclasses.fields(config)):
            hint = hints[field.name]
            if dataclasses.is_dataclass(hint):
                command = options_from(typing.cast(type, hint))(command)
            elif field.metadata.get("option", True):
                command = _option(field, hint)(command)
        return command

    return decorate


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--config FILE.yaml`, whose values become the defaults of its other options."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_take_defaults,
        help="YAML file that sets any of these options by name.",
    )(command)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of options; raises `ConfigError` when it is missing or not a mapping."""
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no options; expected lines such as `style_weight: 5.0`")
    return values


def set_defaults(ctx: click.Context, values: Mapping[str, Any], source: str | Path) -> None:
    """Make `values` the defaults of the options of `ctx`; raises `ConfigError` for a name that is no option."""
    known = {param.name: param for param in ctx.command.params if param.name}
    defaults = dict(ctx.default_map or {})
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{source}: no option {name!r}{did_you_mean(name, known)}")
        if value is not None:
            defaults[name] = [value] if known[name].multiple and isinstance(value, str) else value
    ctx.default_map = defaults


def build(config: type[Config], values: dict[str, Any]) -> Config:
    """Take the fields of the dataclass `config`, nested ones included, out of `values`, and build it."""
    hints = typing.get_type_hints(config)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            arguments[field.name] = build(typing.cast(type, hint), values)
        elif field.name in values:
            arguments[field.name] = values.pop(field.name)
    return config(**arguments)


def _take_defaults(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    if path is not None:
        set_defaults(ctx, read_yaml(path), path)


def _option(field: dataclasses.Field[Any], hint: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    default: Any = field.default_factory() if callable(field.default_factory) else field.default
    required = default is dataclasses.MISSING
    kind, multiple = _click_type(hint, field.metadata.get("item", "LAYER"))
    if hint is bool:
        flag = "--" + field.name.replace("_", "-")
        return click.option(flag, is_flag=True, default=default, help=field.metadata["help"])
    return click.option(
        "--" + field.name.replace("_", "-"),
        type=kind,
        multiple=multiple,
        required=required,
        default=None if required else default,
        show_default=_shown(default),
        help=field.metadata["help"],
    )


def _shown(default: Any) -> str | bool:
    """Return what help says of a default: nothing where there is none to speak of."""
    if isinstance(default, Mapping):
        return ",".join(default)
    return default not in (dataclasses.MISSING, None, "", ())


def _click_type(hint: Any, item: str) -> tuple[Any, bool]:
    """Return click's type for a field's annotation, and whether it may be repeated; `item` is what weights weigh."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):  # X | None
        return _click_type(next(argument for argument in arguments if argument is not type(None)), item)
    if origin is typing.Literal:
        return click.Choice(arguments), False
    if origin is tuple:
        return (Numbers(), False) if arguments[0] is float else (_click_type(arguments[0], item)[0], True)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Weights(item), False
    return hint, False
