"""Pictures into files: what each format holds, and what is refused."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms

from fast_nst.errors import ImageError
from fast_nst.images import Picture, check_writable, read_picture, read_pixels, write_picture


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".TIFF"])
def test_lossless_formats_hold_every_pixel(tmp_path, noise, suffix):
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


def test_webp_holds_alpha_exactly(tmp_path, photograph, noise):
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


def test_jpeg_keeps_full_colour_resolution(tmp_path, photograph):
    write_picture(tmp_path / "a.jpg", Picture(photograph()))
    with Image.open(tmp_path / "a.jpg") as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
        assert image.quantization[0][0] == 2  # luminance at quality 95: 16 * 0.1, rounded


def test_lower_quality_makes_a_smaller_jpeg(tmp_path, noise):
    for quality in (40, 95):
        write_picture(tmp_path / f"{quality}.jpg", Picture(noise(64, 64)), quality=quality)
    assert (tmp_path / "40.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_an_srgb_profile_is_embedded(tmp_path, noise, suffix):
    write_picture(tmp_path / f"a{suffix}", Picture(noise()))
    with Image.open(tmp_path / f"a{suffix}") as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_the_embedded_profile_does_not_carry_the_time(tmp_path, noise):
    write_picture(tmp_path / "a.png", Picture(noise()))
    with Image.open(tmp_path / "a.png") as image:
        assert struct.unpack(">6H", image.info["icc_profile"][24:36]) == (2000, 1, 1, 0, 0, 0)


def test_missing_folders_are_made(tmp_path, noise):
    write_picture(tmp_path / "new" / "deep" / "a.png", Picture(noise()))
    assert (tmp_path / "new" / "deep" / "a.png").is_file()


@pytest.mark.parametrize("name", ["a.xyz", "a.gif", "a"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, noise, name):
    with pytest.raises(ImageError) as caught:
        write_picture(tmp_path / name, Picture(noise()))
    what = Path(name).suffix or "a file without suffix"
    assert str(caught.value) == f"{tmp_path / name}: cannot write {what}; use .jpg .jpeg .png .webp .tif .tiff .bmp"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced_only_when_asked(tmp_path, noise, written):
    path = written(tmp_path / "a.png", b"precious")
    with pytest.raises(ImageError, match="exists already; give --overwrite to replace it"):
        write_picture(path, Picture(noise()))
    assert path.read_bytes() == b"precious"
    write_picture(path, Picture(noise()), overwrite=True)
    np.testing.assert_array_equal(read_pixels(path), noise())


def test_a_folder_is_never_replaced(tmp_path, noise):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ImageError, match="a folder has this name"):
        write_picture(tmp_path / "a.png", Picture(noise()), overwrite=True)


def test_writability_can_be_checked_before_the_work(tmp_path):
    check_writable(tmp_path / "new" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_an_output_below_a_file_is_said(tmp_path, noise, written):
    written(tmp_path / "file", b"")
    with pytest.raises(ImageError, match=r"a\.png: cannot be written \(.*\); check the folder"):
        write_picture(tmp_path / "file" / "a.png", Picture(noise()))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said(tmp_path, noise):
    tmp_path.chmod(0o500)
    with pytest.raises(ImageError, match="cannot be written"):
        write_picture(tmp_path / "a.png", Picture(noise()))


@pytest.mark.parametrize(("suffix", "side"), [(".jpg", 65_501), (".webp", 16_384)])
def test_a_side_beyond_the_format_is_said(tmp_path, suffix, side):
    with pytest.raises(ImageError, match=rf"{side} x 1 px, and .* ends at {side - 1}; write \.png or \.tif"):
        write_picture(tmp_path / f"a{suffix}", Picture(np.zeros((1, side, 3), np.uint8)))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_when_writing_breaks_off(tmp_path, noise, written, monkeypatch, error):
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
