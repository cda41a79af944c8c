"""Pictures in and out: any picture file a person has, to and from plain arrays.

Everywhere outside PyTorch a picture is `uint8 (H, W, 3)`, RGB, sRGB, upright.  Reading brings every file to that: its
EXIF orientation is applied, its colour profile is converted to sRGB, transparency is set aside as a plane of its own,
and 16-bit grey becomes 8-bit by rounding `v / 257`.  (16-bit RGB is cut to its upper byte inside Pillow: at most one
level below the rounded value.)  Writing is atomic and never replaces a file unasked.

* `picture`: what a picture is in memory, and its size.
* `files`: an output that appears whole or not at all, and replaces nothing unasked.
* `reading`: any picture file -> upright 8-bit sRGB.
* `writing`: back into a file, in the format of its suffix.
* `animation`: pictures one after the other, as GIF or WebP.
* `streams`: pictures too large to be held, some rows at a time; imported by whoever needs it.
* `finding`: the pictures that files, folders and patterns stand for.

numpy and Pillow only; colour management and the HEIF plugin are imported when a picture first needs them.
"""

from fast_nst.images.animation import ANIMATIONS, check_animation, write_animation
from fast_nst.images.files import atomic_path, check_replaceable
from fast_nst.images.finding import SUFFIXES, find_pictures
from fast_nst.images.picture import Picture, Pixels, StrPath, fit, fit_size, resize
from fast_nst.images.reading import MAX_MEGAPIXELS, Header, decode_pixels, read_header, read_picture, read_pixels
from fast_nst.images.writing import WRITERS, check_writable, write_picture

__all__ = [
    "ANIMATIONS",
    "MAX_MEGAPIXELS",
    "SUFFIXES",
    "WRITERS",
    "Header",
    "Picture",
    "Pixels",
    "StrPath",
    "atomic_path",
    "check_animation",
    "check_replaceable",
    "check_writable",
    "decode_pixels",
    "find_pictures",
    "fit",
    "fit_size",
    "read_header",
    "read_picture",
    "read_pixels",
    "resize",
    "write_animation",
    "write_picture",
]
