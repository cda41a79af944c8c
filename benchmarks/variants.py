"""The search for a network: many of them taught the same for as long, and timed side by side.

    python benchmarks/variants.py train PHOTOS PAINTING UNSEEN -o FOLDER --loss-network FILE   (again to go on)
    python benchmarks/variants.py time -o FOLDER
    python benchmarks/variants.py draw -o FOLDER

Each of `VARIANTS` (the language is that of `variant_networks.py`) learns one painting from random weights, as `fast-nst
train` teaches it, with the same photographs, steps, rate and seed; then its pastiches of photographs it never saw are
judged by the same loss network. All are timed in ONNX Runtime, in turns with `johnson`.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from grid import PERIODS, edge_share
from matplotlib.figure import Figure
from torch.utils.flop_counter import FlopCounterMode
from variant_networks import Variant

from fast_nst.benchmark.network import time_networks
from fast_nst.benchmark.turns import Job
from fast_nst.compare.judge import default_objective, judge, median_terms
from fast_nst.images import Pixels, atomic_path, find_pictures
from fast_nst.inference import Stylizer
from fast_nst.measure.isolation import run_alone
from fast_nst.measure.machine import describe_machine
from fast_nst.networks import PRESETS, build_network
from fast_nst.perceptual import ObjectiveConfig
from fast_nst.training.config import TrainConfig
from fast_nst.training.run import train

BASELINES = ("johnson", "johnson-half")
VARIANTS = {
    "quarter size, sub-pixel head": "s4:48 r r r h4",
    "the same, ICNR": "s4:48 r r r H4",
    "the same, a wide layer before the head": "s4:48 r r r c:96:1 h4",
    "one convolution a block": "s4:48 p p p p p h4",
    "eighth of the size": "s8:96 r r h8",
    "blocks at an eighth": "s4:32 [ d:64 r r u:32 ] h4",
    "half size, then a quarter": "s2:16 d:48 r r r u:16 h2",
    "up by resize-convolution, sub-pixels last": "s4:48 r r r u:24 h2",
    "the same, 5x5 at the end": "s4:48 r r r u:24 h2:5",
    "up by two resize-convolutions": "s4:48 r r r u:24 u:12 h1",
    "the same, 9x9 enlarging at the end": "s4:48 r r r u:24 t2:9",
    "32 channels": "s4:32 r r r r u:24 t2:9",
    "the same in phases": "s4:32 r r r r T:24",
    "blocks at an eighth, in phases": "s4:32 [ d:64 r r u:32 ] T:24",
    "narrower tail": "s4:32 r r r r T:16",
    "pixels beside": "s4:32 r r r r + T:16",
    "48 channels": "s4:48 r r r T:16",
    "64 channels, blocks of 32": "s4:64 q:32 q:32 q:32 T:16",
    "64 channels, 3x3 to 32 and 1x1 back": "s4:64 e:32 e:32 e:32 e:32 T:16",
    "the same, no norm after the 1x1": "s4:64 f:32 f:32 f:32 f:32 T:16",
    "the same, re-parameterised": "s4:64 m:32 m:32 m:32 m:32 T:16",
    "pixels beside those": "s4:64 e:32 e:32 e:32 e:32 + T:16",
    "leaky ReLU": "~ s4:64 e:32 e:32 e:32 e:32 + T:16",
    "bottlenecks": "s4:64 b:32 b:32 b:32 b:32 T:16",
    "grouped": "s4:64 g:4 g:4 g:4 g:4 T:16",
    "depthwise 7x7": "s4:64 w:96:7 w:96:7 w:96:7 T:16",
    "inverted": "s4:32 i:96:3 i:96:3 i:96:3 T:16",
    "dilated": "s4:32 r:2 r:2 r:2 r:2 T:16",
    "detour at an eighth": "s4:48 [ D:64 e:32 e:32 e:32 e:32 U:48 ] e:32 e:32 + T:16",
    "the same, leaky, 64 channels": "~ s4:64 [ D:64 e:32 e:32 e:32 U:64 ] e:32 e:32 + T:16",
    "`quality`": "~ s4:64 [ D:64 e:32 e:32 e:32 U:64 ] e:32 e:32 P:16",
    "`fast`": "~ s4:32 [ D:32 e:16 e:16 e:16 U:32 ] e:16 e:16 P:12",
}
_TOP, _GRID = 1.4, 0.10  # of the chart; above which a line is drawn hollow
SIZES = {"512x512": (512, 512), "1280x720": (720, 1280)}


def main() -> None:
    """Do one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    teach = commands.add_parser("train")
    for name in ("photos", "painting", "unseen"):
        teach.add_argument(name)
    teach.add_argument("--loss-network", required=True)
    teach.add_argument("--steps", type=int, default=600)
    teach.add_argument("--crop-size", type=int, default=128, help="px; small, for there are many")
    teach.add_argument("--learning-rate", type=float, default=1e-3)
    teach.add_argument("--seed", type=int, default=0)
    for command in (teach, commands.add_parser("time"), commands.add_parser("draw")):
        command.add_argument("-o", "--output", type=Path, required=True)
        command.add_argument("--only", nargs="*", help="lines, instead of all")
    args = parser.parse_args()
    lines = args.only or [*BASELINES, *VARIANTS.values()]
    for line in lines:
        PRESETS.setdefault(line, lambda line=line: Variant(line))
    {"train": train_all, "time": time_all, "draw": draw}[args.command](args, lines)


