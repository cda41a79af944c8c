"""Reading: any picture file becomes upright 8-bit sRGB, its transparency set aside."""

import functools
import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from fast_nst.errors import ImageError
from fast_nst.images.picture import Picture, Pixels, StrPath

if TYPE_CHECKING:
    from PIL import ImageCms

MAX_MEGAPIXELS = 100.0
"""Largest picture read unless the caller allows more, in millions of pixels."""

_READERS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")  # the rest of Pillow's (EPS runs Ghostscript) stay shut
_MAGIC = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"GIF8")
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}
_STRIP_BYTES = 2**18

_TAG, _IFD = ExifTags.Base, ExifTags.IFD
_KEPT_TAGS = {  # what describes the photograph; the rest describes how the old file stored it
    *(_TAG.ImageDescription, _TAG.Make, _TAG.Model, _TAG.Software, _TAG.DateTime, _TAG.Artist, _TAG.Copyright),
    *(_TAG.XResolution, _TAG.YResolution, _TAG.ResolutionUnit, _TAG.Rating),
    *(_TAG.XPTitle, _TAG.XPComment, _TAG.XPAuthor, _TAG.XPKeywords, _TAG.XPSubject),
}
# No longer true of the new picture, or (maker notes) full of offsets and previews that break when moved.
_DROPPED_TAGS = {
    *(_TAG.MakerNote, _TAG.ExifImageWidth, _TAG.ExifImageHeight, _TAG.ColorSpace, _TAG.ExifInteroperabilityOffset),
}
_MAX_EXIF_BYTES = 65_000  # a JPEG segment holds 65,533

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """What a picture file says of itself.

    Attributes:
        path: the file.
        format: its kind, as Pillow calls it.
        size: W and H of the upright picture.
        orientation: EXIF's, 1 to 8.
        exif: see `Picture`.
        profile: its ICC profile.
        notes: see `Picture`.
        has_transparent_colour: whether one of its colours or levels stands for transparency.
    """

    path: Path
    format: str
    size: tuple[int, int]
    orientation: int
    exif: bytes | None
    profile: bytes | None
    notes: tuple[str, ...]
    has_transparent_colour: bool


def read_picture(path: StrPath, *, max_megapixels: float = MAX_MEGAPIXELS, min_side: int | None = None) -> Picture:
    """Read any picture file as upright 8-bit sRGB.

    Args:
        path: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIF file; its contents decide, not its suffix.
        max_megapixels: refuse larger pictures, before decoding them.
        min_side: in px.  Allows a JPEG to be decoded at 1/2, 1/4 or 1/8 of its size, several times faster, as long as
            no side gets shorter than this.

    Returns:
        The picture; see `Picture`.  A 32-bit floating-point TIFF is taken as 0 (black) to 1 (white).

    Raises:
        ImageError: when there is no such file, or it is no picture, damaged, or too large.
    """
    path = Path(path)
    with saying_why(path), path.open("rb") as file:
        return _decode(file, max_megapixels, min_side)


def decode_pixels(
    data: bytes, name: str, *, max_megapixels: float = MAX_MEGAPIXELS, min_side: int | None = None
) -> Pixels:
    """Return the `uint8 (H, W, 3)` pixels of a picture file that is in memory, called `name` in errors.

    See `read_picture`.
    """
    with saying_why(name):
        return _decode(io.BytesIO(data), max_megapixels, min_side).pixels


def read_pixels(path: StrPath, *, max_megapixels: float = MAX_MEGAPIXELS, min_side: int | None = None) -> Pixels:
    """Return only the `uint8 (H, W, 3)` pixels of a picture, transparency left out; see `read_picture`."""
    return read_picture(path, max_megapixels=max_megapixels, min_side=min_side).pixels


@contextmanager
def saying_why(path: StrPath) -> Iterator[None]:
    """Make an `ImageError` of whatever goes wrong while reading a picture."""
    try:
        with _size_guard.lifted():
            yield
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders and the disk share no class of errors
        raise ImageError(f"{path}: {_why_unreadable(Path(path), error)}") from error


def read_header(path: StrPath, *, max_megapixels: float = MAX_MEGAPIXELS) -> Header:
    """Read what a picture file says of itself, and none of its pixels.

    Raises:
        ImageError: as `read_picture`, but for damage further on.
    """
    path = Path(path)
    with saying_why(path), path.open("rb") as file:
        image = _open(file, max_megapixels)
        return _header(path, image, _frame_notes(image))


