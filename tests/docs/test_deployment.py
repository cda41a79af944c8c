"""The snippets of docs/deployment.md: each paints what `Stylizer` paints, wherever its tools are at hand.

Nothing is installed or downloaded here. Beside Python, tools are found so:

    NODE_PATH           a node_modules folder with onnxruntime-node and sharp, for the page with onnxruntime-web and
                        playwright-core (and a Chromium on the PATH); without it the nearest one above this folder
    ONNXRUNTIME_ROOT    a folder whose include/ and lib/ hold ONNX Runtime's C++ headers and its library
    ONNXRUNTIME_DOTNET  a folder with Microsoft.ML.OnnxRuntime.dll and ONNX Runtime's library, for mcs and mono
"""

import contextlib
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from fast_nst.inference import Stylizer

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
GUIDE = ROOT / "docs" / "deployment.md"
STYLE = "great-wave-fast"

VISIT = """
import { chromium } from 'playwright-core';

const [address, photo, executablePath, strength, style] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath });
const page = await browser.newPage();
const said = (text) => page.waitForFunction((expected) => new RegExp(expected).test(
  document.querySelector('#told').textContent), text, { timeout: 60000 });
await page.goto(address);
await said('^(?!Loading)');
if (await page.isEnabled('#photo')) {
  await page.setInputFiles('#photo', photo);
  await said(' px');
}
if (strength) {
  await page.fill('#strength', strength);
  await said(' px');
}
if (style) {
  await page.selectOption('#style', style);
  await said(' px');
}
console.log(JSON.stringify({
  told: await page.textContent('#told'),
  choices: { strength: await page.isVisible('#strength'), style: await page.isVisible('#style') },
  canvas: await page.evaluate(() => document.querySelector('#canvas').toDataURL('image/png').split(',')[1]),
}));
await browser.close();
"""


class Snippet(NamedTuple):
    """How a snippet is run, which files it reads and writes, and what its environment has beside ours."""

    command: list[str]
    suffix: str
    environment: dict[str, str]


def _tool(*names):
    """The path of the first of several programs that is there; skip where none is."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"no {' or '.join(names)} on the PATH")


def _folder(variable, *needed):
    """The folder that an environment variable names, with the files in it that are needed; else skip."""
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set")
    folder = Path(os.environ[variable]).resolve()
    missing = [name for name in needed if not list(folder.glob(name))]
    return pytest.skip(f"{variable} has no {', '.join(missing)}") if missing else folder


def _copy_for_node(folder, *packages):
    """Put the snippets beside a link to the node_modules that has the packages; else skip."""
    given = [Path(path) for path in os.environ.get("NODE_PATH", "").split(os.pathsep) if path]
    for modules in given or [above / "node_modules" for above in DEPLOY.parents]:
        if all((modules / package).is_dir() for package in packages):
            shutil.copytree(DEPLOY, folder, dirs_exist_ok=True)
            (folder / "node_modules").symlink_to(modules.resolve(), target_is_directory=True)
            return
    pytest.skip(f"no node_modules with {' and '.join(packages)}; NODE_PATH may name one")


def _python(_):
    return Snippet([sys.executable, str(DEPLOY / "stylize.py")], ".png", {})


def _node(folder):
    node = _tool("node")
    _copy_for_node(folder, "onnxruntime-node", "sharp")
    return Snippet([node, str(folder / "stylize.mjs")], ".png", {})


def _cpp(folder):
    compiler = _tool("c++", "g++", "clang++")
    root = _folder("ONNXRUNTIME_ROOT", "include/onnxruntime_cxx_api.h", "lib/libonnxruntime.*")
    paths = [f"-I{root / 'include'}", f"-L{root / 'lib'}", "-lonnxruntime", f"-Wl,-rpath,{root / 'lib'}"]
    warnings = ["-Wall", "-Wextra", "-Werror"]
    program = folder / "stylize"
    subprocess.run([compiler, "-std=c++17", *warnings, DEPLOY / "stylize.cpp", *paths, "-o", program], check=True)
    return Snippet([str(program)], ".ppm", {})


def _csharp(folder):
    compiler, mono = _tool("mcs"), _tool("mono")
    library = _folder("ONNXRUNTIME_DOTNET", "Microsoft.ML.OnnxRuntime.dll", "libonnxruntime.*")
    program = folder / "Stylize.exe"
    reference = f"-r:{library / 'Microsoft.ML.OnnxRuntime.dll'}"
    subprocess.run([compiler, reference, "-warnaserror", f"-out:{program}", DEPLOY / "Stylize.cs"], check=True)
    paths = {"MONO_PATH": str(library), "LD_LIBRARY_PATH": str(library), "DYLD_LIBRARY_PATH": str(library)}
    return Snippet([mono, str(program)], ".ppm", paths)


@pytest.fixture(scope="module", params=[_python, _node, _cpp, _csharp], ids=["Python", "Node", "C++", "C#"])
def snippet(request, tmp_path_factory):
    """One snippet, compiled if need be; skipped where its tools are missing."""
    return request.param(tmp_path_factory.mktemp("snippet"))


@pytest.fixture(scope="module")
def stylizer():
    return Stylizer(STYLE, threads=1)


@pytest.fixture
def run(snippet, tmp_path):
    """Return a function that runs the snippet in the test's folder: exit code, text on stdout, text on stderr."""

    def call(*arguments):
        command, environment = [*snippet.command, *map(str, arguments)], {**os.environ, **snippet.environment}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def draw(tmp_path):
    """Return a function that draws noise, writes it under the test's folder, and gives its pixels."""

    def save(name, *shape):
        pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
        return pixels

    return save


