"""`fast-nst styles`: what ships with the package."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from fast_nst.cli.columns import align
from fast_nst.errors import ModelError
from fast_nst.inference import StyleInfo, Stylizer, shipped_styles


@click.command("styles")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def command(*, as_json: bool) -> None:
    """List the shipped styles: name, painting, artist, year, licence of the image, network, strengths, file size."""
    infos = [Stylizer(path, threads=1).info for path in shipped_styles().values()]
    if as_json:
        click.echo(json.dumps([asdict(info) for info in infos], indent=2, ensure_ascii=False))
    elif infos:
        click.echo(format_table(infos))
    else:
        raise ModelError("no style is shipped with this copy of fast-nst: its models folder is empty")


def format_table(infos: Sequence[StyleInfo]) -> str:
    """Lay the styles out in aligned columns under a header."""
    rows = [("NAME", "TITLE", "ARTIST", "YEAR", "LICENCE", "NETWORK", "STRENGTH", "SIZE")]
    for info in infos:
        size, strength = f"{info.size_bytes / 1e6:.1f} MB", "any" if info.has_strength else "1"
        rows.append((info.name, info.title, info.artist, info.year, info.licence, info.preset, strength, size))
    many = [f"{info.name} holds {', '.join(info.styles)}" for info in infos if info.styles]
    return "\n".join([align(rows), *many])