def _decode(file: BinaryIO, max_megapixels: float, min_side: int | None) -> Picture:
    image = _open(file, max_megapixels)
    notes = _frame_notes(image)
    if min_side:
        image.draft(None, (min_side, min_side))
    image.load()
    return to_picture(image, _header(Path(), image, notes))  # only now: Pillow turns a TIFF upright as it loads it


def _header(path: Path, image: ImageFile.ImageFile, notes: list[str]) -> Header:
    orientation, exif = _read_exif(image, notes)
    is_swapped = orientation in range(5, 9) and image.format != "TIFF"  # there Pillow has told so already
    size = (image.height, image.width) if is_swapped else image.size
    profile = image.info.get("icc_profile")
    return Header(
        path, image.format or "", size, orientation, exif, profile, tuple(notes), "transparency" in image.info
    )


def to_picture(image: Image.Image, header: Header) -> Picture:
    """Make a picture of what Pillow decoded, or of some rows of it."""
    notes = list(header.notes)
    color, alpha = _split_alpha(image, notes)
    color = _to_srgb(color, header.profile, notes)
    return Picture(
        pixels=_to_array(_turn_upright(color, header.orientation)),
        alpha=None if alpha is None else _to_array(_turn_upright(alpha, header.orientation)),
        exif=header.exif,
        notes=tuple(notes),
    )


def _open(file: BinaryIO, max_megapixels: float) -> ImageFile.ImageFile:
    """Read the header only, and refuse what is no picture or too large."""
    header = file.read(12)
    if not header:
        raise ImageError("empty file (0 bytes); copy it again from its source")
    try:
        image = Image.open(file, formats=_readers_for(header))
    except UnidentifiedImageError as error:
        raise ImageError(_why_not_a_picture(header)) from error
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        size = f"{image.width} x {image.height} px is {megapixels:.4g} megapixels"
        advice = f"raise it with --max-megapixels {math.ceil(megapixels)}"
        raise ImageError(f"{size}, over the limit of {max_megapixels:g}; {advice}")
    return image


def _readers_for(header: bytes) -> tuple[str, ...]:
    if header[4:8] != b"ftyp":
        return _READERS
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return ("AVIF",)
    register_heif_opener()
    return ("AVIF", "HEIF")


def _why_unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "no such file; check the spelling"
    if isinstance(error, IsADirectoryError | PermissionError) and path.is_dir():  # the latter on Windows
        return "a folder, where one picture was expected; name a file in it"
    if isinstance(error, OSError) and error.strerror:  # from the system: Pillow's own have no strerror
        return f"cannot be read ({error.strerror}); check its name, its permissions and the disk"
    reason = " ".join(str(error).split()) or type(error).__name__  # a decoder's reason may have several lines
    return f"damaged or cut short ({reason}); copy it again from its source"


def _why_not_a_picture(header: bytes) -> str:
    if header[4:8] == b"ftyp" and header[8:12] in _HEIF_BRANDS and "HEIF" not in Image.OPEN:
        return "an HEIF picture, which needs a plugin; pip install pillow-heif"
    if header.startswith(_MAGIC) or header[8:12] in _HEIF_BRANDS:
        return "damaged, 0 pixels wide or high, or of a rare kind; open it in a viewer and save it as PNG"
    return "not a picture; expected JPEG, PNG, WebP, TIFF, BMP, GIF, HEIF or AVIF"


