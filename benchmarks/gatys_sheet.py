"""Draw one photograph under many paintings by the slow method, nothing tuned: does the balance serve every painting?

python benchmarks/gatys_sheet.py PHOTO PAINTINGS_DIR OUT.jpg --loss-network FILE --size 224 --steps 100
"""

import argparse
import sys
from pathlib import Path

from fast_nst.gatys import GatysConfig, repaint, settled
from fast_nst.images import Picture, Pixels, find_pictures, fit, read_pixels, resize, write_picture
from fast_nst.inference.sheet import captioned_sheet
from fast_nst.perceptual import ObjectiveConfig

ROW = 6  # paintings


def within(pixels: Pixels, size: int) -> Pixels:
    """Return a painting as high as a square picture, cropped to one in its middle."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(pixels[top : top + side, left : left + side], size, size)


def main() -> None:
    """Repaint, print each painting's losses, and write the sheet: paintings above, pastiches below."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--loss-network", default="auto")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=100)
    args = parser.parse_args()
    photo = read_pixels(args.photo)
    config = GatysConfig(steps=args.steps, size=args.size, objective=ObjectiveConfig(loss_network=args.loss_network))
    paintings, pastiches = [(fit(photo, args.size), ("the photograph", ""))], [(fit(photo, args.size), ("",))]
    for path, _ in find_pictures([args.paintings]):
        painting = read_pixels(path)
        balanced = settled(config, photo, [painting])
        pastiche, history = repaint(photo, [painting], balanced)
        weight = f"style weight {balanced.objective.style_weight:g}"
        losses = "  ".join(f"{name} {loss:.4f}" for name, loss in history[-1].losses.items())
        print(f"{path.stem}: {weight}  {losses}", flush=True)
        paintings.append((within(painting, args.size), (path.stem.replace("_", " "),)))
        pastiches.append((pastiche, (weight,)))
    rows = []
    for at in range(0, len(paintings), ROW):
        rows += [paintings[at : at + ROW], pastiches[at : at + ROW]]
    sheet = captioned_sheet(rows, cell_width=args.size)
    write_picture(args.output, Picture(sheet), quality=88, overwrite=True)


if __name__ == "__main__":
    sys.exit(main())
