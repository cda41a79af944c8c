"""Which network paints most like an artist? Several networks held against a body of work, on photographs unseen.

    python benchmarks/bodies_of_work.py UNSEEN PICTURES --loss-network FILE -o FOLDER --model NAME FILE ...

FILE is an `.onnx` file, or one of its styles: `painters.onnx/monet`.

Told are, for each network:

* the style term to each of the artist's pictures, and content, of the default objective: medians over the photographs;
* SSIM of photograph and pastiche, likewise;
* the Fréchet distance of crops of the pastiches to crops of the artist's pictures, of activations of `relu3_3`, which
  no style term and no discriminator is trained by. For comparison: that of the photographs, and that of the artist's
  pictures cut anew, which is what chance makes.

Written are `report.json`, `report.md`, and `sheet.jpg` with photographs and pastiches side by side. Networks that
`report.json` holds already, under the same name and with the same checksum, are not judged again.
"""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fast_nst.compare.frechet import crop_features, frechet_distance
from fast_nst.compare.judge import default_objective
from fast_nst.compare.records import sha256
from fast_nst.images import Picture, atomic_path, find_pictures, fit, read_pixels, write_picture
from fast_nst.inference import Stylizer
from fast_nst.inference.demo import find_photographs
from fast_nst.inference.sheet import contact_sheet
from fast_nst.perceptual import Objective, VggFeatures, ssim, to_image
from fast_nst.training.data import ContentPhotographs

LAYER = "relu3_3"
CROPS, CROP, BATCH = 512, 192, 16
SHOWN_SIZE, CELL = 512, 400  # longer side that is repainted for the sheet, and width on it, px


def main() -> None:
    """Paint, judge, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unseen", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--loss-network", default="vgg19")
    parser.add_argument("--size", type=int, default=512, help="longer side the photographs are repainted at, px")
    parser.add_argument("--model", nargs=2, action="append", required=True, metavar=("NAME", "FILE"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    photographs, pictures = ([path for path, _ in find_pictures([folder])] for folder in (args.unseen, args.pictures))
    network = VggFeatures([LAYER], network=args.loss_network)
    target = points(pictures, network, seed=0, least_share=0.25)
    distances = {
        "the photographs": distance(points(photographs, network, seed=0), target),
        "the pictures cut anew": distance(points(pictures, network, seed=1, least_share=0.25), target),
    }
    objectives = {picture.stem: default_objective(picture, args.loss_network) for picture in pictures}
    told = {"photographs": len(photographs), "size": args.size, "crops": CROPS, "distances": distances, "models": {}}
    earlier = judged_before(args.output / "report.json", told)
    stylizers = {name: Stylizer(file) for name, file in args.model}
    for name, stylizer in stylizers.items():
        checksum = sha256(stylizer.path)
        if earlier.get(name, {}).get("sha256") == checksum:
            told["models"][name] = earlier[name]
            continue
        pastiches = paint_all(stylizer, photographs, args.output / "pastiches" / name, args.size)
        found = {**terms(pastiches, photographs, objectives, args.size), "sha256": checksum}
        found["frechet"] = distance(points(pastiches, network, seed=0), target)
        told["models"][name] = found
        kept = {**told, "models": earlier | told["models"]}
        write_text(args.output / "report.json", json.dumps(kept, indent=1) + "\n")
        print(name, found, flush=True)
    write_text(args.output / "report.json", json.dumps(told, indent=1) + "\n")
    write_text(args.output / "report.md", as_table(told))
    draw(stylizers, args.output / "sheet.jpg")
    print(as_table(told))


def judged_before(path: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an earlier report says of networks; nothing, if it was made otherwise."""
    earlier: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    is_same = all(earlier.get(key) == told[key] for key in ("photographs", "size", "crops"))
    return earlier["models"] if is_same else {}


def paint_all(stylizer: Stylizer, photographs: Sequence[Path], folder: Path, size: int) -> list[Path]:
    """Repaint the photographs, as PNG files."""
    pastiches = []
    for photograph in photographs:
        pastiches.append(folder / f"{photograph.stem}.png")
        write_picture(pastiches[-1], Picture(stylizer(fit(read_pixels(photograph), size))), overwrite=True)
    return pastiches


def points(files: Sequence[Path], network: VggFeatures, seed: int, least_share: float = 0.5) -> Tensor:
    """Return what the network makes of crops of pictures, `(CROPS, C)`."""
    crops = ContentPhotographs([str(file) for file in files], CROP, seed, cache_gib=1.0, least_share=least_share)
    batches = (range(first, first + BATCH) for first in range(0, CROPS, BATCH))
    return crop_features((crops.batch(batch).images for batch in batches), network, LAYER)


def distance(crops: Tensor, target: Tensor) -> float:
    """Return the Fréchet distance to the artist's crops, as a share of their own variance."""
    return frechet_distance(crops, target) / float(target.var(0).sum())


def terms(
    pastiches: Sequence[Path], photographs: Sequence[Path], objectives: Mapping[str, Objective], size: int
) -> dict[str, Any]:
    """Return the medians of the style term to each of the artist's pictures, of content, and of SSIM."""
    styles: dict[str, list[float]] = {name: [] for name in objectives}
    contents, likenesses = [], []
    for photograph, pastiche in zip(photographs, pastiches, strict=True):
        before, after = to_image(fit(read_pixels(photograph), size)), to_image(read_pixels(pastiche))
        targets = next(iter(objectives.values())).content_targets(before)
        for name, objective in objectives.items():
            losses = objective(after, targets)
            styles[name].append(float(losses.style))
        contents.append(float(losses.content))
        likenesses.append(float(ssim(after, before)))
    medians = {name: statistics.median(found) for name, found in styles.items()}
    return {"styles": medians, "content": statistics.median(contents), "ssim": statistics.median(likenesses)}


def as_table(told: Mapping[str, Any]) -> str:
    """Return the report in Markdown."""
    models = told["models"]
    pictures = list(next(iter(models.values()))["styles"])
    rows = [["", *models], ["---", *["---:"] * len(models)]]
    rows += [[f"style term, {name}", *(f"{one['styles'][name]:.2f}" for one in models.values())] for name in pictures]
    for label, digits, key in (("content term", 3, "content"), ("SSIM", 3, "ssim"), ("Fréchet distance", 2, "frechet")):
        rows.append([label, *(f"{one[key]:.{digits}f}" for one in models.values())])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    beside = ", ".join(f"{name} {distance:.2f}" for name, distance in told["distances"].items())
    return f"{table}\n\nFréchet distances beside: {beside}.\n"


def draw(stylizers: Mapping[str, Stylizer], path: Path) -> None:
    """Write the photographs of scikit-image, which no training saw either, and their pastiches."""
    photographs = [fit(read_pixels(file), SHOWN_SIZE) for file in find_photographs()]
    rows = [[photograph, *(stylizer(photograph) for stylizer in stylizers.values())] for photograph in photographs]
    titles = ["photograph", *stylizers]
    write_picture(path, Picture(contact_sheet(rows, titles, cell_width=CELL)), overwrite=True)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with torch.inference_mode():
        main()
