"""The two methods, each as a function to be run in a process of its own (see `measure.isolation`).

What is measured, for both alike:

* seconds: of the work alone. The network: one call of the engine, uint8 in and out, median of several after warm-up.
  The optimisation: its loop from the start to the step. Loading libraries, models, weights and the style's Gram
  matrices is in neither, nor is what PyTorch loads at its first step (several seconds).
* peak memory: how far the process's peak resident memory rises above what the loaded libraries take; model, weights
  and Gram matrices are in both. On a GPU, the optimisation's is the peak that PyTorch allocates there.
"""

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fast_nst.images import Pixels
from fast_nst.inference import Stylizer
from fast_nst.measure.isolation import MemoryGauge, Tell

if TYPE_CHECKING:  # the network's process must stay without PyTorch, or its memory would be PyTorch's
    from torch import Tensor

    from fast_nst.gatys import GatysConfig, Step

WARM_UPS = 2
TIMED_RUNS = 9


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A pastiche, uint8 `(H, W, 3)`, and what it took: optimiser steps, seconds, MiB."""

    pixels: Pixels
    step: int | None
    seconds: float | None
    memory_mib: float | None


@dataclass(frozen=True, eq=False)
class PaintJob:
    """Run the network that `model` stands for, see `Stylizer.spec`, on `photo`, uint8 `(H, W, 3)`."""

    model: str
    photo: Pixels
    threads: int
    providers: tuple[str, ...] | None


def paint(job: PaintJob, _tell: Tell) -> tuple[Snapshot, tuple[float, ...]]:
    """Return the network's pastiche with the median time, and the seconds of each timed run."""
    gauge = MemoryGauge()
    stylizer = Stylizer(job.model, threads=job.threads, providers=job.providers)
    seconds = []
    for _ in range(WARM_UPS + TIMED_RUNS):
        began = time.perf_counter()
        pastiche = stylizer(job.photo)
        seconds.append(time.perf_counter() - began)
    timed = tuple(seconds[WARM_UPS:])
    return Snapshot(pastiche, None, statistics.median(timed), gauge.rise()), timed


@dataclass(frozen=True, eq=False)
class DescentJob:
    """Optimise `photo` towards `styles`, all uint8 `(H, W, 3)`, keeping the pastiche at the steps `kept`."""

    photo: Pixels
    styles: tuple[Pixels, ...]
    config: "GatysConfig"
    kept: tuple[int, ...]
    threads: int


def descend(job: DescentJob, tell: Tell) -> tuple[list[Snapshot], dict[str, list[float]]]:
    """Return the pastiches kept, clamped and rounded to 8 bit, and the history by column; tell each step's total.

    Where L-BFGS ends before the first step to be kept, its end is kept.
    """
    import torch

    from fast_nst.gatys import repaint
    from fast_nst.perceptual import to_pixels

    torch.set_num_threads(job.threads)
    _load_optimizer()
    gauge, snapshots = MemoryGauge(), []

    def memory_mib() -> float | None:
        return torch.cuda.max_memory_allocated() / 2**20 if job.config.device == "cuda" else gauge.rise()

    def watch(step: "Step", pastiche: "Tensor") -> None:
        if step.step in job.kept:
            snapshots.append(Snapshot(to_pixels(pastiche), step.step, step.seconds, memory_mib()))
        tell((step.step, step.losses["total"]))

    end, steps = repaint(job.photo, job.styles, job.config, watch)
    if not snapshots:
        snapshots.append(Snapshot(end, steps[-1].step, steps[-1].seconds, memory_mib()))
    history = {term: [step.losses[term] for step in steps] for term in steps[0].losses}
    return snapshots, {**history, "seconds": [step.seconds for step in steps]}


def _load_optimizer() -> None:
    """Take one step, so that what PyTorch loads at its first (seconds, 150 MiB) counts as libraries, not as work."""
    import torch

    number = torch.zeros(1, requires_grad=True)
    (2 * number).sum().backward()  # type: ignore[no-untyped-call]
    torch.optim.LBFGS([number], max_iter=1).step(lambda: 0.0)  # type: ignore[no-untyped-call]
