"""One piece, strips, or from file to file: decided by the memory there is."""

import errno
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest

from fast_nst.controls.finish import Finish
from fast_nst.controls.mask import Mask, Regions
from fast_nst.errors import ImageError, ModelError
from fast_nst.images import Picture, read_picture, write_picture
from fast_nst.inference import Stylizer
from fast_nst.inference.batch import FileOptions, without_hidden
from fast_nst.inference.plan import Job
from fast_nst.large import any_size, memory, store
from fast_nst.large.any_size import AnySizeStylizer


@pytest.fixture(scope="module")
def stylizer():
    return Stylizer("great-wave-fast", threads=1)


@pytest.fixture
def strict(stylizer, monkeypatch):
    """Return a function that makes a stylizer with so many bytes more than it holds, and the list of what it tells."""

    def make(more, **options):
        told = []
        monkeypatch.setattr(memory, "used_bytes", lambda: 10**9)
        return AnySizeStylizer(stylizer, max_memory=10**9 + more, threads=1, tell=told.append, **options), told

    return make


def test_what_fits_is_painted_in_one_piece(stylizer, strict, scene):
    pixels = scene(200, 300)
    painter, told = strict(10**9)
    np.testing.assert_array_equal(painter(pixels), stylizer(pixels))
    assert told == []


def test_what_does_not_is_painted_in_strips(stylizer, strict, scene):
    pixels = scene(700, 300)
    painter, told = strict(23_000_000)
    assert np.abs(painter(pixels).astype(int) - stylizer(pixels)).max() <= 1
    assert told[-1].done == told[-1].total == 700 * 22


def test_a_small_picture_is_not_measured_without_a_limit(stylizer, scene, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: pytest.fail("measured"))
    AnySizeStylizer(stylizer)(scene(100, 100))


def test_without_a_limit_what_does_not_fit_into_free_memory_is_painted_in_strips(stylizer, scene, monkeypatch):
    monkeypatch.setattr(any_size, "_ALWAYS_FITS", 0)
    monkeypatch.setattr(memory, "free_bytes", lambda: 23_000_000)
    told, pixels = [], scene(700, 300)
    pastiche = AnySizeStylizer(stylizer, threads=1, tell=told.append)(pixels)
    assert np.abs(pastiche.astype(int) - stylizer(pixels)).max() <= 1
    assert told[-1].done == told[-1].total


def test_a_style_that_cannot_be_cut_is_painted_in_one_piece_or_not_at_all(blur_model, scene, monkeypatch, tmp_path):
    monkeypatch.setattr(any_size, "_ALWAYS_FITS", 0)
    model = onnx.load(blur_model)
    pool = next(node for node in model.graph.node if node.op_type == "AveragePool")
    pool.op_type = "MaxPool"  # as good as any that is not known to look at a few rows
    onnx.save(model, tmp_path / "pool.onnx")
    stylizer, pixels = Stylizer(tmp_path / "pool.onnx", threads=1), scene(700, 300)
    for free in (10**8, 10**9):  # after a closer look, and without
        monkeypatch.setattr(memory, "free_bytes", lambda free=free: free)
        np.testing.assert_array_equal(AnySizeStylizer(stylizer)(pixels), stylizer(pixels))
    monkeypatch.setattr(memory, "free_bytes", lambda: 10**6)
    with pytest.raises(ModelError, match="its MaxPool may look at the whole picture; give it more memory"):
        AnySizeStylizer(stylizer)(pixels)


def test_what_certainly_fits_is_not_looked_at_closely(stylizer, strict, scene, monkeypatch):
    monkeypatch.setattr(AnySizeStylizer, "_graph", property(lambda self: pytest.fail("looked")))
    painter, _ = strict(10**9)
    painter(scene(700, 300))


def test_too_little_memory_says_how_much_it_takes(strict, scene):
    painter, _ = strict(1_000_000)
    with pytest.raises(ImageError, match=r"300 x 700 px take 1\.0 GB of memory, 1\.0 GB are given; raise --max-memory"):
        painter(scene(700, 300))


def test_cancelling_ends_the_strips(stylizer, scene, monkeypatch):
    monkeypatch.setattr(memory, "used_bytes", lambda: 10**9)
    painter = AnySizeStylizer(stylizer, max_memory=1_023_000_000, threads=1, tell=lambda progress: painter.cancel())
    with pytest.raises(ModelError, match="cancelled"):
        painter(scene(700, 300))


@pytest.fixture
def job(tmp_path, scene):
    """A picture with transparency and EXIF data, and where its pastiche goes."""
    alpha = np.linspace(0, 255, 700 * 300).reshape(700, 300).astype(np.uint8)
    write_picture(tmp_path / "photo.png", Picture(scene(700, 300), alpha))
    return Job(tmp_path / "photo.png", tmp_path / "out.png")


def test_a_picture_too_large_to_be_held_goes_from_file_to_file(stylizer, strict, job):
    pytest.importorskip("pyvips")
    painter, _ = strict(2_500_000)  # the picture as a whole takes 2.9 MB
    assert painter.takes(job, FileOptions())
    painter, _ = strict(23_000_000)
    assert not painter.takes(job, FileOptions())
    assert painter.paint_file(job, FileOptions()) == (300, 700, ())
    content, pastiche = without_hidden(read_picture(job.source)), read_picture(job.target)
    assert np.abs(pastiche.pixels.astype(int) - stylizer(content.pixels)).max() <= 1
    np.testing.assert_array_equal(pastiche.alpha, content.alpha)


