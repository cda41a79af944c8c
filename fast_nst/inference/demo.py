"""Every shipped style on photographs that come with scikit-image."""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fast_nst.errors import ConfigError, ModelError
from fast_nst.images import Picture, read_picture, write_picture
from fast_nst.inference.sheet import contact_sheet
from fast_nst.inference.stylizer import Stylizer
from fast_nst.inference.zoo import MANY, shipped_styles

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea")


def find_photographs() -> list[Path]:
    """Return the photographs' files, without importing scikit-image.

    Raises:
        ConfigError: if scikit-image or a photograph in it is missing.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise ConfigError(
            "the demo's photographs come with scikit-image, which is missing: pip install 'fast-nst[demo]'"
        )
    files = [Path(spec.origin).with_name("data") / f"{name}.png" for name in PHOTOGRAPHS]
    for file in files:
        if not file.is_file():
            raise ConfigError(
                f"{file}: missing from scikit-image; reinstall it: pip install --force-reinstall scikit-image"
            )
    return files


def run_demo(folder: Path) -> Iterator[Path]:
    """Write every shipped style on every photograph, and one contact sheet, yielding each path once written.

    Files of an earlier demo are replaced.

    Raises:
        ConfigError: if the photographs are missing.
        ModelError: if no style is shipped.
        ImageError: if `folder` cannot be written.
    """
    photographs = {file.stem: read_picture(file) for file in find_photographs()}
    titles, columns = ["Photograph"], [[photograph.pixels for photograph in photographs.values()]]
    for name_of_style, stylizer in _each_style():
        pastiches = {f"{name}-{name_of_style}.jpg": _paint(stylizer, picture) for name, picture in photographs.items()}
        for name, pastiche in pastiches.items():
            write_picture(folder / name, pastiche, overwrite=True)
            yield folder / name
        titles.append(stylizer.info.title or name_of_style)
        columns.append([pastiche.pixels for pastiche in pastiches.values()])
    if len(titles) == 1:
        raise ModelError("no style is shipped with this copy of fast-nst: its models folder is empty")
    sheet = contact_sheet(list(zip(*columns, strict=True)), titles)
    write_picture(folder / "contact-sheet.png", Picture(sheet), overwrite=True)
    yield folder / "contact-sheet.png"


def _each_style() -> Iterator[tuple[str, Stylizer]]:
    """Yield the name and the network of each shipped style; those of `MANY` are shipped one by one, too."""
    for name in shipped_styles():
        if name != MANY:
            stylizer = Stylizer(name)
            for style in stylizer.styles:
                yield f"{name}-{style}", stylizer.choose(styles=[style])
            if not stylizer.styles:
                yield name, stylizer


def _paint(stylizer: Stylizer, photograph: Picture) -> Picture:
    return replace(photograph, pixels=stylizer(photograph.pixels))
