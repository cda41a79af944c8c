"""How much memory there is, how much a picture takes, and what can be done with what is allowed."""

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from fast_nst.errors import ConfigError, ImageError
from fast_nst.large.graph import StyleGraph
from fast_nst.large.painter import halo
from fast_nst.large.schedule import IN_MEMORY, ON_DISK, Pass, held_bytes, schedule
from fast_nst.large.size import format_size

# What is taken for each byte of the tensors that exist at a time, measured:
_IN_ONE_PIECE = 2.0  # by ONNX Runtime, which takes memory in powers of two
_IN_STRIPS = 2.0  # with what is read and written, and what a pass leaves in pieces to the next
_STRIP_PIXELS = 2_000_000  # more in a strip make nothing faster
_CGROUP = Path("/sys/fs/cgroup")  # of this process, on Linux
_LEAST_ROWS = 64
_SHARE = 0.8  # of the memory that is free, what is taken unasked


def used_bytes() -> int:
    """Return how much memory this process holds."""
    return int(psutil.Process().memory_info().rss)


def free_bytes() -> int:
    """Return how much more memory this process may take: most of what is free in the system, or in its container."""
    free = psutil.virtual_memory().available
    limit, used = _CGROUP / "memory.max", _CGROUP / "memory.current"
    if limit.is_file() and (told := limit.read_text().strip()).isdigit():
        free = min(free, int(told) - int(used.read_text()))
    return int(_SHARE * free)


def in_one_piece(graph: StyleGraph, pixels: int) -> int:
    """Return how many bytes a picture of so many pixels takes while it is painted in one piece."""
    return int(_IN_ONE_PIECE * graph.working_bytes(graph.nodes) * pixels)


@dataclass(frozen=True, slots=True)
class StripPlan:
    """How a picture is painted within some memory."""

    passes: list[Pass]
    strip_rows: int
    is_kept_in_memory: bool
    """Whether what the passes keep stays in memory; else it lies in `folder`."""
    folder: Path


class TooLittleMemoryError(ConfigError):
    """A picture cannot be painted within the memory given.

    Args:
        missing: bytes, beside those given.
    """

    def __init__(self, missing: int) -> None:
        super().__init__(f"{format_size(missing)} of memory are missing")
        self.missing = missing


def plan(graph: StyleGraph, height: int, width: int, free: int) -> StripPlan:
    """Return how to paint a picture of height x width px while taking at most `free` bytes for it.

    Raises:
        ModelError: if the style cannot be painted in strips.
        TooLittleMemoryError: if that is too little for the narrowest strip.
        ImageError: if the disk has too little room for what does not fit.
    """
    graph.check_strips()
    folder = temporary_folder()
    in_memory, on_disk = (schedule(graph, price) for price in (IN_MEMORY, ON_DISK))
    wanted_rows = min(max(_STRIP_PIXELS // width, _LEAST_ROWS), height)
    kept = int(held_bytes(graph, in_memory) * height * width)
    if _rows_within(graph, in_memory, width, free - kept) >= wanted_rows:
        return StripPlan(in_memory, wanted_rows, is_kept_in_memory=True, folder=folder)
    rows = min(_rows_within(graph, on_disk, width, free), wanted_rows)
    if rows < _LEAST_ROWS:
        raise TooLittleMemoryError(_strip_bytes(graph, on_disk, width, _LEAST_ROWS) - free)
    check_disk(folder, int(held_bytes(graph, on_disk) * height * width))
    return StripPlan(on_disk, rows, is_kept_in_memory=False, folder=folder)


def temporary_folder() -> Path:
    """Return the system's folder for temporary files."""
    return Path(tempfile.gettempdir())


@contextmanager
def keeping_in(folder: Path) -> Iterator[None]:
    """Make an `ImageError` of what the disk refuses while a picture is painted."""
    try:
        yield
    except OSError as error:
        raise ImageError(
            f"{folder}: cannot keep there what painting needs ({error.strerror or error}); free some space, or name "
            "another folder in the environment variable TMPDIR"
        ) from error


def check_disk(folder: Path, needed: int) -> None:
    """Raise an `ImageError` when a folder's disk has less than `needed` bytes free."""
    free = psutil.disk_usage(str(folder)).free
    if needed > free:
        raise ImageError(
            f"{folder}: {format_size(needed)} are needed there while painting, {format_size(free)} are free; name "
            "another folder in the environment variable TMPDIR, or raise --max-memory"
        )


def _strip_bytes(graph: StyleGraph, passes: list[Pass], width: int, rows: int) -> int:
    """Return how many bytes a strip takes in the pass that takes most."""
    return max(_row_bytes(graph, one, width) * (rows + 2 * halo(graph, one)) for one in passes)


def _rows_within(graph: StyleGraph, passes: list[Pass], width: int, free: int) -> int:
    """Return how many rows a strip may have for every pass to take at most `free` bytes."""
    return min(free // _row_bytes(graph, one, width) - 2 * halo(graph, one) for one in passes)


def _row_bytes(graph: StyleGraph, one: Pass, width: int) -> int:
    """Return how many bytes a row of a strip takes in a pass."""
    return math.ceil(_IN_STRIPS * _working_bytes(graph, one) * width)


def _working_bytes(graph: StyleGraph, one: Pass) -> float:
    return graph.working_bytes(graph.between(one.known, one.wanted))