def test_transparency_is_laid_over_white_where_the_target_has_none(stylizer, strict, job, tmp_path):
    pytest.importorskip("pyvips")
    painter, _ = strict(23_000_000)
    job = Job(job.source, tmp_path / "out.jpg")
    painter.paint_file(job, FileOptions())
    content = without_hidden(read_picture(job.source))
    write_picture(tmp_path / "whole.jpg", Picture(stylizer(content.pixels), content.alpha))
    streamed, whole = (read_picture(tmp_path / name).pixels.astype(int) for name in ("out.jpg", "whole.jpg"))
    assert np.abs(streamed - whole).mean() < 0.5


@pytest.mark.parametrize("options", [{}, {"stroke_size": 200}])
@pytest.mark.parametrize("preserve_color", ["luminance", "statistics"])
def test_controls_are_the_same_from_file_to_file(stylizer, strict, job, options, preserve_color):
    pytest.importorskip("pyvips")
    slope = np.linspace(0, 255, 30).astype(np.uint8)[None].repeat(70, axis=0)
    finish = Finish(preserve_color=preserve_color, regions=Regions([[Mask(slope)]]))
    painter, _ = strict(23_000_000, finish=finish, **options)
    painter.paint_file(job, FileOptions())
    content, pastiche = read_picture(job.source), read_picture(job.target)
    whole = AnySizeStylizer(stylizer, threads=1, finish=finish, **options).paint(content)
    seen = content.alpha > 0
    assert np.abs(pastiche.pixels.astype(int) - whole)[seen].max() <= 3  # a level in strips, stretched by the colours
    np.testing.assert_array_equal(pastiche.alpha, content.alpha)
    np.testing.assert_array_equal(pastiche.pixels[:, 0][seen[:, 0]], content.pixels[:, 0][seen[:, 0]])  # outside


def test_a_picture_to_be_resized_is_read_as_a_whole(strict, job):
    painter, _ = strict(2_500_000)
    assert not painter.takes(job, FileOptions(size=100))


def test_without_libvips_the_way_out_is_told(strict, job, monkeypatch):
    monkeypatch.setattr(any_size, "can_stream", lambda: False)
    painter, _ = strict(23_000_000)
    assert not painter.takes(job, FileOptions())
    painter, _ = strict(2_500_000)
    expected = r"photo\.png: 300 x 700 px take 1\.0 GB of memory, 1\.0 GB are given;.*pip install 'fast-nst\[large\]'"
    with pytest.raises(ImageError, match=expected):
        painter.takes(job, FileOptions())


def test_the_amount_told_without_libvips_is_enough(stylizer, job, monkeypatch):
    monkeypatch.setattr(any_size, "can_stream", lambda: False)
    monkeypatch.setattr(any_size, "format_size", str)  # in bytes
    monkeypatch.setattr(memory, "used_bytes", lambda: 0)
    with pytest.raises(ImageError) as caught:
        AnySizeStylizer(stylizer, max_memory=1000, threads=1).takes(job, FileOptions())
    enough = int(re.search(r"take (\d+) of memory", str(caught.value))[1])
    assert enough > 14 * 300 * 700  # which is what it takes to read it
    painter = AnySizeStylizer(stylizer, max_memory=enough, threads=1)
    assert not painter.takes(job, FileOptions())
    assert painter(read_picture(job.source).pixels).shape == (700, 300, 3)


def test_a_kind_that_is_not_read_in_strips_names_those_that_are(strict, job, tmp_path):
    pytest.importorskip("pyvips")
    write_picture(tmp_path / "photo.bmp", read_picture(job.source))
    painter, _ = strict(2_500_000)
    with pytest.raises(ImageError, match=r"photo\.bmp: too large to be held.*save it as PNG or TIFF"):
        painter.paint_file(Job(tmp_path / "photo.bmp", tmp_path / "out.bmp"), FileOptions())


@pytest.mark.parametrize("way", ["strips", "file"])
def test_a_disk_that_fills_up_is_told(strict, job, scene, monkeypatch, way):
    pytest.importorskip("pyvips")

    def refuse(self, first, rows):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.DiskRows, "write", refuse)
    painter, _ = strict(23_000_000)
    with pytest.raises(ImageError, match=r"cannot keep there what painting needs \(No space left on device\).*TMPDIR"):
        painter(scene(700, 300)) if way == "strips" else painter.paint_file(job, FileOptions())


def test_a_target_that_exists_is_told_before_the_work(strict, job):
    pytest.importorskip("pyvips")
    job.target.write_text("mine")
    painter, told = strict(23_000_000)
    with pytest.raises(ImageError, match="exists already"):
        painter.paint_file(job, FileOptions())
    assert (told, job.target.read_text()) == ([], "mine")


def test_small_pictures_do_not_wait_for_what_large_ones_need():
    code = (
        "import sys, numpy; from fast_nst.inference import Stylizer; from fast_nst.large.any_size import *; "
        "AnySizeStylizer(Stylizer('great-wave-fast'))(numpy.zeros((64, 64, 3), 'uint8')); "
        "print(*{'onnx', 'psutil', 'pyvips', 'torch'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""
