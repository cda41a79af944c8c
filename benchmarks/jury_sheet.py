"""What a viewer of `jury.py` sees of a pair."""

import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fast_nst.compare.appearance import octaves
from fast_nst.images import Pixels, fit, resize

SHOWN, SMALL, CROP, MARGIN, LINE = 640, 300, 260, 12, 24  # px
_PLACES = 9  # down and along
_EXTREME = 0.1  # of the places: the flattest and the busiest tenth


def pair_sheet(photograph: Pixels, painting: Pixels, a: Pixels, b: Pixels, draw: np.random.Generator) -> Pixels:
    """Return what a viewer sees of a pair, with nothing on it but A and B."""
    places = flattest_and_busiest(resize(photograph, *a.shape[:2]), draw)
    crops = [[crop(pixels, place) for place in places] for pixels in (a, b)]
    rows = [
        [(_within(photograph, SMALL), "photograph"), (_within(painting, SMALL), "painting")],
        [(_within(a, SHOWN), "A"), (_within(b, SHOWN), "B")],
        [(piece, f"{name}, 100 %") for name, pieces in zip("AB", crops, strict=True) for piece in pieces],
    ]
    return laid_out(rows)


def flattest_and_busiest(photograph: Pixels, draw: np.random.Generator) -> list[tuple[float, float]]:
    """Draw a crop's place from the tenth of places with least detail, and one from the tenth with most.

    Returns:
        For each the share of the height and of the width that lies above and left of the crop, of what is not in it.
    """
    fine, coarse = octaves(photograph)[:2]
    detail = fine**2 + np.kron(coarse**2, np.ones((2, 2)))[: fine.shape[0], : fine.shape[1]]
    sides = [min(CROP, side) for side in detail.shape]
    free = [full - side for full, side in zip(detail.shape, sides, strict=True)]
    places = list(itertools.product(*(np.unique(np.linspace(0, room, _PLACES).astype(int)) for room in free)))
    found = [detail[top : top + sides[0], left : left + sides[1]].mean() for top, left in places]
    order, count = np.argsort(found, kind="stable"), max(1, round(_EXTREME * len(places)))
    chosen = [places[draw.choice(some)] for some in (order[:count], order[-count:])]
    return [(float(top / max(1, free[0])), float(left / max(1, free[1]))) for top, left in chosen]


def crop(pixels: Pixels, place: tuple[float, float]) -> Pixels:
    """Return the crop of a picture at a place, as `flattest_and_busiest` returns it, pixel for pixel."""
    sides = [min(CROP, side) for side in pixels.shape[:2]]
    top, left = (round(share * (full - side)) for share, full, side in zip(place, pixels.shape, sides, strict=False))
    return pixels[top : top + sides[0], left : left + sides[1]]


def _within(pixels: Pixels, longer_side: int) -> Pixels:
    return fit(pixels, longer_side) if max(pixels.shape[:2]) > longer_side else pixels


def laid_out(rows: Sequence[Sequence[tuple[Pixels, str]]]) -> Pixels:
    """Return rows of pictures on white, each under its label, none resampled; every row is spread over the width."""
    width = max(sum(pixels.shape[1] + MARGIN for pixels, _ in row) + MARGIN for row in rows)
    heights = [LINE + MARGIN + max(pixels.shape[0] for pixels, _ in row) for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + MARGIN), "white")
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(18), MARGIN
    for row, height in zip(rows, heights, strict=True):
        for number, (pixels, label) in enumerate(row):
            middle = width * (number + 0.5) / len(row)
            draw.text((middle, top + LINE / 2), label, fill="black", font=font, anchor="mm")
            sheet.paste(Image.fromarray(pixels), (round(middle - pixels.shape[1] / 2), top + LINE))
        top += height
    return np.asarray(sheet)
