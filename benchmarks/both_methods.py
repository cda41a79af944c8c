"""One photograph under many paintings, by a network and by the slow method, nothing tuned: does either fail any?

python benchmarks/both_methods.py PHOTO -o OUT.jpg --pair PAINTING STYLE ... [--size 448] [--loss-network FILE]

Written are a sheet, with a column for each painting: the painting, what its style file makes of the photograph, and
what `fast-nst gatys` does at its defaults; and OUT.json, with the figures of appearance of both (docs/judging.md) and
of the photograph itself. A painting whose OUT-gatys/NAME.png is there already is not painted again by the slow method.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from fast_nst.compare.figures import Viewer
from fast_nst.gatys import GatysConfig, repaint, settled
from fast_nst.images import Picture, Pixels, atomic_path, fit, read_pixels, resize, write_picture
from fast_nst.inference import Stylizer
from fast_nst.inference.sheet import captioned_sheet
from fast_nst.perceptual import ObjectiveConfig

ROW = 6  # paintings
LOOKS = ("luminance_range", "tone_kept", "colour_distance", "strokes", "flat_strokes")


def main() -> None:
    """Paint, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--pair", nargs=2, action="append", required=True, metavar=("PAINTING", "STYLE"))
    parser.add_argument("--loss-network", default="auto")
    parser.add_argument("--size", type=int, default=448)
    args = parser.parse_args()
    photo = fit(read_pixels(args.photo), args.size)
    config = GatysConfig(size=args.size, objective=ObjectiveConfig(loss_network=args.loss_network))
    slow_folder = args.output.with_name(f"{args.output.stem}-gatys")
    slow_folder.mkdir(exist_ok=True)
    columns, found = [], {}
    for painting_file, style in args.pair:
        painting, name = read_pixels(painting_file), Path(style).stem
        pastiches = {
            "network": Stylizer(style)(photo),
            "gatys": _slowly(photo, painting, config, slow_folder / f"{name}.png"),
        }
        viewer = Viewer([fit(painting, args.size)])
        shown = {"photograph": photo, **pastiches}
        found[name] = {who: {look: viewer(photo, pixels)[look] for look in LOOKS} for who, pixels in shown.items()}
        print(name, found[name], flush=True)
        columns.append([within(painting, *photo.shape[:2]), *pastiches.values()])
    medians = {
        who: {look: statistics.median(one[who][look] for one in found.values() if one[who][look]) for look in LOOKS}
        for who in ("photograph", "network", "gatys")
    }
    with atomic_path(args.output.with_suffix(".json")) as temporary:
        told = {"size": args.size, "medians": medians, "styles": found}
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    names = [(name.replace("-", " "),) for name in found]
    rows = []
    for at in range(0, len(columns), ROW):
        for line in range(3):
            captions = names[at : at + ROW] if line == 0 else [("network", "the slow method")[line - 1 : line]] * ROW
            rows.append([(column[line], told) for column, told in zip(columns[at : at + ROW], captions, strict=False)])
    sheet = captioned_sheet(rows, cell_width=args.size * 7 // 16)
    write_picture(args.output, Picture(sheet), quality=82, overwrite=True)
    print(medians)


def _slowly(photo: Pixels, painting: Pixels, config: GatysConfig, path: Path) -> Pixels:
    if not path.is_file():
        pastiche, _ = repaint(photo, [painting], settled(config, photo, [painting]))
        write_picture(path, Picture(pastiche))
    return read_pixels(path)


def within(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return a painting in the photograph's size, cropped in its middle to its shape."""
    scale = max(height / pixels.shape[0], width / pixels.shape[1])
    wide = resize(pixels, max(height, round(pixels.shape[0] * scale)), max(width, round(pixels.shape[1] * scale)))
    top, left = (wide.shape[0] - height) // 2, (wide.shape[1] - width) // 2
    return wide[top : top + height, left : left + width]


if __name__ == "__main__":
    sys.exit(main())
