"""`fast-nst stylize` on one JPEG, timed from the start of its process to its end."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fast_nst.benchmark.photograph import draw_photograph
from fast_nst.benchmark.turns import Job, take_turns
from fast_nst.errors import ModelError
from fast_nst.images import Picture, write_picture
from fast_nst.inference import Stylizer
from fast_nst.measure.isolation import Tell

_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of what the system counts a process's memory in


def time_commands(job: Job, _tell: Tell) -> list[list[float]]:
    """Return the seconds of each call with each model.

    Raises:
        ModelError: with what the command said, where it fails.
    """
    with _commands(job) as commands:
        return take_turns([partial(_seconds, command) for command in commands], job, warm_ups=1)


def command_memory(job: Job, _tell: Tell) -> float | None:
    """Return the most resident memory, in MiB, of a call with the job's only model.

    Raises:
        ModelError: as `time_commands` does.
    """
    with _commands(job) as (command,):
        return _call(command)[1]


@contextmanager
def _commands(job: Job) -> Iterator[list[list[str]]]:
    """Yield the arguments of a call with each model, and the picture it is for, while the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        photograph = Path(folder) / "photograph.jpg"
        write_picture(photograph, Picture(draw_photograph(job.height, job.width)))
        yield [_arguments(job, model, photograph) for model in job.models]


def _arguments(job: Job, model: Path, photograph: Path) -> list[str]:
    pastiche = photograph.with_name("pastiche.jpg")
    options = ["--style", _style(model.resolve()), "--provider", job.provider, "-o", str(pastiche), "--overwrite"]
    if job.threads:
        options += ["--threads", str(job.threads)]
    return [sys.executable, "-m", "fast_nst", "stylize", str(photograph), *options]


def _style(model: Path) -> str:
    """Return what `--style` takes for a file: of many styles, which are all as fast, the first."""
    stylizer = Stylizer(model, threads=1, providers=["cpu"])
    return f"{model}/{stylizer.styles[0]}" if stylizer.styles else str(model)


def _seconds(arguments: list[str]) -> float:
    return _call(arguments)[0]


def _call(arguments: list[str]) -> tuple[float, float | None]:
    """Return a call's seconds and its peak memory in MiB; None where the system does not tell (Windows)."""
    began = time.perf_counter()
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said, peak = process.stderr.read(), None
        if hasattr(os, "wait4"):  # of the ways to wait, the one that tells this process's memory
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            peak = usage.ru_maxrss * _MEMORY_UNIT / 2**20
        process.wait()
    seconds = time.perf_counter() - began
    if process.returncode:
        raise ModelError(f"`fast-nst stylize` failed: {' '.join(said.split())}")
    return seconds, peak
