"""Writing: a picture goes into a file, in the format of its suffix, with an sRGB colour profile."""

import functools
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fast_nst.errors import ImageError
from fast_nst.images.files import atomic_path, check_replaceable
from fast_nst.images.picture import Picture, Pixels, StrPath

WRITERS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
"""Pillow's format for each suffix that can be written."""

ALPHA_FORMATS = frozenset({"PNG", "WEBP", "TIFF"})
"""Formats that hold transparency; on the others it is laid over white."""

_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}  # px, limits of the encoders


def write_picture(
    path: StrPath, picture: Picture, *, quality: int = 95, keep_metadata: bool = True, overwrite: bool = False
) -> None:
    """Write a picture atomically, in the format of its suffix, with an sRGB colour profile.

    JPEG is written with full colour resolution (4:4:4).  Transparency goes into PNG, WebP and TIFF, and is laid over
    white in JPEG and BMP, which have none.  BMP holds no EXIF and no profile either.  TIFF is not compressed: Pillow's
    compressed TIFF cannot hold EXIF.

    Args:
        path: the file to write; folders on the way are made.
        picture: what to write.
        quality: of JPEG and WebP, 1 to 100.
        keep_metadata: whether `picture.exif` goes into the file.  The colour profile always does.
        overwrite: whether an existing file may be replaced.

    Raises:
        ImageError: when the suffix is unknown, the file exists already, the picture is too large for the format, or
            the disk refuses.
        ValueError: when `picture.pixels` or `picture.alpha` has the wrong shape.
    """
    path = Path(path)
    check_writable(path, overwrite=overwrite)
    file_format = WRITERS[path.suffix.lower()]
    height, width = _checked_shape(picture)
    check_size(path, width, height)
    options: dict[str, Any] = {"icc_profile": srgb_profile()} if file_format != "BMP" else {}
    if file_format in ("JPEG", "WEBP"):
        options |= {"quality": quality}
    if file_format == "JPEG":
        options |= {"subsampling": 0}
    if keep_metadata and picture.exif:
        options |= {"exif": picture.exif}
    with atomic_path(path, raises=ImageError) as temporary:
        _to_image(picture, has_alpha=file_format in ALPHA_FORMATS).save(temporary, file_format, **options)


def check_writable(path: StrPath, *, overwrite: bool = False) -> None:
    """Raise what `write_picture` would raise for this path, before the work that leads there is done.

    Raises:
        ImageError: when the suffix is unknown, or the path exists and may not be replaced.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise ImageError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; use {' '.join(WRITERS)}")
    check_replaceable(path, overwrite=overwrite, raises=ImageError)


def check_size(path: StrPath, width: int, height: int) -> None:
    """Raise an `ImageError` when a picture is too large for the format that a path's suffix names."""
    file_format = WRITERS[Path(path).suffix.lower()]
    limit = _LONGEST_SIDE.get(file_format, math.inf)
    if max(width, height) > limit:
        raise ImageError(f"{path}: {width} x {height} px, and {file_format} ends at {limit}; write .png or .tif")


@functools.cache
def srgb_profile() -> bytes:
    """Return the colour profile that every file gets that holds one."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # not this second: the same picture gives the same file
    return profile[:24] + made + profile[36:]


def _checked_shape(picture: Picture) -> tuple[int, int]:
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"pixels must be uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    if alpha is not None and (alpha.dtype != np.uint8 or alpha.shape != pixels.shape[:2]):
        raise ValueError(f"alpha must be uint8 {pixels.shape[:2]}, got {alpha.dtype} {alpha.shape}")
    return pixels.shape[0], pixels.shape[1]


def _to_image(picture: Picture, *, has_alpha: bool) -> Image.Image:
    if picture.alpha is None:
        return Image.fromarray(picture.pixels)
    if has_alpha:
        return Image.fromarray(np.dstack([picture.pixels, picture.alpha]))
    return Image.fromarray(lay_over_white(picture.pixels, picture.alpha))


def lay_over_white(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Return `uint8 (H, W, 3)` pixels as they look on white, transparent as `alpha` `(H, W)` says."""
    opacity = alpha[..., None].astype(np.uint16)
    return ((pixels * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
