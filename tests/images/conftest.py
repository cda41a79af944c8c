"""Functions that draw pictures, write files that Pillow does not, and say what reading makes of a broken one."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageCms

from fast_nst.errors import ImageError
from fast_nst.images import read_picture


@pytest.fixture(scope="session")
def photograph() -> Callable[..., np.ndarray]:
    """Return a function that draws smooth colours without symmetry, which JPEG keeps well."""

    def draw(height: int = 40, width: int = 60) -> np.ndarray:
        y, x = np.mgrid[0:height, 0:width]
        planes = 255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1), 40 + 150 * x * y / (height * width)
        return np.rint(np.stack(planes, axis=-1)).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def noise() -> Callable[..., np.ndarray]:
    """Return a function that draws noise, the same at every call."""

    def draw(height: int = 7, width: int = 9, channels: int = 3) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)

    return draw


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """Return a function that makes a PNG of rows of bytes and of further chunks, valid or not."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def make(
        width: int, height: int, depth: int, color_type: int, rows: list[bytes], *chunks: tuple[bytes, bytes]
    ) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
        content = zlib.compress(b"".join(b"\0" + row for row in rows))
        parts = [(b"IHDR", header), *chunks, (b"IDAT", content), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)

    return make


@pytest.fixture(scope="session")
def tiff() -> Callable[..., bytes]:
    """Return a function that makes an uncompressed little-endian TIFF of kinds that Pillow does not write."""

    def make(
        values: np.ndarray, photometric: int, bits: int, sample_format: int = 1, data: bytes | None = None
    ) -> bytes:
        height, width = values.shape[:2]
        samples = values.shape[2] if values.ndim == 3 else 1
        data = data or values.tobytes()
        entries = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 0), (277, samples)]
        entries += [(278, height), (279, len(data)), (339, sample_format)]
        start = 8 + 2 + 12 * len(entries) + 4
        body = b""
        for tag, value in entries:
            if tag in (258, 339) and samples > 1:
                where = start + len(data) + (0 if tag == 258 else 2 * samples)
                body += struct.pack("<HHII", tag, 3, samples, where)
            else:
                body += struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value)
        tail = struct.pack("<H", bits) * samples + struct.pack("<H", sample_format) * samples
        return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4) + data + tail

    return make


@pytest.fixture(scope="session")
def written() -> Callable[[Path, bytes], Path]:
    """Return a function that writes bytes to a path and gives the path back."""

    def write(path: Path, data: bytes) -> Path:
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="session")
def message() -> Callable[..., str]:
    """Return a function that tells what is said about an unreadable file: one line that begins with its path."""

    def read(path: Path, **options: float) -> str:
        with pytest.raises(ImageError) as caught:
            read_picture(path, **options)
        text = str(caught.value)
        assert "\n" not in text
        assert text.startswith(f"{path}: ")
        return text.removeprefix(f"{path}: ")

    return read


@pytest.fixture(scope="session")
def swapped_primaries() -> bytes:
    """An RGB profile like sRGB, in which red is blue and blue is red."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
