"""The objective on photographs that were not trained on, against the time trained, for the usual recipe and for ours.

python benchmarks/time_to_quality.py PHOTOS EVAL PAINTING --loss-network VGG19_FILE -o folder --threads 1

All are judged by the same objective with VGG-19, and all but those that say mini are trained with it. The baseline is
what others do: Johnson's network from scratch, batches of 4, a constant rate of 1e-3, centre crops, VGG-19. Quality and
time are measured apart, so that the former does not depend on what else the machine does: each candidate's steps are
timed in turns with the others', and a point's time is its steps times the median. The baseline's steps are timed as
others compute them, with plain convolutions and photographs decoded in the loop.

Everything is kept in the folder as soon as it is there: the same command goes on where it was stopped. `--only time`
and `--only plot` do a part.
"""

import argparse
import functools
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from examples_recipe import network as plain_johnson
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

from fast_nst.compare.judge import judge, median_terms
from fast_nst.images import Pixels, atomic_path, fit, read_pixels
from fast_nst.measure.machine import describe_machine
from fast_nst.networks import build_network
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image, to_pixels
from fast_nst.training.base import load_base_of_one_style
from fast_nst.training.data import ContentPhotographs
from fast_nst.training.module import rate_share
from fast_nst.training.sources import find_photographs

BASELINE = "pytorch/examples' way, VGG-19"
CHECK_EVERY = 100  # steps of the baseline between two looks


@dataclass(frozen=True)
class Schedule:
    """A way of training: one run for each number of steps, the rate falling to its end."""

    name: str
    loss_network: str
    is_warm: bool
    steps: tuple[int, ...]
    rate: float


def schedules(vgg19: str) -> list[Schedule]:
    """Return ours."""
    return [
        Schedule(
            "fast_nst, warm start, mini", "mini", is_warm=True, steps=(30, 60, 125, 250, 500, 1000, 2000), rate=5e-4
        ),
        Schedule("fast_nst, from scratch, mini", "mini", is_warm=False, steps=(250, 500, 1000, 2000), rate=1e-3),
        Schedule("fast_nst, warm start, VGG-19", vgg19, is_warm=True, steps=(30, 60, 125, 250, 500, 1000), rate=5e-4),
    ]


class Bench:
    """What all candidates share: photographs, painting, judge, and the folder that remembers."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.vgg19: str = args.loss_network
        self.places = find_photographs([args.photos])
        self.style = to_image(fit(read_pixels(args.painting), ObjectiveConfig().style_size))
        self.folder: Path = args.output
        self.folder.mkdir(parents=True, exist_ok=True)

    def objective(self, loss_network: str) -> Objective:
        """Return the default objective with a loss network."""
        return Objective(ObjectiveConfig(loss_network=loss_network), self.style)

    def load(self, name: str) -> dict[str, Any]:
        """Return what is known under `name`: the points of a candidate by steps, or `time`."""
        path = self._file(name)
        found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return found

    def save(self, name: str, found: dict[str, Any]) -> None:
        """Remember it."""
        with atomic_path(self._file(name)) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n")

    def _file(self, name: str) -> Path:
        return self.folder / ("".join(c if c.isalnum() else "-" for c in name.lower()) + ".json")

    def judge(self, network: nn.Module) -> dict[str, float]:
        """Return medians of the terms on photographs that were not trained on, of 8-bit pastiches, by VGG-19."""

        def paint(content: Pixels) -> Pixels:
            return to_pixels(network(to_image(content)))

        photographs = find_photographs([self.args.eval])
        return median_terms(judge(self.objective(self.vgg19), paint, photographs, self.args.eval_size))

    def ours(self, schedule: Schedule, steps: int) -> Iterator[nn.Module]:
        """Train by a schedule, yielding the network after each step."""
        torch.manual_seed(self.args.seed)
        network = build_network("johnson-half")
        if schedule.is_warm:
            network.load_state_dict(load_base_of_one_style("johnson-half"))
        objective, adam = self.objective(schedule.loss_network), torch.optim.Adam(network.parameters())
        photographs = ContentPhotographs(self.places, self.args.crop_size, self.args.seed, cache_gib=2.0)
        for step in range(steps):
            adam.param_groups[0]["lr"] = schedule.rate * rate_share(step / steps)
            content = photographs.batch([step]).images
            pastiche = network(content)
            losses = objective(pastiche, objective.content_targets(content)).mean()
            adam.zero_grad()
            losses.total.backward()
            adam.step()
            yield network

    def baseline(
        self, network: nn.Module, adam: torch.optim.Optimizer, first: int, *, remembers: bool
    ) -> Iterator[nn.Module]:
        """Train the usual way, yielding the network after each step.

        The crops are the same whenever their photographs come round again, so a run that is not timed may remember
        them, and their features: it is the same run, sooner done.
        """
        side = self.args.crop_size
        cut = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side), transforms.ToTensor()])
        objective, step = self.objective(self.vgg19), first

        def batch(numbers: tuple[int, ...]) -> tuple[Tensor, dict[str, Tensor]]:
            content = torch.stack([cut(Image.open(self.places[number]).convert("RGB")) for number in numbers])
            return content, objective.content_targets(content)

        get = functools.cache(batch) if remembers else batch
        while True:
            content, targets = get(tuple((4 * step + place) % len(self.places) for place in range(4)))
            losses = objective(network(content), targets).mean()
            adam.zero_grad()
            losses.total.backward()
            adam.step()
            step += 1
            yield network


def train_ours(bench: Bench) -> None:
    """Train by every schedule, and judge what comes out."""
    for schedule in schedules(bench.vgg19):
        points = bench.load(schedule.name)
        for steps in schedule.steps:
            if str(steps) not in points:
                *_, network = bench.ours(schedule, steps)
                points[str(steps)] = bench.judge(network)
                bench.save(schedule.name, points)
                print(f"{schedule.name}, {steps} steps: total {points[str(steps)]['total']:.4g}", flush=True)


def train_baseline(bench: Bench) -> None:
    """Train the usual way, and judge what there is every so often."""
    torch.manual_seed(bench.args.seed)
    network = build_network("johnson")
    adam, first, path = torch.optim.Adam(network.parameters(), lr=1e-3), 0, bench.folder / "baseline.pt"
    if path.is_file():
        saved = torch.load(path, weights_only=True)
        network.load_state_dict(saved["network"])
        adam.load_state_dict(saved["adam"])
        first = saved["step"]
    training, points = bench.baseline(network, adam, first, remembers=True), bench.load(BASELINE)
    for step in range(first + 1, bench.args.baseline_steps + 1):
        next(training)
        if step % CHECK_EVERY == 0:
            points[str(step)] = bench.judge(network)
            with atomic_path(path) as temporary:
                torch.save({"network": network.state_dict(), "adam": adam.state_dict(), "step": step}, temporary)
            bench.save(BASELINE, points)
            print(f"{BASELINE}, {step} steps: total {points[str(step)]['total']:.4g}", flush=True)


class _AsOthersDo(nn.Module):
    """Johnson's network with plain convolutions, for images in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.network = plain_johnson()

    def forward(self, content: Tensor) -> Tensor:
        pastiche: Tensor = self.network(255 * content) / 255
        return pastiche


