"""How many photographs a second training takes in, against the recipe of pytorch/examples, in one run, in turns.

python benchmarks/throughput.py PHOTOS PAINTING -o throughput.json --crop-size 256 --batch-size 4 --threads 2

Every candidate trains for real: photographs decoded, network, losses, backward, Adam. VGG weights are random (time does
not depend on them) unless --loss-network names a file.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from examples_recipe import Recipe
from one_run import Run, add_arguments, write_report
from safetensors.torch import save_file

from fast_nst.images import fit, read_pixels
from fast_nst.perceptual import to_image
from fast_nst.perceptual.vgg import convolution_names
from fast_nst.training.sources import find_photographs


def random_vgg19(path: Path) -> Path:
    """Write a file of random VGG-19 weights up to conv5_1."""
    state, channels = {}, 3
    for name, index in convolution_names("mini").items():
        width = min(64 * 2 ** (int(name[4]) - 1), 512)
        state[f"features.{index}.weight"] = torch.randn(width, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
        state[f"features.{index}.bias"] = torch.zeros(width)
        channels = width
    save_file(state, path, metadata={"input": "torchvision"})
    return path


def main() -> None:
    """Time every candidate in turns, and write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, crop_size=256, batch_size=4, rounds=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--loss-network", help="file of VGG-19's weights; default: random ones")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    paths = find_photographs([args.photos])
    style = to_image(fit(read_pixels(args.painting), args.crop_size))
    with tempfile.TemporaryDirectory() as folder:
        vgg19 = args.loss_network or str(random_vgg19(Path(folder) / "vgg19.safetensors"))
        candidates = {
            "pytorch/examples, VGG-16 to relu4_3": Recipe(paths, style, args.crop_size, args.batch_size, device).step,
            "fast_nst, VGG-19 to relu5_1": Run(args, vgg19, device).step,
            "fast_nst, mini": Run(args, "mini", device).step,
        }
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(args.rounds + 1):
        for name, step in candidates.items():
            start = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if turn:  # the first is for warming up
                seconds[name].append(time.perf_counter() - start)
    baseline = seconds[next(iter(candidates))]
    rows = []
    for name, own in seconds.items():
        ratios = sorted(theirs / ours_ for theirs, ours_ in zip(baseline, own, strict=True))
        speed = args.batch_size / statistics.median(own)
        row = {"name": name, "photographs_per_s": speed, "faster": statistics.median(ratios), "seconds": own}
        rows.append(row | {"faster_range": [ratios[0], ratios[-1]]})
        print(f"{name}: {speed:.3g} photographs/s, {row['faster']:.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    write_report(args, {"device": args.device, "rows": rows})


if __name__ == "__main__":
    main()
