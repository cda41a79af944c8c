"""Draws the strengths of the painters in `adversarial.md`, on photographs that come with scikit-image.

python docs/draw_adversarial.py
"""

from pathlib import Path

from fast_nst.images import Picture, fit, read_pixels, write_picture
from fast_nst.inference import Stylizer
from fast_nst.inference.demo import find_photographs
from fast_nst.inference.sheet import contact_sheet

FOLDER = Path(__file__).with_name("pictures")
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
SHOWN = ("van-gogh", "painters/van-gogh", "painters/monet")
SIZE, CELL, QUALITY = 512, 230, 80  # px; of JPEG


def main() -> None:
    """Draw a row for each style, on another photograph each."""
    rows = []
    for style, file in zip(SHOWN, find_photographs(), strict=True):
        stylizer, photograph = Stylizer(style), fit(read_pixels(file), SIZE)
        rows.append([stylizer.choose(strength=strength)(photograph) for strength in STRENGTHS])
    sheet = contact_sheet(rows, [f"{strength:g}" for strength in STRENGTHS], cell_width=CELL)
    write_picture(FOLDER / "adversarial-strength.jpg", Picture(sheet), quality=QUALITY, overwrite=True)


if __name__ == "__main__":
    main()
