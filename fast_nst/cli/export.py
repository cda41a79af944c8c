"""`fast-nst export`: turn a training checkpoint into an .onnx file, or a style into one of narrower arithmetic."""

import shutil
import statistics
import tempfile
from pathlib import Path
from typing import get_args

import click
import onnx

from fast_nst.benchmark.report import hold_against
from fast_nst.errors import ConfigError
from fast_nst.export.fixing import fix_controls
from fast_nst.export.precision import Narrowed, Precision, narrow
from fast_nst.images import Pixels, atomic_path, check_replaceable, find_pictures, fit, read_pixels
from fast_nst.inference import Stylizer
from fast_nst.inference.stylizer import MIN_SIDE, choose_providers
from fast_nst.inference.zoo import SUFFIX, parse_style, shipped_styles
from fast_nst.training.checkpoint import CHECKPOINT_NAME, load_checkpoint
from fast_nst.training.growing import export_trained

_PHOTOGRAPHS = 64
_PHOTOGRAPH_SIZE = 256  # px, longer side
_TIMED_SIZE = (512, 512)


@click.command()
@click.argument("source", metavar="CHECKPOINT|STYLE")
@click.option("--strength", type=click.FloatRange(0), help="Of a style that has strengths: fix it.  [default: 1]")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .onnx file to write.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", *get_args(Precision)]),
    default="fp32",
    show_default=True,
    help="Of the arithmetic.",
)
@click.option(
    "--content-dir",
    type=click.Path(path_type=Path),
    help=f"Photographs to measure activations on, for fp16 and int8; the first {_PHOTOGRAPHS} are taken.",
)
@click.option("--anyway", is_flag=True, help="Write fp16 or int8 even where it is not faster here.")
@click.option("--overwrite", is_flag=True, help="Replace an existing .onnx file.")
def command(
    source: str,
    output: Path,
    *,
    strength: float | None,
    precision: str,
    content_dir: Path | None,
    anyway: bool,
    overwrite: bool,
) -> None:
    """Turn CHECKPOINT (a run's last.ckpt, or its folder) into one .onnx file, checked against PyTorch.

    Of a STYLE with controls (of a network of many, FILE.onnx/NAME or a mixture) it makes a file without: style and
    --strength are fixed in it, and pictures are all that it is fed.

    With --precision fp16 or int8 it may also be any STYLE in float32; its controls are fixed. The narrow file is held
    against float32 on the photographs and timed beside it on every provider of this machine; where it is not faster on
    any, it is not written unless --anyway is given: the same file may well be faster on another machine.
    """
    if output.suffix != SUFFIX:
        raise ConfigError(f"the output is {output}, expected a name that ends in {SUFFIX}")
    check_replaceable(output, overwrite=overwrite)
    with tempfile.TemporaryDirectory() as folder:
        wide = _in_float32(source, strength, Path(folder) / f"fp32{SUFFIX}", wants_controls=precision == "fp32")
        if precision == "fp32":
            with atomic_path(output) as temporary:
                shutil.copyfile(wide, temporary)
        else:
            photographs = _read_photographs(content_dir, precision)
            _narrow(wide, output, precision, photographs, anyway=anyway)  # type: ignore[arg-type]  # click has checked it
    click.echo(output)


def _in_float32(source: str, strength: float | None, path: Path, *, wants_controls: bool) -> Path:
    """Return a file in float32 of a checkpoint, or of a style with its controls fixed, written to `path` if need be.

    Args:
        source: as the user named it.
        strength: to fix; None is 1, and leaves a checkpoint's as a control.
        path: to write to.
        wants_controls: whether a file made of a checkpoint keeps its controls.
    """
    if not _is_style(source):
        _export(Path(source), path)
        if strength is None and wants_controls:
            return path
        source = str(path)
    stylizer = Stylizer(source, threads=1, providers=["cpu"], strength=1.0 if strength is None else strength)
    if not stylizer.controls and not wants_controls:
        return stylizer.path
    onnx.save(fix_controls(stylizer), path)
    return path


def _is_style(source: str) -> bool:
    return source in shipped_styles() or SUFFIX in source or parse_style(source).weights is not None


def _export(checkpoint: Path, output: Path) -> None:
    if checkpoint.is_dir():
        checkpoint /= CHECKPOINT_NAME
    trained = load_checkpoint(checkpoint)
    difference = export_trained(trained, output)
    click.echo(f"{trained.step} steps; differs from PyTorch by {difference}/255 at most", err=True)


def _read_photographs(folder: Path | None, precision: str) -> list[Pixels]:
    if folder is None:
        raise ConfigError(f"{precision} is fitted to photographs: name a folder of them with --content-dir")
    found = (fit(read_pixels(path), _PHOTOGRAPH_SIZE) for path, _ in find_pictures([folder])[:_PHOTOGRAPHS])
    return [photograph for photograph in found if min(photograph.shape[:2]) >= MIN_SIDE]


def _narrow(wide: Path, output: Path, precision: Precision, photographs: list[Pixels], *, anyway: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        narrowed = narrow(wide, precision, photographs)
        middle, worst = statistics.median(narrowed.ratios), min(narrowed.ratios)
        click.echo(f"within {middle:.1f} dB of float32's pictures, {worst:.1f} dB at worst", err=True)
        trial = Path(folder) / "narrow.onnx"
        onnx.save(narrowed.model, trial)
        faster_on = _faster_on(wide, trial, precision)
    if not faster_on and not anyway:
        raise ConfigError(f"{output} not written: {precision} is not faster here; --anyway writes it all the same")
    _write(narrowed, output, faster_on)


def _faster_on(wide: Path, trial: Path, precision: Precision) -> list[str]:
    """Time both on each provider of this machine, tell, and return where the narrow one is faster."""
    found = []
    for provider in choose_providers(None):
        faster = hold_against(wide, trial, _TIMED_SIZE, provider)
        spread = f"{faster.median:.2f} ({faster.lower:.2f} to {faster.upper:.2f})"
        click.echo(f"{precision} is {spread} times as fast as fp32 on {provider}", err=True)
        if faster.median > 1:
            found.append(provider)
    return found


def _write(narrowed: Narrowed, output: Path, faster_on: list[str]) -> None:
    entry = narrowed.model.metadata_props.add()
    entry.key, entry.value = "faster_on", ", ".join(faster_on)
    with atomic_path(output) as temporary:
        onnx.save(narrowed.model, temporary)
