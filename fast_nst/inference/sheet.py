"""Pictures in a table: one row a photograph, one column a style, each column labelled."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fast_nst.images import Pixels

MARGIN = 12
"""White between the cells and around them, px."""
LABEL_HEIGHT = 36
_FONT_SIZE, _SMALL_FONT, _LEAST_FONT = 20, 14, 8
_LINE_HEIGHT = 18


def contact_sheet(rows: Sequence[Sequence[Pixels]], titles: Sequence[str], *, cell_width: int = 400) -> Pixels:
    """Lay pictures out in labelled columns of one width.

    Args:
        rows: pictures, uint8 RGB `(H, W, 3)` of any size, as many in each row as there are titles.
        titles: what stands above each column.
        cell_width: width every picture is brought to, px.

    Returns:
        The sheet on white, uint8 RGB `(H, W, 3)`.

    Raises:
        ValueError: if a row has another number of pictures than there are titles.
    """
    if not titles or any(len(row) != len(titles) for row in rows):
        raise ValueError(f"expected {len(titles)} pictures in each row, got {[len(row) for row in rows]}")
    cells = [[_fit_width(pixels, cell_width) for pixels in row] for row in rows]
    heights = [max(cell.height for cell in row) for row in cells]
    width = MARGIN + len(titles) * (cell_width + MARGIN)
    sheet = Image.new("RGB", (width, LABEL_HEIGHT + MARGIN + sum(height + MARGIN for height in heights)), "white")
    lefts = [MARGIN + column * (cell_width + MARGIN) for column in range(len(titles))]
    _write_titles(sheet, titles, lefts, cell_width)
    top = LABEL_HEIGHT + MARGIN
    for row, height in zip(cells, heights, strict=True):
        for cell, left in zip(row, lefts, strict=True):
            sheet.paste(cell, (left, top))
        top += height + MARGIN
    return np.asarray(sheet)


def captioned_sheet(rows: Sequence[Sequence[tuple[Pixels, Sequence[str]]]], *, cell_width: int = 360) -> Pixels:
    """Lay pictures out in rows of any length, each with lines of text under it.

    Args:
        rows: pictures, uint8 RGB `(H, W, 3)` of any size, and the lines under each.
        cell_width: width every picture is brought to, px; longer lines get smaller letters, and are cut in the end.

    Returns:
        The sheet on white, uint8 RGB `(H, W, 3)`.
    """
    cells = [[(_fit_width(pixels, cell_width), lines) for pixels, lines in row] for row in rows]
    pictures = [max(picture.height for picture, _ in row) for row in cells]
    heights = [
        picture + MARGIN + _LINE_HEIGHT * max(len(lines) for _, lines in row)
        for picture, row in zip(pictures, cells, strict=True)
    ]
    width = MARGIN + max(map(len, cells)) * (cell_width + MARGIN)
    sheet = Image.new("RGB", (width, MARGIN + sum(height + MARGIN for height in heights)), "white")
    draw, top = ImageDraw.Draw(sheet), MARGIN
    for row, picture_height, height in zip(cells, pictures, heights, strict=True):
        for column, (picture, lines) in enumerate(row):
            left = MARGIN + column * (cell_width + MARGIN)
            sheet.paste(picture, (left, top + picture_height - picture.height))
            for number, line in enumerate(lines):
                middle = top + picture_height + MARGIN / 2 + _LINE_HEIGHT * (number + 0.5)
                _write(draw, line, (left + cell_width / 2, middle), cell_width, _SMALL_FONT)
        top += height + MARGIN
    return np.asarray(sheet)


def _fit_width(pixels: Pixels, width: int) -> Image.Image:
    height = max(1, round(pixels.shape[0] * width / pixels.shape[1]))
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)


def _write_titles(sheet: Image.Image, titles: Sequence[str], lefts: Sequence[int], width: int) -> None:
    """Centre each title above its column, in smaller letters where it is too long."""
    draw = ImageDraw.Draw(sheet)
    for title, left in zip(titles, lefts, strict=True):
        _write(draw, title, (left + width / 2, MARGIN + LABEL_HEIGHT / 2), width, _FONT_SIZE)


def _write(draw: ImageDraw.ImageDraw, text: str, centre: tuple[float, float], width: int, size: int) -> None:
    """Write a line around `centre`, in letters of `size` px or of as much less as keeps it within `width` px."""
    while size > _LEAST_FONT and draw.textlength(text, ImageFont.load_default(size)) > width:
        size -= 1
    font = ImageFont.load_default(size)
    if draw.textlength(text, font) > width:  # longer still: cut off
        while text and draw.textlength(f"{text}...", font) > width:
            text = text[:-1]
        text += "..."
    draw.text(centre, text, fill="black", font=ImageFont.load_default(size), anchor="mm")