def assert_same(found, expected):
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_snippet_paints_what_the_stylizer_paints(snippet, run, draw, stylizer, tmp_path):
    content = draw(f"photo{snippet.suffix}", 97, 131, 3)
    code, out, err = run(stylizer.path, f"photo{snippet.suffix}", f"new{snippet.suffix}")
    assert (code, out, err) == (0, f"{stylizer.info.title}\n", "")
    with Image.open(tmp_path / f"new{snippet.suffix}") as pastiche:
        assert_same(np.asarray(pastiche), stylizer(content))


def test_a_snippet_feeds_the_controls_of_a_file(snippet, run, draw, tmp_path):
    photo, new = (f"{name}{snippet.suffix}" for name in ("photo", "new"))
    content, one = draw(photo, 70, 90, 3), Stylizer("starry-night", threads=1)
    many = Stylizer("many/starry-night", threads=1)
    chosen = {
        (): many,
        ("", ""): many,
        ("0.6",): many.choose(strength=0.6),
        ("1.5", "udnie"): many.choose(["udnie"], strength=1.5),
    }
    strengths = {(): one, ("0.6",): one.choose(strength=0.6)}
    for arguments, stylizer in [*chosen.items(), *strengths.items()]:
        code, out, err = run(stylizer.path, photo, new, *arguments)
        assert (code, out, err) == (0, f"{stylizer.metadata['title']}\n", "")
        with Image.open(tmp_path / new) as pastiche:
            assert_same(np.asarray(pastiche), stylizer(content))


def test_a_control_that_a_file_has_not_is_refused(snippet, run, draw, save_model, tmp_path):
    photo, new, many = f"photo{snippet.suffix}", f"new{snippet.suffix}", Stylizer("many/udnie")
    draw(photo, 64, 64, 3)
    fixed = save_model(tmp_path / "fixed.onnx")
    said = {
        (many.path, "1.6"): "the strength is 1.6; the file takes 0 to 1.5",
        (many.path, "-0.1"): "the strength is -0.1; the file takes 0 to 1.5",
        (many.path, "0,5"): "0,5",
        (many.path, "0.5x"): "0.5x",
        (many.path, "1", "nope"): "the file has no style nope to choose; there are: starry-night, great-wave",
        (fixed, "0.5"): "the strength is 0.5; the file takes 1 to 1",
        (fixed, "1", "udnie"): "the file has no style udnie to choose; there are: none",
    }
    for (model, *chosen), message in said.items():
        code, out, err = run(model, photo, new, *chosen)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    assert not (tmp_path / new).exists()


