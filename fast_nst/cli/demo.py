"""`fast-nst demo`: every shipped style on three photographs."""

from pathlib import Path

import click

from fast_nst.inference.demo import run_demo


@click.command("demo")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default="demo",
    show_default=True,
    help="Folder to write to.",
)
def command(output: Path) -> None:
    """Repaint three photographs in every shipped style.

    The photographs are scikit-image's astronaut, coffee and chelsea. Beside the pastiches lies contact-sheet.png with
    all of them. Files of an earlier demo are replaced.
    """
    for path in run_demo(output):
        click.echo(path)
