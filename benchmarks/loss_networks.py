"""Networks trained with `mini` against networks trained with VGG-19, for the same steps, judged by VGG-19.

python benchmarks/loss_networks.py PHOTOS EVAL PAINTINGS... --loss-network VGG19_FILE -o folder --steps 250 --threads 1

Every network starts from the base that comes with the package, or from scratch with the same seed, and sees the same
crops. Results are kept in the folder as they come: the same command goes on where it was stopped. It ends with a table,
`results.json`, and `pictures.jpg`: for each painting a photograph of scikit-image's, and what both networks make of it.
"""

import argparse
import statistics
from pathlib import Path

import torch
from time_to_quality import Bench, Schedule

from fast_nst.images import Picture, fit, read_pixels, write_picture
from fast_nst.inference.demo import find_photographs as demo_photographs
from fast_nst.inference.sheet import contact_sheet
from fast_nst.networks import build_network
from fast_nst.perceptual import to_image, to_pixels


def train(bench: Bench, style: str, loss_network: str, path: Path, args: argparse.Namespace) -> dict[str, float]:
    """Train on the painting of `bench`, keep the weights in `path`, and judge."""
    schedule = Schedule(
        style, loss_network, is_warm=not args.from_scratch, steps=(args.steps,), rate=args.learning_rate
    )
    *_, network = bench.ours(schedule, args.steps)
    torch.save(network.state_dict(), path)
    return bench.judge(network)


@torch.no_grad()
def draw(styles: list[str], args: argparse.Namespace) -> None:
    """Write `pictures.jpg`."""
    photographs, rows, network = demo_photographs(), [], build_network("johnson-half")
    for number, style in enumerate(styles):
        photo = fit(read_pixels(photographs[number % len(photographs)]), 512)
        row = [photo]
        for name in ("vgg19", "mini"):
            network.load_state_dict(torch.load(args.output / f"{style}-{name}.pt", weights_only=True))
            row.append(to_pixels(network(to_image(photo))))
        rows.append(row)
    sheet = contact_sheet(rows, ["photograph", "trained with VGG-19", "trained with mini"])
    write_picture(args.output / "pictures.jpg", Picture(sheet), overwrite=True)


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
    parser.add_argument("--crop-size", type=int, default=192)
    parser.add_argument("--eval-size", type=int, default=256)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    ratios, styles = [], [Path(painting).stem for painting in args.paintings]
    for painting, style in zip(args.paintings, styles, strict=True):
        args.painting = painting
        bench = Bench(args)
        found = bench.load("results")
        for name, loss_network in (("vgg19", args.loss_network), ("mini", "mini")):
            if name not in found.setdefault(style, {}):
                found[style][name] = train(bench, style, loss_network, args.output / f"{style}-{name}.pt", args)
                bench.save("results", found)
        vgg19, mini = (found[style][name]["total"] for name in ("vgg19", "mini"))
        ratios.append(mini / vgg19)
        print(f"{style}: VGG-19 {vgg19:.4g}, mini {mini:.4g}, {ratios[-1] - 1:+.1%}", flush=True)
    print(f"median {statistics.median(ratios) - 1:+.1%} after {args.steps} steps")
    draw(styles, args)


if __name__ == "__main__":
    main()
