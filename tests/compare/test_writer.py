import base64
import io
import json
import re
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from fast_nst.compare import writer
from fast_nst.compare.report import Report
from fast_nst.compare.summary import group, summarize
from fast_nst.compare.writer import write_report
from fast_nst.images import Picture, write_picture

PIXELS = np.full((64, 64, 3), 128, np.uint8)
FACTS = {
    "date": "2020-01-01T00:00:00+00:00",
    "model": {"file": "a.onnx", "sha256": "0", "metadata": {"title": "A <b>bold</b> style | with a bar"}},
    "style_image": {"file": "b.jpg", "sha256": "1"},
    "objective": {"style_layers": {"relu1_1": 1.0}},
    "appearance": {"judge": None},
    "options": {"size": [64], "steps": [1, 3]},
    "machine": {"gpu": None, "versions": {"torch": "2"}},
}


@pytest.fixture(autouse=True)
def _plot_quickly(monkeypatch):
    """Leave the drawing, which takes a second, to its own test."""
    monkeypatch.setattr(writer, "plot_race", lambda cases, path: path.write_bytes(b"drawn elsewhere"))


@pytest.fixture
def write(make_case, tmp_path):
    """Return a function that writes a report of photographs on which the network comes to the given totals."""

    def write(*networks, is_complete=True, failures=()):
        results = [
            result for total in networks for result in make_case(network=total, name=f"{total} é.jpg").results.values()
        ]
        for result in results:
            for point in result.points:
                write_picture(tmp_path / "results" / point.picture, Picture(PIXELS), overwrite=True)
        cases = group(results)
        return write_report(
            Report(
                title="<Bold>",
                is_complete=is_complete,
                facts=FACTS,
                failures=failures,
                results=tuple(results),
                cases=tuple(cases),
                summaries=tuple(summarize(cases, (1, 3))),
                styles=(PIXELS,),
                painting={"luminance_low": 1.0, "luminance_high": 251.0, "luminance_range": 250.0},
                folder=tmp_path,
            )
        )

    return write


def read_json(path):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.parametrize(("network", "k_star"), [(2.5, 2), (0.5, None), (100.0, 0)])
def test_json_holds_everything_and_no_infinity(write, network, k_star):
    report = read_json(write(network)[0])
    assert report["format"] == "fast_nst.compare/1"
    assert report["photos"][0]["races"]["content"]["k_star"] == k_star
    assert report["summaries"][0]["k_star"]["content"]["median"] == k_star
    assert [result["method"] for result in report["results"]] == ["photo", "network", "content", "noise"]
    assert report["results"][2]["history"]["total"] == [8.0, 4.0, 2.0, 1.0]
    assert report["model"]["sha256"] == "0"
    assert report["date"].startswith("2020")


def test_how_pictures_look_is_in_all_three_files_beside_the_objective(write):
    report, markdown, page = (path.read_text(encoding="utf-8") for path in write(2.5, 3.5))
    summary = json.loads(report)["summaries"][0]["appearance"]
    assert summary["network"]["flat_strokes"]["median"] == pytest.approx(0.3)
    assert summary["network"]["deep_distance"] is None
    assert json.loads(report)["painting"]["luminance_range"] == 250
    for text in (markdown, page):
        assert (
            text.index("By the objective that both") < text.index("By how the pictures look") < text.index("2 to 4 px")
        )
    assert "| painting itself | 1.00 | 251 | 250 |" in markdown


def test_the_page_needs_nothing_but_itself(write):
    page = write(2.5, 0.5)[2].read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page
    assert set(re.findall(r'(?:src|href)="(.{11})', page)) == {"data:image/"}
    assert page.count("<figure>") == 1 + 2 * (2 + 2 + 2)  # the painting; of each photograph two and four checkpoints


def test_the_pages_pictures_are_the_results(write):
    page = write(2.5)[2].read_text(encoding="utf-8")
    data = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    assert {Image.open(io.BytesIO(base64.b64decode(one))).size for one in data} == {(64, 64)}


def test_names_cannot_break_the_page_or_the_tables(write):
    _, markdown, page = (path.read_text(encoding="utf-8") for path in write(2.5))
    assert "&lt;Bold&gt;" in page
    assert "<b>" not in page
    assert "style \\| with a bar" in markdown


def test_the_pictures_of_the_markdown_file_are_there(write, tmp_path):
    markdown = write(2.5, 0.5)[1].read_text(encoding="utf-8")
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", markdown)
    assert len(links) == 1 + 2 * 4
    assert all((tmp_path / unquote(link)).is_file() for link in links)


def test_an_unfinished_report_says_so_and_holds_what_there_is(write):
    paths = write(2.5, is_complete=False, failures=("x.jpg: damaged",))
    assert read_json(paths[0])["is_complete"] is False
    for path in paths[1:]:
        text = path.read_text(encoding="utf-8")
        assert "Not finished" in text
        assert "Failed: x.jpg: damaged" in text
        assert "At 64 px, on 1 photograph" in text


def test_a_report_of_nothing_says_that(write):
    paths = write(is_complete=False)
    assert read_json(paths[0])["photos"] == []
    assert "No photograph has results of every method yet." in paths[2].read_text(encoding="utf-8")
