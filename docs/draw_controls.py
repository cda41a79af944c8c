"""Draws the pictures of `controls.md`: shipped styles on photographs that come with scikit-image.

    python docs/draw_controls.py [NAME ...]

The astronaut, Eileen Collins, is by NASA (public domain), the coffee Rachel Michetti's (CC0), the cat Stéfan van der
Walt's (CC0).
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fast_nst.controls.color import ColorStatistics
from fast_nst.controls.finish import Finish
from fast_nst.controls.mask import Mask, Regions
from fast_nst.images import Picture, Pixels, fit, read_pixels, resize, write_picture
from fast_nst.images.writing import lay_over_white
from fast_nst.inference import Stylizer
from fast_nst.inference.demo import find_photographs
from fast_nst.inference.sheet import contact_sheet
from fast_nst.large.any_size import AnySizeStylizer

FOLDER = Path(__file__).with_name("pictures")
CELL = 300  # px, width of a picture on a sheet
SQUARE = 8  # px, of the board that stands for transparency
CORNERS = ("starry-night", "great-wave", "the-scream", "composition-vii")
MANY = "many"


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
    opaque = disc(photograph, 4)
    alpha = (opaque * 255).round().astype(np.uint8)
    pastiche = AnySizeStylizer(Stylizer(style)).paint(Picture(photograph, alpha))
    row = [on_board(photograph, opaque), on_board(pastiche, opaque), lay_over_white(pastiche, alpha)]
    return contact_sheet([row], ["photograph, PNG", "pastiche, PNG", "pastiche, JPEG"], cell_width=CELL)


def draw_hidden(photograph: Pixels, style: str) -> Pixels:
    """Return a detail of a cut-out whose hidden pixels are black: painted as they are, and as `stylize` does it."""
    opaque = disc(photograph, 40).round()
    hidden = np.where(opaque[..., None] > 0, photograph, 0).astype(np.uint8)
    alpha, stylizer = (opaque * 255).astype(np.uint8), Stylizer(style)
    pastiches = [stylizer(hidden), AnySizeStylizer(stylizer).paint(Picture(hidden, alpha))]
    shown = [on_board(pixels, opaque)[: CELL * 2 // 3, 80 : 80 + CELL] for pixels in (hidden, *pastiches)]
    return contact_sheet([shown], ["cut-out, black beneath", "black painted, too", "as it is done"], cell_width=CELL)


def draw_strength(photograph: Pixels, style: str) -> Pixels:
    """Return a detail at several strengths, and below each what a blend of pixels would give."""
    strengths, stylizer = (0.25, 0.5, 0.75, 1.0), Stylizer(f"{MANY}/{style}")
    pastiche = stylizer(photograph).astype(float)
    whole = [
        [stylizer.choose(strength=strength)(photograph) for strength in strengths],
        [np.rint(pastiche + (1 - s) ** 2 * (photograph - pastiche)).astype(np.uint8) for s in strengths],  # as painted
    ]
    rows = [[pixels[:260, 150:410] for pixels in row] for row in whole]
    return contact_sheet(rows, [f"--strength {strength}" for strength in strengths], cell_width=CELL)


def draw_mixtures(photograph: Pixels) -> Pixels:
    """Return a square of mixtures, a style in each corner."""
    stylizer, rows = Stylizer(MANY), []
    for down in np.linspace(0, 1, 5):
        row = []
        for across in np.linspace(0, 1, 5):
            weights = [(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across]
            row.append(stylizer.choose(CORNERS, weights)(photograph))
        rows.append(row)
    titles = [CORNERS[0], "3 : 1", "1 : 1", "1 : 3", CORNERS[1]]
    return contact_sheet(rows, titles, cell_width=CELL * 2 // 3)


def draw_colors(photograph: Pixels, other: Pixels, style: str) -> Pixels:
    """Return a pastiche with its own colours, the photograph's in both ways, and another picture's."""
    finishes = {
        style: Finish(),
        "--preserve-color luminance": Finish(preserve_color="luminance"),
        "--preserve-color statistics": Finish(preserve_color="statistics"),
        "--color-from chelsea.png": Finish(colors=ColorStatistics.of(other)),
    }
    row = [AnySizeStylizer(Stylizer(style), finish=finish).paint(Picture(photograph)) for finish in finishes.values()]
    return contact_sheet([[photograph, *row]], ["photograph", *finishes], cell_width=CELL)


def draw_mask(photograph: Pixels, style: str) -> Pixels:
    """Return a photograph, a mask, and the photograph painted outside of it."""
    mask = Mask(np.rint(255 * (1 - disc(photograph, 3))).astype(np.uint8))
    finish = Finish(regions=Regions([[mask]]))
    pastiche = AnySizeStylizer(Stylizer(style), finish=finish).paint(Picture(photograph))
    row = [photograph, np.repeat(mask.levels[..., None], 3, axis=-1), pastiche]
    return contact_sheet([row], ["photograph", "mask", "--mask"], cell_width=CELL)


def draw_regions(photograph: Pixels) -> Pixels:
    """Return three styles in one picture: in one pass, and as three pastiches laid side by side."""
    styles = CORNERS[:3]
    width = photograph.shape[1]
    parts = np.arange(width) * 3 // width
    label_map = np.repeat(parts[None], len(photograph), axis=0)
    regions = Regions([[Mask((255 * (label_map == label)).astype(np.uint8))] for label in range(3)])
    stylizer = Stylizer(MANY)
    chosen = [stylizer.choose([style]) for style in styles]
    painter = AnySizeStylizer(stylizer, regions=chosen, finish=Finish(regions=regions))
    beside = np.select([(label_map == label)[..., None] for label in range(3)], [one(photograph) for one in chosen])
    shown = np.repeat((label_map * 100 + 20).astype(np.uint8)[..., None], 3, axis=-1)
    row = [photograph, shown, painter.paint(Picture(photograph)), beside]
    return contact_sheet([row], ["photograph", "label map", "in one pass", "three, side by side"], cell_width=CELL)


def draw_together(photograph: Pixels) -> Pixels:
    """Return much at once, in strips: two styles by a soft mask, transparency, the photograph's colours, strength."""
    opaque = disc(photograph, 4)
    picture = Picture(photograph, (opaque * 255).round().astype(np.uint8))
    height, width = photograph.shape[:2]
    slope = np.rint(255 * np.linspace(0, 1, width)[None].repeat(height, axis=0)).astype(np.uint8)
    regions = Regions([[Mask(slope)], [Mask(255 - slope)]])
    stylizer = Stylizer(MANY, strength=0.8)
    chosen = [stylizer.choose([style]) for style in ("the-scream", "great-wave")]
    shown = []
    for finish in (Finish(regions=regions), Finish(regions=regions, preserve_color="luminance")):
        shown.append(AnySizeStylizer(stylizer, regions=chosen, finish=finish).paint(picture))
    row = [on_board(pixels, opaque) for pixels in (photograph, *shown)]
    titles = ["photograph", "two styles, strength 0.8", "and the photograph's colours"]
    return contact_sheet([row], titles, cell_width=CELL)


