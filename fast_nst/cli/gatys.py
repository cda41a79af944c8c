"""`fast-nst gatys`: repaint one picture by the slow method."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from torch import Tensor
from tqdm import tqdm

from fast_nst.cli.exits import DONE, INTERRUPTED
from fast_nst.cli.objective import resolved, tell_weights
from fast_nst.cli.options import build, config_option, options_from, read_yaml, set_defaults
from fast_nst.errors import ConfigError, FastNstError, ImageError, did_you_mean
from fast_nst.gatys import Album, GatysConfig, Step, expected_seconds, repaint, settled
from fast_nst.images import (
    Picture,
    Pixels,
    StrPath,
    check_animation,
    check_replaceable,
    check_writable,
    fit_size,
    read_picture,
    read_pixels,
    resize,
    write_picture,
)
from fast_nst.perceptual import to_pixels
from fast_nst.shipped import shipped_files

_PICTURE = click.Path(path_type=Path)


def recipes() -> dict[str, Path]:
    """Return the shipped configurations of this command by name."""
    return shipped_files("configs/recipes", "*.yaml")


def _take_recipe(ctx: click.Context, _param: click.Parameter, name: str | None) -> None:
    if name is not None:
        known = recipes()
        if name not in known:
            shipped = ", ".join(known) or "none in this copy"
            raise ConfigError(f"there is no recipe {name!r}{did_you_mean(name, known)} (shipped: {shipped})")
        set_defaults(ctx, read_yaml(known[name]), known[name])


def recipe_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--recipe NAME`, whose values become the defaults of its other options."""
    return click.option(
        "--recipe",
        metavar="NAME",
        is_eager=True,
        expose_value=False,
        callback=_take_recipe,
        help=f"Shipped configuration: {', '.join(recipes())}.",
    )(command)


