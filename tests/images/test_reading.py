"""Every kind of picture file that can be read, on files drawn here."""

import io
import struct
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from fast_nst.images import Picture, read_picture, read_pixels, write_picture

ORIENTATION = ExifTags.Base.Orientation


def exif_bytes(orientation=1, **extra):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for name, value in extra.items():
        exif[ExifTags.Base[name]] = value
    return exif.tobytes()


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


# Kinds of files


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".tiff"])
def test_lossless_files_give_back_every_pixel(tmp_path, noise, suffix):
    Image.fromarray(noise()).save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture.pixels, noise())
    assert (picture.alpha, picture.notes) == (None, ())


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic"])
def test_lossy_files_give_nearly_every_pixel(tmp_path, photograph, suffix):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(photograph()).save(tmp_path / f"a{suffix}", quality=95)
    error = np.abs(read_pixels(tmp_path / f"a{suffix}").astype(int) - photograph())
    assert error.mean() < 3


def test_the_contents_decide_not_the_suffix(tmp_path, noise):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.jpg"), noise())


def test_pixels_can_be_written_to(tmp_path, noise):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png").flags.writeable


def test_grey_becomes_three_equal_channels(tmp_path, noise):
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


def test_a_cmyk_jpeg_is_not_a_negative(tmp_path, photograph):
    Image.fromarray(photograph()).convert("CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    assert np.abs(read_pixels(tmp_path / "a.jpg").astype(int) - photograph()).mean() < 3


def test_lab_becomes_rgb(tmp_path):
    Image.new("LAB", (3, 2), (255, 128, 128)).save(tmp_path / "a.tif")
    assert read_pixels(tmp_path / "a.tif").min() >= 254


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
def test_one_pixel_sides_are_read(tmp_path, size):
    Image.new("RGB", size, "teal").save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png").shape == (size[1], size[0], 3)


# 16 bits and floating point

SIXTEEN_BIT = np.array([[0, 128, 129, 385, 386, 32767, 32768, 65407, 65535]], np.uint16)
EIGHT_BIT = [0, 0, 1, 1, 2, 127, 128, 255, 255]  # v / 257 to the nearest, by hand


def grey_levels(path):
    pixels = read_pixels(path)
    assert (pixels == pixels[..., :1]).all()
    return pixels[0, :, 0].tolist()


def test_sixteen_bit_grey_png_is_rounded(tmp_path, png, written):
    path = written(tmp_path / "a.png", png(9, 1, 16, 0, [SIXTEEN_BIT.astype(">u2").tobytes()]))
    assert grey_levels(path) == EIGHT_BIT


@pytest.mark.parametrize("dtype", ["<u2", "<i4"])
def test_sixteen_bit_values_in_a_tiff_are_rounded(tmp_path, tiff, written, dtype):
    values = SIXTEEN_BIT.astype(dtype)
    path = written(tmp_path / "a.tif", tiff(values, 1, 8 * values.itemsize, 2 if dtype == "<i4" else 1))
    assert grey_levels(path) == EIGHT_BIT


def test_every_sixteen_bit_value_is_rounded_to_the_nearest(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif")[..., 0], np.rint(values / 257))


def test_a_sixteen_bit_tiff_whose_white_is_zero_is_turned_round(tmp_path, tiff, written):
    path = written(tmp_path / "a.tif", tiff(SIXTEEN_BIT, 0, 16))
    assert grey_levels(path) == [255 - level for level in EIGHT_BIT]


def test_twelve_bit_grey_reaches_white(tmp_path, tiff, written):
    packed = bytes([0xFF, 0xF8, 0x00, 0x00, 0x90, 0x08])  # 4095 2048 9 8, twelve bits each
    path = written(tmp_path / "a.tif", tiff(np.zeros((1, 4)), 1, 12, data=packed))
    assert grey_levels(path) == [255, 128, 1, 0]  # v * 255 / 4095 = 255, 127.53, 0.56, 0.498


def test_sixteen_bit_colour_is_within_one_level(tmp_path, png, tiff, written):
    values = np.stack([SIXTEEN_BIT] * 3, axis=-1)
    for path in (
        written(tmp_path / "a.tif", tiff(values, 2, 16)),
        written(tmp_path / "a.png", png(9, 1, 16, 2, [values.astype(">u2").tobytes()])),
    ):
        assert np.abs(read_pixels(path).astype(int)[0, :, 0] - EIGHT_BIT).max() <= 1


def test_a_transparent_level_of_sixteen_bit_grey_is_alpha(tmp_path, png, written):
    data = png(9, 1, 16, 0, [SIXTEEN_BIT.astype(">u2").tobytes()], (b"tRNS", struct.pack(">H", 129)))
    picture = read_picture(written(tmp_path / "a.png", data))
    assert picture.alpha.tolist() == [[255, 255, 0, 255, 255, 255, 255, 255, 255]]


def test_floating_point_is_taken_as_zero_to_one_and_said(tmp_path):
    Image.fromarray(np.array([[0, 0.5, 1, 2, -1, np.nan]], np.float32)).save(tmp_path / "a.tif")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.pixels[0, :, 0].tolist() == [0, 128, 255, 255, 0, 0]
    assert picture.notes == ("floating-point picture, taken as 0 (black) to 1 (white)",)


def test_values_beyond_sixteen_bits_are_refused(tmp_path, tiff, written, message):
    path = written(tmp_path / "a.tif", tiff(np.array([[0, 70000]], np.int32), 1, 32, 2))
    assert message(path) == "holds values outside 0 to 65535; save it as 8-bit or 16-bit grey"


# Transparency


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_alpha_is_kept_aside_and_the_colour_under_it_untouched(tmp_path, noise, suffix):
    rgba = noise(channels=4)
    rgba[0, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture.pixels, rgba[..., :3])
    np.testing.assert_array_equal(picture.alpha, rgba[..., 3])
    assert picture.alpha.dtype == np.uint8


def test_grey_with_alpha_is_split(tmp_path, noise):
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


# Orientation and EXIF

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
def test_every_orientation_comes_out_upright(tmp_path, noise, orientation, suffix):
    stored = noise(channels=4)
    Image.fromarray(stored).save(tmp_path / f"a{suffix}", exif=exif_bytes(orientation))
    picture = read_picture(tmp_path / f"a{suffix}")
    upright = TURNS[orientation](stored)
    np.testing.assert_array_equal(picture.pixels, upright[..., :3])
    np.testing.assert_array_equal(picture.alpha, upright[..., 3])


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic"])
def test_a_portrait_from_a_phone_stands_upright_once(tmp_path, photograph, suffix):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(np.rot90(photograph(60, 40))).save(tmp_path / f"a{suffix}", quality=95, exif=exif_bytes(6))
    pixels = read_pixels(tmp_path / f"a{suffix}")
    assert np.abs(pixels.astype(int) - photograph(60, 40)).mean() < 3


def test_exif_survives_with_its_orientation_reset(tmp_path, noise):
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


def test_no_metadata_leaves_exif_out_and_the_colour_profile_in(tmp_path, noise):
    picture = Picture(noise(), exif=exif_bytes(Make="Camera works"))
    write_picture(tmp_path / "a.jpg", picture, keep_metadata=False)
    with Image.open(tmp_path / "a.jpg") as image:
        assert dict(image.getexif()) == {}
        assert "icc_profile" in image.info


def test_the_thumbnail_of_the_old_picture_is_dropped(tmp_path, noise):
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


def test_the_layout_of_an_old_tiff_is_not_carried_into_a_jpeg(tmp_path, noise):
    Image.fromarray(noise()).save(tmp_path / "a.tif", exif=exif_bytes(Artist="Vincent"))
    write_picture(tmp_path / "a.jpg", read_picture(tmp_path / "a.tif"))
    with Image.open(tmp_path / "a.jpg") as image:
        assert dict(image.getexif()) == {ExifTags.Base.Artist: "Vincent", ORIENTATION: 1}


def test_broken_exif_is_noted_and_the_picture_still_read(tmp_path, noise):
    Image.fromarray(noise()).save(tmp_path / "a.png", exif=b"Exif\0\0not a directory at all")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, noise())
    assert picture.exif is None
    assert picture.notes == ("broken EXIF data, left out",)


def test_exif_longer_than_a_jpeg_holds_is_noted_and_left_out(tmp_path, noise):
    Image.fromarray(noise()).save(tmp_path / "a.png", exif=exif_bytes(6, ImageDescription="x" * 70_000))
    picture = read_picture(tmp_path / "a.png")
    assert picture.exif is None
    assert picture.notes == ("EXIF data too long to carry over, left out",)
    np.testing.assert_array_equal(picture.pixels, np.rot90(noise(), -1))


# Colour profiles


def test_a_foreign_colour_profile_is_converted_to_srgb(tmp_path, noise, swapped_primaries):
    Image.fromarray(noise()).save(tmp_path / "a.png", icc_profile=swapped_primaries)
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


def test_grey_with_an_rgb_profile_is_converted_as_rgb(tmp_path, noise, swapped_primaries):
    Image.fromarray(noise()[..., 0]).save(tmp_path / "a.png", icc_profile=swapped_primaries)
    picture = read_picture(tmp_path / "a.png")
    assert np.abs(picture.pixels.astype(int) - noise()[..., [0, 0, 0]]).max() <= 1
    assert picture.notes == ()


@pytest.mark.parametrize("profile", [b"no profile", linear_grey_profile()], ids=["broken", "grey on RGB"])
def test_an_unusable_profile_is_noted_and_ignored(tmp_path, noise, profile):
    Image.fromarray(noise()).save(tmp_path / "a.png", icc_profile=profile)
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, noise())
    assert picture.notes == ("broken or unfitting colour profile, ignored",)


