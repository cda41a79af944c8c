"""What a report shows, and all of it as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fast_nst.compare.methods import TIMED_RUNS, WARM_UPS
from fast_nst.compare.records import STARTS, Result
from fast_nst.compare.session import Comparison
from fast_nst.compare.summary import Case, SizeSummary, group, summarize
from fast_nst.images import Pixels
from fast_nst.measure.machine import load_average

FORMAT = "fast_nst.compare/1"


@dataclass(frozen=True, eq=False)
class Report:
    """A comparison as far as it has come.

    Attributes:
        title: the style's.
        is_complete: whether nothing is left to measure.
        facts: everything but the figures, in plain values: model, objective, machine, options, date.
        failures: what went wrong, one line each.
        results: all that was measured.
        cases: the photographs and sizes on which every method has run.
        summaries: one a size.
        styles: the paintings as the objective sees them, each uint8 `(H, W, 3)`.
        painting: their own luminance, by the names of `figures.LUMINANCE`.
        folder: the report folder, where `results/` holds the pictures.
    """

    title: str
    is_complete: bool
    facts: dict[str, Any]
    failures: tuple[str, ...]
    results: tuple[Result, ...]
    cases: tuple[Case, ...]
    summaries: tuple[SizeSummary, ...]
    styles: tuple[Pixels, ...]
    painting: dict[str, float | None]
    folder: Path

    def cases_at(self, size: int) -> list[Case]:
        """Return the cases of one size."""
        return [case for case in self.cases if case.size == size]

    def plot(self, size: int) -> Path:
        """Return where the plot of one size lies."""
        return self.folder / f"loss-{size}px.png"

    def picture(self, name: str) -> Path:
        """Return where a result's picture lies."""
        return self.folder / "results" / name


def build_report(
    comparison: Comparison, results: Sequence[Result], failures: Sequence[str], *, is_complete: bool
) -> Report:
    """Compute what a report of `results` shows."""
    cases = group(results)
    return Report(
        title=comparison.stylizer.info.title or comparison.stylizer.name,
        is_complete=is_complete,
        facts=_facts(comparison),
        failures=tuple(failures),
        results=tuple(results),
        cases=tuple(cases),
        summaries=tuple(summarize(cases, comparison.config.steps)),
        styles=comparison.styles,
        painting=comparison.viewer.painting,
        folder=comparison.store.folder.parent,
    )


def _facts(comparison: Comparison) -> dict[str, Any]:
    config = comparison.config
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": comparison.facts["model"] | {"metadata": comparison.stylizer.metadata},
        "style_image": comparison.facts["style_image"],
        "objective": comparison.facts["objective"],
        "appearance": comparison.facts["judge"],
        "options": {
            "size": list(config.size),
            "steps": list(config.steps),
            "seed": config.seed,
            "threads": comparison.threads,
            "device": config.device,
            "optimizer": "L-BFGS",
            "network_warm_ups": WARM_UPS,
            "network_timed_runs": TIMED_RUNS,
        },
        "machine": comparison.machine | {"load_average": load_average()},
    }


def to_json(report: Report) -> dict[str, Any]:
    """Return the whole report in plain values. A k* or a quartile of it that is not reached is null."""
    return {
        "format": FORMAT,
        "title": report.title,
        "is_complete": report.is_complete,
        **report.facts,
        "painting": report.painting,
        "failures": list(report.failures),
        "summaries": [_summary_to_json(summary) for summary in report.summaries],
        "photos": [_case_to_json(case) for case in report.cases],
        "results": [asdict(result) for result in report.results],
    }


def _summary_to_json(summary: SizeSummary) -> dict[str, Any]:
    values = asdict(summary)
    for star in values["k_star"].values():
        for point in ("lower", "median", "upper"):
            star[point] = None if star[point] == float("inf") else int(star[point])
    return values


def _case_to_json(case: Case) -> dict[str, Any]:
    return {
        "photo": case.name,
        "size": case.size,
        "photo_total": case.photo.losses["total"],
        "network_total": case.network.losses["total"],
        "races": {start: asdict(case.race(start)) for start in STARTS},
    }
