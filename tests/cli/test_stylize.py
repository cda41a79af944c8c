import json
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fast_nst.cli import main
from fast_nst.images import read_picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stylize(invert_model, tmp_path, monkeypatch, capsys):
    """Return a function that runs the command in the test's folder: exit code, lines on stdout, text on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, style=invert_model):
        code = main(["stylize", *map(str, arguments), "--style", str(style), "--threads", "1"])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return run


def command(*arguments):
    """Arguments of a process that runs `fast-nst` from anywhere, and its environment."""
    return [sys.executable, "-m", "fast_nst", *map(str, arguments)], {**os.environ, "PYTHONPATH": str(ROOT)}


def assert_negative(pastiche, content):
    np.testing.assert_array_equal(read_picture(pastiche).pixels, 255 - read_picture(content).pixels)


def test_one_picture_is_repainted_beside_itself(stylize, save_picture):
    content = save_picture("photo.png")
    assert stylize("photo.png") == (0, ["photo-negative.png"], "")
    assert_negative("photo-negative.png", content)


def test_the_size_of_an_output_can_be_chosen(stylize, save_picture):
    save_picture("photo.png", 100, 200)
    assert stylize("photo.png", "-o", "small.png", "--size", 50)[0] == 0
    assert read_picture("small.png").pixels.shape == (25, 50, 3)
    assert stylize("photo.png", "-o", "large.png", "--scale", 1.5)[0] == 0
    assert read_picture("large.png").pixels.shape == (150, 300, 3)


def test_size_and_scale_exclude_each_other(stylize, save_picture):
    save_picture("photo.png")
    code, out, err = stylize("photo.png", "--size", 50, "--scale", 2)
    assert (code, out) == (2, [])
    assert "--size and --scale exclude each other" in err


def test_transparency_is_kept(stylize, save_picture):
    alpha = np.tile(np.arange(90, dtype=np.uint8), (70, 1))
    save_picture("photo.png", alpha=alpha)
    assert stylize("photo.png", "-o", "new.png")[0] == 0
    np.testing.assert_array_equal(read_picture("new.png").alpha, alpha)


@pytest.mark.parametrize(("option", "description"), [("--keep-metadata", "at the sea"), ("--no-metadata", None)])
def test_metadata_is_kept_or_dropped(stylize, tmp_path, option, description):
    exif = Image.Exif()
    exif[0x010E] = "at the sea"
    Image.new("RGB", (80, 70)).save(tmp_path / "photo.jpg", exif=exif)
    assert stylize("photo.jpg", "-o", "new.jpg", option)[0] == 0
    assert Image.open("new.jpg").getexif().get(0x010E) == description


def test_quality_is_the_files(stylize, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    for quality in (20, 95):
        assert stylize("photo.png", "-o", f"{quality}.jpg", "--quality", quality)[0] == 0
    assert Path("20.jpg").stat().st_size < Path("95.jpg").stat().st_size / 2


def test_an_existing_output_needs_overwrite(stylize, save_picture):
    content = save_picture("photo.png")
    Path("new.png").write_text("mine")
    code, out, err = stylize("photo.png", "-o", "new.png")
    assert (code, out) == (2, [])
    assert err.startswith("fast-nst: new.png: exists already; give --overwrite")
    assert err.count("\n") == 1
    assert Path("new.png").read_text() == "mine"
    assert stylize("photo.png", "-o", "new.png", "--overwrite")[0] == 0
    assert_negative("new.png", content)


def test_an_input_is_never_overwritten(stylize, save_picture):
    content = save_picture("photo.png").read_bytes()
    code, _, err = stylize("photo.png", "-o", ".", "--overwrite")
    assert (code, err) == (2, "fast-nst: photo.png: an input, which is never overwritten; choose another output\n")
    assert Path("photo.png").read_bytes() == content


def test_what_a_person_should_know_is_said(stylize, tmp_path):
    frames = [Image.new("RGB", (80, 70), color) for color in ("red", "green", "blue")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    code, out, err = stylize("film.gif")
    assert (code, out) == (0, ["film-negative.png"])
    assert "fast-nst: film.gif: first of 3 frames\n" in err
    assert "fast-nst: film.gif: written as film-negative.png\n" in err


def test_a_large_picture_is_refused_unless_allowed(stylize, save_picture):
    save_picture("photo.png", 100, 120)
    code, _, err = stylize("photo.png", "--max-megapixels", 0.01)
    assert code == 2
    assert "--max-megapixels" in err
    assert stylize("photo.png", "--max-megapixels", 0.02)[0] == 0


def test_json_has_one_object_a_picture(stylize, save_picture, tmp_path):
    save_picture("a.png")
    (tmp_path / "b.png").touch()
    code, out, _ = stylize("a.png", "b.png", "gone.png", "-o", "out", "--json")
    done, failed, missing = map(json.loads, out)
    assert code == 1
    assert done.pop("seconds") > 0
    assert done == {"input": "a.png", "output": str(Path("out/a.png")), "width": 90, "height": 70, "notes": []}
    assert failed["input"] == "b.png"
    assert failed["problem"].startswith("b.png: empty file")
    assert missing["problem"].startswith("gone.png: no such file")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["gone.jpg"], "fast-nst: gone.jpg: no such file"),
        (["empty"], "fast-nst: empty: no pictures in this folder"),
        (["*.webp"], "fast-nst: *.webp: no picture matches"),
        (["text.jpg"], "fast-nst: text.jpg: not a picture"),
        (["photo.png", "-o", "new.xyz"], "fast-nst: new.xyz: cannot write .xyz"),
        (
            ["photo.png", "text.jpg", "-o", "photo.png"],
            "fast-nst: photo.png: a file, where several pictures need a folder",
        ),
        (
            ["photo.png", "--provider", "abacus"],
            "fast-nst: provider abacus is not available; this ONNX Runtime offers ",
        ),
    ],
)
def test_bad_input_is_one_line(stylize, save_picture, tmp_path, arguments, line):
    save_picture("photo.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("hello, this is no picture at all")
    code, out, err = stylize(*arguments)
    assert (code, out) == (2, [])
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_bad_styles_are_one_line(stylize, save_picture, save_model, tmp_path):
    save_picture("photo.png")
    (tmp_path / "broken.onnx").write_bytes(b"oops")
    save_model(tmp_path / "foreign.onnx", metadata={})
    save_model(tmp_path / "next.onnx", metadata={"format": "fast_nst/2"})
    messages = {
        "gone.onnx": "there is no model file gone.onnx",
        "broken.onnx": "broken.onnx is not an ONNX model, or damaged",
        "foreign.onnx": "foreign.onnx is an ONNX model but not a style",
        "next.onnx": "next.onnx is of format fast_nst/2, this version reads fast_nst/1",
        "no-such-style": "there is no style 'no-such-style'",
    }
    for style, message in messages.items():
        code, out, err = stylize("photo.png", style=style)
        assert (code, out) == (2, [])
        assert err.startswith(f"fast-nst: {message}")
        assert err.count("\n") == 1


def png_of(width, height):
    """The start of a PNG file that claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


