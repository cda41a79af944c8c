"""Pictures in and out, on files drawn here: every kind that can be read, every way it can go wrong."""

import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import ExifTags, Image, ImageCms

from fast_nst.errors import FastNstError, ImageError, ModelError
from fast_nst.images import (
    MAX_MEGAPIXELS,
    SUFFIXES,
    WRITERS,
    Picture,
    atomic_path,
    check_writable,
    find_pictures,
    fit,
    fit_size,
    read_picture,
    read_pixels,
    resize,
    write_picture,
)

ORIENTATION = ExifTags.Base.Orientation


def photograph(height=40, width=60):
    """Smooth colours without symmetry, which JPEG keeps well."""
    y, x = np.mgrid[0:height, 0:width]
    planes = 255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1), 40 + 150 * x * y / (height * width)
    return np.rint(np.stack(planes, axis=-1)).astype(np.uint8)


def noise(height=7, width=9, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def exif_bytes(orientation=1, **extra):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for name, value in extra.items():
        exif[ExifTags.Base[name]] = value
    return exif.tobytes()


def swapped_primaries_profile():
    """An RGB profile like sRGB, in which red is blue and blue is red."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")


def linear_grey_profile():
    """A v2 grey profile with gamma 1: the file holds light, not sRGB levels."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    description = b"desc\0\0\0\0" + struct.pack(">I", 7) + b"linear\0" + bytes(12 + 67)
    start, body, table = 128 + 4 + 3 * 12, b"", struct.pack(">I", 3)
    for tag, data in ((b"desc", description), (b"wtpt", white), (b"kTRC", curve)):
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


def png(width, height, depth, color_type, rows, *chunks):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", content), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def tiff(values, photometric, bits, sample_format=1, data=None):
    """An uncompressed little-endian TIFF of kinds that Pillow does not write."""
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


def written(path, data):
    path.write_bytes(data)
    return path


def message(path, **options):
    """Return what is said about an unreadable file: one line that begins with its path."""
    with pytest.raises(ImageError) as caught:
        read_picture(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


# Reading: kinds of files


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".tiff"])
def test_lossless_files_give_back_every_pixel(tmp_path, suffix):
    Image.fromarray(noise()).save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture.pixels, noise())
    assert (picture.alpha, picture.notes) == (None, ())


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic"])
def test_lossy_files_give_nearly_every_pixel(tmp_path, suffix):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(photograph()).save(tmp_path / f"a{suffix}", quality=95)
    error = np.abs(read_pixels(tmp_path / f"a{suffix}").astype(int) - photograph())
    assert error.mean() < 3


