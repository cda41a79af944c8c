"""`fast-nst sweep`: a grid of settings of the slow method, on one sheet and in one table."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from torch import Tensor
from tqdm import tqdm

from fast_nst.cli.exits import DONE, FAILED, INTERRUPTED, SOME_FAILED
from fast_nst.cli.gatys import planned_steps, recipe_option, recipes
from fast_nst.cli.objective import resolved, tell_weights
from fast_nst.cli.options import Numbers, Weights, build, config_option, options_from, read_yaml
from fast_nst.errors import ConfigError, FastNstError, did_you_mean
from fast_nst.gatys import GatysConfig, Step
from fast_nst.sweep import FIXED, RECIPE, Axis, Cell, CellResult, Sweep, cells


@click.command("sweep")
@click.argument("content", type=click.Path(path_type=Path))
@click.argument("styles", metavar="STYLE... [NAME=A,B,C]...", nargs=-1, required=True)
@click.option(
    "-o", "--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Folder of the sweep."
)
@click.option(
    "--grid",
    metavar="NAME=A,B,C",
    multiple=True,
    help="A setting and its values; repeatable, and NAME=A,B,C does without --grid behind it.",
)
@recipe_option
@config_option
@options_from(GatysConfig)
@click.option("--progress/--no-progress", default=None, help="Progress bar. Default: on a terminal.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    content: Path,
    styles: tuple[str, ...],
    output: Path,
    grid: tuple[str, ...],
    progress: bool | None,
    **values: Any,
) -> int:
    """Repaint the picture CONTENT in the style of STYLE under every combination of settings, by the slow method.

    NAME is an option of `fast-nst gatys` or `recipe`; in a value that has several parts, + stands between them:
    style_terms=gram,gram+moments:0.5. The folder gets sheet.jpg, every pastiche with its settings and losses under it,
    table.csv, curves.png, and cells/ with each picture. A cell that is there is not run again: the same command goes on
    where it stopped, and a larger grid runs what is new.

    \b
    fast-nst sweep photo.jpg painting.jpg -o sweep/ --grid style_weight=2,8,32 optimizer=lbfgs,adam
    fast-nst sweep photo.jpg painting.jpg -o sweep/ --grid recipe=gatys2016,johnson2016 --steps 100
    """  # noqa: D301  # the backspace is click's mark for lines to keep
    axes = [_axis(ctx, text) for text in [*grid, *(style for style in styles if _is_axis(style))]]
    _check_axes(ctx, axes)
    paintings = [Path(style) for style in styles if not _is_axis(style)]
    if not axes or not paintings:
        raise ConfigError("expected a painting and at least one setting, such as --grid style_weight=2,8,32")
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output} is a file, expected a folder for the sweep; choose another output")
    base = build(GatysConfig, dict(values))
    base = replace(base, objective=resolved(base.objective))
    sweep = Sweep(content, paintings, base, output)
    tell_weights(base.objective, sweep.base.objective)
    todo = list(cells(axes, values, _configuration))
    (output / "cells").mkdir(parents=True, exist_ok=True)  # shows that the folder can be written
    return _finish(sweep, axes, _run(sweep, todo, progress=progress))


def _configuration(options: Mapping[str, Any]) -> GatysConfig:
    config = build(GatysConfig, dict(options))
    return replace(config, objective=config.objective.resolved())


class _Progress:
    """What has come of the cells so far."""

    def __init__(self, todo: Sequence[Cell]) -> None:
        self.results: list[CellResult | None] = [None] * len(todo)
        self.todo = todo
        self.failures = 0
        self.is_interrupted = False


def _run(sweep: Sweep, todo: Sequence[Cell], *, progress: bool | None) -> _Progress:
    """Run every cell that is not there yet; a failure ends none of the others."""
    made, is_hidden = _Progress(todo), None if progress is None else not progress
    total = sum(1 + planned_steps(cell.config) for cell in todo if not sweep.is_done(cell))
    with tqdm(total=total, unit="step", disable=is_hidden) as bar:

        def on_step(step: Step, _pastiche: Tensor) -> None:
            bar.update()
            bar.set_postfix_str(f"{cell}, total {step.losses['total']:.4g}", refresh=False)

        for number, cell in enumerate(todo, start=1):
            try:
                result = sweep.stored(cell)
                state = "there already, " if result else ""
                result = result or sweep.run(cell, on_step)
            except KeyboardInterrupt:
                made.is_interrupted = True
                break
            except FastNstError as error:
                made.failures += 1
                with tqdm.external_write_mode():
                    click.echo(f"fast-nst: {cell}: {error}", err=True)
                continue
            made.results[number - 1] = result
            with tqdm.external_write_mode():
                click.echo(f"[{number}/{len(todo)}] {cell}: {state}judged {result.judged['total']:.4g}", err=True)
    return made


def _finish(sweep: Sweep, axes: Sequence[Axis], made: _Progress) -> int:
    """Write what there is, print its files, and return the exit code."""
    if made.is_interrupted:
        click.echo("fast-nst: interrupted; the same command goes on from here", err=True)
    is_any_done = any(made.results)
    if is_any_done:
        for path in sweep.write(list(zip(made.todo, made.results, strict=True)), axes):
            click.echo(path)
    if made.is_interrupted:
        return INTERRUPTED
    if made.failures:
        return SOME_FAILED if is_any_done else FAILED
    return DONE


def _is_axis(text: str) -> bool:
    """Whether an argument is `NAME=VALUES` and not the file of a painting."""
    return "=" in text and not os.path.exists(text)  # noqa: PTH110 (Path.exists raises on an overlong name)


def _check_axes(ctx: click.Context, axes: Sequence[Axis]) -> None:
    names = [axis.name for axis in axes]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"the grid has {twice} twice; give all its values at once, such as {twice}=A,B,C")
    if RECIPE in names and ctx.get_parameter_source(RECIPE) is ParameterSource.COMMANDLINE:
        raise ConfigError("the grid has recipes; leave --recipe out")


def _axis(ctx: click.Context, text: str) -> Axis:
    """Read `NAME=A,B,C`.

    Raises:
        ConfigError: when it has another form, or NAME is no setting.
        click.BadParameter: when a value is not of the setting's type.
    """
    name, _, listed = text.partition("=")
    name = name.strip().replace("-", "_")
    labels = list(dict.fromkeys(label.strip() for label in listed.split(",") if label.strip()))
    if not labels:
        raise ConfigError(f"{text!r}: expected NAME=A,B,C, such as style_weight=2,8,32")
    if name == RECIPE:
        return Axis(name, tuple((label, _recipe(ctx, label)) for label in labels))
    known = {param.name: param for param in ctx.command.params if param.name in _SETTINGS}
    if name not in known:
        hint = did_you_mean(name, [*known, RECIPE])
        raise ConfigError(f"there is no setting {name!r}, and no file {text!r}{hint}")
    return Axis(name, tuple((label, {name: _value(ctx, known[name], label)}) for label in labels))


def _value(ctx: click.Context, param: click.Parameter, label: str) -> Any:
    text = label.replace("+", ",") if isinstance(param.type, Weights | Numbers) else label
    return param.type.convert(text, param, ctx)


def _recipe(ctx: click.Context, name: str) -> dict[str, Any]:
    """Return a recipe's options, less those that were typed, which win."""
    known = recipes()
    if name not in known:
        raise ConfigError(f"there is no recipe {name!r}{did_you_mean(name, known)}; shipped: {', '.join(known)}")
    params = {param.name: param for param in ctx.command.params}
    return {
        option: params[option].type.convert(value, params[option], ctx)
        for option, value in read_yaml(known[name]).items()
        if ctx.get_parameter_source(option) is not ParameterSource.COMMANDLINE
    }


_SETTINGS = frozenset(GatysConfig().plain()) - set(FIXED)
