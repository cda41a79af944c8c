"""Where the time of one training step goes: seconds, multiplications and the share of the machine's peak, by part.

python benchmarks/step.py PHOTOS PAINTING -o step.json --loss-network mini --crop-size 256 --threads 1

The peak is that of a large matrix product, measured in the same run.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from one_run import Run, add_arguments, write_report
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from fast_nst.perceptual import content_loss, gram_matrix, grid_loss, hue_loss, tone_loss, total_variation


def peak_gflops() -> float:
    """Return what a product of two matrices of 2048 x 2048 reaches."""
    left, right = torch.rand(2048, 2048), torch.rand(2048, 2048)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(times) / 1e9


class Step:
    """One step of training, part by part; `parts` has each one's seconds and floating-point operations."""

    def __init__(self, run: Run) -> None:
        self.module, self.adam, self.feed = run.module, run.adam, run.feed
        self.objective = self.module.objectives[0]
        self.parts: dict[str, list[tuple[float, int]]] = {}
        self.counts = False

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what is inside, or count its operations."""
        counter = FlopCounterMode(display=False)
        start = time.perf_counter()
        if self.counts:
            with counter:
                yield
        else:
            yield
        self.parts.setdefault(name, []).append((time.perf_counter() - start, counter.get_total_flops()))

    def run(self) -> None:
        """Do one step."""
        objective = self.objective
        with self.part("data"):
            content = next(self.feed).images
        with self.part("network, forward"):
            pastiche = self.module.network(content)
        with self.part("loss network on the photograph"):
            targets = objective.content_targets(content)
        with self.part("loss network on the pastiche, forward"):
            features = [objective.loss_network(pastiche)]
            for level in range(1, objective.config.style_levels):
                small = F.avg_pool2d(pastiche, 2**level)
                features.append(objective.loss_network(small, objective.style_layers))
        # The losses see copies, so that their backward pass ends at the activations.
        copies = [{k: v.detach().requires_grad_() for k, v in level.items()} for level in features]
        image = pastiche.detach().requires_grad_()
        with self.part("losses and Gram matrices, forward"):
            losses = self._losses(image, copies, targets, content)
        leaves = [copy for level in copies for copy in level.values()]
        with self.part("losses and Gram matrices, backward"):
            *gradients, of_image = torch.autograd.grad(losses, [*leaves, image])
        activations = [activation for level in features for activation in level.values()]
        with self.part("loss network on the pastiche, backward"):
            (through,) = torch.autograd.grad(activations, pastiche, gradients)
            through = through + of_image
        with self.part("network, backward"):
            pastiche.backward(through)
        with self.part("Adam"):
            self.adam.step()
            self.adam.zero_grad()

    def _losses(
        self, pastiche: Tensor, features: list[dict[str, Tensor]], targets: dict[str, Tensor], content: Tensor
    ) -> Tensor:
        config, objective = self.objective.config, self.objective
        total = total_variation(pastiche).mean() + (tone_loss(pastiche, content) + hue_loss(pastiche, content)).mean()
        total = total + grid_loss(pastiche, self.module.network.size_multiple).mean()
        for layer in config.content_layers:
            total = total + content_loss(features[0][layer], targets[layer]).mean()
        for level, found in enumerate(features):
            for layer in config.style_layers:
                gram = gram_matrix(found[layer])
                total = total + (gram - objective.get_buffer(f"target_0_{level}_gram_{layer}")).square().sum()
        return total


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, crop_size=256, batch_size=1, rounds=9)
    parser.add_argument("--loss-network", default="mini")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    step, peak = Step(Run(args, args.loss_network, torch.device("cpu"))), peak_gflops()
    step.run()  # warms up
    step.parts, step.counts = {}, True
    step.run()
    operations = {name: found[0][1] for name, found in step.parts.items()}
    step.parts, step.counts = {}, False
    for _ in range(args.rounds):
        step.run()
    seconds = {name: statistics.median(one[0] for one in found) for name, found in step.parts.items()}
    whole = sum(seconds.values())
    rows = [
        {
            "part": name,
            "seconds": spent,
            "share": spent / whole,
            "gflop": operations[name] / 1e9,
            "of_peak": operations[name] / 1e9 / spent / peak,
        }
        for name, spent in seconds.items()
    ]
    print(f"{whole:.3f} s a step; peak {peak:.0f} GFLOP/s on {torch.get_num_threads()} threads")
    for row in rows:
        numbers = f"{1e3 * row['seconds']:8.1f} ms {row['share']:6.1%} {row['gflop']:7.2f} GFLOP"
        print(f"{row['part']:42s} {numbers} {row['of_peak']:6.1%} of the peak")
    found = {"loss_network": Path(args.loss_network).name, "peak_gflops": peak}
    write_report(args, found | {"step_seconds": whole, "rows": rows})


if __name__ == "__main__":
    main()
