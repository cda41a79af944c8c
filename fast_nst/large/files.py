"""From file to file: the pixels of a picture lie on a disk while it is painted, and are never all in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fast_nst.errors import ImageError
from fast_nst.images.streams import PictureStream, open_stream, write_stream
from fast_nst.images.writing import ALPHA_FORMATS, WRITERS, check_writable, lay_over_white
from fast_nst.inference.batch import FileOptions
from fast_nst.inference.plan import Job
from fast_nst.large.store import DiskRows

_ROWS = 256  # that are handled at a time


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture on a disk: `content` and `pastiche`, uint8 `(H, W, 3)`, and `alpha`, uint8 `(H, W)`."""

    content: DiskRows
    pastiche: DiskRows
    alpha: DiskRows | None


def open_source(job: Job, options: FileOptions) -> PictureStream:
    """Open a job's picture.

    Raises:
        ImageError: if it cannot be read in strips, or the target may not be written.
    """
    check_writable(job.target, overwrite=options.overwrite)
    stream = open_stream(job.source, max_megapixels=options.max_megapixels)
    if stream is None:
        raise ImageError(
            f"{job.source}: too large to be held in the memory given, and not of a kind that is read in strips; raise "
            "--max-memory, or save it as PNG or TIFF"
        )
    return stream


def unpack(stream: PictureStream, folder: Path) -> Planes:
    """Read a picture, strip by strip, into files in a folder.

    Raises:
        ImageError: if the file is damaged, or the disk is full.
    """
    width, height = stream.header.size
    content, pastiche = (DiskRows(folder, (height, width, 3), np.dtype(np.uint8)) for _ in range(2))
    alpha = DiskRows(folder, (height, width), np.dtype(np.uint8)) if stream.has_alpha else None
    top = 0
    for strip in stream:
        content.write(top, strip.pixels)
        if alpha is not None and strip.alpha is not None:
            alpha.write(top, strip.alpha)
        top += len(strip.pixels)
    return Planes(content, pastiche, alpha)


def pack(planes: Planes, stream: PictureStream, job: Job, options: FileOptions) -> tuple[str, ...]:
    """Write the pastiche, strip by strip, to a job's target; return what a person should be told.

    Raises:
        ImageError: if the target cannot be written.
    """
    alpha = planes.alpha
    if alpha is not None and WRITERS[job.target.suffix.lower()] not in ALPHA_FORMATS:
        height = stream.header.size[1]
        for top in range(0, height, _ROWS):
            bottom = min(top + _ROWS, height)
            planes.pastiche.write(top, lay_over_white(planes.pastiche.read(top, bottom), alpha.read(top, bottom)))
        alpha = None
    notes = write_stream(
        job.target,
        planes.pastiche.file,
        None if alpha is None else alpha.file,
        stream.header.size,
        quality=options.quality,
        exif=stream.header.exif if options.keep_metadata else None,
        overwrite=options.overwrite,
    )
    return (*stream.header.notes, *notes)
