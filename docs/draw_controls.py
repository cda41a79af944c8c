"""Draws the pictures of `controls.md`: shipped styles on photographs that come with scikit-image.

    python docs/draw_controls.py

The coffee is Rachel Michetti's (CC0), the cat Stéfan van der Walt's (CC0).
"""

from pathlib import Path

import numpy as np

from fast_nst.images import Picture, Pixels, fit, read_pixels, resize, write_picture
from fast_nst.images.writing import lay_over_white
from fast_nst.inference import Stylizer
from fast_nst.inference.demo import find_photographs
from fast_nst.inference.sheet import contact_sheet
from fast_nst.large.any_size import AnySizeStylizer

FOLDER = Path(__file__).with_name("pictures")
CELL = 300  # px, width of a picture on a sheet
SQUARE = 8  # px, of the board that stands for transparency


def draw_size(photograph: Pixels, style: str) -> Pixels:
    """Return one photograph painted at three sizes, all shown at one."""
    sizes = (300, 600, 1200)
    stylizer = Stylizer(style)
    row = [stylizer(fit(photograph, size)) for size in sizes]
    return contact_sheet([row], [f"--size {size}" for size in sizes], cell_width=CELL)


def draw_stroke_size(photograph: Pixels, style: str, stroke_size: int) -> Pixels:
    """Return a detail, pixel by pixel: as it comes, with larger strokes, and painted small and enlarged."""
    stylizer = Stylizer(style)
    large_strokes = AnySizeStylizer(stylizer, stroke_size=stroke_size)
    enlarged = resize(stylizer(fit(photograph, stroke_size)), *photograph.shape[:2])
    whole = (stylizer(photograph), large_strokes(photograph), enlarged)
    row = [pixels[20 : 20 + CELL, 170 : 170 + CELL] for pixels in whole]
    titles = ["as it comes", f"--stroke-size {stroke_size}", f"--size {stroke_size}, enlarged"]
    return contact_sheet([row], titles, cell_width=CELL)


def draw_networks(photograph: Pixels, style: str) -> Pixels:
    """Return a photograph, and what the larger and the smaller network of one style make of it."""
    row = [photograph, Stylizer(style)(photograph), Stylizer(f"{style}-fast")(photograph)]
    return contact_sheet([row], ["photograph", style, f"{style}-fast"], cell_width=CELL)


def draw_transparency(photograph: Pixels, style: str) -> Pixels:
    """Return a photograph with a soft hole around it, and its pastiche as PNG and as JPEG."""
    height, width = photograph.shape[:2]
    down, across = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    opaque = ((1 - np.hypot(down, across)) * 4).clip(0, 1)
    alpha = (opaque * 255).round().astype(np.uint8)
    rows, columns = np.ogrid[:height, :width]
    board = np.where((rows // SQUARE + columns // SQUARE) % 2, 200, 240)[..., None]
    pastiche = Stylizer(style)(photograph)
    seen = [(opaque[..., None] * pixels + (1 - opaque[..., None]) * board) for pixels in (photograph, pastiche)]
    row = [pixels.round().astype(np.uint8) for pixels in seen] + [lay_over_white(pastiche, alpha)]
    return contact_sheet([row], ["photograph, PNG", "pastiche, PNG", "pastiche, JPEG"], cell_width=CELL)


def main() -> None:
    """Draw all pictures."""
    photographs = {path.stem: read_pixels(path) for path in find_photographs()}
    coffee, cat = photographs["coffee"], photographs["chelsea"]
    sheets = {
        "size": draw_size(coffee, "starry-night"),
        "stroke-size": draw_stroke_size(coffee, "woman-with-hat", 200),
        "networks": draw_networks(cat, "the-scream"),
        "transparency": draw_transparency(cat, "wheat-field"),
    }
    for name, sheet in sheets.items():
        write_picture(FOLDER / f"controls-{name}.jpg", Picture(sheet), quality=88, overwrite=True)


if __name__ == "__main__":
    main()
