"""Networks trained with `mini` against networks trained with VGG-19, for the same steps, judged by VGG-19.

python benchmarks/loss_networks.py PHOTOS EVAL PAINTINGS... --loss-network VGG19_FILE -o folder --steps 250 --threads 1

Every network starts from the base that comes with the package, or from scratch with the same seed, and sees the same
crops. Results are kept in the folder as they come: the same command goes on where it was stopped. It ends with a table,
`results.json`, and `pictures.jpg`: for each painting a photograph of scikit-image's, and what both networks make of it.
"""

import argparse
import json
import statistics
from pathlib import Path

import torch
from one_run import Run
from torch import nn

from fast_nst.compare.judge import default_objective, judge, median_terms
from fast_nst.images import Picture, Pixels, atomic_path, fit, read_pixels, write_picture
from fast_nst.inference.demo import find_photographs as demo_photographs
from fast_nst.inference.sheet import contact_sheet
from fast_nst.networks import build_network
from fast_nst.perceptual import Objective, to_image, to_pixels
from fast_nst.training.base import BASE
from fast_nst.training.module import rate_share
from fast_nst.training.sources import find_photographs
from fast_nst.training.start import begin, read_start

PRESET = "quality"


def train(painting: str, loss_network: str, judged_by: Objective, args: argparse.Namespace) -> nn.Module:
    """Return a network that has learnt the painting; it starts with the row that the judge likes best."""
    torch.manual_seed(0)
    told = argparse.Namespace(**vars(args) | {"painting": painting, "batch_size": 1})
    run = Run(told, loss_network, torch.device("cpu"))
    if not args.from_scratch:
        begin(run.module, read_start(BASE, PRESET), next(run.feed).images, [judged_by])
    for step in range(args.steps):
        for group in run.adam.param_groups:
            group["lr"] = args.learning_rate * rate_share(step / args.steps)
        run.step()
    return run.module.network


def total(network: nn.Module, judged_by: Objective, args: argparse.Namespace) -> dict[str, float]:
    """Return medians of the terms on photographs that were not trained on, of 8-bit pastiches."""

    def paint(content: Pixels) -> Pixels:
        return to_pixels(network(to_image(content)))

    return median_terms(judge(judged_by, paint, find_photographs([args.eval]), args.eval_size))


@torch.no_grad()
def draw(styles: list[str], folder: Path) -> None:
    """Write `pictures.jpg`."""
    photographs, rows, network = demo_photographs(), [], build_network(PRESET)
    for number, style in enumerate(styles):
        photo = fit(read_pixels(photographs[number % len(photographs)]), 512)
        row = [photo]
        for name in ("vgg19", "mini"):
            network.load_state_dict(torch.load(folder / f"{style}-{name}.pt", weights_only=True))
            row.append(to_pixels(network(to_image(photo))))
        rows.append(row)
    sheet = contact_sheet(rows, ["photograph", "trained with VGG-19", "trained with mini"])
    write_picture(folder / "pictures.jpg", Picture(sheet), overwrite=True)


def main() -> None:
    """Train what is not trained yet, and say how they compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("eval")
    parser.add_argument("paintings", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--loss-network", default="vgg19", help="VGG-19, or a file of its weights")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--from-scratch", action="store_true")
    parser.add_argument("--crop-size", type=int, default=256)
    parser.add_argument("--eval-size", type=int, default=256)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "results.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    ratios, styles = [], [Path(painting).stem for painting in args.paintings]
    for painting, style in zip(args.paintings, styles, strict=True):
        judged_by = default_objective(painting, args.loss_network)
        for name, loss_network in (("vgg19", args.loss_network), ("mini", "mini")):
            if name not in found.setdefault(style, {}):
                network = train(painting, loss_network, judged_by, args)
                torch.save(network.state_dict(), args.output / f"{style}-{name}.pt")
                found[style][name] = total(network, judged_by, args)
                with atomic_path(path) as temporary:
                    temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        vgg19, mini = (found[style][name]["total"] for name in ("vgg19", "mini"))
        ratios.append(mini / vgg19)
        print(f"{style}: VGG-19 {vgg19:.4g}, mini {mini:.4g}, {ratios[-1] - 1:+.1%}", flush=True)
    print(f"median {statistics.median(ratios) - 1:+.1%} after {args.steps} steps")
    draw(styles, args.output)


if __name__ == "__main__":
    main()
