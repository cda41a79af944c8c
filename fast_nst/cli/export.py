"""`fast-nst export`: turn a training checkpoint into an .onnx file."""

from pathlib import Path

import click

from fast_nst.errors import ConfigError
from fast_nst.export import export_network
from fast_nst.images import check_replaceable
from fast_nst.training.checkpoint import CHECKPOINT_NAME, load_checkpoint


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .onnx file to write.")
@click.option("--overwrite", is_flag=True, help="Replace an existing .onnx file.")
def command(checkpoint: Path, output: Path, *, overwrite: bool) -> None:
    """Turn CHECKPOINT (a run's last.ckpt, or its folder) into one .onnx file, checked against PyTorch."""
    if output.suffix != ".onnx":
        raise ConfigError(f"the output is {output}, expected a name that ends in .onnx")
    check_replaceable(output, overwrite=overwrite)
    if checkpoint.is_dir():
        checkpoint /= CHECKPOINT_NAME
    trained = load_checkpoint(checkpoint)
    difference = export_network(trained.network, output, trained.metadata())
    click.echo(f"{trained.step} steps; differs from PyTorch by {difference}/255 at most", err=True)
    click.echo(output)
