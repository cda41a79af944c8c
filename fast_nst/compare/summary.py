"""From results to figures: k* and speed-up of each photograph, medians over photographs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fast_nst.compare.k_star import k_star, k_star_quartiles
from fast_nst.compare.records import METHODS, STARTS, TERMS, Method, Point, Result, Start
from fast_nst.measure.stats import Quartiles, quartiles


@dataclass(frozen=True)
class Race:
    """An optimisation's way to the network's total.

    Attributes:
        k_star: steps to get there; 0 when its start is there already, None when the last step is not.
        seconds: time to get there, or that the whole of it took in vain.
        speed_up: `seconds` over the network's; where `k_star` is None, the least that it can be.
        last_step: steps that were done.
    """

    k_star: int | None
    seconds: float
    speed_up: float
    last_step: int


class Case:
    """A photograph at a size, with the results of all methods on it."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results: dict[Method, Result] = {result.method: result for result in results}
        self.name, self.size = results[0].photo, results[0].size
        self.photo, self.network = self.results["photo"].points[0], self.results["network"].points[0]

    def race(self, start: Start) -> Race:
        """Return how the optimisation from `start` comes to the network's total, by its raw history."""
        history = self.results[start].history
        steps = k_star(history["total"], self.network.losses["total"])
        seconds = 0.0 if steps == 0 else history["seconds"][-1 if steps is None else steps]
        return Race(steps, seconds, seconds / (self.network.seconds or 1.0), len(history["total"]) - 1)

    def point(self, start: Start, step: int) -> Point | None:
        """Return a checkpoint; None where the optimisation ended before it."""
        return next((point for point in self.results[start].points if point.step == step), None)


@dataclass(frozen=True)
class Row:
    """Quartiles over photographs of one method: losses by term, SSIM, seconds, MiB, seconds over the network's."""

    method: Method
    step: int | None
    losses: dict[str, Quartiles | None]
    ssim: Quartiles | None
    seconds: Quartiles | None
    memory_mib: Quartiles | None
    speed_up: Quartiles | None


@dataclass(frozen=True)
class SizeSummary:
    """Everything about one size: a row for each method and checkpoint, and k* by start."""

    size: int
    photos: int
    last_step: int
    rows: tuple[Row, ...]
    k_star: dict[Start, Quartiles | None]
    reached: dict[Start, int]
    """On how many photographs the optimisation reaches the network's total."""
    appearance: dict[Method, dict[str, Quartiles | None]]
    """How each method's last picture looks, by the names of `figures.FIGURES`."""


def group(results: Iterable[Result]) -> list[Case]:
    """Return a case for each photograph and size of which every method's result is there, in order of first sight."""
    groups: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        groups.setdefault((result.photo, result.size), []).append(result)
    return [Case(group) for group in groups.values() if {result.method for result in group} == set(METHODS)]


def summarize(cases: Sequence[Case], steps: Sequence[int]) -> list[SizeSummary]:
    """Return one summary a size, ascending."""
    return [
        _summarize_size(size, [case for case in cases if case.size == size], steps)
        for size in sorted({case.size for case in cases})
    ]


def _summarize_size(size: int, cases: Sequence[Case], steps: Sequence[int]) -> SizeSummary:
    rows = [_row("photo", None, cases, [case.photo for case in cases])]
    rows += [_row("network", None, cases, [case.network for case in cases])]
    for start in STARTS:
        rows += [_row(start, step, cases, [case.point(start, step) for case in cases]) for step in steps]
    stars = {start: [case.race(start).k_star for case in cases] for start in STARTS}
    return SizeSummary(
        size,
        len(cases),
        steps[-1],
        tuple(rows),
        {start: k_star_quartiles(values) for start, values in stars.items()},
        {start: sum(value is not None for value in values) for start, values in stars.items()},
        {method: _appearance([case.results[method].points[-1] for case in cases]) for method in METHODS},
    )


def _appearance(points: Sequence[Point]) -> dict[str, Quartiles | None]:
    return {name: quartiles([point.appearance[name] for point in points]) for name in points[0].appearance}


def _row(method: Method, step: int | None, cases: Sequence[Case], points: Sequence[Point | None]) -> Row:
    there = [(case, point) for case, point in zip(cases, points, strict=True) if point is not None]
    ratios = [
        point.seconds / case.network.seconds
        for case, point in there
        if step is not None and point.seconds is not None and case.network.seconds
    ]
    return Row(
        method,
        step,
        {term: quartiles([point.losses[term] for _, point in there]) for term in TERMS},
        quartiles([point.ssim for _, point in there]),
        quartiles([point.seconds for _, point in there]),
        quartiles([point.memory_mib for _, point in there]),
        quartiles(ratios),
    )
