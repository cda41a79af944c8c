"""Pictures read and written some rows at a time."""

import numpy as np
import pytest
from PIL import Image

from fast_nst.errors import ImageError
from fast_nst.images import read_picture
from fast_nst.images.streams import open_stream, write_stream

pytest.importorskip("pyvips")


def joined(stream):
    """Return the pixels and the alpha of all strips."""
    strips = list(stream)
    pixels = np.concatenate([strip.pixels for strip in strips])
    return pixels, np.concatenate([strip.alpha for strip in strips]) if stream.has_alpha else None


def of_mode(mode, size=(83, 600)):
    """Return a picture of smooth noise, of several strips."""
    rng = np.random.default_rng(0)
    width, height = size
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (height, width), dtype=np.uint16))
    bands = len(Image.new(mode, (1, 1)).getbands())
    small = [Image.fromarray(rng.integers(0, 256, (30, 20), dtype=np.uint8)).resize(size) for _ in range(bands)]
    return Image.merge(mode, small) if bands > 1 else small[0].convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *((mode, ".png") for mode in ("1", "L", "LA", "RGB", "RGBA", "P", "I;16")),
        *((mode, ".tif") for mode in ("1", "L", "RGB", "RGBA", "CMYK", "I;16")),
        *((mode, ".jpg") for mode in ("L", "RGB", "CMYK")),
    ],
)
def test_strips_are_what_the_whole_file_is(tmp_path, mode, suffix):
    path = tmp_path / f"photo{suffix}"
    of_mode("RGB").quantize(32).save(path) if mode == "P" else of_mode(mode).save(path)
    whole, stream = read_picture(path), open_stream(path, max_megapixels=1)
    pixels, alpha = joined(stream)
    np.testing.assert_array_equal(pixels, whole.pixels)
    assert (alpha is None) == (whole.alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(alpha, whole.alpha)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png"])
def test_every_orientation_is_upright(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    of_mode("RGB").save(tmp_path / f"photo{suffix}", exif=exif)
    whole, stream = (
        read_picture(tmp_path / f"photo{suffix}"),
        open_stream(tmp_path / f"photo{suffix}", max_megapixels=1),
    )
    assert stream.header.size == (whole.pixels.shape[1], whole.pixels.shape[0])
    np.testing.assert_array_equal(joined(stream)[0], whole.pixels)


def test_sixteen_bit_colour_profiles_and_tiles_are_what_the_whole_file_is(tmp_path, swapped_primaries):
    import tifffile

    values = np.random.default_rng(0).integers(0, 65536, (600, 83, 3), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", values, photometric="rgb")
    tifffile.imwrite(
        tmp_path / "tiled.tif", (values >> 8).astype(np.uint8), photometric="rgb", tile=(64, 64), bigtiff=True
    )
    of_mode("RGB").save(tmp_path / "profile.png", icc_profile=swapped_primaries)
    for name in ("deep.tif", "tiled.tif", "profile.png"):
        stream = open_stream(tmp_path / name, max_megapixels=1)
        whole = read_picture(tmp_path / name).pixels if name != "deep.tif" else (values >> 8).astype(np.uint8)
        np.testing.assert_array_equal(joined(stream)[0], whole)


def test_what_cannot_be_read_in_strips_is_not_opened(tmp_path):
    of_mode("RGB").save(tmp_path / "photo.bmp")
    Image.fromarray(np.zeros((20, 20), np.float32)).save(tmp_path / "float.tif")
    of_mode("RGB").save(tmp_path / "key.png", transparency=(1, 2, 3))
    assert [open_stream(tmp_path / name, max_megapixels=1) for name in ("photo.bmp", "float.tif", "key.png")] == [
        None
    ] * 3


def test_a_file_cut_short_is_told(tmp_path):
    of_mode("RGB").save(tmp_path / "photo.png")
    (tmp_path / "photo.png").write_bytes((tmp_path / "photo.png").read_bytes()[:-20_000])
    stream = open_stream(tmp_path / "photo.png", max_megapixels=1)
    with pytest.raises(ImageError, match=r"photo\.png: damaged or cut short"):
        joined(stream)


def test_the_size_limit_holds(tmp_path):
    of_mode("RGB").save(tmp_path / "photo.png")
    with pytest.raises(ImageError, match=r"over the limit of 0\.01"):
        open_stream(tmp_path / "photo.png", max_megapixels=0.01)


@pytest.fixture
def planes(tmp_path):
    """Open files of pixels and alpha, of 83 x 600 px, and both as arrays."""
    rng = np.random.default_rng(0)
    pixels = np.asarray(of_mode("RGB"))
    alpha = rng.integers(0, 256, pixels.shape[:2], dtype=np.uint8)
    (tmp_path / "pixels").write_bytes(pixels.tobytes())
    (tmp_path / "alpha").write_bytes(alpha.tobytes())
    with (tmp_path / "pixels").open("rb", 0) as first, (tmp_path / "alpha").open("rb", 0) as second:
        yield first, second, pixels, alpha


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_what_is_written_is_read_again(tmp_path, planes, suffix, has_alpha):
    first, second, pixels, alpha = planes
    path = tmp_path / f"out{suffix}"
    assert write_stream(path, first, second if has_alpha else None, (83, 600)) == []
    found = read_picture(path)
    np.testing.assert_array_equal(found.pixels, pixels)
    assert (found.alpha is None) == (not has_alpha)
    if has_alpha:
        np.testing.assert_array_equal(found.alpha, alpha)
    assert Image.open(path).info["icc_profile"]


def test_jpeg_keeps_quality_exif_and_full_colour(tmp_path, planes):
    first, _, pixels, _ = planes
    exif = Image.Exif()
    exif[0x010E] = "a harbour"
    for quality in (30, 95):
        write_stream(tmp_path / f"{quality}.jpg", first, None, (83, 600), quality=quality, exif=exif.tobytes())
    assert (tmp_path / "30.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size
    assert np.abs(read_picture(tmp_path / "95.jpg").pixels.astype(int) - pixels).mean() < 2
    assert Image.open(tmp_path / "95.jpg").getexif()[0x010E] == "a harbour"


def test_a_tiff_says_that_its_exif_data_is_left_out(tmp_path, planes):
    (note,) = write_stream(tmp_path / "out.tif", planes[0], None, (83, 600), exif=b"Exif\0\0")
    assert "EXIF data does not go into a TIFF" in note


def test_what_cannot_be_written_in_strips_is_told(tmp_path, planes):
    with pytest.raises(ImageError, match=r"out\.webp: WEBP cannot be written in strips; write \.png, \.tif or \.jpg"):
        write_stream(tmp_path / "out.webp", planes[0], None, (83, 600))
    with pytest.raises(ImageError, match=r"JPEG ends at 65500"):
        write_stream(tmp_path / "out.jpg", planes[0], None, (70_000, 1))
    (tmp_path / "out.png").write_text("mine")
    with pytest.raises(ImageError, match="exists already"):
        write_stream(tmp_path / "out.png", planes[0], None, (83, 600))
    assert (tmp_path / "out.png").read_text() == "mine"