class _SizeGuard:
    """Pillow's own size limit, switched off while any thread reads: ours has a clear message and can be raised."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._limit: int | None = None

    @contextmanager
    def lifted(self) -> Iterator[None]:
        with self._lock:
            if self._readers == 0:
                self._limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if self._readers == 0:
                    Image.MAX_IMAGE_PIXELS = self._limit


_size_guard = _SizeGuard()


def _frame_notes(image: ImageFile.ImageFile) -> list[str]:
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a phone's JPEG plus its depth map
    return [f"first of {frames} frames"] if frames > 1 else []


def _read_exif(image: ImageFile.ImageFile, notes: list[str]) -> tuple[int, bytes | None]:
    """Return the orientation, 1 to 8, and the EXIF data that still holds."""
    orientation = 1
    try:
        exif = image.getexif()
        orientation = exif.get(_TAG.Orientation, 1)
        data = _cleaned(exif)
    except Exception:  # whatever a damaged block makes of Pillow's parser
        notes.append("broken EXIF data, left out")
        return orientation, None
    if data and len(data) > _MAX_EXIF_BYTES:
        notes.append("EXIF data too long to carry over, left out")
        return orientation, None
    return orientation, data


def _cleaned(exif: Image.Exif) -> bytes | None:
    if not exif:
        return None
    kept = Image.Exif()
    for tag in _KEPT_TAGS & exif.keys():
        kept[tag] = exif[tag]
    for group in (_IFD.Exif, _IFD.GPSInfo):
        values = {tag: value for tag, value in exif.get_ifd(group).items() if tag not in _DROPPED_TAGS}
        if values:
            kept[group] = values
    kept[_TAG.Orientation] = 1
    return kept.tobytes()


def _turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _to_array(image: Image.Image) -> Pixels:
    """Copy an L or RGB image strip by strip: Pillow copies twice, and a strip's second time is in the cache."""
    shape = (image.height, image.width, 3) if image.mode == "RGB" else (image.height, image.width)
    pixels = np.empty(shape, np.uint8)
    rows = max(1, _STRIP_BYTES // max(1, pixels[:1].nbytes))
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _split_alpha(image: Image.Image, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """Return 8-bit colour (L, RGB, CMYK or LAB, as its profile expects) and the plane of transparency."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bit_grey(image, notes)
    color_mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        with_alpha = image.convert("LA" if color_mode == "L" else "RGBA")
        return with_alpha.convert(color_mode), with_alpha.getchannel("A")
    return (image if image.mode in ("CMYK", "LAB") else image.convert(color_mode)), None


def _eight_bit_grey(image: Image.Image, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    values = np.asarray(image)
    if image.mode == "F":
        notes.append("floating-point picture, taken as 0 (black) to 1 (white)")
        return Image.fromarray(np.rint(np.nan_to_num(values).clip(0, 1) * 255).astype(np.uint8)), None
    if values.min() < 0 or values.max() > 65535:
        raise ImageError("holds values outside 0 to 65535; save it as 8-bit or 16-bit grey")
    tiff = getattr(image, "tag_v2", {})
    white = 4095 if tiff.get(_TAG.BitsPerSample) == (12,) else 65535
    levels = ((values.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
    if tiff.get(_TAG.PhotometricInterpretation) == 0:  # 0 is white: Pillow turns only 8-bit pictures round
        levels = 255 - levels
    if "transparency" not in image.info:
        return Image.fromarray(levels), None
    alpha = np.where(values == image.info["transparency"], 0, 255).astype(np.uint8)
    return Image.fromarray(levels), Image.fromarray(alpha)


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    if not profile:
        return image.convert("RGB")
    transform = _srgb_transform(profile, image.mode)
    if transform is None and image.mode == "L":  # grey with the profile of the RGB picture it once was
        image = image.convert("RGB")
        transform = _srgb_transform(profile, "RGB")
    if transform is None:
        notes.append("broken or unfitting colour profile, ignored")
        return image.convert("RGB")
    if _is_srgb(profile, image.mode):
        return image
    return transform.apply(image)


@functools.lru_cache(maxsize=8)  # building one takes as long as decoding a small photograph
def _srgb_transform(profile: bytes, mode: str) -> "ImageCms.ImageCmsTransform | None":
    from PIL import ImageCms

    intent, black_point = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent, black_point)
    except (ImageCms.PyCMSError, OSError):
        return None


@functools.lru_cache(maxsize=8)
def _is_srgb(profile: bytes, mode: str) -> bool:
    """Whether the profile is sRGB's, by one name or another: no colour moves by more than a level of rounding.

    Most photographs carry one of those, and of 12 megapixels their conversion takes longer than decoding.
    """
    transform = _srgb_transform(profile, mode)
    if mode != "RGB" or transform is None:
        return False
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(18, -1, 3)
    converted = np.asarray(transform.apply(Image.fromarray(colours)))
    return int(np.abs(converted.astype(int) - colours).max()) <= 1
