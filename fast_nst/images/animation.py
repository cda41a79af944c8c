"""Pictures one after the other, in one file that plays by itself."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from fast_nst.errors import ImageError
from fast_nst.images.files import atomic_path
from fast_nst.images.picture import Pixels, StrPath

ANIMATIONS = {".gif": "GIF", ".webp": "WEBP"}
"""Pillow's format for each suffix of an animation."""

_FRAME_MS, _LAST_MS = 80, 2000  # how long a frame is shown, and the last one


def check_animation(path: StrPath) -> None:
    """Raise an `ImageError` unless the suffix is one of `ANIMATIONS`."""
    if (suffix := Path(path).suffix.lower()) not in ANIMATIONS:
        raise ImageError(f"{path}: cannot write an animation as {suffix or 'a file without suffix'}; use .gif or .webp")


def write_animation(path: StrPath, frames: Sequence[Pixels], *, quality: int = 85) -> None:
    """Write frames as an endless GIF or WebP, atomically; an existing file is replaced.

    A GIF has 256 colours a frame; WebP has all of them in a smaller file.

    Args:
        path: the file to write; its suffix says the format.
        frames: pictures of one size, uint8 RGB `(H, W, 3)`, at least one.
        quality: of WebP, 1 to 100.

    Raises:
        ImageError: when the suffix is another, or the disk refuses.
    """
    path = Path(path)
    check_animation(path)
    images = [Image.fromarray(frame) for frame in frames]
    durations = [_FRAME_MS] * (len(images) - 1) + [_LAST_MS]
    with atomic_path(path, raises=ImageError) as temporary:
        images[0].save(
            temporary,
            ANIMATIONS[path.suffix.lower()],
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            quality=quality,
        )