def disc(photograph: Pixels, steepness: float) -> np.ndarray:
    """Return how opaque each pixel of a soft disc is, in [0, 1]."""
    height, width = photograph.shape[:2]
    down, across = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return ((1 - np.hypot(down, across)) * steepness).clip(0, 1)


def on_board(pixels: Pixels, opaque: np.ndarray) -> Pixels:
    """Return a picture with transparency, over a board of grey squares."""
    rows, columns = np.ogrid[: len(pixels), : pixels.shape[1]]
    board = np.where((rows // SQUARE + columns // SQUARE) % 2, 200, 240)[..., None]
    return np.rint(opaque[..., None] * pixels + (1 - opaque[..., None]) * board).astype(np.uint8)


def main() -> None:
    """Draw all pictures, or those that are named."""
    photographs = {path.stem: read_pixels(path) for path in find_photographs()}
    coffee, cat, astronaut = (photographs[name] for name in ("coffee", "chelsea", "astronaut"))
    sheets: dict[str, Callable[[], Pixels]] = {
        "size": lambda: draw_size(coffee, "starry-night"),
        "stroke-size": lambda: draw_stroke_size(coffee, "woman-with-hat", 200),
        "networks": lambda: draw_networks(cat, "the-scream"),
        "transparency": lambda: draw_transparency(cat, "wheat-field"),
        "hidden": lambda: draw_hidden(cat, "wheat-field"),
        "strength": lambda: draw_strength(astronaut, "cubist"),
        "mixtures": lambda: draw_mixtures(fit(cat, 300)),
        "colors": lambda: draw_colors(coffee, cat, "great-wave"),
        "mask": lambda: draw_mask(cat, "the-scream"),
        "regions": lambda: draw_regions(astronaut),
        "together": lambda: draw_together(cat),
    }
    for name in sys.argv[1:] or sheets:
        picture = Picture(sheets[name]())
        write_picture(FOLDER / f"controls-{name}.jpg", picture, quality=88, overwrite=True)


if __name__ == "__main__":
    main()