def train_all(args: argparse.Namespace, lines: list[str]) -> None:
    """Teach and judge each line that is not in the folder yet."""
    for line in lines:
        record = _record(args.output, line)
        if record.is_file():
            continue
        config = TrainConfig(
            style=args.painting,
            content_dir=(args.photos,),
            preset=line,
            from_scratch=True,
            max_steps=args.steps,
            crop_size=args.crop_size,
            learning_rate=args.learning_rate,
            seed=args.seed,
            preview_every=0,
            workers=1,
            fixed_strength=True,
            objective=ObjectiveConfig(loss_network=args.loss_network),
        )
        model = record.with_suffix(".onnx")
        run = record.with_suffix("")
        train(config, model, run, resume=(run / "last.ckpt").is_file(), show_bar=False)
        found = {
            "line": line,
            "steps": args.steps,
            "crop_size": args.crop_size,
            **_facts(line, model),
            **look(model, args),
        }
        _write(record, found)
        print(line, found["total"], flush=True)


def look(model: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return the median terms over the unseen photographs at 256 px, and how unevenly edges lie (see `grid.py`)."""
    stylizer, pastiches = Stylizer(model), []

    def paint(content: Pixels) -> Pixels:
        pastiches.append(stylizer(content))
        return pastiches[-1]

    photographs = [path for path, _ in find_pictures([args.unseen])]
    found = median_terms(judge(default_objective(args.painting, args.loss_network), paint, photographs, 256))
    return found | {"grid": max(edge_share(pastiches, axis, period) for axis in (0, 1) for period in PERIODS) - 1}


def time_all(args: argparse.Namespace, lines: list[str]) -> None:
    """Time each line in turns with `johnson`, on all cores, and add it to its record."""
    baseline = _record(args.output, "johnson").with_suffix(".onnx")
    for line in lines:
        record = _record(args.output, line)
        if not record.is_file():
            continue
        found, times = json.loads(record.read_text()), {}
        for size, (height, width) in SIZES.items():
            models = (baseline, record.with_suffix(".onnx"))
            job = Job(models, height, width, None, "CPUExecutionProvider", runs=15, patience=30.0)
            theirs, ours = run_alone(time_networks, job, print)
            ratio = statistics.median(slow / fast for slow, fast in zip(theirs, ours, strict=True))
            times[size] = {"ms": 1000 * statistics.median(ours), "faster_than_johnson": ratio}
        _write(record, found | {"times": times, "machine": describe_machine()})
        print(line, times, flush=True)


def draw(args: argparse.Namespace, lines: list[str]) -> None:
    """Write `variants.json`, the table `variants.md` and the chart `variants.png`.

    Lines were timed one after the other, on a machine that is not always as fast: what counts of each is how many times
    as fast as `johnson` it was in turns with it. Its milliseconds here are those of `johnson`, by that.
    """
    names = {line: name for name, line in VARIANTS.items()}
    records = [
        json.loads(_record(args.output, line).read_text()) for line in lines if _record(args.output, line).is_file()
    ]
    johnson = next(record for record in records if record["line"] == "johnson")
    for record in records:
        record |= {
            "name": names.get(record["line"], record["line"]),
            "to_johnson": record["total"] / johnson["total"],
            "ms": {size: johnson["times"][size]["ms"] / record["times"][size]["faster_than_johnson"] for size in SIZES},
        }
    _write(args.output / "variants.json", records)
    header = "| | | line | kMAC/px | parameters | nodes | ms 512x512 | ms 720p | objective / johnson | TV | grid |"
    rows = [header, "| ---: | --- | --- |" + " ---: |" * 8]
    for number, record in enumerate(records, 1):
        ms = [record["ms"][size] for size in SIZES]
        cells = [
            str(number),
            record["name"],
            f"`{record['line']}`",
            f"{record['kmac']:.1f}",
            f"{record['parameters']:,}",
        ]
        cells += [str(record["nodes"]), *(f"{value:.0f}" for value in ms), f"{record['to_johnson']:.3f}"]
        cells += [f"{record['tv']:.3f}", f"{100 * record['grid']:.1f} %"]
        rows.append(f"| {' | '.join(cells)} |")
    (args.output / "variants.md").write_text("\n".join(rows) + "\n", encoding="utf-8")
    _chart(records, args.output / "variants.png")


def _chart(records: list[dict[str, Any]], path: Path) -> None:
    """Draw the objective over milliseconds, each line by its number in the table, hollow where it leaves a grid."""
    figure = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    front = sorted((one["ms"]["512x512"], one["to_johnson"]) for one in records)
    lowest = np.minimum.accumulate([ratio for _, ratio in front])
    axes.step([ms for ms, _ in front], lowest, where="post", color="tab:orange", label="Pareto front")
    for number, one in enumerate(records, 1):
        ms, ratio, is_shipped = one["ms"]["512x512"], min(one["to_johnson"], _TOP), one["name"].strip("`") in PRESETS
        colour = "tab:red" if is_shipped else "tab:blue"
        axes.scatter([ms], [ratio], s=25, edgecolors=colour, facecolors="none" if one["grid"] > _GRID else colour)
        name = f"{number} {one['name'].strip('`')}" if is_shipped else str(number)
        name += f" ({one['to_johnson']:.2f})" if one["to_johnson"] > _TOP else ""
        axes.annotate(name, (ms, ratio), fontsize=7, xytext=(4, 3), textcoords="offset points", color=colour)
    axes.set(xscale="log", xlabel="ms at 512 x 512, ONNX Runtime", ylabel="objective on unseen photographs / johnson's")
    axes.set_title(f"hollow: more than {_GRID:.0%} of grid", fontsize=9, loc="left")
    ticks = (15, 20, 30, 50, 100, 200, 400)
    axes.set_xticks(ticks, map(str, ticks))
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _facts(line: str, model: Path) -> dict[str, Any]:
    """Return what the network costs but for time: multiplications a pixel at 512 px, parameters, nodes, bytes."""
    network, counter = build_network(line).eval(), FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(torch.zeros(1, 3, 512, 512))
    return {
        "kmac": counter.get_total_flops() / 2 / 512**2 / 1000,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "nodes": len(onnx.load(model).graph.node),
        "bytes": model.stat().st_size,
    }


def _record(folder: Path, line: str) -> Path:
    return folder / "".join(letter if letter.isalnum() else "-" for letter in line) / "record.json"


def _write(path: Path, found: Any) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