def measure_time(bench: Bench) -> None:
    """Time the steps of every candidate, in turns."""
    network = _AsOthersDo()
    runs = {schedule.name: bench.ours(schedule, 10**6) for schedule in schedules(bench.vgg19)}
    runs[BASELINE] = bench.baseline(network, torch.optim.Adam(network.parameters(), lr=1e-3), 0, remembers=False)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(bench.args.rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            next(run)
            if turn:  # the first is for warming up
                seconds[name].append(time.perf_counter() - start)
    found = {
        "seconds_a_step": {name: [statistics.median(own), min(own), max(own)] for name, own in seconds.items()},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "threads": torch.get_num_threads(),
        "crop_size": bench.args.crop_size,
        "eval_size": bench.args.eval_size,
    }
    bench.save("time", found)
    print(found["seconds_a_step"])


def plot(bench: Bench) -> None:
    """Draw `time-to-quality.png`, and say when each candidate is where the baseline ends."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    curves = {
        name: sorted((int(steps) * median / 60, found["total"]) for steps, found in bench.load(name).items())
        for name, (median, *_) in bench.load("time")["seconds_a_step"].items()
    }
    last_minutes, mark = curves[BASELINE][-1]
    print(f"{BASELINE}: {mark:.4g} after {last_minutes:.1f} minutes")
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.axhline(mark, color="0.6", linestyle="--", linewidth=1)
    for name, points in curves.items():
        reached = next((minutes for minutes, total in points if total <= mark), None)
        if name != BASELINE and reached is not None:
            print(f"{name}: there after {reached:.1f} minutes, {last_minutes / reached:.0f} x sooner")
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name)
    axes.set(xscale="log", yscale="log", xlabel="minutes trained", ylabel="objective, median of unseen photographs")
    axes.yaxis.set_major_formatter(mpl.ticker.ScalarFormatter())
    axes.yaxis.set_minor_formatter(mpl.ticker.ScalarFormatter())
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(bench.folder / "time-to-quality.png", dpi=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not known yet, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("eval")
    parser.add_argument("painting")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--loss-network", default="vgg19", help="VGG-19, or a file of its weights")
    parser.add_argument("--only", choices=["time", "ours", "baseline", "plot"])
    parser.add_argument("--baseline-steps", type=int, default=2000)
    parser.add_argument("--crop-size", type=int, default=192)
    parser.add_argument("--eval-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    bench = Bench(args)
    parts: dict[str, Callable[[Bench], None]] = {
        "time": measure_time,
        "ours": train_ours,
        "baseline": train_baseline,
        "plot": plot,
    }
    for name, part in parts.items():
        if args.only in (None, name):
            part(bench)


if __name__ == "__main__":
    main()
