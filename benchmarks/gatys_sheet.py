"""Draw one photograph under many paintings by the slow method, all at default weights: do they serve every painting?

python benchmarks/gatys_sheet.py PHOTO PAINTINGS_DIR OUT.jpg --loss-network FILE --size 224 --steps 60
"""

import argparse
import sys
from pathlib import Path

from fast_nst.gatys import GatysConfig, repaint
from fast_nst.images import Picture, find_pictures, fit, read_pixels, write_picture
from fast_nst.inference.sheet import contact_sheet
from fast_nst.perceptual import ObjectiveConfig


def main() -> None:
    """Repaint, print each painting's losses, and write the sheet: paintings above, pastiches below."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--loss-network", default="auto")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    photo = read_pixels(args.photo)
    config = GatysConfig(steps=args.steps, size=args.size, objective=ObjectiveConfig(loss_network=args.loss_network))
    titles, paintings, pastiches = [], [], []
    for path, _ in find_pictures([args.paintings]):
        painting = read_pixels(path)
        pastiche, history = repaint(photo, [painting], config)
        losses = "  ".join(f"{name} {loss:.4f}" for name, loss in history[-1].losses.items())
        print(f"{path.stem}: {losses}", flush=True)
        titles.append(path.stem)
        paintings.append(fit(painting, args.size))
        pastiches.append(pastiche)
    sheet = contact_sheet([paintings, pastiches], titles, cell_width=args.size)
    write_picture(args.output, Picture(sheet), overwrite=True)


if __name__ == "__main__":
    sys.exit(main())
