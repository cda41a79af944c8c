"""The figures as text: tables and sentences that the Markdown file and the HTML page share."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fast_nst.compare.appearance import OCTAVES
from fast_nst.compare.figures import FLAT_OCTAVES, LUMINANCE, OVER_ALL, WHOLE_OCTAVES
from fast_nst.compare.records import METHODS, STARTS, TERMS, Method, Start
from fast_nst.compare.report import Report
from fast_nst.compare.summary import Case, Race, Row, SizeSummary
from fast_nst.measure.stats import Quartiles

NONE = "–"  # noqa: RUF001 - a dash
BY_OBJECTIVE = "By the objective that both sides were made to lower"
BY_APPEARANCE = "By how the pictures look, which neither side was made for"
METHOD_NAMES: dict[Method, str] = {
    "photo": "photograph itself",
    "network": "network",
    "content": "last step from content",
    "noise": "last step from noise",
}
START_NAMES: dict[Start, str] = {"content": "the photograph", "noise": "noise"}
NOTES = (
    "Every picture is judged as 8-bit pixels by one objective; content, style and total variation (TV) are its "
    "weighted terms, and lower is better. Medians over photographs, with the quartiles in brackets; medians of the "
    "terms need not add up to the median of the total.",
    "k* is the number of L-BFGS steps that reach the network's total: 0 when the start is there already. The "
    "optimiser's own, unclamped and unrounded iterates are held against the network's 8-bit picture, which favours the "
    "optimiser: k* is rather too small than too large. Between two photographs its median is the lower value.",
    "Seconds are of the work alone, with libraries, model, weights and Gram matrices loaded: for the network the "
    "median of several calls after warm-up, for the optimisation one run, its loop from the start to the step. Each "
    "method ran in a process of its own, both with the same number of threads.",
    "Peak memory is how far the process's resident memory rose above what its loaded libraries take; model, weights "
    "and Gram matrices are in it. For an optimisation on a GPU it is what PyTorch allocated there.",
    "SSIM is the structural similarity to the photograph. It says how much of the photograph is left, not how good "
    "the pastiche is.",
    "Luminance is from 0, black, to 255, white: the 1st and the 99th percentile of a picture, and what lies between. A "
    "pastiche that spans less than the painting is pale.",
    "Tone kept is the rank correlation of the luminance of photograph and pastiche, in blocks of 8 px: 1 where "
    "everything that was darker still is, 0 where light and dark fell anew.",
    "Colour distance is how far the colours of pastiche and painting are apart, wherever in the picture they are, in "
    "ΔE of CIELAB: the sliced Wasserstein distance.",
    "Strokes is how much detail there is in luminance, from 2 to 32 px in four octaves, as a share of the painting's: "
    "1 is as much. In the flat parts of the photograph every stroke is the pastiche's own, and 0 is a blank.",
    "Deep distance is the Fréchet distance of the places of pastiche and painting in the relu4_1 of an encoder that "
    "made neither side, as a share of the painting's variance. It is higher for smaller pictures, so it is to be "
    "compared at one size. It is left out where no such encoder is at hand: --judge names one.",
)


@dataclass(frozen=True)
class Table:
    """Cells as text; every column but the first holds numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def heading(title: str) -> str:
    """Return the report's title."""
    return f"{title}: the network against the optimisation"


def status(report: Report) -> list[str]:
    """Say what is missing or went wrong; nothing when all went well."""
    lines = [] if report.is_complete else ["Not finished: run the same command again to go on where it stopped."]
    if not report.cases:
        lines.append("No photograph has results of every method yet.")
    return lines + [f"Failed: {failure}" for failure in report.failures]


def facts_table(report: Report) -> Table:
    """Everything but the figures, one fact a row."""
    facts = report.facts
    rows = [("date", facts["date"])]
    rows += [(f"model: {name}", text) for name, text in facts["model"].items() if name != "metadata"]
    rows += [(f"model: {name}", text) for name, text in facts["model"]["metadata"].items() if text]
    for group in ("style_image", "objective", "appearance", "options", "machine"):
        rows += [(f"{group}: {name}".replace("_", " "), _plain(value)) for name, value in facts[group].items()]
    return Table(("", ""), tuple(rows))


def methods_table(summary: SizeSummary) -> Table:
    """One row for the photograph, the network, and each checkpoint."""
    header = (
        "",
        "content",
        "style",
        "tone",
        "TV",
        "total",
        "SSIM",
        "seconds",
        "peak memory, MiB",
        "network is faster by",
    )
    rows = []
    for row in summary.rows:
        losses = [spread(row.losses[term]) for term in TERMS]
        memory = spread(row.memory_mib, lambda mib: f"{mib:,.0f}")
        ratio = spread(row.speed_up, times)
        rows.append((_label(row), *losses, spread(row.ssim), spread(row.seconds), memory, ratio))
    return Table(header, tuple(rows))


