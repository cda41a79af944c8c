"""`fast-nst train`: fit a network to a painting; get one .onnx file."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pytorch_lightning.utilities import rank_zero_only

from fast_nst.cli.exits import DONE, INTERRUPTED
from fast_nst.cli.objective import resolved, tell_weights
from fast_nst.cli.options import OnlyInFiles, build, config_option, options_from, read_yaml, set_defaults
from fast_nst.errors import ConfigError
from fast_nst.images import check_replaceable
from fast_nst.training.adversarial.config import AdversarialConfig
from fast_nst.training.config import TrainConfig
from fast_nst.training.paintings import collection_name, collections_in, paintings_in, style_name
from fast_nst.training.preview import write_preview
from fast_nst.training.run import CONFIG_NAME, Outcome, train


def _take_run(ctx: click.Context, _param: click.Parameter, folder: Path | None) -> Path | None:
    """Let a run that is resumed keep the options it was started with."""
    if folder is not None:
        if not (folder / CONFIG_NAME).is_file():
            raise ConfigError(f"nothing to resume: {folder} has no {CONFIG_NAME}; give the folder of a run")
        set_defaults(ctx, read_yaml(folder / CONFIG_NAME), folder / CONFIG_NAME)
    return folder


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The .onnx file.  [default: STYLE.onnx]")
@click.option("--run-dir", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/NAME]")
@click.option(
    "--resume",
    metavar="RUN_DIR",
    type=click.Path(path_type=Path),
    is_eager=True,
    callback=_take_run,
    help="Go on with the run in this folder, with its options.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing .onnx file.")
@click.option(
    "--preview",
    is_flag=True,
    help="Do not train: show in half a minute, by the slow method on small photographs, about what the style will look "
    "like. Writes NAME-preview.jpg.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@config_option
@click.option(
    "--style-dir",
    type=click.Path(path_type=Path),
    help="Folder with a painting for each style of a network of many; a style is called after its file. With "
    "--adversarial: one artist's pictures, or a folder of such folders.",
)
@click.option("--paintings", type=OnlyInFiles(), default={}, hidden=True)
@options_from(TrainConfig)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    output: Path | None,
    run_dir: Path | None,
    resume: Path | None,
    *,
    overwrite: bool,
    preview: bool,
    quiet: bool,
    style_dir: Path | None,
    **values: Any,
) -> int:
    """Fit a network to a painting (--style) on photographs (--content-dir), and write it as one .onnx file.

    The folder of the run keeps every option, checkpoints, losses and previews. Ctrl-C ends it early with what there
    is; --resume RUN_DIR goes on.
    """
    if style_dir is not None:
        if values["paintings"]:
            raise ConfigError("the configuration names paintings already; leave --style-dir out")
        values["paintings"] = (collections_in if values["adversarial"] else paintings_in)(style_dir)
    _check_adversarial(ctx, values)
    config = build(TrainConfig, values)
    config = replace(config, objective=rank_zero_only(resolved)(config.objective) or config.objective)
    output = output or Path(f"{_name(config, style_dir)}.onnx")
    if output.suffix != ".onnx":
        raise ConfigError(f"the output is {output}, expected a name that ends in .onnx")
    if preview:
        if config.paintings:
            raise ConfigError(
                "a preview is of one painting; give it with --style, without --style-dir and --adversarial"
            )
        picture = output.with_name(f"{output.stem}-preview.jpg")
        check_replaceable(picture, overwrite=overwrite)
        click.echo("fast-nst: a preview takes about half a minute", err=True)
        weighed = write_preview(config, picture)
        tell_weights(config.objective, weighed)
        click.echo(
            "fast-nst: for one picture to hang on a wall, `fast-nst gatys` paints its best in a minute or two; train a "
            "network for many pictures or a film",
            err=True,
        )
        click.echo(picture)
        return DONE
    if resume and run_dir not in (None, resume):
        raise ConfigError(f"--resume {resume} names the folder of the run already; leave --run-dir out")
    is_own = resume is not None and read_yaml(resume / CONFIG_NAME).get("output") == str(output)
    check_replaceable(output, overwrite=overwrite or is_own)
    folder = resume or run_dir or Path("runs") / output.stem

    @rank_zero_only
    def on_settled(settled: TrainConfig) -> None:
        if settled.adversary.adversarial:
            _tell_collections(settled)
            return  # nothing is balanced
        for asked, chosen in zip(config.all_paintings(), settled.all_paintings(), strict=True):
            name = chosen.name if settled.paintings else "this painting"
            tell_weights(config.objective_of(asked), settled.objective_of(chosen), name)

    outcome = train(config, output, folder, resume=resume is not None, show_bar=not quiet, on_settled=on_settled)
    _report(outcome, folder)
    return INTERRUPTED if outcome.interrupted else DONE


def _check_adversarial(ctx: click.Context, values: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for an option of a discriminator, given by hand to a run that has none."""
    if values["adversarial"]:
        return
    for option in fields(AdversarialConfig):
        if option.name != "adversarial" and ctx.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            name = f"--{option.name.replace('_', '-')}"
            raise ConfigError(f"{name} is of adversarial runs; give --adversarial too, or leave it out")


def _name(config: TrainConfig, style_dir: Path | None) -> str:
    """Return what a model is called that nobody has named."""
    if style_dir is not None:
        return collection_name(style_dir)
    return "many" if config.paintings else "-".join(map(style_name, map(Path, config.style)))


def _tell_collections(config: TrainConfig) -> None:
    """Tell what was taken for one artist's pictures: a folder may be meant otherwise."""
    found = [f"{painting.name} ({_count(len(painting.style), 'picture')})" for painting in config.all_paintings()]
    click.echo(f"fast-nst: {_count(len(found), 'style')}: {', '.join(found)}", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@rank_zero_only
def _report(outcome: Outcome, folder: Path) -> None:
    if outcome.unreadable:
        shown = ", ".join(outcome.unreadable[:3]) + (", ..." if len(outcome.unreadable) > 3 else "")
        click.echo(f"could not read {_count(len(outcome.unreadable), 'picture')}, left out: {shown}", err=True)
    losses = "  ".join(f"{name} {loss:.4g}" for name, loss in outcome.losses.items() if loss)
    click.echo(f"{outcome.steps} steps; {losses}; differs from PyTorch by {outcome.parity}/255 at most", err=True)
    if outcome.interrupted:
        click.echo(f"stopped early; to go on: fast-nst train --resume {folder}", err=True)
    click.echo(outcome.model)
