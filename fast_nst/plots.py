"""Curves of the losses, drawn as PNG without a display."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fast_nst.images import atomic_path

_COLORS = {"content": "tab:blue", "style": "tab:orange", "tone": "tab:red", "tv": "tab:green", "total": "black"}


def plot_losses(rows: Sequence[Mapping[str, float]], path: Path, *, x: str, title: str) -> None:
    """Draw content, style, tone, total variation and total loss on a logarithmic axis.

    Values that a logarithm cannot show (0, NaN) leave a gap, and a term that has no others is left out.

    Args:
        rows: one mapping a point, with the keys `content`, `style`, `tone`, `tv`, `total` and `x`.
        path: the PNG file to write, atomically; an existing one is replaced.
        x: key of the horizontal axis, also its label, such as `step`.
        title: shown above the curves.

    Raises:
        FastNstError: when the file cannot be written.
    """
    figure, axes = _logarithmic((8, 5), x, "weighted loss", title)
    positions = [row[x] for row in rows]
    for term, color in _COLORS.items():
        values = [row[term] for row in rows]
        if any(value > 0 for value in values):
            axes.plot(positions, values, color=color, label=term, marker="." if len(rows) == 1 else "")
    if axes.lines:
        axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def plot_sides(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw both sides of an adversarial training: their losses, and below D of real pictures and of pastiches.

    Args:
        rows: one mapping a step, with the keys `step`, `adversarial`, `discriminator`, `d_real`, `d_fake` and
            `augment_probability`.
        path: the PNG file to write, atomically; an existing one is replaced.

    Raises:
        FastNstError: when the file cannot be written.
    """
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    steps = [row["step"] for row in rows]
    labels = {
        above: {"adversarial": "generator", "discriminator": "discriminator"},
        below: {"d_real": "D(real)", "d_fake": "D(fake)", "augment_probability": "probability of each change"},
    }
    for axes, curves in labels.items():
        for key, label in curves.items():
            axes.plot(steps, [row[key] for row in rows], label=label)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
    above.set(ylabel="adversarial loss")
    below.set(ylabel="D", xlabel="step", ylim=(0, 1))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def plot_curves(curves: Mapping[str, Sequence[float]], path: Path, *, x: str, y: str, title: str) -> None:
    """Draw curves on a logarithmic axis, point k of each at k.

    Args:
        curves: values by label.
        path: the PNG file to write, atomically; an existing one is replaced.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        title: shown above the curves.

    Raises:
        FastNstError: when the file cannot be written.
    """
    figure, axes = _logarithmic((9, 5.5), x, y, title)
    for label, values in curves.items():
        axes.plot(range(len(values)), values, label=label)
    axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _logarithmic(size: tuple[float, float], x: str, y: str, title: str) -> tuple[Figure, Axes]:
    """Return a figure of `size` inches at 120 dots each, with one logarithmic axis upwards."""
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set_yscale("log", nonpositive="mask")
    axes.set(xlabel=x, ylabel=y, title=title)
    axes.grid(visible=True, alpha=0.3)
    return figure, axes
