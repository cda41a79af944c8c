"""All that is to be measured, one row after the other."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fast_nst.benchmark.command import command_memory, time_commands
from fast_nst.benchmark.network import network_memory, time_networks
from fast_nst.benchmark.turns import Job
from fast_nst.errors import FastNstError
from fast_nst.measure.isolation import Tell, run_alone
from fast_nst.measure.machine import describe_machine, load_average
from fast_nst.measure.stats import Quartiles, quartiles

FORMAT = "fast_nst.benchmark/1"
What = Literal["network", "command"]
_MEASURES = {"network": (time_networks, network_memory), "command": (time_commands, command_memory)}


@dataclass(frozen=True)
class BenchmarkConfig:
    """What is to be measured: every combination of sizes, threads and providers.

    Attributes:
        models: files of styles.
        baseline: any other model, to hold them against.
        sizes: heights and widths, px.
        threads: CPU threads; None for all cores.
        providers: ONNX Runtime's full names.
        runs, patience: see `Job`.
        whats: the network alone, the whole command, or both.
    """

    models: tuple[Path, ...]
    baseline: Path | None
    sizes: tuple[tuple[int, int], ...]
    threads: tuple[int | None, ...]
    providers: tuple[str, ...]
    runs: int
    patience: float
    whats: tuple[What, ...]


@dataclass(frozen=True)
class Row:
    """One model at one size; without figures where there is a `problem`.

    Attributes:
        what: `network`, or `command` for the whole of `fast-nst stylize`, JPEG to JPEG.
        model: the file's name without its suffix.
        is_baseline: whether the others are held against it.
        threads: CPU threads; None for all cores.
        provider: ONNX Runtime's full name.
        seconds: of each run.
        peak_mib: the most resident memory of a process that does just this; None where the system does not tell.
        faster: the baseline's time over this model's, turn by turn.
        problem: why there are no figures.
    """

    what: What
    model: str
    is_baseline: bool
    height: int
    width: int
    threads: int | None
    provider: str
    seconds: tuple[float, ...] = ()
    peak_mib: float | None = None
    faster: Quartiles | None = None
    problem: str = ""

    @property
    def median(self) -> float:
        """Seconds."""
        return float(np.median(self.seconds))

    @property
    def p95(self) -> float:
        """Seconds that 95 of 100 runs stay below; of few runs, the slowest."""
        return sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]

    @property
    def megapixels_per_second(self) -> float:
        """Of the picture, by the median."""
        return self.height * self.width / 1e6 / self.median


def count_rows(config: BenchmarkConfig) -> int:
    """Return how many rows `measure` will yield."""
    files = len(config.models) + (config.baseline is not None)
    return files * len(config.whats) * len(config.sizes) * len(config.threads) * len(config.providers)


def measure(config: BenchmarkConfig) -> Iterator[Row]:
    """Yield a row for each model, the baseline first, in each combination."""
    files = (*((config.baseline,) if config.baseline else ()), *config.models)
    for what in config.whats:
        for provider in config.providers:
            for threads in config.threads:
                for height, width in config.sizes:
                    job = Job(files, height, width, threads, provider, config.runs, config.patience)
                    yield from _rows(what, job, has_baseline=config.baseline is not None)


def hold_against(baseline: Path, model: Path, size: tuple[int, int], provider: str) -> Quartiles:
    """Return how many times faster than `baseline` the network `model` is, turn by turn, on all cores."""
    job = Job((baseline, model), *size, threads=None, provider=provider, runs=20, patience=20.0)
    theirs, ours = run_alone(time_networks, job, _ignore)
    found = quartiles([before / after for before, after in zip(theirs, ours, strict=True)])
    assert found is not None
    return found


def as_json(config: BenchmarkConfig, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the rows with all they depend on, as plain values."""
    figures = []
    for row in rows:
        figure = asdict(row)
        if not row.problem:
            figure |= {name: getattr(row, name) for name in ("median", "p95", "megapixels_per_second")}
        figures.append(figure)
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "load_average": load_average(),
        "models": {path.stem: path.stat().st_size for path in (*config.models, config.baseline) if path},
        "runs": config.runs,
        "rows": figures,
    }


def _rows(what: What, job: Job, *, has_baseline: bool) -> Iterator[Row]:
    """Yield a row for each of the job's models; one that cannot do it is found out before the others take turns."""
    time_them, remember = _MEASURES[what]
    memory = [_memory(remember, replace(job, models=(model,))) for model in job.models]
    able = [model for model, found in zip(job.models, memory, strict=True) if not isinstance(found, str)]
    seconds = (
        dict(zip(able, run_alone(time_them, replace(job, models=tuple(able)), _ignore), strict=True)) if able else {}
    )
    base = seconds.get(job.models[0]) if has_baseline else None
    for number, (model, found) in enumerate(zip(job.models, memory, strict=True)):
        is_baseline = has_baseline and number == 0
        place = (model.stem, is_baseline, job.height, job.width, job.threads, job.provider)
        if isinstance(found, str):
            yield Row(what, *place, problem=found)
            continue
        own = seconds[model]
        turns = zip(base, own, strict=True) if base and not is_baseline else ()
        yield Row(what, *place, tuple(own), found, quartiles([theirs / ours for theirs, ours in turns]))


def _memory(measure_it: Callable[[Job, Tell], float | None], job: Job) -> float | str | None:
    """Return the peak memory in MiB, or why there is none."""
    try:
        return run_alone(measure_it, job, _ignore)
    except FastNstError as error:
        return str(error)


def _ignore(_news: object) -> None:
    """Take news that nobody waits for."""
