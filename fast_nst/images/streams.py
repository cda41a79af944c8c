"""Pictures too large to be held: read and written some rows at a time, through libvips.

What a file holds becomes what `read_picture` makes of it, to the level: libvips decodes, the rest is done by the same
code, strip by strip. Needs pyvips, of the extra `large`, and a system where an open file has a path (not Windows).
"""

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from fast_nst.errors import ImageError
from fast_nst.images.files import atomic_path
from fast_nst.images.picture import Picture, StrPath
from fast_nst.images.reading import Header, read_header, saying_why, to_picture
from fast_nst.images.writing import ALPHA_FORMATS, WRITERS, check_size, check_writable, srgb_profile

if TYPE_CHECKING:
    import pyvips

_STREAMED = {"PNG": "png", "TIFF": "tiff", "JPEG": "jpeg"}
"""Formats of which some rows can be had without the rest."""

_MODES = {  # of Pillow, by libvips' interpretation and number of bands
    ("b-w", 1): "L",
    ("b-w", 2): "LA",
    ("srgb", 3): "RGB",
    ("srgb", 4): "RGBA",
    ("cmyk", 4): "CMYK",
    ("grey16", 1): "I;16",
    ("grey16", 2): "LA",
    ("rgb16", 3): "RGB",
    ("rgb16", 4): "RGBA",
}
_ROWS = 256  # of a strip that is read


def can_stream() -> bool:
    """Whether pictures can be read and written in strips here."""
    if os.name != "posix":
        return False
    try:
        _libvips()
    except (ImportError, OSError):  # the latter where the library itself is missing
        return False
    return True


@functools.cache
def _libvips() -> Any:
    import pyvips

    pyvips.cache_set_max(0)  # it would take a file for the one that had its name, or its descriptor, before
    return pyvips


@dataclass(frozen=True, slots=True)
class PictureStream:
    """A picture file to be read from top to bottom.

    Attributes:
        header: what is known of it without decoding.
        has_alpha: whether its strips have transparency.
    """

    header: Header
    has_alpha: bool
    _image: "pyvips.Image"
    _mode: str

    def __iter__(self) -> Iterator[Picture]:
        """Give the picture in strips, each upright 8-bit sRGB.

        Raises:
            ImageError: when the file turns out to be damaged.
        """
        pyvips = _libvips()
        region, upright = pyvips.Region.new(self._image), replace(self.header, orientation=1)
        with saying_why(self.header.path):
            for top in range(0, self._image.height, _ROWS):
                rows = min(_ROWS, self._image.height - top)
                yield to_picture(self._strip(region, top, rows), upright)

    def _strip(self, region: "pyvips.Region", top: int, rows: int) -> Image.Image:
        image = self._image
        data = region.fetch(0, top, image.width, rows)
        kind = np.uint16 if image.format == "ushort" else np.uint8
        values: Any = (
            np.frombuffer(data, kind).reshape(rows, image.width, image.bands).squeeze(2 if image.bands == 1 else ())
        )
        if kind is np.uint16 and self._mode != "I;16":
            values = (values >> 8).astype(np.uint8)  # as Pillow does
        return Image.frombytes(self._mode, (image.width, rows), values.tobytes())


def open_stream(path: StrPath, *, max_megapixels: float) -> PictureStream | None:
    """Open a picture for reading in strips; return None for kinds of which that is not possible.

    Raises:
        ImageError: when there is no such file, or it is no picture, damaged, or too large.
    """
    pyvips = _libvips()
    header = read_header(path, max_megapixels=max_megapixels)
    if header.format not in _STREAMED or header.has_transparent_colour:
        return None
    is_turned = header.orientation != 1
    try:
        access = "random" if is_turned else "sequential"
        image = pyvips.Image.new_from_file(str(path), access=access, fail_on="truncated")
        image = image.autorot() if is_turned else image
    except pyvips.Error:  # a kind that libvips has no reader for
        return None
    mode = _MODES.get((image.interpretation, image.bands))
    if mode is None or image.format not in ("uchar", "ushort") or (image.width, image.height) != header.size:
        return None
    return PictureStream(header, "A" in mode, image, mode)


def write_stream(
    path: StrPath,
    pixels: RawIOBase,
    alpha: RawIOBase | None,
    size: tuple[int, int],
    *,
    quality: int = 95,
    exif: bytes | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write a picture as `write_picture` does, from open files that hold its rows and nothing else.

    Args:
        path: the file to write.
        pixels: `uint8 (H, W, 3)`.
        alpha: `uint8 (H, W)`, for formats that hold transparency.
        size: W and H.
        quality: of JPEG, 1 to 100.
        exif: goes into PNG and JPEG.
        overwrite: whether an existing file may be replaced.

    Returns:
        Notes, such as that EXIF data was left out.

    Raises:
        ImageError: as `write_picture`, or when a picture of this size cannot be written in strips in this format.
    """
    pyvips = _libvips()
    check_writable(path, overwrite=overwrite)
    file_format = WRITERS[Path(path).suffix.lower()]
    check_size(path, *size)
    if file_format not in _STREAMED:
        raise ImageError(f"{path}: {file_format} cannot be written in strips; write .png, .tif or .jpg")
    image = _raw(pixels, size, 3)
    if alpha is not None and file_format in ALPHA_FORMATS:
        image = image.bandjoin(_raw(alpha, size, 1))
    image = image.copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", srgb_profile())
    notes = []
    if exif and file_format == "TIFF":
        notes.append("EXIF data does not go into a TIFF of this size, left out")
    elif exif:
        image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    options: dict[str, Any] = {
        "PNG": {},
        "TIFF": {"bigtiff": size[0] * size[1] * image.bands > 2**31},
        "JPEG": {"Q": quality, "subsample_mode": "off"},
    }[file_format]
    with atomic_path(path, raises=ImageError) as temporary:
        try:
            image.write_to_file(str(temporary), **options)
        except pyvips.Error as error:
            raise ImageError(
                f"{path}: cannot be written ({' '.join(str(error).split())}); is the disk full?"
            ) from error
    return notes


def _raw(file: RawIOBase, size: tuple[int, int], bands: int) -> "pyvips.Image":
    return _libvips().Image.rawload(f"/dev/fd/{file.fileno()}", *size, bands, access="sequential")
