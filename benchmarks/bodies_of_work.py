"""Which network paints most like an artist? Several networks held against a body of work, on photographs unseen.

    python benchmarks/bodies_of_work.py UNSEEN PICTURES --loss-network FILE -o FOLDER --model NAME FILE ...

FILE is an `.onnx` file, or one of its styles: `painters.onnx/monet`. Told are, for each network:

* the style term to each of the artist's pictures, of the default objective: medians over the photographs;
* content and SSIM of photograph and pastiche, likewise;
* Fréchet distances of crops of the pastiches to crops of the artist's pictures, by activations of `LAYERS`, which
  nothing is trained by: they are of no content term, no style term and no discriminator. The artist's crops are of a
  quarter to all of the pictures' shorter side, as a discriminator is shown them, or of a half to all, as those of the
  pastiches are. For comparison: the distances of the photographs, and of the artist's pictures cut anew, which is what
  chance makes.

A network that keeps more of the photograph is further from the artist, whatever it has learnt. So networks may be
judged at several strengths (`--strength 0.5 --strength 0.75`), and `distances.png` draws the distance over the content
term.

Written are `report.json`, `report.md`, `distances.png`, and `sheet.jpg` with photographs and pastiches side by side.
What `report.json` says already, of a file of the same checksum, is not found out again.
"""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from fast_nst.compare.frechet import crop_features, frechet_distance
from fast_nst.compare.records import sha256
from fast_nst.images import Picture, atomic_path, find_pictures, fit, read_pixels, write_picture
from fast_nst.inference import Stylizer
from fast_nst.inference.demo import find_photographs
from fast_nst.inference.sheet import contact_sheet
from fast_nst.perceptual import Objective, ObjectiveConfig, VggFeatures, ssim, to_image
from fast_nst.training.data import ContentPhotographs

LAYERS = ("relu2_2", "relu3_4")
LEAST_SHARES = {"quarter": 0.25, "half": 0.5}  # of the artist's crops
CROPS, CROP, BATCH = 512, 192, 16
SHOWN_SIZE, CELL, QUALITY = 512, 270, 80  # longer side that is repainted for the sheet, and width on it, px; of JPEG

Points = Mapping[str, Tensor]
"""What a network makes of crops, by layer: `(CROPS, C)`."""


class Judge:
    """Says how near pastiches are to a body of work, and to their photographs.

    The loss network computes in bfloat16 where the processor does so natively, which takes a third of the time.

    Args:
        photographs: files, of which no training saw any.
        pictures: files, the artist's.
        loss_network: name or file of weights.
        size: longer side that photographs are repainted at, px.
    """

    def __init__(self, photographs: Sequence[Path], pictures: Sequence[Path], loss_network: str, size: int) -> None:
        self.photographs, self.size = photographs, size
        self.network = VggFeatures(LAYERS, network=loss_network, arithmetic="auto")
        config = ObjectiveConfig(loss_network=loss_network, loss_arithmetic="auto")
        paintings = {picture.stem: to_image(fit(read_pixels(picture), config.style_size)) for picture in pictures}
        self.by_content = Objective(replace(config, style_weight=0.0))
        self.by_style = {name: Objective(config, painting) for name, painting in paintings.items()}
        self.targets = {name: self.points(pictures, least_share=share) for name, share in LEAST_SHARES.items()}
        anew = self.points(pictures, seed=1, least_share=LEAST_SHARES["quarter"])
        self.for_comparison = {
            "the photographs": self.distances(self.points(photographs)),
            "the pictures cut anew": self.distances(anew, ["quarter"]),
        }

    def points(self, files: Sequence[Path], seed: int = 0, least_share: float = 0.5) -> Points:
        """Return what the network makes of crops of pictures."""
        crops = ContentPhotographs(
            [str(file) for file in files], CROP, seed, cache_gib=1.0, least_share=least_share, may_enlarge=True
        )
        batches = (crops.batch(range(first, first + BATCH)).images for first in range(0, CROPS, BATCH))
        return crop_features(batches, self.network)

    def distances(self, points: Points, shares: Sequence[str] = tuple(LEAST_SHARES)) -> dict[str, float]:
        """Return the Fréchet distances to the artist's crops, each as a share of their own variance."""
        return {
            key(layer, share): _distance(points[layer], self.targets[share][layer])
            for layer in LAYERS
            for share in shares
        }

    def judge(self, stylizer: Stylizer, folder: Path, *, with_styles: bool) -> dict[str, Any]:
        """Repaint the photographs into a folder, and return what that is worth; with the style terms if asked for."""
        pastiches = [folder / f"{photograph.stem}.png" for photograph in self.photographs]
        contents, likenesses = [], []
        styles: dict[str, list[float]] = {name: [] for name in self.by_style if with_styles}
        for photograph, pastiche in zip(self.photographs, pastiches, strict=True):
            pixels = fit(read_pixels(photograph), self.size)
            write_picture(pastiche, Picture(stylizer(pixels)), overwrite=True)
            before, after = to_image(pixels), to_image(read_pixels(pastiche))
            targets = self.by_content.content_targets(before)
            contents.append(float(self.by_content(after, targets).content))
            likenesses.append(float(ssim(after, before)))
            for name, terms in styles.items():
                terms.append(float(self.by_style[name](after, targets).style))
        return {
            "content": statistics.median(contents),
            "ssim": statistics.median(likenesses),
            "distances": self.distances(self.points(pastiches)),
            "styles": {name: statistics.median(terms) for name, terms in styles.items()},
        }


