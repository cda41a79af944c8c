"""What is timed, and how: in turns, so that all meet the same machine."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Taken = TypeVar("Taken")

LEAST_RUNS = 3
"""How often each is timed, however long it takes."""


@dataclass(frozen=True)
class Job:
    """Paint a picture of `height` x `width` px with each of `models`."""

    models: tuple[Path, ...]
    height: int
    width: int
    threads: int | None
    """CPU threads; None for all cores."""
    provider: str
    """ONNX Runtime's full name of it."""
    runs: int
    """Timed runs of each model."""
    patience: float
    """Seconds after which no further turn is begun, once each model has had `LEAST_RUNS`."""


def take_turns(calls: Sequence[Callable[[], Taken]], job: Job, *, warm_ups: int) -> list[list[Taken]]:
    """Return what each of `calls` gave in each turn, the warm-ups left out."""
    for _ in range(warm_ups):
        for call in calls:
            call()
    taken: list[list[Taken]] = [[] for _ in calls]
    began = time.perf_counter()
    for turn in range(job.runs):
        if turn >= LEAST_RUNS and time.perf_counter() - began > job.patience:
            break
        for call, own in zip(calls, taken, strict=True):
            own.append(call())
    return taken
