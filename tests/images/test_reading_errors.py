"""Every way that reading a picture can go wrong, and the limit of its size."""

import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from fast_nst.errors import ImageError
from fast_nst.images import MAX_MEGAPIXELS, read_picture, read_pixels

# What goes wrong


def test_a_missing_file_is_said(tmp_path, message):
    assert message(tmp_path / "none.jpg") == "no such file; check the spelling"


def test_a_folder_is_not_a_picture(tmp_path, message):
    assert message(tmp_path) == "a folder, where one picture was expected; name a file in it"


def test_an_empty_file_is_said(tmp_path, written, message):
    path = written(tmp_path / "a.jpg", b"")
    assert message(path) == "empty file (0 bytes); copy it again from its source"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"])
def test_a_truncated_file_is_said(tmp_path, noise, message, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert message(path).startswith("damaged")


def test_a_reason_of_several_lines_is_said_in_one(tmp_path, noise, message, monkeypatch):
    def load(self):
        raise RuntimeError("bad box\nat byte 7\n")

    Image.fromarray(noise()).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert message(tmp_path / "a.png").startswith("damaged or cut short (bad box at byte 7);")


def test_a_truncated_jpeg_names_the_reason_and_the_way_out(tmp_path, noise, message):
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    text = message(path)
    assert text.startswith("damaged or cut short (image file is truncated")
    assert text.endswith("; copy it again from its source")


@pytest.mark.parametrize("name", ["a.jpg", "a.txt", "a"])
def test_a_text_file_is_no_picture_whatever_its_name(tmp_path, written, message, name):
    path = written(tmp_path / name, b"Dear diary, today I saw the wave.\n")
    assert message(path) == "not a picture; expected JPEG, PNG, WebP, TIFF, BMP, GIF, HEIF or AVIF"


def test_formats_that_run_programs_are_not_opened(tmp_path, written, message):
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n%%EOF\n"
    assert message(written(tmp_path / "a.jpg", data)).startswith("not a picture")


@pytest.mark.parametrize(("width", "height"), [(0, 4), (4, 0), (0, 0)])
def test_no_pixels_are_refused(tmp_path, png, written, message, width, height):
    path = written(tmp_path / "a.png", png(width, height, 8, 2, [b""]))
    assert message(path) == "damaged, 0 pixels wide or high, or of a rare kind; open it in a viewer and save it as PNG"


def test_a_kind_that_pillow_does_not_know_is_said(tmp_path, tiff, written, message):
    path = written(tmp_path / "a.tif", tiff(np.zeros((2, 2, 3), np.float32), 2, 32, 3))
    assert "of a rare kind" in message(path)


def test_heif_without_its_plugin_names_the_plugin(tmp_path, written, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    path = written(tmp_path / "a.heic", b"\0\0\0\x1cftypheic" + bytes(40))
    assert message(path) == "an HEIF picture, which needs a plugin; pip install pillow-heif"


def test_a_film_is_no_heif_picture(tmp_path, written, message):
    path = written(tmp_path / "a.jpg", b"\0\0\0\x1cftypqt  " + bytes(40))
    assert message(path).startswith("not a picture")


def test_an_overlong_name_is_said(tmp_path, message):
    assert message(tmp_path / ("a" * 300)).startswith("cannot be read (")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_said(tmp_path, written, message):
    path = written(tmp_path / "a.jpg", b"data")
    path.chmod(0)
    assert message(path).startswith("cannot be read (Permission denied)")


def test_running_out_of_memory_is_not_called_damage(tmp_path, noise, monkeypatch):
    def load(self):
        raise MemoryError

    Image.fromarray(noise()).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(MemoryError):
        read_picture(tmp_path / "a.png")


# The size limit


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, png, written, message):
    path = written(tmp_path / "a.png", png(20_000, 10_000, 8, 2, []))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = message(path)
    assert text == ("20000 x 10000 px is 200 megapixels, over the limit of 100; raise it with --max-megapixels 200")


def test_the_limit_can_be_raised_beyond_pillows_own(tmp_path, png, written, message):
    path = written(tmp_path / "a.png", png(20_000, 10_000, 8, 2, []))
    assert message(path, max_megapixels=200).startswith("damaged or cut short")  # that is: it was decoded


@pytest.mark.parametrize(("limit", "is_read"), [(0.0024, True), (0.0023, False)])
def test_the_limit_itself_is_allowed(tmp_path, photograph, message, limit, is_read):
    Image.fromarray(photograph()).save(tmp_path / "a.png")  # 40 x 60
    if is_read:
        assert read_pixels(tmp_path / "a.png", max_megapixels=limit).shape == (40, 60, 3)
    else:
        assert message(tmp_path / "a.png", max_megapixels=limit).startswith("60 x 40 px is 0.0024 megapixels")


def test_pillows_limit_is_untouched_for_everyone_else(tmp_path, noise):
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
