"""Many files at once: one picture is read and another written while a third is painted."""

import os
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from fast_nst.controls.alpha import fill_transparent
from fast_nst.errors import ConfigError, FastNstError, ImageError
from fast_nst.images import MAX_MEGAPIXELS, Picture, Pixels, fit_size, read_picture, resize, write_picture
from fast_nst.images.rows import MemoryRows
from fast_nst.inference.plan import Job, written_suffix

_IN_TRANSIT = 2
"""Pictures in memory at a time beside those being painted: one being read, one written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How files are read, resized and written."""

    size: int | None = None
    """Longer side of the pastiche, px; None keeps the picture's size."""
    scale: float | None = None
    """Factor on both sides, instead of `size`."""
    quality: int = 95
    keep_metadata: bool = True
    overwrite: bool = False
    max_megapixels: float = MAX_MEGAPIXELS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job: written if `problem` is empty."""

    source: Path
    target: Path
    problem: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    """From opening the source to closing the target, waiting for the painter included."""
    notes: tuple[str, ...] = ()
    """What a person should be told, such as that only the first frame was read."""


def share_cores(pictures: int, threads: int | None) -> tuple[int, int | None]:
    """Return how many of so many pictures to paint at a time, and with how many threads a stylizer does it best.

    One picture has all cores. Of more, two at a time take turns at them: a stylizer's threads are common to its calls,
    and each call brings its own.

    Args:
        pictures: to be painted.
        threads: CPU threads in all; None for all cores.
    """
    cores = threads or _cores()
    return (1, threads) if pictures < 2 or cores < 2 else (2, cores - 1)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Painter(Protocol):
    """What a batch paints with: a `Stylizer`, or one for pictures of any size."""

    def paint(self, content: Picture, source: Path, /) -> Pixels:
        """Return the pastiche of a picture, and of its file."""

    def cancel(self) -> None:
        """Abandon the calls now running, from any thread."""


class FilePainter(Protocol):
    """What paints pictures that are too large to be read."""

    def takes(self, job: Job, options: FileOptions) -> bool:
        """Whether a job's picture is one."""

    def paint_file(self, job: Job, options: FileOptions) -> tuple[int, int, tuple[str, ...]]:
        """Do a job; return width, height and notes."""


class _StoppedError(Exception):
    """The batch was stopped before this picture was written."""