def key(layer: str, share: str) -> str:
    """Return what a distance is called in a report."""
    return f"{layer}, crops from a {share}"


def _distance(points: Tensor, target: Tensor) -> float:
    return frechet_distance(points, target) / float(target.var(0).sum())


def main() -> None:
    """Paint, judge, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unseen", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--loss-network", default="vgg19")
    parser.add_argument("--size", type=int, default=512, help="longer side the photographs are repainted at, px")
    parser.add_argument("--strength", type=float, action="append", default=[], help="beside 1; repeatable")
    parser.add_argument("--model", nargs=2, action="append", required=True, metavar=("NAME", "FILE"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    photographs, pictures = ([path for path, _ in find_pictures([folder])] for folder in (args.unseen, args.pictures))
    judge = Judge(photographs, pictures, args.loss_network, args.size)
    told = {
        "loss_network": Path(args.loss_network).name,
        "photographs": [path.name for path in photographs],
        "pictures": [path.name for path in pictures],
        "size": args.size,
        "crops": CROPS,
        "for_comparison": judge.for_comparison,
    }
    stylizers = {name: Stylizer(file) for name, file in args.model}
    report = {**told, "models": judged_before(args.output / "report.json", told, stylizers)}
    for name, stylizer in stylizers.items():
        found = report["models"].setdefault(name, {"sha256": sha256(stylizer.path), "strengths": {}})["strengths"]
        for strength in (1.0, *(args.strength if stylizer.info.has_strength else [])):
            if str(strength) not in found:
                chosen = stylizer.choose(strength=strength) if strength != 1 else stylizer
                folder = args.output / "pastiches" / name / str(strength)
                found[str(strength)] = judge.judge(chosen, folder, with_styles=strength == 1)
                print(name, strength, found[str(strength)], flush=True)
                write_text(args.output / "report.json", json.dumps(report, indent=1) + "\n")
    write_text(args.output / "report.md", as_table(report))
    draw(report, args.output / "distances.png")
    show(stylizers, args.output / "sheet.jpg")
    print(as_table(report))


def judged_before(path: Path, told: Mapping[str, Any], stylizers: Mapping[str, Stylizer]) -> dict[str, Any]:
    """Return what an earlier report of the same kind says of these networks' files."""
    earlier: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if any(earlier.get(key) != told[key] for key in told if key != "for_comparison"):
        return {}
    return {
        name: found
        for name, found in earlier["models"].items()
        if name in stylizers and found["sha256"] == sha256(stylizers[name].path)
    }


def as_table(report: Mapping[str, Any]) -> str:
    """Return what was found at strength 1, in Markdown."""
    models = {name: found["strengths"]["1.0"] for name, found in report["models"].items()}
    first = next(iter(models.values()))
    rows = [["", *models], ["---", *["---:"] * len(models)]]
    rows += [
        [f"style term, {name}", *(f"{one['styles'][name]:.2f}" for one in models.values())] for name in first["styles"]
    ]
    means = (statistics.mean(one["styles"].values()) for one in models.values())
    rows.append(["mean of these", *(f"{mean:.2f}" for mean in means)])
    for label, key in (("content term", "content"), ("SSIM", "ssim")):
        rows.append([label, *(f"{one[key]:.2f}" for one in models.values())])
    rows += [
        [f"Fréchet distance, {name}", *(f"{one['distances'][name]:.2f}" for one in models.values())]
        for name in first["distances"]
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    beside = "\n".join(
        f"* {name}: {', '.join(f'{distance:.2f} ({what})' for what, distance in distances.items())}"
        for name, distances in report["for_comparison"].items()
    )
    return f"{table}\n\nFréchet distances for comparison:\n\n{beside}\n"


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Draw the distance over the content term, a curve for each network, from its least strength to its greatest."""
    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    for axes, layer in zip(figure.subplots(1, len(LAYERS)), LAYERS, strict=True):
        distance = key(layer, "quarter")
        for name, found in report["models"].items():
            curve = [found["strengths"][strength] for strength in sorted(found["strengths"], key=float)]
            contents, distances = [one["content"] for one in curve], [one["distances"][distance] for one in curve]
            (line,) = axes.plot(contents, distances, marker=".", label=name)
            whole = found["strengths"]["1.0"]
            axes.plot(whole["content"], whole["distances"][distance], marker="o", color=line.get_color())
        axes.axhline(report["for_comparison"]["the photographs"][distance], color="grey", linestyle=":")
        axes.set(xlabel="content term", ylabel=f"Fréchet distance, {layer}")
        axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="x-small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def show(stylizers: Mapping[str, Stylizer], path: Path) -> None:
    """Write the photographs of scikit-image, which no training saw either, and their pastiches."""
    photographs = [fit(read_pixels(file), SHOWN_SIZE) for file in find_photographs()]
    rows = [[photograph, *(stylizer(photograph) for stylizer in stylizers.values())] for photograph in photographs]
    titles = ["photograph", *stylizers]
    write_picture(path, Picture(contact_sheet(rows, titles, cell_width=CELL)), quality=QUALITY, overwrite=True)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with torch.inference_mode():
        main()
