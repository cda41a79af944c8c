"""The documentation site: it is built without a warning, and its pages need nothing from a network."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

LOADED = {"script": "src", "link": "href", "img": "src", "source": "src", "iframe": "src", "object": "data"}
"""The attribute of each element that makes a browser load something; an `a` does not."""

HOST = r"(?:https?:)?//"
FENCE = re.compile(r"^([ \t]*)(`{3,}).*?^\1\2[ \t]*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)[^`].*?\1", re.DOTALL)
FORMULA = re.compile(r"\$\$[^$]+\$\$|\$[^$]+\$")


class Page(HTMLParser):
    """What a page loads, its text outside code and in it, and how many formulas it has."""

    def __init__(self, path):
        super().__init__()
        self.loaded, self.text, self.code, self.formulas = [], "", "", 0
        self._depth = 0  # of elements of code
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs).get(LOADED.get(tag))
        self.loaded += [(tag, given)] if given else []
        self.formulas += tag == "math"
        self._depth += tag in ("code", "script", "style")

    def handle_endtag(self, tag):
        self._depth -= tag in ("code", "script", "style")

    def handle_data(self, data):
        if self._depth:
            self.code += data
        else:
            self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; whoever would fetch something for it finds no network."""
    for module in ("mkdocs", "material", "mkdocstrings_handlers.python", "l2m4m"):
        pytest.importorskip(module, reason="the site is built with what pip install 'fast-nst[docs]' brings")
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    built = subprocess.run(command, cwd=ROOT, env=os.environ | nowhere, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Every page, by its path without suffix."""
    return {path.relative_to(site).with_suffix("").as_posix(): Page(path) for path in site.rglob("*.html")}


def texts():
    """Return the source of every page, by its path without suffix."""
    paths = [*DOCS.glob("*.md"), *DOCS.glob("api/*.md")]
    return {path.relative_to(DOCS).with_suffix("").as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_every_text_is_a_page_that_search_knows(site, pages):
    entries = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    assert texts().keys() <= pages.keys()
    assert texts().keys() <= {entry["location"].partition("#")[0].removesuffix(".html") or "index" for entry in entries}


def test_pages_load_nothing_from_a_network(pages):
    assert not [(name, *one) for name, page in pages.items() for one in page.loaded if re.match(HOST, one[1])]


def test_styles_load_nothing_from_a_network(site):
    from_afar = re.compile(rf"""(?:url\(|@import)\s*["']?{HOST}[^)"']*""")
    styles = {path: path.read_text(encoding="utf-8") for path in site.rglob("*") if path.suffix in (".css", ".html")}
    assert not [(path.name, found) for path, style in styles.items() for found in from_afar.findall(style)]


def test_every_picture_of_a_page_is_there(site, pages):
    pictures = [(name, source) for name, page in pages.items() for tag, source in page.loaded if tag == "img"]
    assert ("controls", "pictures/controls-size.jpg") in pictures
    assert not [one for one in pictures if not (site / one[0]).parent.joinpath(unquote(one[1])).is_file()]


def test_formulas_are_mathml(pages):
    formulas = {name: len(FORMULA.findall(CODE.sub("", FENCE.sub("", text)))) for name, text in texts().items()}
    assert formulas["api/perceptual"] >= 7
    assert not {name: count for name, count in formulas.items() if pages[name].formulas < count}
    assert not [name for name, page in pages.items() if "$$" in page.text]


def test_what_pages_take_from_elsewhere_is_there(site, pages):
    assert "line search not stated" in pages["differences"].text
    assert not [name for name, page in pages.items() if "--8" in page.text + page.code]
    api = [site / f"{name}.html" for name in texts() if name.startswith("api/")]
    assert not [path.name for path in api if "doc-heading" not in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("chart", sorted(DOCS.glob("pictures/*.png")), ids=lambda path: path.stem)
def test_a_chart_is_that_of_its_benchmark(chart):
    originals = list((ROOT / "benchmarks").rglob(chart.name))
    assert originals
    assert all(chart.read_bytes() == original.read_bytes() for original in originals)
