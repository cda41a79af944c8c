"""The report as Markdown: tables, plots, and links to the pictures beside it."""

from collections.abc import Sequence
from urllib.parse import quote

from fast_nst.compare.records import STARTS
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
    octaves_table,
    status,
    verdict,
)


def render_markdown(report: Report) -> str:
    """Return the report as one Markdown text."""
    parts = [f"# {heading(report.title)}", *status(report)]
    for summary in report.summaries:
        cases = report.cases_at(summary.size)
        parts += [f"## {summary.size} px", f"### {BY_OBJECTIVE}", *verdict(summary), _table(methods_table(summary))]
        parts += [f"![Total loss over seconds]({report.plot(summary.size).name})", _table(cases_table(cases))]
        parts += [f"### {BY_APPEARANCE}", _table(appearance_table(summary, report.painting))]
        parts += [_table(octaves_table(summary)), _pictures(cases)]
    parts += ["## How to read this", *NOTES, "## What was compared", _table(facts_table(report), numbers=False)]
    return "\n\n".join(parts) + "\n"


def _pictures(cases: Sequence[Case]) -> str:
    """One row a photograph: itself, the network's, and the last checkpoint from each start."""
    header = ("photograph", "network", *(f"last step from {start}" for start in STARTS))
    rows = []
    for case in cases:
        points = [case.photo, case.network, *(case.results[start].points[-1] for start in STARTS)]
        rows.append(tuple(f"![{case.name}](results/{quote(point.picture)})" for point in points))
    return _table(Table(header, tuple(rows)), numbers=False)


def _table(table: Table, *, numbers: bool = True) -> str:
    rule = ("---", *("---:" if numbers else "---" for _ in table.header[1:]))
    return "\n".join(f"| {' | '.join(map(_escape, row))} |" for row in (table.header, rule, *table.rows))


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