def test_the_contents_decide_not_the_suffix(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.jpg"), noise())


def test_pixels_can_be_written_to(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png").flags.writeable


def test_grey_becomes_three_equal_channels(tmp_path):
    Image.fromarray(noise()[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png"), noise()[..., [0, 0, 0]])


def test_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png")[0].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_the_first_frame_of_a_gif_is_read_and_said(tmp_path):
    frames = [Image.new("RGB", (4, 3), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    picture = read_picture(tmp_path / "a.gif")
    assert picture.notes == ("first of 3 frames",)
    assert picture.pixels[1, 2].tolist() == [255, 0, 0]


def test_a_still_gif_has_nothing_to_say(tmp_path):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "a.gif")
    assert read_picture(tmp_path / "a.gif").notes == ()


def test_cmyk_without_a_profile_is_ink_on_white(tmp_path):
    inks = bytes([0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255])
    Image.frombytes("CMYK", (3, 1), inks).save(tmp_path / "a.tif")
    assert read_pixels(tmp_path / "a.tif")[0].tolist() == [[255, 255, 255], [0, 255, 255], [0, 0, 0]]


def test_a_cmyk_jpeg_is_not_a_negative(tmp_path):
    Image.fromarray(photograph()).convert("CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    assert np.abs(read_pixels(tmp_path / "a.jpg").astype(int) - photograph()).mean() < 3


def test_lab_becomes_rgb(tmp_path):
    Image.new("LAB", (3, 2), (255, 128, 128)).save(tmp_path / "a.tif")
    assert read_pixels(tmp_path / "a.tif").min() >= 254


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
def test_one_pixel_sides_are_read(tmp_path, size):
    Image.new("RGB", size, "teal").save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png").shape == (size[1], size[0], 3)


# Reading: 16 bits and floating point

SIXTEEN_BIT = np.array([[0, 128, 129, 385, 386, 32767, 32768, 65407, 65535]], np.uint16)
EIGHT_BIT = [0, 0, 1, 1, 2, 127, 128, 255, 255]  # v / 257 to the nearest, by hand


def grey_levels(path):
    pixels = read_pixels(path)
    assert (pixels == pixels[..., :1]).all()
    return pixels[0, :, 0].tolist()


def test_sixteen_bit_grey_png_is_rounded(tmp_path):
    path = written(tmp_path / "a.png", png(9, 1, 16, 0, [SIXTEEN_BIT.astype(">u2").tobytes()]))
    assert grey_levels(path) == EIGHT_BIT


@pytest.mark.parametrize("dtype", ["<u2", "<i4"])
def test_sixteen_bit_values_in_a_tiff_are_rounded(tmp_path, dtype):
    values = SIXTEEN_BIT.astype(dtype)
    path = written(tmp_path / "a.tif", tiff(values, 1, 8 * values.itemsize, 2 if dtype == "<i4" else 1))
    assert grey_levels(path) == EIGHT_BIT


def test_every_sixteen_bit_value_is_rounded_to_the_nearest(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif")[..., 0], np.rint(values / 257))


def test_a_sixteen_bit_tiff_whose_white_is_zero_is_turned_round(tmp_path):
    path = written(tmp_path / "a.tif", tiff(SIXTEEN_BIT, 0, 16))
    assert grey_levels(path) == [255 - level for level in EIGHT_BIT]


def test_twelve_bit_grey_reaches_white(tmp_path):
    packed = bytes([0xFF, 0xF8, 0x00, 0x00, 0x90, 0x08])  # 4095 2048 9 8, twelve bits each
    path = written(tmp_path / "a.tif", tiff(np.zeros((1, 4)), 1, 12, data=packed))
    assert grey_levels(path) == [255, 128, 1, 0]  # v * 255 / 4095 = 255, 127.53, 0.56, 0.498


def test_sixteen_bit_colour_is_within_one_level(tmp_path):
    values = np.stack([SIXTEEN_BIT] * 3, axis=-1)
    for path in (
        written(tmp_path / "a.tif", tiff(values, 2, 16)),
        written(tmp_path / "a.png", png(9, 1, 16, 2, [values.astype(">u2").tobytes()])),
    ):
        assert np.abs(read_pixels(path).astype(int)[0, :, 0] - EIGHT_BIT).max() <= 1


def test_a_transparent_level_of_sixteen_bit_grey_is_alpha(tmp_path):
    data = png(9, 1, 16, 0, [SIXTEEN_BIT.astype(">u2").tobytes()], (b"tRNS", struct.pack(">H", 129)))
    picture = read_picture(written(tmp_path / "a.png", data))
    assert picture.alpha.tolist() == [[255, 255, 0, 255, 255, 255, 255, 255, 255]]


def test_floating_point_is_taken_as_zero_to_one_and_said(tmp_path):
    Image.fromarray(np.array([[0, 0.5, 1, 2, -1, np.nan]], np.float32)).save(tmp_path / "a.tif")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.pixels[0, :, 0].tolist() == [0, 128, 255, 255, 0, 0]
    assert picture.notes == ("floating-point picture, taken as 0 (black) to 1 (white)",)


def test_values_beyond_sixteen_bits_are_refused(tmp_path):
    path = written(tmp_path / "a.tif", tiff(np.array([[0, 70000]], np.int32), 1, 32, 2))
    assert message(path) == "holds values outside 0 to 65535; save it as 8-bit or 16-bit grey"


# Reading: transparency


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_alpha_is_kept_aside_and_the_colour_under_it_untouched(tmp_path, suffix):
    rgba = noise(channels=4)
    rgba[0, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture.pixels, rgba[..., :3])
    np.testing.assert_array_equal(picture.alpha, rgba[..., 3])
    assert picture.alpha.dtype == np.uint8


def test_grey_with_alpha_is_split(tmp_path):
    pair = noise(channels=2)
    Image.fromarray(pair).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, pair[..., [0, 0, 0]])
    np.testing.assert_array_equal(picture.alpha, pair[..., 1])


def test_a_transparent_palette_colour_is_alpha(tmp_path):
    image = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=bytes([255, 0, 100]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read_picture(tmp_path / "a.png")
    assert picture.pixels.tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    assert picture.alpha.tolist() == [[255, 0, 100]]


def test_an_opaque_palette_has_no_alpha(tmp_path):
    image = Image.frombytes("P", (2, 1), bytes([0, 1]))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").alpha is None


# Reading: orientation and EXIF

TURNS = {  # the operation that makes a picture stored under each orientation upright
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.rot90(np.fliplr(a), 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.fliplr(a), -1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_orientation_comes_out_upright(tmp_path, orientation, suffix):
    stored = noise(channels=4)
    Image.fromarray(stored).save(tmp_path / f"a{suffix}", exif=exif_bytes(orientation))
    picture = read_picture(tmp_path / f"a{suffix}")
    upright = TURNS[orientation](stored)
    np.testing.assert_array_equal(picture.pixels, upright[..., :3])
    np.testing.assert_array_equal(picture.alpha, upright[..., 3])


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic"])
def test_a_portrait_from_a_phone_stands_upright_once(tmp_path, suffix):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(np.rot90(photograph(60, 40))).save(tmp_path / f"a{suffix}", quality=95, exif=exif_bytes(6))
    pixels = read_pixels(tmp_path / f"a{suffix}")
    assert np.abs(pixels.astype(int) - photograph(60, 40)).mean() < 3


def test_exif_survives_with_its_orientation_reset(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[ExifTags.Base.Make] = "Camera works"
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2020:02:03 04:05:06",
        ExifTags.Base.ExifImageWidth: 9,
        ExifTags.Base.MakerNote: b"secret",
    }
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 12.0, 30.0)}
    Image.fromarray(noise()).save(tmp_path / "in.jpg", exif=exif)
    picture = read_picture(tmp_path / "in.jpg")
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        write_picture(tmp_path / f"out{suffix}", picture)
        with Image.open(tmp_path / f"out{suffix}") as image:
            kept = image.getexif()
            assert (kept.get(ORIENTATION, 1), kept[ExifTags.Base.Make]) == (1, "Camera works")
            assert kept.get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.DateTimeOriginal: "2020:02:03 04:05:06"}
            assert kept.get_ifd(ExifTags.IFD.GPSInfo) == {1: "N", 2: (48.0, 12.0, 30.0)}


def test_no_metadata_leaves_exif_out_and_the_colour_profile_in(tmp_path):
    picture = Picture(noise(), exif=exif_bytes(Make="Camera works"))
    write_picture(tmp_path / "a.jpg", picture, keep_metadata=False)
    with Image.open(tmp_path / "a.jpg") as image:
        assert dict(image.getexif()) == {}
        assert "icc_profile" in image.info


def test_the_thumbnail_of_the_old_picture_is_dropped(tmp_path):
    old = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(old, "JPEG")
    thumbnail, first = old.getvalue(), 8 + 2 + 12 + 4
    ifd0 = struct.pack("<HHHII", 1, ORIENTATION, 3, 1, 1) + struct.pack("<I", first)
    start = first + 2 + 2 * 12 + 4
    ifd1 = struct.pack("<HHHIIHHIII", 2, 0x201, 4, 1, start, 0x202, 4, 1, len(thumbnail), 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + ifd0 + ifd1 + thumbnail
    Image.fromarray(noise()).save(tmp_path / "in.jpg", exif=exif)
    with Image.open(tmp_path / "in.jpg") as image:
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1)[0x202] == len(thumbnail)
    kept = read_picture(tmp_path / "in.jpg").exif
    assert thumbnail not in kept
    assert len(kept) < 100


def test_the_layout_of_an_old_tiff_is_not_carried_into_a_jpeg(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.tif", exif=exif_bytes(Artist="Vincent"))
    write_picture(tmp_path / "a.jpg", read_picture(tmp_path / "a.tif"))
    with Image.open(tmp_path / "a.jpg") as image:
        assert dict(image.getexif()) == {ExifTags.Base.Artist: "Vincent", ORIENTATION: 1}


def test_broken_exif_is_noted_and_the_picture_still_read(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png", exif=b"Exif\0\0not a directory at all")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, noise())
    assert picture.exif is None
    assert picture.notes == ("broken EXIF data, left out",)


def test_exif_longer_than_a_jpeg_holds_is_noted_and_left_out(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png", exif=exif_bytes(6, ImageDescription="x" * 70_000))
    picture = read_picture(tmp_path / "a.png")
    assert picture.exif is None
    assert picture.notes == ("EXIF data too long to carry over, left out",)
    np.testing.assert_array_equal(picture.pixels, np.rot90(noise(), -1))


# Reading: colour profiles


def test_a_foreign_colour_profile_is_converted_to_srgb(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png", icc_profile=swapped_primaries_profile())
    error = np.abs(read_pixels(tmp_path / "a.png").astype(int) - noise()[..., ::-1])
    assert error.max() <= 1


def test_a_linear_grey_profile_gets_the_srgb_curve(tmp_path):
    levels = np.array([[0, 10, 64, 128, 255]], np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.png", icc_profile=linear_grey_profile())
    light = levels[0] / 255
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(read_pixels(tmp_path / "a.png")[0, :, 1] - expected).max() <= 1


def test_grey_with_alpha_goes_through_its_profile(tmp_path):
    pair = np.array([[[64, 200], [128, 0]]], np.uint8)
    Image.fromarray(pair).save(tmp_path / "a.png", icc_profile=linear_grey_profile())
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha.tolist() == [[200, 0]]
    assert np.abs(picture.pixels[0, :, 0].astype(int) - [137, 188]).max() <= 1


def test_grey_with_an_rgb_profile_is_converted_as_rgb(tmp_path):
    Image.fromarray(noise()[..., 0]).save(tmp_path / "a.png", icc_profile=swapped_primaries_profile())
    picture = read_picture(tmp_path / "a.png")
    assert np.abs(picture.pixels.astype(int) - noise()[..., [0, 0, 0]]).max() <= 1
    assert picture.notes == ()


@pytest.mark.parametrize("profile", [b"no profile", linear_grey_profile()], ids=["broken", "grey on RGB"])
def test_an_unusable_profile_is_noted_and_ignored(tmp_path, profile):
    Image.fromarray(noise()).save(tmp_path / "a.png", icc_profile=profile)
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, noise())
    assert picture.notes == ("broken or unfitting colour profile, ignored",)


def test_an_srgb_profile_changes_no_pixel(tmp_path):
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(52, -1, 3)
    write_picture(tmp_path / "a.png", Picture(cube))
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png"), cube)


def test_a_profile_that_is_srgb_by_another_name_costs_no_conversion(tmp_path, monkeypatch):
    renamed = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + b"\0" * 64
    Image.fromarray(noise()).save(tmp_path / "srgb.png", icc_profile=renamed)
    Image.fromarray(noise()).save(tmp_path / "swapped.png", icc_profile=swapped_primaries_profile())
    converted, apply = [], ImageCms.ImageCmsTransform.apply

    def watched(transform, image):
        converted.append(image.size)
        return apply(transform, image)

    monkeypatch.setattr(ImageCms.ImageCmsTransform, "apply", watched)
    np.testing.assert_array_equal(read_pixels(tmp_path / "srgb.png"), noise())
    assert noise().shape[1::-1] not in converted
    read_pixels(tmp_path / "swapped.png")
    assert noise().shape[1::-1] in converted


def test_pixels_are_the_callers_own_to_write(tmp_path):
    write_picture(tmp_path / "tall.png", Picture(np.zeros((3000, 40, 3), np.uint8), np.full((3000, 40), 7, np.uint8)))
    picture = read_picture(tmp_path / "tall.png")
    picture.pixels[0, 0] = 1
    assert picture.pixels.shape == (3000, 40, 3)
    assert (picture.alpha == 7).all()


# Reading: what goes wrong


def test_a_missing_file_is_said(tmp_path):
    assert message(tmp_path / "none.jpg") == "no such file; check the spelling"


def test_a_folder_is_not_a_picture(tmp_path):
    assert message(tmp_path) == "a folder, where one picture was expected; name a file in it"


def test_an_empty_file_is_said(tmp_path):
    path = written(tmp_path / "a.jpg", b"")
    assert message(path) == "empty file (0 bytes); copy it again from its source"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"])
def test_a_truncated_file_is_said(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert message(path).startswith("damaged")


def test_a_reason_of_several_lines_is_said_in_one(tmp_path, monkeypatch):
    def load(self):
        raise RuntimeError("bad box\nat byte 7\n")

    Image.fromarray(noise()).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert message(tmp_path / "a.png").startswith("damaged or cut short (bad box at byte 7);")


def test_a_truncated_jpeg_names_the_reason_and_the_way_out(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    text = message(path)
    assert text.startswith("damaged or cut short (image file is truncated")
    assert text.endswith("; copy it again from its source")


@pytest.mark.parametrize("name", ["a.jpg", "a.txt", "a"])
def test_a_text_file_is_no_picture_whatever_its_name(tmp_path, name):
    path = written(tmp_path / name, b"Dear diary, today I saw the wave.\n")
    assert message(path) == "not a picture; expected JPEG, PNG, WebP, TIFF, BMP, GIF, HEIF or AVIF"


def test_formats_that_run_programs_are_not_opened(tmp_path):
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n%%EOF\n"
    assert message(written(tmp_path / "a.jpg", data)).startswith("not a picture")


@pytest.mark.parametrize(("width", "height"), [(0, 4), (4, 0), (0, 0)])
def test_no_pixels_are_refused(tmp_path, width, height):
    path = written(tmp_path / "a.png", png(width, height, 8, 2, [b""]))
    assert message(path) == "damaged, 0 pixels wide or high, or of a rare kind; open it in a viewer and save it as PNG"


def test_a_kind_that_pillow_does_not_know_is_said(tmp_path):
    path = written(tmp_path / "a.tif", tiff(np.zeros((2, 2, 3), np.float32), 2, 32, 3))
    assert "of a rare kind" in message(path)


def test_heif_without_its_plugin_names_the_plugin(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    path = written(tmp_path / "a.heic", b"\0\0\0\x1cftypheic" + bytes(40))
    assert message(path) == "an HEIF picture, which needs a plugin; pip install pillow-heif"


def test_a_film_is_no_heif_picture(tmp_path):
    path = written(tmp_path / "a.jpg", b"\0\0\0\x1cftypqt  " + bytes(40))
    assert message(path).startswith("not a picture")


def test_an_overlong_name_is_said(tmp_path):
    assert message(tmp_path / ("a" * 300)).startswith("cannot be read (")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_said(tmp_path):
    path = written(tmp_path / "a.jpg", b"data")
    path.chmod(0)
    assert message(path).startswith("cannot be read (Permission denied)")


def test_running_out_of_memory_is_not_called_damage(tmp_path, monkeypatch):
    def load(self):
        raise MemoryError

    Image.fromarray(noise()).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(MemoryError):
        read_picture(tmp_path / "a.png")


# Reading: the size limit


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = written(tmp_path / "a.png", png(20_000, 10_000, 8, 2, []))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = message(path)
    assert text == ("20000 x 10000 px is 200 megapixels, over the limit of 100; raise it with --max-megapixels 200")


def test_the_limit_can_be_raised_beyond_pillows_own(tmp_path):
    path = written(tmp_path / "a.png", png(20_000, 10_000, 8, 2, []))
    assert message(path, max_megapixels=200).startswith("damaged or cut short")  # that is: it was decoded


@pytest.mark.parametrize(("limit", "is_read"), [(0.0024, True), (0.0023, False)])
def test_the_limit_itself_is_allowed(tmp_path, limit, is_read):
    Image.fromarray(photograph()).save(tmp_path / "a.png")  # 40 x 60
    if is_read:
        assert read_pixels(tmp_path / "a.png", max_megapixels=limit).shape == (40, 60, 3)
    else:
        assert message(tmp_path / "a.png", max_megapixels=limit).startswith("60 x 40 px is 0.0024 megapixels")


def test_pillows_limit_is_untouched_for_everyone_else(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    before = Image.MAX_IMAGE_PIXELS
    read_picture(tmp_path / "a.png")
    with pytest.raises(ImageError):
        read_picture(tmp_path / "none.png")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_pixels, [tmp_path / "a.png"] * 64))
    assert before is not None
    assert before == Image.MAX_IMAGE_PIXELS


def test_the_default_limit_is_a_hundred_megapixels():
    assert MAX_MEGAPIXELS == 100


# Reading: a reduced size for training


@pytest.mark.parametrize(("min_side", "height"), [(400, 400), (201, 400), (200, 200), (100, 100), (60, 100), (1, 50)])
def test_a_jpeg_can_be_decoded_smaller_but_not_below_min_side(tmp_path, min_side, height):
    Image.fromarray(photograph(400, 600)).save(tmp_path / "a.jpg")
    assert read_pixels(tmp_path / "a.jpg", min_side=min_side).shape == (height, height * 3 // 2, 3)


def test_min_side_leaves_other_formats_alone(tmp_path):
    Image.fromarray(photograph()).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png", min_side=5).shape == (40, 60, 3)


# Writing


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".TIFF"])
def test_lossless_formats_hold_every_pixel(tmp_path, suffix):
    write_picture(tmp_path / f"a{suffix}", Picture(noise()))
    np.testing.assert_array_equal(read_pixels(tmp_path / f"a{suffix}"), noise())


pictures = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda s: arrays.arrays(np.uint8, (*s, 4)))


@settings(deadline=None, max_examples=30)
@given(rgba=pictures)
def test_png_and_tiff_hold_colour_and_alpha_exactly(tmp_path_factory, rgba):
    folder = tmp_path_factory.mktemp("round")
    for name in ("a.png", "a.tif"):
        write_picture(folder / name, Picture(rgba[..., :3], rgba[..., 3]))
        picture = read_picture(folder / name)
        np.testing.assert_array_equal(np.dstack([picture.pixels, picture.alpha]), rgba)


def test_webp_holds_alpha_exactly(tmp_path):
    alpha = noise()[..., 0]
    write_picture(tmp_path / "a.webp", Picture(photograph(7, 9), alpha))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.webp").alpha, alpha)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_formats_without_alpha_show_the_picture_on_white(tmp_path, suffix):
    pixels, alpha = np.zeros((8, 24, 3), np.uint8), np.zeros((8, 24), np.uint8)
    alpha[:, 8:16], alpha[:, 16:] = 255, 100  # clear, black, and 155 of 255 parts white
    write_picture(tmp_path / f"a{suffix}", Picture(pixels, alpha))
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.alpha is None
    assert [int(picture.pixels[4, x, 1]) for x in (4, 12, 20)] == pytest.approx([255, 0, 155], abs=1)


def test_laying_over_white_rounds_to_the_nearest(tmp_path):
    levels, alpha = np.mgrid[0:256:3, 0:256].astype(np.uint8)
    write_picture(tmp_path / "a.bmp", Picture(np.dstack([levels] * 3), alpha))
    share = alpha / 255
    np.testing.assert_array_equal(
        read_pixels(tmp_path / "a.bmp")[..., 0], np.floor(levels * share + 255 * (1 - share) + 0.5)
    )


def test_jpeg_keeps_full_colour_resolution(tmp_path):
    write_picture(tmp_path / "a.jpg", Picture(photograph()))
    with Image.open(tmp_path / "a.jpg") as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
        assert image.quantization[0][0] == 2  # luminance at quality 95: 16 * 0.1, rounded


def test_lower_quality_makes_a_smaller_jpeg(tmp_path):
    for quality in (40, 95):
        write_picture(tmp_path / f"{quality}.jpg", Picture(noise(64, 64)), quality=quality)
    assert (tmp_path / "40.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_an_srgb_profile_is_embedded(tmp_path, suffix):
    write_picture(tmp_path / f"a{suffix}", Picture(noise()))
    with Image.open(tmp_path / f"a{suffix}") as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_the_embedded_profile_does_not_carry_the_time(tmp_path):
    write_picture(tmp_path / "a.png", Picture(noise()))
    with Image.open(tmp_path / "a.png") as image:
        assert struct.unpack(">6H", image.info["icc_profile"][24:36]) == (2000, 1, 1, 0, 0, 0)


def test_missing_folders_are_made(tmp_path):
    write_picture(tmp_path / "new" / "deep" / "a.png", Picture(noise()))
    assert (tmp_path / "new" / "deep" / "a.png").is_file()


@pytest.mark.parametrize("name", ["a.xyz", "a.gif", "a"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, name):
    with pytest.raises(ImageError) as caught:
        write_picture(tmp_path / name, Picture(noise()))
    what = Path(name).suffix or "a file without suffix"
    assert str(caught.value) == f"{tmp_path / name}: cannot write {what}; use .jpg .jpeg .png .webp .tif .tiff .bmp"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced_only_when_asked(tmp_path):
    path = written(tmp_path / "a.png", b"precious")
    with pytest.raises(ImageError, match="exists already; give --overwrite to replace it"):
        write_picture(path, Picture(noise()))
    assert path.read_bytes() == b"precious"
    write_picture(path, Picture(noise()), overwrite=True)
    np.testing.assert_array_equal(read_pixels(path), noise())


def test_a_folder_is_never_replaced(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ImageError, match="a folder has this name"):
        write_picture(tmp_path / "a.png", Picture(noise()), overwrite=True)


def test_writability_can_be_checked_before_the_work(tmp_path):
    check_writable(tmp_path / "new" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_an_output_below_a_file_is_said(tmp_path):
    written(tmp_path / "file", b"")
    with pytest.raises(ImageError, match=r"a\.png: cannot be written \(.*\); check the folder"):
        write_picture(tmp_path / "file" / "a.png", Picture(noise()))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ImageError, match="cannot be written"):
        write_picture(tmp_path / "a.png", Picture(noise()))


@pytest.mark.parametrize(("suffix", "side"), [(".jpg", 65_501), (".webp", 16_384)])
def test_a_side_beyond_the_format_is_said(tmp_path, suffix, side):
    with pytest.raises(ImageError, match=rf"{side} x 1 px, and .* ends at {side - 1}; write \.png or \.tif"):
        write_picture(tmp_path / f"a{suffix}", Picture(np.zeros((1, side, 3), np.uint8)))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_when_writing_breaks_off(tmp_path, monkeypatch, error):
    def save(self, path, *args, **options):
        Path(path).write_bytes(b"half a picture")
        raise error

    old = written(tmp_path / "a.png", b"precious")
    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises((ImageError, KeyboardInterrupt)) as caught:
        write_picture(old, Picture(noise()), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert old.read_bytes() == b"precious"
    if isinstance(error, OSError):
        assert str(caught.value) == (
            f"{old}: cannot be written (No space left on device); check the folder and the free space"
        )


@pytest.mark.parametrize(
    ("pixels", "alpha"),
    [
        (np.zeros((4, 4, 3), np.float32), None),
        (np.zeros((4, 4), np.uint8), None),
        (np.zeros((0, 4, 3), np.uint8), None),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 4), np.uint8)),
    ],
)
def test_wrong_shapes_are_a_programmers_mistake(tmp_path, pixels, alpha):
    with pytest.raises(ValueError, match="must be uint8"):
        write_picture(tmp_path / "a.png", Picture(pixels, alpha))


# Atomic paths


def test_an_atomic_path_appears_only_when_it_is_whole(tmp_path):
    target = tmp_path / "style.onnx"
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"model")
        assert not target.exists()
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".onnx")
    assert target.read_bytes() == b"model"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_of_one_path_do_not_meet(tmp_path):
    with atomic_path(tmp_path / "a.json") as one, atomic_path(tmp_path / "a.json") as two:
        assert one != two
        one.write_text("1")
        two.write_text("2")
    assert (tmp_path / "a.json").read_text() == "1"  # the outer block ends last


def test_other_errors_pass_through_an_atomic_path(tmp_path):
    def write_half():
        with atomic_path(tmp_path / "a.json") as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_the_class_of_an_atomic_paths_error_can_be_chosen(tmp_path):
    written(tmp_path / "file", b"")
    with pytest.raises(ModelError), atomic_path(tmp_path / "file" / "a.onnx", raises=ModelError):
        pass
    with pytest.raises(FastNstError, match="cannot be written"), atomic_path(tmp_path / "file" / "a.onnx"):
        pass


# Sizes


def test_resize_keeps_flat_colours_and_dtype():
    resized = resize(np.full((5, 9, 3), 77, np.uint8), 11, 4)
    assert (resized.shape, resized.dtype, resized.min(), resized.max()) == ((11, 4, 3), np.uint8, 77, 77)


def test_resize_takes_planes():
    assert resize(np.full((5, 9), 200, np.uint8), 3, 2).tolist() == [[200, 200]] * 3


@pytest.mark.parametrize(
    ("size", "longer_side", "fitted"),
    [
        ((300, 400), 200, (150, 200)),
        ((400, 300), 800, (800, 600)),
        ((1, 5000), 100, (1, 100)),
        ((333, 500), 50, (33, 50)),
    ],
)
def test_fit_size_keeps_the_shape(size, longer_side, fitted):
    assert fit_size(*size, longer_side) == fitted


def test_a_picture_is_fitted_by_its_longer_side():
    assert fit(np.zeros((20, 40, 3), np.uint8), 10).shape == (5, 10, 3)
    assert fit(np.zeros((40, 20, 3), np.uint8), 80).shape == (80, 40, 3)


@given(height=st.integers(1, 20_000), width=st.integers(1, 20_000), longer_side=st.integers(1, 10_000))
def test_fit_size_hits_the_longer_side(height, width, longer_side):
    fitted = fit_size(height, width, longer_side)
    assert max(fitted) == longer_side
    assert min(fitted) >= 1


# Finding


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder of empty files, which is also the current one: finding looks at names only."""
    names = ["b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", ".fast-nst-0123456789ab.jpg"]
    names += ["trip/c.webp", "trip/day 1/d.jpeg", ".cache/e.jpg", "trip[1].jpg", "texts/f.txt"]
    for name in names:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def relative(paths, **options):
    return [str(name) for _, name in find_pictures(paths, **options)]


def test_a_folder_gives_its_pictures_in_order_with_their_tree(tree):
    assert find_pictures(["photos"]) == [
        (Path("photos/a.PNG"), Path("a.PNG")),
        (Path("photos/b.jpg"), Path("b.jpg")),
        (Path("photos/trip[1].jpg"), Path("trip[1].jpg")),
        (Path("photos/trip/c.webp"), Path("trip/c.webp")),
        (Path("photos/trip/day 1/d.jpeg"), Path("trip/day 1/d.jpeg")),
    ]


def test_subfolders_come_in_order_whatever_the_disk_says(tree):
    names = [f"{letter}/{digit}.jpg" for letter in "hcagebfd" for digit in "20311"]
    for name in names:
        (tree / "many" / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / "many" / name).touch()
    assert relative(["many"]) == sorted(set(names))


def test_the_current_folder_is_found_as_a_dot(tree, monkeypatch):
    monkeypatch.chdir("photos/trip")
    assert find_pictures(["."]) == [(Path("c.webp"), Path("c.webp")), (Path("day 1/d.jpeg"), Path("day 1/d.jpeg"))]


def test_files_named_outright_are_listed_whatever_their_suffix(tree):
    assert find_pictures(["photos/notes.txt", Path("photos/.hidden.jpg")]) == [
        (Path("photos/notes.txt"), Path("notes.txt")),
        (Path("photos/.hidden.jpg"), Path(".hidden.jpg")),
    ]


def test_a_quoted_pattern_is_expanded_to_pictures(tree):
    assert relative(["photos/*.[jJ]*"]) == ["b.jpg", "trip[1].jpg"]
    assert relative(["photos/[a-z]*.*"]) == ["a.PNG", "b.jpg", "trip[1].jpg"]


def test_a_pattern_with_two_stars_goes_down(tree):
    assert relative(["photos/**/*.jpeg"]) == ["d.jpeg"]


def test_a_pattern_of_folders_searches_them(tree):
    assert relative(["photos/tri*"]) == ["c.webp", "day 1/d.jpeg", "trip[1].jpg"]


def test_a_file_with_brackets_in_its_name_is_no_pattern(tree):
    assert relative(["photos/trip[1].jpg"]) == ["trip[1].jpg"]


def test_duplicates_are_removed(tree):
    paths = ["photos/b.jpg", "photos/../photos/b.jpg", tree / "photos" / "b.jpg", "photos"]
    assert relative(paths) == ["b.jpg", "a.PNG", "trip[1].jpg", "trip/c.webp", "trip/day 1/d.jpeg"]


def test_equal_names_get_the_folders_that_tell_them_apart(tree):
    for name in ("x/day/1.jpg", "y/day/1.jpg", "y/day/2.jpg"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    assert relative(["x", "y"]) == ["x/day/1.jpg", "y/day/1.jpg", "day/2.jpg"]
    assert relative(["x/day/1.jpg", "y/day/1.jpg", "y/day/2.jpg"]) == ["x/day/1.jpg", "y/day/1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("none.jpg", "none.jpg: no such file or folder; check the spelling"),
        ("none", "none: no such file or folder; check the spelling"),
        ("photos/*.gif", "photos/*.gif: no picture matches this pattern; check the folder and the suffix"),
        (
            "photos/texts",
            "photos/texts: no pictures in this folder; expected "
            ".avif .bmp .gif .heic .heif .hif .jfif .jpeg .jpg .png .tif .tiff .webp",
        ),
    ],
)
def test_a_path_without_pictures_is_said(tree, path, text):
    with pytest.raises(ImageError) as caught:
        find_pictures([path])
    assert str(caught.value) == text


def test_failures_can_be_collected_while_the_rest_is_found(tree):
    failures = []
    found = relative(["none.jpg", "photos/b.jpg", "photos/texts", "photos/trip"], on_error=failures.append)
    assert found == ["b.jpg", "c.webp", "day 1/d.jpeg"]
    assert [str(failure).partition(":")[0] for failure in failures] == ["none.jpg", "photos/texts"]


def test_an_overlong_name_is_a_missing_file(tree):
    with pytest.raises(ImageError, match="no such file or folder"):
        find_pictures(["a" * 300 + ".jpg"])


def test_everything_written_can_be_found_again():
    assert set(WRITERS) < SUFFIXES


# The module itself


def test_reading_and_writing_go_on_in_many_threads(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "in.png", icc_profile=swapped_primaries_profile())
    barrier = threading.Barrier(4)

    def copy(number):
        barrier.wait()
        write_picture(tmp_path / f"{number}.png", read_picture(tmp_path / "in.png"))
        return read_pixels(tmp_path / f"{number}.png")

    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(copy, range(4)))
    for pixels in copies:
        np.testing.assert_array_equal(pixels, copies[0])


def test_importing_brings_neither_torch_nor_what_only_some_pictures_need():
    code = "import sys, fast_nst.images as _; print(*{'torch', 'PIL.ImageCms', 'pillow_heif'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