def test_an_srgb_profile_changes_no_pixel(tmp_path):
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(52, -1, 3)
    write_picture(tmp_path / "a.png", Picture(cube))
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png"), cube)


def test_a_profile_that_is_srgb_by_another_name_costs_no_conversion(tmp_path, noise, monkeypatch, swapped_primaries):
    renamed = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + b"\0" * 64
    Image.fromarray(noise()).save(tmp_path / "srgb.png", icc_profile=renamed)
    Image.fromarray(noise()).save(tmp_path / "swapped.png", icc_profile=swapped_primaries)
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


# A reduced size for training


@pytest.mark.parametrize(("min_side", "height"), [(400, 400), (201, 400), (200, 200), (100, 100), (60, 100), (1, 50)])
def test_a_jpeg_can_be_decoded_smaller_but_not_below_min_side(tmp_path, photograph, min_side, height):
    Image.fromarray(photograph(400, 600)).save(tmp_path / "a.jpg")
    assert read_pixels(tmp_path / "a.jpg", min_side=min_side).shape == (height, height * 3 // 2, 3)


def test_min_side_leaves_other_formats_alone(tmp_path, photograph):
    Image.fromarray(photograph()).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png", min_side=5).shape == (40, 60, 3)


# Many threads


def test_reading_and_writing_go_on_in_many_threads(tmp_path, noise, swapped_primaries):
    Image.fromarray(noise()).save(tmp_path / "in.png", icc_profile=swapped_primaries)
    barrier = threading.Barrier(4)

    def copy(number):
        barrier.wait()
        write_picture(tmp_path / f"{number}.png", read_picture(tmp_path / "in.png"))
        return read_pixels(tmp_path / f"{number}.png")

    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(copy, range(4)))
    for pixels in copies:
        np.testing.assert_array_equal(pixels, copies[0])
