"""A stylizer for pictures of any size: what would not fit in memory in one piece is painted in strips.

Imports what strips need only when a picture needs them.
"""

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnxruntime import RunOptions

from fast_nst.controls.alpha import fill_transparent
from fast_nst.controls.finish import Finish
from fast_nst.errors import ConfigError, ImageError, ModelError
from fast_nst.images import Picture, Pixels, read_header
from fast_nst.images.rows import MemoryRows
from fast_nst.images.streams import can_stream
from fast_nst.inference.batch import FileOptions, without_hidden
from fast_nst.inference.plan import Job
from fast_nst.inference.stylizer import MIN_SIDE, Stylizer, open_session
from fast_nst.large.size import format_size
from fast_nst.large.stroke_size import StrokeSize, painted_shape

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from fast_nst.images.streams import PictureStream
    from fast_nst.large.files import Planes
    from fast_nst.large.graph import StyleGraph
    from fast_nst.large.memory import StripPlan
    from fast_nst.large.regions import RegionGraph, RegionMasks
    from fast_nst.large.store import DiskRows, Store

    Rows = MemoryRows | DiskRows

_ALWAYS_FITS = 4_000_000
"""Pixels of a picture that nobody counts the memory for unless a limit is given."""

_FITS = 600
"""Bytes a pixel that the largest preset takes in one piece, and more: with them a picture is not looked at closely."""

_HELD = 14
"""Bytes a pixel that a picture takes, at most, while it is read, held and written as a whole."""

_ON_DISK = 7
"""Bytes a pixel that content, pastiche and transparency take on a disk, if they lie there."""