@pytest.fixture
def mixed_folder(tmp_path):
    """Forty files in three folders, of every kind a person has; six of them are broken."""
    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 66, 3), dtype=np.uint8))
    kinds = {"grey": rgb.convert("L"), "palette": rgb.convert("P"), "cmyk": rgb.convert("CMYK")}
    kinds |= {"alpha": rgb.convert("RGBA"), "deep": Image.new("I;16", (66, 40), 40000), "bit": rgb.convert("1")}
    folder = tmp_path / "photos"
    (folder / "2024" / "spring").mkdir(parents=True)
    for number, suffix in enumerate(["jpg", "png", "webp", "tif", "bmp", "JPEG", "PNG"] * 4):
        rgb.resize((60 + number, 100 - number)).save(folder / ("2024" if number % 2 else "") / f"{number}.{suffix}")
    for name, suffix in zip(kinds, ["jpg", "png", "jpg", "png", "png", "tif"], strict=True):
        kinds[name].save(folder / "2024" / "spring" / f"{name}.{suffix}")
    broken = folder / "2024" / "spring"
    whole = (folder / "0.jpg").read_bytes()
    (broken / "empty.jpg").touch()
    (broken / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (broken / "text.jpg").write_text("a letter to a friend")
    (broken / "bomb.png").write_bytes(png_of(20000, 10000))
    (broken / "flat.png").write_bytes(png_of(0, 100))
    (broken / "noise.webp").write_bytes(b"RIFF" + bytes(range(60)))
    return folder


def test_of_forty_mixed_files_with_six_broken_ones_the_rest_are_done(stylize, mixed_folder):
    contents = [path for path in mixed_folder.rglob("*") if path.is_file()]
    assert len(contents) == 40
    code, out, err = stylize("photos", "-o", "painted")
    assert code == 1
    assert len(out) == 34
    assert all(Path(line).is_file() for line in out)
    header, *failures = err.splitlines()
    assert header == "fast-nst: 34 done, 6 failed:"
    named = {Path(line.strip().partition(": ")[0]).name for line in failures}
    assert named == {"empty.jpg", "cut.jpg", "text.jpg", "bomb.png", "flat.png", "noise.webp"}
    written = {path.relative_to("painted") for path in Path("painted").rglob("*") if path.is_file()}
    assert written == {path.relative_to(mixed_folder) for path in contents if path.name not in named}


def test_a_folder_with_nothing_but_broken_files_is_a_failure(stylize, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "photos" / name).touch()
    code, out, err = stylize("photos", "-o", "painted")
    assert (code, out) == (2, [])
    assert err.startswith("fast-nst: 0 done, 2 failed:\n  ")


def test_progress_is_shown_when_asked_for_and_hidden_from_a_file(stylize, save_picture):
    for name in ("a.png", "b.png"):
        save_picture(name)
    assert stylize("a.png", "b.png", "-o", "one")[2] == ""
    err = stylize("a.png", "b.png", "-o", "two", "--progress")[2]
    assert "2/2" in err
    assert "picture" in err


def test_stylizing_imports_nothing_of_the_training_half(invert_model, save_picture, tmp_path):
    arguments, environment = command("stylize", save_picture("photo.png"), "--style", invert_model)
    arguments[1:1] = ["-X", "importtime"]
    result = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert {"onnxruntime", "PIL", "click"} <= imported
    assert imported.isdisjoint(
        {"torch", "torchvision", "pytorch_lightning", "lightning", "matplotlib", "skimage", "onnx", "psutil"}
    )
    assert (tmp_path / "photo-negative.png").is_file()


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for a single process")
def test_ctrl_c_says_how_many_were_done_and_leaves_nothing_half_written(slow_model, save_picture, tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(30):
        save_picture(f"photos/{number:02}.png", 300, 300)
    arguments, environment = command(
        "stylize", tmp_path / "photos", "--style", slow_model, "-o", tmp_path / "out", "--threads", 1
    )
    environment["PYTHONUNBUFFERED"] = "1"
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        first = process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == 130, err
    written = [first, *out.splitlines()]
    assert len(written) < 30
    assert err == f"fast-nst: interrupted with {len(written)} of 30 done\n"
    assert sorted(map(str, (tmp_path / "out").iterdir())) == sorted(written)


def test_of_a_damaged_file_only_we_speak(stylize, tmp_path, recwarn):
    path = tmp_path / "photo.tif"
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save(path, compression="tiff_lzw")  # Pillow warns where such a file is cut
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, out, err = stylize("photo.tif")
    assert (code, out) == (2, [])
    assert len(err.splitlines()) == 1
    assert not recwarn.list


@pytest.fixture
def large_picture(tmp_path):
    """Rough pixels, 1600 x 1200, that the style `great-wave-fast` takes some 200 MB for in one piece."""
    path = tmp_path / "large.png"
    small = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(small).resize((1600, 1200)).save(path)
    return path


LARGE = ("--style", "great-wave-fast", "--threads", "1", "--stroke-size", "none")


def test_a_picture_beyond_the_memory_given_is_the_same_in_strips(large_picture, tmp_path):
    for name, more in (("whole.png", ()), ("strips.png", ("--max-memory", "310MB", "--progress"))):
        arguments, environment = command("stylize", large_picture, "-o", tmp_path / name, *LARGE, *more)
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
        assert ("strips" in done.stderr) == bool(more)
    whole, strips = (read_picture(tmp_path / name).pixels.astype(int) for name in ("whole.png", "strips.png"))
    assert np.abs(whole - strips).max() <= 1


def test_too_little_memory_is_one_line_before_the_work(large_picture, tmp_path):
    arguments, environment = command("stylize", large_picture, *LARGE, "--max-memory", "50MB")
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"fast-nst: .*1600 x 1200 px take \d+ MB of memory, 50 MB are given; .*\n", done.stderr)
    assert list(tmp_path.iterdir()) == [large_picture]


def test_a_size_that_is_none_is_told(stylize, save_picture):
    save_picture("photo.png")
    code, out, err = stylize("photo.png", "--max-memory", "lots")
    assert (code, out) == (2, [])
    assert "'lots' is no amount of memory; expected one such as 2GB" in err


@pytest.mark.skipif(os.name == "nt", reason="no signals for a single process")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_strips_that_are_broken_off_leave_nothing_and_can_be_done_again(large_picture, tmp_path, how):
    arguments, environment = command("stylize", large_picture, "-o", tmp_path / "out.png", *LARGE)
    environment |= {"TMPDIR": str(tmp_path)}
    limit = ["--max-memory", "310MB"]
    with subprocess.Popen([*arguments, *limit, "--progress"], env=environment, stderr=subprocess.PIPE) as process:
        seen = b""
        while b"strips" not in seen:
            piece = process.stderr.read1()
            assert piece, seen
            seen += piece
        process.send_signal(signal.Signals[how])
        process.stderr.read()
    assert process.returncode == (130 if how == "SIGINT" else -9)
    assert list(tmp_path.glob("*.png")) == [large_picture]
    assert list(tmp_path.glob(".fast-nst*")) == []
    subprocess.run([*arguments, *limit], env=environment, check=True, capture_output=True)
    assert read_picture(tmp_path / "out.png").pixels.shape == (1200, 1600, 3)


def test_large_strokes_have_the_pictures_size(stylize, save_picture):
    save_picture("photo.png", 300, 400)
    assert stylize("photo.png", "--stroke-size", 100) == (0, ["photo-negative.png"], "")
    assert read_picture("photo-negative.png").pixels.shape == (300, 400, 3)


def test_sizes_of_strokes_are_auto_none_or_pixels(stylize, save_picture):
    save_picture("photo.png", 300, 400)
    for number, text in enumerate(("auto", "none", "64")):
        assert stylize("photo.png", "--stroke-size", text, "-o", f"{number}.png")[0] == 0
    for text in ("63", "big"):
        code, _, told = stylize("photo.png", "--stroke-size", text)
        assert code == 2
        assert f"{text!r} is no size of strokes; expected auto, none, or a longer side of at least 64 px" in told