def test_a_bad_call_is_one_line_and_code_2(snippet, run, draw, stylizer, save_model, tmp_path):
    photo, small = f"photo{snippet.suffix}", f"small{snippet.suffix}"
    draw(photo, 64, 64, 3)
    draw(small, 40, 131, 3)
    save_model(tmp_path / "foreign.onnx", metadata={})
    said = {
        (): "usage: ",
        (stylizer.path, photo): "usage: ",
        (stylizer.path, small, "new.png"): "131x40 px; a style takes 64 px and more on each side",
        ("gone.onnx", photo, "new.png"): "gone",
        ("foreign.onnx", photo, "new.png"): "not a style file",
        (stylizer.path, "gone.png", "new.png"): "gone.png",
    }
    for arguments, message in said.items():
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert message in err
        assert err.startswith(("usage: ", "stylize: "))
        assert err.count("\n") == 1
    assert not (tmp_path / "new.png").exists()


def test_pythons_snippet_turns_a_photograph_upright_and_keeps_transparency(draw, stylizer, tmp_path):
    content, orientation = draw("photo.png", 70, 90, 4), Image.Exif()
    orientation[0x0112] = 6  # the top of the picture is on the right
    Image.fromarray(content).save(tmp_path / "turned.png", exif=orientation)
    command = [*_python(None).command, stylizer.path, "turned.png", "new.png"]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    with Image.open(tmp_path / "new.png") as pastiche:
        found, upright = np.asarray(pastiche), np.rot90(content, -1)
    assert_same(found[..., :3], stylizer(np.ascontiguousarray(upright[..., :3])))
    np.testing.assert_array_equal(found[..., 3], upright[..., 3])


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(folder):
    """Serve a folder on this machine; the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def visit(tmp_path, stylizer):
    """Return a function that opens the page and a picture in it: what it says, its canvas' pixels, what it shows."""
    node, browser = _tool("node"), _tool("chromium", "chromium-browser", "google-chrome", "chrome")
    _copy_for_node(tmp_path, "onnxruntime-web", "playwright-core")
    shutil.copy(stylizer.path, tmp_path / "style.onnx")
    (tmp_path / "visit.mjs").write_text(VISIT)

    def call(photo, query="", *controls):
        with serve(tmp_path) as address:
            command = [node, "visit.mjs", f"{address}/index.html{query}", photo, browser, *controls]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        with Image.open(BytesIO(b64decode(seen["canvas"]))) as canvas:
            return seen["told"], np.asarray(canvas.convert("RGBA")), seen["choices"]

    return call


def test_the_page_paints_what_the_stylizer_paints(visit, draw, stylizer):
    content = draw("photo.png", 97, 131, 3)
    told, canvas, choices = visit("photo.png")
    assert choices == {"strength": stylizer.info.has_strength, "style": False}
    assert told == f"{stylizer.info.title}, 131 x 97 px"
    assert_same(canvas[..., :3], stylizer(content))


def test_the_page_paints_with_the_controls_of_a_file(visit, draw, tmp_path):
    content, many, one = draw("photo.png", 70, 90, 3), Stylizer("many", threads=1), Stylizer("starry-night", threads=1)
    for path in (many.path, one.path):
        shutil.copy(path, tmp_path)
    _, canvas, choices = visit("photo.png", "?model=many.onnx", "0.6", "udnie")
    assert choices == {"strength": True, "style": True}
    assert_same(canvas[..., :3], many.choose(["udnie"], strength=0.6)(content))
    _, canvas, choices = visit("photo.png", "?model=starry-night.onnx", "0.6")
    assert choices == {"strength": True, "style": False}
    assert_same(canvas[..., :3], one.choose(strength=0.6)(content))


def test_the_page_keeps_transparency(visit, draw):
    content = draw("photo.png", 70, 90, 4)
    _, canvas, _ = visit("photo.png")
    np.testing.assert_array_equal(canvas[..., 3], content[..., 3])


def test_the_page_tells_what_it_cannot_do(visit, draw):
    draw("small.png", 40, 131, 3)
    assert visit("small.png")[0] == "the picture is 131x40 px; a style takes 64 px and more on each side"
    assert visit("small.png", "?model=gone.onnx")[0].startswith("there is no style at gone.onnx: 404")


def test_the_guide_shows_every_snippet():
    shown = re.findall(r'^--8<-- "docs/deploy/(.+)"$', GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in DEPLOY.iterdir() if path.is_file())