_AS_PAINTED = Finish()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a picture in strips is."""

    done: int
    total: int
    """Rows, over all passes."""


class AnySizeStylizer:
    """Repaints pictures in one style, in one piece or in strips: the pixels are the same.

    Calls may come from several threads; of pictures that are not small, one is painted at a time. What strips keep on a
    disk lies in the system's folder for temporary files (the environment variable `TMPDIR` names another).

    Args:
        stylizer: paints what fits.
        max_memory: bytes that the whole process is to keep within; None for most of what is free.
        stroke_size: longer side in px of the picture whose strokes a larger one gets. `auto` paints what is larger than
            1.5 megapixels with as many; None leaves strokes as they come, as the stylizer itself does.
        threads: CPU threads for strips; None for all physical cores.
        tell: called after each strip.
        regions: of a picture with masks, what each region is painted with: `stylizer` in other mixtures.
        finish: what becomes of each pastiche that goes through `paint` or `paint_file`.

    Raises:
        ConfigError: if regions are not all of the stylizer's file, or not of one strength.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        *,
        max_memory: int | None = None,
        stroke_size: StrokeSize = "auto",
        threads: int | None = None,
        tell: Callable[[Progress], None] | None = None,
        regions: Sequence[Stylizer] = (),
        finish: Finish = _AS_PAINTED,
    ) -> None:
        self._stylizer, self._max_memory, self._threads, self._tell = stylizer, max_memory, threads, tell
        self._stroke_size, self._regions, self._finish = stroke_size, regions, finish
        _check_regions(stylizer, regions)
        self._one_at_a_time = threading.Lock()
        self._cancelled = 0
        self._run_options = RunOptions()

    def __call__(self, pixels: Pixels, masks: "RegionMasks | None" = None) -> Pixels:
        """Return the pastiche of `uint8 (H, W, 3)` pixels.

        Args:
            pixels: the photograph.
            masks: which region is where; needed if there are regions.

        Raises:
            ValueError: if there are regions, and no masks.
            ModelError: if the model fails, or would have to be painted in strips and cannot, or the work is cancelled.
            ImageError: if the memory given is too little, or the disk is full.
        """
        if self._regions and masks is None:
            raise ValueError("which region is where? give `masks`, or a `finish` with regions and call `paint`")
        if self._is_to_be_small(*pixels.shape[:2]):
            pastiche = np.empty_like(pixels)
            self._paint_small(MemoryRows(pixels), MemoryRows(pastiche), pixels.shape[:2], masks)
            return pastiche
        return self._paint_all(pixels, masks)

    def paint(self, content: Picture, source: Path | None = None) -> Pixels:
        """Return the finished pastiche of a picture, that was read from a file or not.

        Raises:
            ModelError: see `__call__`.
            ImageError: see `__call__`, or if its mask is missing or cannot be read.
        """
        masks = self._masks_of(source)  # one that is broken is told before the work
        content = without_hidden(content)
        pastiche = self(content.pixels, masks)
        alpha = None if content.alpha is None else MemoryRows(content.alpha)
        height, width = pastiche.shape[:2]
        self._finish(MemoryRows(content.pixels), MemoryRows(pastiche), alpha, (width, height), source)
        return pastiche

    def _masks_of(self, source: Path | None) -> "RegionMasks | None":
        regions = None if self._finish.regions is None else self._finish.regions.of(source)
        return regions if self._regions else None

    def _paint_all(self, pixels: Pixels, masks: "RegionMasks | None") -> Pixels:
        """Return the pastiche, every pixel painted."""
        height, width = pixels.shape[:2]
        if self._is_small(height * width) or min(height, width) < MIN_SIDE:
            return self._paint_piece(pixels, masks)
        from fast_nst.large.memory import in_one_piece, keeping_in
        from fast_nst.large.store import Store

        with self._one_at_a_time:
            free = self._free() - pixels.nbytes  # of the pastiche
            if _FITS * height * width <= free or in_one_piece(self._graph, height * width) <= free:
                return self._paint_piece(pixels, masks)
            pastiche = np.empty_like(pixels)
            plan = self._plan(height, width, held=pixels.nbytes)  # the pastiche's pages are not taken yet
            store = Store(None if plan.is_kept_in_memory else plan.folder)
            store.put("content", MemoryRows(pixels))
            store.put("pastiche", MemoryRows(pastiche))
            with keeping_in(plan.folder):
                self._paint(store, (height, width), plan, masks)
            return pastiche

    def _paint_piece(self, pixels: Pixels, masks: "RegionMasks | None") -> Pixels:
        """Return the pastiche, painted in one piece."""
        if not self._regions:
            return self._stylizer(pixels)
        from fast_nst.large.regions import paint_piece

        assert masks is not None
        return paint_piece(self._region_graph, self._region_session, pixels, masks, self._run_options)

    def takes(self, job: Job, options: FileOptions) -> bool:
        """Whether `paint_file` should do a job: its picture is too large to be read as a whole.

        Raises:
            ImageError: when there is no such file, or it is no picture, or too large for the options; or when it is too
                large to be read as a whole, and pictures cannot be read in strips here.
        """
        if options.size is not None or options.scale is not None:
            return False
        width, height = read_header(job.source, max_megapixels=options.max_megapixels).size
        if self._is_small(width * height):
            return False
        missing = _HELD * width * height - self._free()
        if missing > 0 and not can_stream():
            missing = max(missing, self._missing_for_strips(height, width))
            too_little = self._too_little(width, height, missing)
            raise ImageError(
                f"{job.source}: {too_little}; or pip install 'fast-nst[large]', to do it from file to file"
            )
        return missing > 0

    def paint_file(self, job: Job, options: FileOptions) -> tuple[int, int, tuple[str, ...]]:
        """Paint a file of which never more than some rows are in memory; return its width, height and notes.

        Raises:
            ModelError: if the model fails, or the work is cancelled.
            ImageError: if the file cannot be read or written in strips, the memory given is too little, or the disk is
                full.
        """
        from fast_nst.large.files import open_source, pack
        from fast_nst.large.memory import check_disk, keeping_in, temporary_folder
        from fast_nst.large.store import Store

        masks = self._masks_of(job.source)
        stream, folder = open_source(job, options), temporary_folder()
        width, height = stream.header.size
        check_disk(folder, _ON_DISK * width * height)
        with keeping_in(folder):
            if self._is_to_be_small(height, width):
                planes = self._unpack(stream, folder)
                self._paint_small(planes.content, planes.pastiche, (height, width), masks)
            else:
                with self._one_at_a_time:
                    plan = self._plan(height, width)
                    planes = self._unpack(stream, folder)
                    store = Store(None if plan.is_kept_in_memory else folder)
                    store.put("content", planes.content)
                    store.put("pastiche", planes.pastiche)
                    self._paint(store, (height, width), plan, masks)
            self._finish(planes.content, planes.pastiche, planes.alpha, (width, height), job.source)
            return width, height, pack(planes, stream, job, options)

    @staticmethod
    def _unpack(stream: "PictureStream", folder: Path) -> "Planes":
        """Read a picture into files, with nothing hidden under what is transparent."""
        from fast_nst.large.files import unpack

        planes = unpack(stream, folder)
        if planes.alpha is not None:
            fill_transparent(planes.content, planes.alpha, stream.header.size[1])
        return planes

    def cancel(self) -> None:
        """Abandon the calls now running, from any thread: each raises `ModelError` soon. Later calls run."""
        self._cancelled += 1
        self._stylizer.cancel()
        running, self._run_options = self._run_options, RunOptions()
        running.terminate = True

    def _is_to_be_small(self, height: int, width: int) -> bool:
        """Whether a smaller picture is to be painted, for the size of its strokes."""
        return painted_shape(height, width, self._stroke_size) != (height, width)

    def _paint_small(
        self, content: "Rows", pastiche: "Rows", shape: tuple[int, ...], masks: "RegionMasks | None"
    ) -> None:
        from fast_nst.large.strokes import paint_small

        height, width = shape[:2]
        painted = painted_shape(height, width, self._stroke_size)
        paint = functools.partial(self._paint_all, masks=masks)
        paint_small(content, pastiche, (width, height), painted, paint, self._teller(height))

    @functools.cached_property
    def _graph(self) -> "StyleGraph":
        if self._regions:
            return self._region_graph
        from fast_nst.large.graph import StyleGraph

        return StyleGraph(self._stylizer.path, self._stylizer.controls)

    @functools.cached_property
    def _region_graph(self) -> "RegionGraph":
        from fast_nst.large.regions import RegionGraph

        return RegionGraph(self._stylizer.path, [region.controls for region in self._regions])

    @functools.cached_property
    def _region_session(self) -> "InferenceSession":
        model = self._region_graph.cut((), ("pastiche",), {})
        return open_session(model, self._threads, self._stylizer.providers)

    def _is_small(self, pixels: int) -> bool:
        return pixels <= _ALWAYS_FITS and self._max_memory is None

    def _free(self) -> int:
        """Return how many bytes may still be taken."""
        from fast_nst.large.memory import free_bytes, used_bytes

        return free_bytes() if self._max_memory is None else self._max_memory - used_bytes()

    def _plan(self, height: int, width: int, held: int = 0) -> "StripPlan":
        """Return how to paint a picture within what may be taken, `held` bytes less."""
        from fast_nst.large.memory import TooLittleMemoryError, plan

        graph = self._graph  # takes some memory itself
        free = self._free()
        held += int(graph.given_bytes() * height * width)
        try:
            return plan(graph, height, width, free - held)
        except TooLittleMemoryError as error:
            raise ImageError(self._too_little(width, height, error.missing)) from error

    def _missing_for_strips(self, height: int, width: int) -> int:
        """Return how many bytes too little there are to paint a picture that is in memory, its pastiche too."""
        from fast_nst.large.memory import TooLittleMemoryError, plan

        painted = painted_shape(height, width, self._stroke_size)
        try:
            plan(self._graph, *painted, self._free() - 6 * height * width)
        except TooLittleMemoryError as error:
            return error.missing
        return 0

    def _too_little(self, width: int, height: int, missing: int) -> str:
        """Return what to say of a picture for which so many bytes are missing."""
        from fast_nst.large.memory import used_bytes

        given = self._max_memory or used_bytes() + self._free()
        return (
            f"{width} x {height} px take {format_size(given + missing)} of memory, {format_size(given)} are given; "
            "raise --max-memory, close other programs, or give a smaller --size"
        )

    def _paint(self, store: "Store", size: tuple[int, int], plan: "StripPlan", masks: "RegionMasks | None") -> None:
        from fast_nst.large.painter import StripPainter

        height, width = size
        if self._regions:
            from fast_nst.large.regions import put_maps

            assert masks is not None
            put_maps(self._region_graph, store, masks, height, width)
        painter = StripPainter(self._graph, self._threads, self._stylizer.providers)
        painter.paint(store, height, plan.passes, plan.strip_rows, self._teller(height * len(plan.passes)))

    def _teller(self, total: int) -> Callable[[int], None]:
        """Return what counts the rows done, of `total`, and raises `ModelError` once the work is cancelled."""
        cancelled, done = self._cancelled, 0

        def tell(rows: int) -> None:
            nonlocal done
            done += rows
            if self._cancelled != cancelled:
                raise ModelError("cancelled")
            if self._tell is not None:
                self._tell(Progress(done, total))

        return tell


def _check_regions(stylizer: Stylizer, regions: Sequence[Stylizer]) -> None:
    for region in regions:
        if region.path != stylizer.path:
            raise ConfigError(f"regions are painted by one network; {region.path} is not {stylizer.path}")
    strengths = {float(region.controls["strength"]) for region in regions if "strength" in region.controls}
    if len(strengths) > 1:
        told = ", ".join(f"{strength:g}" for strength in sorted(strengths))
        raise ConfigError(f"regions are painted at one strength, not at {told}; grey in a mask makes a region weaker")