@click.command("gatys")
@click.argument("content", type=_PICTURE)
@click.argument("styles", metavar="STYLE...", type=_PICTURE, nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", type=_PICTURE, required=True, help="Picture to write.")
@recipe_option
@config_option
@options_from(GatysConfig)
@click.option(
    "--snapshot-every",
    type=click.IntRange(min=0),
    default=50,
    metavar="N",
    show_default=True,
    help="Steps between snapshots; 0 for none.",
)
@click.option("--animation", metavar="FILE", type=_PICTURE, help="Write a .gif or .webp of the picture forming, too.")
@click.option(
    "--quality", type=click.IntRange(1, 100), default=95, metavar="Q", show_default=True, help="Of JPEG and WebP."
)
@click.option("--keep-metadata/--no-metadata", default=True, help="Keep the EXIF data, or not. Default: keep.")
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist; an input is never replaced.")
@click.option("--progress/--no-progress", default=None, help="Progress bar. Default: on a terminal.")
def command(
    *,
    content: Path,
    styles: tuple[Path, ...],
    output: Path,
    snapshot_every: int,
    animation: Path | None,
    progress: bool | None,
    **values: Any,
) -> int:
    """Repaint the picture CONTENT in the style of the painting STYLE, by the slow method of Gatys et al.

    Several paintings give one style between them; --style-blend weighs them.

    Prints the path of the pastiche. The folder OUT-history beside it gets the losses of every step (history.csv and
    history.png), snapshots, and config.yaml, which --config takes. Ctrl-C keeps the picture so far.

    \b
    fast-nst gatys photo.jpg painting.jpg -o out.png
    fast-nst gatys photo.jpg painting.jpg -o out.png --recipe gatys2016 --max-minutes 10
    """  # noqa: D301  # the backspace is click's mark for lines to keep
    config = build(GatysConfig, values)  # leaves what `write_picture` takes: quality, keep_metadata, overwrite
    config = replace(config, objective=resolved(config.objective))
    folder = output.with_name(f"{output.stem}-history")
    check_outputs(output, animation, folder, inputs=[content, *styles, config.init], overwrite=values["overwrite"])
    picture = read_picture(content, max_megapixels=config.max_megapixels)
    for note in picture.notes:
        click.echo(f"fast-nst: {content}: {note}", err=True)
    paintings = [read_pixels(style, max_megapixels=config.max_megapixels) for style in styles]
    open_weights, config = config.objective, settled(config, picture.pixels, paintings)
    tell_weights(open_weights, config.objective)
    tell_time(config, expected_seconds(config, picture.pixels, paintings))
    album = Album(folder, config, snapshot_every, animation)
    is_interrupted = run(picture.pixels, paintings, album, progress=progress)
    write_picture(output, repainted(picture, album), **values)
    click.echo(f"fast-nst: {summary(album, is_interrupted=is_interrupted)}", err=True)
    click.echo(output)
    album.write_animation()
    return INTERRUPTED if is_interrupted else DONE


def tell_time(config: GatysConfig, seconds: float) -> None:
    """Say, before the work begins, at which sizes the picture is painted and about how long it will take."""
    if config.max_minutes is not None:
        seconds = min(seconds, 60 * config.max_minutes)
    sizes = ", then ".join(str(side) for side, _ in config.scales())
    time = f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
    click.echo(f"fast-nst: the picture is painted at {sizes} px, in about {time}", err=True)


def check_outputs(
    output: Path, animation: Path | None, folder: Path, inputs: Iterable[StrPath], *, overwrite: bool
) -> None:
    """Refuse, before the work, what cannot be written after it.

    Raises:
        ImageError: when an output is an input, exists already, or has a suffix that cannot be written.
    """
    check_writable(output, overwrite=overwrite)
    outputs = [output]
    if animation is not None:
        check_animation(animation)
        check_replaceable(animation, overwrite=overwrite, raises=ImageError)
        if animation.resolve() == output.resolve():
            raise ImageError(f"{animation}: the picture's own name; choose another for the animation")
        animation.parent.mkdir(parents=True, exist_ok=True)
        outputs.append(animation)
    taken = {Path(path).resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise ImageError(f"{path}: an input, which is never overwritten; choose another output")
    if folder.exists() and not overwrite:
        raise ImageError(f"{folder}: exists already; give --overwrite to replace it, or choose another output")


def run(content: Pixels, styles: Sequence[Pixels], album: Album, *, progress: bool | None) -> bool:
    """Repaint with a progress bar, leaving everything in `album`; return whether Ctrl-C ended it."""
    is_hidden = None if progress is None else not progress  # None: tqdm hides the bar unless on a terminal
    with tqdm(total=planned_steps(album.config), unit="step", disable=is_hidden) as bar:

        def on_step(step: Step, pastiche: Tensor) -> None:
            album.add(step, pastiche)
            bar.set_postfix({name: f"{loss:.4g}" for name, loss in step.losses.items()}, refresh=False)
            bar.update(step.step - bar.n)

        is_interrupted = False
        try:
            repaint(content, styles, album.config, on_step)
        except KeyboardInterrupt:
            if not album.history:
                raise
            is_interrupted = True
        except FastNstError:
            album.discard()
            raise
    album.write_curves()
    return is_interrupted


def repainted(picture: Picture, album: Album) -> Picture:
    """Return `picture` with the latest pastiche for its pixels, at the size asked for, and its transparency."""
    height, width = picture.pixels.shape[:2]
    pixels = resize(to_pixels(album.pastiche), *fit_size(height, width, album.config.size))
    alpha = None if picture.alpha is None else resize(picture.alpha, *pixels.shape[:2])
    return replace(picture, pixels=pixels, alpha=alpha)


def planned_steps(config: GatysConfig) -> int:
    """Return the number of the last step, over all sizes, where nothing ends a run early."""
    return sum(1 + steps for _, steps in config.scales()) - 1


def summary(album: Album, *, is_interrupted: bool) -> str:
    """Say in one line how far a run came, and where its curves are."""
    last = album.history[-1]
    losses = ", ".join(f"{name} {loss:.4g}" for name, loss in last.losses.items())
    state = "interrupted, and the picture so far is kept: " if is_interrupted else ""
    steps = f"{last.step} of {planned_steps(album.config)} steps in {last.seconds:.0f} s"
    return f"{state}{steps}; {losses}; curves in {album.folder}"