def appearance_table(summary: SizeSummary, painting: Mapping[str, float | None]) -> Table:
    """One row for the painting, the photograph, the network, and the last checkpoint from each start."""
    luminance, strokes = ("luminance from", "to", "range"), ("strokes", "strokes in flat parts")
    header = ("", *luminance, "tone kept", "colour distance, ΔE", *strokes, "deep distance")
    rows = [("painting itself", *(number(painting[name] or 0.0) for name in LUMINANCE), *[NONE] * 5)]
    for method in METHODS:
        seen = summary.appearance[method]
        rows.append((METHOD_NAMES[method], *(spread(seen[name]) for name in OVER_ALL)))
    return Table(header, tuple(rows))


def octaves_table(summary: SizeSummary) -> Table:
    """The strokes of each octave, finest first: over the whole picture, and where the photograph is flat."""
    sizes = [f"{2**number} to {2 ** (number + 1)} px" for number in range(1, OCTAVES + 1)]
    header = ("strokes of", *sizes, *(f"{size}, flat" for size in sizes))
    rows = [
        (METHOD_NAMES[method], *(spread(summary.appearance[method][name]) for name in (*WHOLE_OCTAVES, *FLAT_OCTAVES)))
        for method in METHODS
    ]
    return Table(header, tuple(rows))


def cases_table(cases: Sequence[Case]) -> Table:
    """One row for each photograph at one size: totals, k*, and the speed-up at equal loss."""
    header = ("photograph", "its own total", "network's total", *(f"k* from {start}" for start in STARTS))
    header = (*header, *(f"faster at equal loss, from {start}" for start in STARTS))
    rows = []
    for case in cases:
        races = [case.race(start) for start in STARTS]
        totals = [number(point.losses["total"]) for point in (case.photo, case.network)]
        rows.append((case.name, *totals, *map(_steps, races), *map(_speed_up, races)))
    return Table(header, tuple(rows))


def verdict(summary: SizeSummary) -> list[str]:
    """Say in a few sentences how the network stands at one size, better or worse."""
    rows = {(row.method, row.step): row for row in summary.rows}
    network = rows["network", None]
    count = "1 photograph" if summary.photos == 1 else f"{summary.photos} photographs"
    seconds, total = _median(network.seconds), _median(network.losses["total"])
    photo = _median(rows["photo", None].losses["total"])
    sentences = [
        f"At {summary.size} px, on {count}, the network takes {seconds} s and comes to a total of {total}; "
        f"the photograph itself stands at {photo}."
    ]
    for start in STARTS:
        last = rows[start, summary.last_step]
        time, loss, ratio = _median(last.seconds), _median(last.losses["total"]), _median(last.speed_up, times)
        sentences.append(
            f"L-BFGS from {START_NAMES[start]} {_reach(summary, start)}; "
            f"its {summary.last_step} steps take {time} s, {ratio} as long, and come to {loss}."
        )
    return sentences


def _reach(summary: SizeSummary, start: Start) -> str:
    stars, reached = summary.k_star[start], summary.reached[start]
    if stars is None or math.isinf(stars.median):
        where = f" on {summary.photos - reached} of {summary.photos}" if reached else ""
        return f"does not get there in {summary.last_step} steps{where} (k* > {summary.last_step})"
    if stars.median == 0:
        return f"is there from the start, k* = {star_spread(stars, summary.last_step)}"
    missed = "" if reached == summary.photos else f", and never on {summary.photos - reached} of {summary.photos}"
    return f"gets there after k* = {star_spread(stars, summary.last_step)} steps{missed}"


def star_spread(stars: Quartiles, last_step: int) -> str:
    """Return the median of k* with its quartiles, such as `6 (4 to >500)`."""

    def one(value: float) -> str:
        return f">{last_step}" if math.isinf(value) else f"{value:.0f}"

    return one(stars.median) + ("" if stars.count == 1 else f" ({one(stars.lower)} to {one(stars.upper)})")


def number(value: float) -> str:
    """Return three significant digits, and whole numbers with thousands from 1000 on."""
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if value else "0"


def times(ratio: float) -> str:
    """Return a ratio as a factor."""
    return f"{number(ratio)} ×"  # noqa: RUF001 - a multiplication sign


def spread(values: Quartiles | None, show: Callable[[float], str] = number) -> str:
    """Return the median with its quartiles; without them for a single value, a dash for none."""
    if values is None:
        return NONE
    around = "" if values.count == 1 else f" ({show(values.lower)} to {show(values.upper)})"
    return show(values.median) + around


def _median(values: Quartiles | None, show: Callable[[float], str] = number) -> str:
    return NONE if values is None else show(values.median)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return NONE if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _label(row: Row) -> str:
    if row.method == "photo":
        return "photograph itself"
    steps = "1 step" if row.step == 1 else f"{row.step} steps"
    return "network" if row.method == "network" else f"Gatys from {row.method}, {steps}"


def _steps(race: Race) -> str:
    return f"more than {race.last_step}" if race.k_star is None else str(race.k_star)


def _speed_up(race: Race) -> str:
    if race.k_star == 0:
        return NONE
    return times(race.speed_up) if race.k_star else f"more than {times(race.speed_up)}"
