"""Loss over time, both axes logarithmic: the optimisation as curves, the network as a point."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from fast_nst.compare.records import STARTS, Start
from fast_nst.compare.summary import Case
from fast_nst.images import atomic_path

_COLORS: dict[Start, str] = {"content": "#3b82f6", "noise": "#f97316"}
_NETWORK = "#16a34a"
_GREY = "#808080"  # legible on white and on black: the background is left transparent


def plot_race(cases: Sequence[Case], path: Path) -> None:
    """Draw total loss over seconds for photographs at one size, and write it as PNG.

    A thin curve is one photograph; a thick one takes, at each step, the median of the seconds and of the losses. A
    small dot is the network on one photograph, the large one the median.
    """
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for start in STARTS:
        _draw_start(axes, cases, start)
    _draw_network(axes, cases)
    axes.set(xscale="log", yscale="log", xlabel="seconds", ylabel="total loss")
    axes.set_ylim(top=2 * _largest_start(cases))  # L-BFGS may overshoot by decades for a step: cut that off
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.set_major_formatter("{x:g}")  # 0.1 rather than a power of ten
        axis.set_minor_formatter("{x:g}")
    axes.grid(visible=True, color=_GREY, alpha=0.25)
    axes.tick_params(which="both", colors=_GREY)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(_GREY)
    for spine in axes.spines.values():
        spine.set_color(_GREY)
    axes.legend(labelcolor=_GREY, framealpha=0)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", transparent=True)


def _largest_start(cases: Sequence[Case]) -> float:
    starts = [case.results[start].history["total"][0] for case in cases for start in STARTS]
    return max(*starts, *(case.network.losses["total"] for case in cases))


def _draw_start(axes: Axes, cases: Sequence[Case], start: Start) -> None:
    histories = [case.results[start].history for case in cases]
    if len(cases) > 1:
        for history in histories:
            axes.plot(history["seconds"][1:], history["total"][1:], color=_COLORS[start], linewidth=0.6, alpha=0.35)
    length = min(len(history["total"]) for history in histories)
    seconds, total = (
        np.median([history[name][:length] for history in histories], axis=0) for name in ("seconds", "total")
    )
    # from step 1 on: the start takes no time, which a logarithm cannot show
    axes.plot(seconds[1:], total[1:], color=_COLORS[start], linewidth=2.2, label=f"L-BFGS from {start}")


def _draw_network(axes: Axes, cases: Sequence[Case]) -> None:
    seconds = [case.network.seconds or 0.0 for case in cases]
    totals = [case.network.losses["total"] for case in cases]
    if len(cases) > 1:
        axes.plot(seconds, totals, ".", color=_NETWORK, markersize=4, alpha=0.6)
    axes.axhline(float(np.median(totals)), color=_NETWORK, linewidth=0.8, linestyle=":")
    axes.plot([np.median(seconds)], [np.median(totals)], "o", color=_NETWORK, markersize=9, label="network")