class Batch:
    """Jobs to do: iterating over it does them, and yields what became of each in their order.

    A picture that fails is an outcome with its problem; the rest are done. A batch is for one iteration.

    Args:
        jobs: what to do.
        stylizer: paints.
        options: how files are read, resized and written.
        file_painter: does the jobs that it takes from file to file.
        painters: pictures that are painted at a time. Two side by side take less time than one after the other, because
            fewer threads wait for each other at the end of each layer; they take more memory.
        is_frugal: do one picture after the other, so that never more than one is in memory.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        stylizer: Painter,
        options: FileOptions,
        *,
        file_painter: FilePainter | None = None,
        painters: int = 1,
        is_frugal: bool = False,
    ) -> None:
        self._jobs = jobs
        self._file_painter = file_painter
        self._stylizer = stylizer
        self._options = options
        self._workers = 1 if is_frugal else painters + _IN_TRANSIT
        self._painting = threading.Semaphore(painters)
        self._is_stopped = False  # no threading.Event: a signal handler must not wait for its lock

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Generator[Outcome]:
        with ThreadPoolExecutor(self._workers) as pool:
            futures = [pool.submit(self._do, job) for job in self._jobs]
            try:
                for future in futures:
                    _wait(future)
                    if not isinstance(future.exception(), _StoppedError):
                        yield future.result()
            finally:  # the caller may leave early
                self.stop()

    def stop(self) -> None:
        """Give up every picture that is not being written yet, so that the loop soon ends.

        May be called from any thread and from a signal handler. Nothing is left half-written, and every picture
        written is still told.
        """
        self._is_stopped = True
        self._stylizer.cancel()

    def _do(self, job: Job) -> Outcome:
        self._check_running()
        if job.problem:
            return Outcome(job.source, job.target, problem=job.problem)
        start = time.perf_counter()
        try:
            width, height, notes = self._from_file_to_file(job) or self._through_memory(job)
        except ImageError as error:  # names the file itself
            return Outcome(job.source, job.target, problem=str(error))
        except (FastNstError, MemoryError) as error:
            self._check_running()
            reason = str(error) or "not enough memory; a smaller --size needs less"
            return Outcome(job.source, job.target, problem=f"{job.source}: {reason}")
        seconds = time.perf_counter() - start
        if _is_converted(job):
            notes = (*notes, f"written as {job.target.name}")
        return Outcome(job.source, job.target, width=width, height=height, seconds=seconds, notes=notes)

    def _from_file_to_file(self, job: Job) -> tuple[int, int, tuple[str, ...]] | None:
        """Do a job whose picture is too large to be read; return its width, height and notes, None for all others."""
        painter = self._file_painter
        return painter.paint_file(job, self._options) if painter and painter.takes(job, self._options) else None

    def _through_memory(self, job: Job) -> tuple[int, int, tuple[str, ...]]:
        pastiche = self._paint(self._read(job.source), job.source)
        self._write(job.target, pastiche)
        height, width = pastiche.pixels.shape[:2]
        return width, height, pastiche.notes

    def _read(self, source: Path) -> Picture:
        picture = read_picture(source, max_megapixels=self._options.max_megapixels)
        is_resized = self._options.size is not None or self._options.scale is not None
        return resize_picture(without_hidden(picture), self._options) if is_resized else picture

    def _paint(self, content: Picture, source: Path) -> Picture:
        with self._painting:
            self._check_running()
            return replace(content, pixels=self._stylizer.paint(content, source))

    def _write(self, target: Path, pastiche: Picture) -> None:
        self._check_running()
        options = self._options
        write_picture(
            target, pastiche, quality=options.quality, keep_metadata=options.keep_metadata, overwrite=options.overwrite
        )

    def _check_running(self) -> None:
        if self._is_stopped:
            raise _StoppedError


def without_hidden(picture: Picture) -> Picture:
    """Return the picture with the colours of its neighbours under what is transparent; see `controls.alpha`."""
    if picture.alpha is None:
        return picture
    pixels = picture.pixels.copy()
    fill_transparent(MemoryRows(pixels), MemoryRows(picture.alpha), len(pixels))
    return replace(picture, pixels=pixels)


def resize_picture(picture: Picture, options: FileOptions) -> Picture:
    """Return the picture, its alpha too, at the size the options ask for.

    Raises:
        ConfigError: if that size is beyond `max_megapixels`.
    """
    height, width = picture.pixels.shape[:2]
    if options.size is not None:
        new_height, new_width = fit_size(height, width, options.size)
    else:
        scale = options.scale or 1.0
        new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    if (new_height, new_width) == (height, width):
        return picture
    megapixels = new_height * new_width / 1e6
    if megapixels > options.max_megapixels:
        limit = f"the limit of {options.max_megapixels:g}; --max-megapixels raises it"
        raise ConfigError(f"{new_width} x {new_height} px would be {megapixels:.1f} megapixels, over {limit}")
    alpha = None if picture.alpha is None else resize(picture.alpha, new_height, new_width)
    return replace(picture, pixels=resize(picture.pixels, new_height, new_width), alpha=alpha)


def _is_converted(job: Job) -> bool:
    """Whether the source's format can be read but not written."""
    return written_suffix(job.source.suffix) != job.source.suffix


def _wait(future: Future[Outcome]) -> None:
    """Wait in short turns: on Windows Ctrl-C is only heard between them."""
    while not wait([future], timeout=0.5).done:
        pass
