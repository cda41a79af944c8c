"""`fast-nst export`: turn a training checkpoint into an .onnx file, or a style into one of narrower arithmetic."""

import statistics
import tempfile
from pathlib import Path
from typing import get_args

import click
import onnx

from fast_nst.benchmark.report import hold_against
from fast_nst.errors import ConfigError
from fast_nst.export import export_network
from fast_nst.export.precision import Narrowed, Precision, narrow
from fast_nst.images import Pixels, atomic_path, check_replaceable, find_pictures, fit, read_pixels
from fast_nst.inference import find_style
from fast_nst.inference.stylizer import MIN_SIDE, choose_providers
from fast_nst.inference.zoo import SUFFIX
from fast_nst.training.checkpoint import CHECKPOINT_NAME, load_checkpoint

_PHOTOGRAPHS = 64
_PHOTOGRAPH_SIZE = 256  # px, longer side
_TIMED_SIZE = (512, 512)


@click.command()
@click.argument("source", metavar="CHECKPOINT|STYLE")
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
    source: str, output: Path, *, precision: str, content_dir: Path | None, anyway: bool, overwrite: bool
) -> None:
    """Turn CHECKPOINT (a run's last.ckpt, or its folder) into one .onnx file, checked against PyTorch.

    With --precision fp16 or int8 it may also be a STYLE in float32, shipped or an .onnx file. The narrow file is held
    against float32 on the photographs and timed beside it on every provider of this machine; where it is not faster on
    any, it is not written unless --anyway is given: the same file may well be faster on another machine.
    """
    if output.suffix != SUFFIX:
        raise ConfigError(f"the output is {output}, expected a name that ends in {SUFFIX}")
    check_replaceable(output, overwrite=overwrite)
    if precision == "fp32":
        _export(Path(source), output)
    else:
        _narrow(source, output, precision, _read_photographs(content_dir, precision), anyway=anyway)  # type: ignore[arg-type]  # click has checked it
    click.echo(output)


def _export(checkpoint: Path, output: Path) -> Path:
    if checkpoint.is_dir():
        checkpoint /= CHECKPOINT_NAME
    trained = load_checkpoint(checkpoint)
    difference = export_network(trained.network, output, trained.metadata())
    click.echo(f"{trained.step} steps; differs from PyTorch by {difference}/255 at most", err=True)
    return output


def _read_photographs(folder: Path | None, precision: str) -> list[Pixels]:
    if folder is None:
        raise ConfigError(f"{precision} is fitted to photographs: name a folder of them with --content-dir")
    found = (fit(read_pixels(path), _PHOTOGRAPH_SIZE) for path, _ in find_pictures([folder])[:_PHOTOGRAPHS])
    return [photograph for photograph in found if min(photograph.shape[:2]) >= MIN_SIDE]


def _narrow(source: str, output: Path, precision: Precision, photographs: list[Pixels], *, anyway: bool) -> None:
    is_checkpoint = Path(source).is_dir() or Path(source).suffix == Path(CHECKPOINT_NAME).suffix
    with tempfile.TemporaryDirectory() as folder:
        wide = _export(Path(source), Path(folder) / "fp32.onnx") if is_checkpoint else find_style(source)
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
