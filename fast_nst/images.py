"""Pictures in and out: any picture file a person has, to and from plain arrays.

Everywhere outside PyTorch a picture is `uint8 (H, W, 3)`, RGB, sRGB, upright.  Reading brings every file to that: its
EXIF orientation is applied, its colour profile is converted to sRGB, transparency is set aside as a plane of its own,
and 16-bit grey becomes 8-bit by rounding `v / 257`.  (16-bit RGB is cut to its upper byte inside Pillow: at most one
level below the rounded value.)  Writing is atomic and never replaces a file unasked.

numpy and Pillow only; colour management and the HEIF plugin are imported when a picture first needs them.
"""

import functools
import glob
import io
import math
import os
import secrets
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from fast_nst.errors import FastNstError, ImageError

if TYPE_CHECKING:
    from PIL import ImageCms

StrPath = str | os.PathLike[str]
Pixels = npt.NDArray[np.uint8]

MAX_MEGAPIXELS = 100.0
"""Largest picture read unless the caller allows more, in millions of pixels."""

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

SUFFIXES = frozenset(WRITERS) | {".jfif", ".gif", ".heic", ".heif", ".hif", ".avif"}
"""Suffixes taken for pictures when a folder is searched, in lower case."""

ALPHA_FORMATS = frozenset({"PNG", "WEBP", "TIFF"})
"""Formats that hold transparency; on the others it is laid over white."""

_READERS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")  # the rest of Pillow's (EPS runs Ghostscript) stay shut
_MAGIC = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"GIF8")
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}
_STRIP_BYTES = 2**18
_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}  # px, limits of the encoders

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
class Picture:
    """A picture as the rest of the package sees it.

    Attributes:
        pixels: `uint8 (H, W, 3)`, RGB, sRGB, upright.  Under full transparency, whatever the file holds there.
        alpha: `uint8 (H, W)`, 0 transparent to 255 opaque, or `None` where the file has no transparency.
        exif: the EXIF data that still holds (no thumbnail, no maker notes), its orientation reset, or `None`.
        notes: what a person should be told about the file, for example `"first of 12 frames"`.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()


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
    with _saying_why(path), path.open("rb") as file:
        return _decode(file, max_megapixels, min_side)


def decode_pixels(
    data: bytes, name: str, *, max_megapixels: float = MAX_MEGAPIXELS, min_side: int | None = None
) -> Pixels:
    """Return the `uint8 (H, W, 3)` pixels of a picture file that is in memory, called `name` in errors.

    See `read_picture`.
    """
    with _saying_why(name):
        return _decode(io.BytesIO(data), max_megapixels, min_side).pixels


def read_pixels(path: StrPath, *, max_megapixels: float = MAX_MEGAPIXELS, min_side: int | None = None) -> Pixels:
    """Return only the `uint8 (H, W, 3)` pixels of a picture, transparency left out; see `read_picture`."""
    return read_picture(path, max_megapixels=max_megapixels, min_side=min_side).pixels


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
    limit = _LONGEST_SIDE.get(file_format, math.inf)
    if max(height, width) > limit:
        raise ImageError(f"{path}: {width} x {height} px, and {file_format} ends at {limit}; write .png or .tif")
    options: dict[str, Any] = {"icc_profile": _srgb_profile()} if file_format != "BMP" else {}
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


def check_replaceable(path: StrPath, *, overwrite: bool, raises: type[FastNstError] = FastNstError) -> None:
    """Raise an error of the class `raises` when `path` is a folder, or exists and `overwrite` is False."""
    path = Path(path)
    if not os.path.exists(path):  # noqa: PTH110 (Path.exists raises on an overlong name)
        return
    if path.is_dir():
        raise raises(f"{path}: a folder has this name; choose another output")
    if not overwrite:
        raise raises(f"{path}: exists already; give --overwrite to replace it, or choose another output")


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Resample `uint8 (H, W, 3)` pixels or a `(H, W)` plane to `height` x `width` px, by Lanczos."""
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def fit_size(height: int, width: int, longer_side: int) -> tuple[int, int]:
    """Return the `(height, width)` in px of the same shape whose longer side is `longer_side`; no side below 1."""
    scale = longer_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit(pixels: Pixels, longer_side: int) -> Pixels:
    """Resample `uint8 (H, W, 3)` pixels so that their longer side is `longer_side` px."""
    height, width = pixels.shape[:2]
    return resize(pixels, *fit_size(height, width, longer_side))


