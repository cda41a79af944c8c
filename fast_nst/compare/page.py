"""The report as one HTML page that needs nothing else: pictures and style are inside, and there is no script."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image

from fast_nst.compare.records import STARTS, Point
from fast_nst.compare.report import Report
from fast_nst.compare.summary import Case
from fast_nst.compare.tables import (
    BY_APPEARANCE,
    BY_OBJECTIVE,
    NOTES,
    Table,
    appearance_table,
    cases_table,
    facts_table,
    heading,
    methods_table,
    number,
    octaves_table,
    status,
    verdict,
)
from fast_nst.images import Pixels, fit, read_pixels

_CSS = Path(__file__).with_name("page.css")
_LONGER_SIDE = 512  # px, of pictures in the page; `results/` holds them whole
_QUALITY = 85


def render_page(report: Report) -> str:
    """Return the report as one HTML document."""
    title = escape(heading(report.title))
    body = [f"<h1>{title}</h1>", *map(_paragraph, status(report))]
    for summary in report.summaries:
        cases = report.cases_at(summary.size)
        body += [f"<h2>{summary.size} px</h2>", f"<h3>{BY_OBJECTIVE}</h3>", *map(_paragraph, verdict(summary))]
        body += [_table(methods_table(summary))]
        body += [f'<img class="plot" alt="Total loss over seconds" src="{_embed_file(report.plot(summary.size))}">']
        body += [_table(cases_table(cases)), f"<h3>{BY_APPEARANCE}</h3>"]
        body += [_table(appearance_table(summary, report.painting)), _table(octaves_table(summary))]
    body += ["<h2>How to read this</h2>", *map(_paragraph, NOTES)]
    body += ["<h2>Pictures</h2>", _figures([_figure(_embed_pixels(style), "the painting") for style in report.styles])]
    body += [_pictures(report, case) for case in report.cases]
    body += ["<h2>What was compared</h2>", _table(facts_table(report), numbers=False)]
    style, text = _CSS.read_text(encoding="utf-8"), "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n{text}\n</main>\n</body>\n</html>\n"
    )


def _pictures(report: Report, case: Case) -> str:
    """The photograph and the network side by side, and below them a row of checkpoints for each start."""
    rows = [[("photograph", case.photo), ("network", case.network)]]
    rows += [[(f"from {start}, {point.step}", point) for point in case.results[start].points] for start in STARTS]
    figures = [
        _figures([_figure(_embed_picture(report, point), f"{name}<br>{_caption(point)}") for name, point in row])
        for row in rows
    ]
    return "\n".join([f"<h3>{escape(case.name)}, {case.size} px</h3>", *figures])


def _caption(point: Point) -> str:
    seconds = "" if point.seconds is None else f", {number(point.seconds)} s"
    return f"<small>total {number(point.losses['total'])}{seconds}</small>"


def _figures(figures: Sequence[str]) -> str:
    return '<div class="row">\n' + "\n".join(figures) + "\n</div>"


def _figure(source: str, caption: str) -> str:
    return f'<figure><img alt="" loading="lazy" src="{source}"><figcaption>{caption}</figcaption></figure>'


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(table: Table, *, numbers: bool = True) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = [
        f"<tr><th>{escape(first)}</th>{''.join(f'<td>{_cell(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in table.rows
    ]
    kind = ' class="numbers"' if numbers else ""
    body = "\n".join(rows)
    return f'<div class="wide"><table{kind}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _cell(text: str) -> str:
    """Put the quartiles, which stand in brackets, on a line of their own."""
    median, bracket, quartiles = escape(text).partition(" (")
    return median if not bracket else f"{median}<br><small>({quartiles}</small>"


def _embed_picture(report: Report, point: Point) -> str:
    return _embed_pixels(read_pixels(report.picture(point.picture)))


def _embed_pixels(pixels: Pixels) -> str:
    if max(pixels.shape) > _LONGER_SIDE:
        pixels = fit(pixels, _LONGER_SIDE)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return _embed(buffer.getvalue(), "jpeg")


def _embed_file(path: Path) -> str:
    return _embed(path.read_bytes(), "png")


def _embed(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
