"""Writes the report folder: `report.json` (everything), `report.md`, `report.html` and the plots."""

import json
from pathlib import Path

from fast_nst.compare.markdown import render_markdown
from fast_nst.compare.page import render_page
from fast_nst.compare.plot import plot_race
from fast_nst.compare.report import Report, to_json
from fast_nst.images import atomic_path


def write_report(report: Report) -> list[Path]:
    """Write a report into its folder, in the place of an earlier one.

    Returns:
        The files, JSON, Markdown and HTML.

    Raises:
        FastNstError: when the folder cannot be written.
    """
    for summary in report.summaries:
        plot_race(report.cases_at(summary.size), report.plot(summary.size))
    texts = {
        "report.json": json.dumps(to_json(report), ensure_ascii=False, allow_nan=False) + "\n",
        "report.md": render_markdown(report),
        "report.html": render_page(report),
    }
    for name, text in texts.items():
        with atomic_path(report.folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [report.folder / name for name in texts]