def find_pictures(
    paths: Iterable[StrPath], *, on_error: Callable[[ImageError], None] | None = None
) -> list[tuple[Path, Path]]:
    """List the pictures that files, folders and patterns such as `photos/*.jpg` stand for.

    Folders are searched to the bottom in sorted order, without hidden files and folders and without following links to
    folders.  A file named outright is listed whatever its suffix.  No file is listed twice.

    Args:
        paths: files, folders, and patterns that the shell left alone.
        on_error: called with each failure, after which the search goes on.  Without it, the first failure is raised.

    Returns:
        Pairs of a picture's path and its relative path: below its folder, or its bare name.  Relative paths are unique:
        where two would be the same, they get as many leading folders as tell them apart.

    Raises:
        ImageError: when a path does not exist, a folder holds no picture, or a pattern matches none.
    """
    report = on_error or _raise
    found: dict[Path, tuple[Path, Path]] = {}  # by true path
    for given in map(Path, paths):
        for top in _expand(given, report):
            folder, names = (top, _names_below(top, report)) if top.is_dir() else (top.parent, [Path(top.name)])
            true_folder = folder.resolve()
            for name in names:
                found.setdefault(true_folder / name, (folder / name, name))
    return _with_unique_names(found)


@contextmanager
def atomic_path(path: StrPath, *, raises: type[FastNstError] = FastNstError) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends well, and vanishes when it does not.

    The temporary file lies in the same folder, is hidden, and has the same suffix.  Missing folders are made.

    Raises:
        FastNstError: of the class `raises`, in place of any `OSError`: no permission, a full disk.
    """
    path = Path(path)
    temporary = path.with_name(f".fast-nst-{secrets.token_hex(6)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise raises(f"{path}: cannot be written ({reason}); check the folder and the free space") from error


# Reading


@contextmanager
def _saying_why(path: StrPath) -> Iterator[None]:
    """Make an `ImageError` of whatever goes wrong while reading a picture."""
    try:
        with _size_guard.lifted():
            yield
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders and the disk share no class of errors
        raise ImageError(f"{path}: {_why_unreadable(Path(path), error)}") from error


def _decode(file: BinaryIO, max_megapixels: float, min_side: int | None) -> Picture:
    image = _open(file, max_megapixels)
    notes = _frame_notes(image)
    if min_side:
        image.draft(None, (min_side, min_side))
    image.load()
    orientation, exif = _read_exif(image, notes)
    color, alpha = _split_alpha(image, notes)
    color = _to_srgb(color, image.info.get("icc_profile"), notes)
    return Picture(
        pixels=_to_array(_turn_upright(color, orientation)),
        alpha=None if alpha is None else _to_array(_turn_upright(alpha, orientation)),
        exif=exif,
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


def _split_alpha(image: ImageFile.ImageFile, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
    """Return 8-bit colour (L, RGB, CMYK or LAB, as its profile expects) and the plane of transparency."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bit_grey(image, notes)
    color_mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        with_alpha = image.convert("LA" if color_mode == "L" else "RGBA")
        return with_alpha.convert(color_mode), with_alpha.getchannel("A")
    return (image if image.mode in ("CMYK", "LAB") else image.convert(color_mode)), None


def _eight_bit_grey(image: ImageFile.ImageFile, notes: list[str]) -> tuple[Image.Image, Image.Image | None]:
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


# Writing


@functools.cache
def _srgb_profile() -> bytes:
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
    alpha = picture.alpha[..., None].astype(np.uint16)
    over_white = (picture.pixels * alpha + 255 * (255 - alpha) + 127) // 255
    return Image.fromarray(over_white.astype(np.uint8))


# Finding


def _raise(error: ImageError) -> NoReturn:
    raise error


def _expand(given: Path, report: Callable[[ImageError], None]) -> list[Path]:
    if os.path.exists(given):  # noqa: PTH110 (Path.exists raises on an overlong name)
        return [given]
    if not any(wildcard in str(given) for wildcard in "*?["):
        report(ImageError(f"{given}: no such file or folder; check the spelling"))
        return []
    matches = map(Path, sorted(glob.glob(str(given), recursive=True)))  # noqa: PTH207 (takes absolute patterns too)
    pictures = [match for match in matches if match.is_dir() or match.suffix.lower() in SUFFIXES]
    if not pictures:
        report(ImageError(f"{given}: no picture matches this pattern; check the folder and the suffix"))
    return pictures


def _names_below(folder: Path, report: Callable[[ImageError], None]) -> list[Path]:
    def unlistable(error: OSError) -> None:
        report(ImageError(f"{error.filename}: cannot be listed ({error.strerror}); check its permissions"))

    names: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=unlistable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(parent).relative_to(folder)
        visible = sorted(name for name in files if not name.startswith("."))  # our temporary files are hidden too
        names += [below / name for name in visible if Path(name).suffix.lower() in SUFFIXES]
    if not names:
        report(ImageError(f"{folder}: no pictures in this folder; expected {' '.join(sorted(SUFFIXES))}"))
    return names


def _with_unique_names(found: dict[Path, tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    while True:
        count = Counter(name for _, name in found.values())
        if len(count) == len(found):
            return list(found.values())
        for true_path, (path, name) in found.items():
            if count[name] > 1:
                parts = (true_path.anchor.strip("/\\:"), *true_path.parts[1:])
                found[true_path] = path, Path(*parts[-len(name.parts) - 1 :])
