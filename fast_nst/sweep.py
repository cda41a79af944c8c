"""A grid of settings of the slow method: every cell repainted once, all judged alike, on one sheet and in one table.

Each cell has its own objective where the grid says so, and the losses of two objectives cannot be compared. So every
pastiche is also judged by one, that of the settings outside the grid, and by its structural similarity to the
photograph.
"""

import csv
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fast_nst.compare.records import digest, sha256
from fast_nst.errors import ImageError
from fast_nst.gatys import GatysConfig, OnStep, repaint, settled
from fast_nst.gatys.start import STARTS
from fast_nst.images import Picture, Pixels, atomic_path, fit, read_pixels, resize, write_picture
from fast_nst.inference.sheet import captioned_sheet
from fast_nst.perceptual import Objective, ssim, to_image
from fast_nst.perceptual.content import SSIM_WINDOW
from fast_nst.perceptual.vgg import MINI_WEIGHTS
from fast_nst.plots import plot_curves

RECIPE = "recipe"
"""The axis whose values stand for many options."""
FIXED = ("device", "max_megapixels", "strip_megapixels")
"""Settings that a pastiche does not depend on."""
SHEET, TABLE, CURVES = "sheet.jpg", "table.csv", "curves.png"
_CELL_WIDTH = 360  # px on the sheet
_ROW = 6  # cells in a row of a sheet of one axis
_BLANK = 235  # grey of a cell that is not done


@dataclass(frozen=True)
class Axis:
    """One setting and what it is to be: for each value its label and the options that it stands for."""

    name: str
    values: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class Cell:
    """One point of the grid: the setting of each axis by its label, and the whole configuration."""

    settings: Mapping[str, str]
    config: GatysConfig

    def __str__(self) -> str:
        return ", ".join(f"{name} {label}" for name, label in self.settings.items())


@dataclass(frozen=True)
class CellResult:
    """What came of a cell.

    Attributes:
        weights: of content and style, as they were given or balanced.
        steps: optimiser steps done.
        seconds: that they took.
        losses: weighted terms of the pastiche by the cell's own objective, and their sum `total`.
        history: the total by the cell's own objective, at the start and after every step.
        judged: the terms by the sweep's objective.
        ssim: structural similarity to the photograph, -1 to 1; NaN for a picture smaller than its window.
    """

    weights: dict[str, float | None]
    steps: int
    seconds: float
    losses: dict[str, float]
    history: tuple[float, ...]
    judged: dict[str, float]
    ssim: float


class Sweep:
    """A photograph and paintings, repainted under many settings.

    Args:
        content: the photograph's file.
        styles: the paintings' files.
        base: the settings outside the grid; its objective judges every cell. Weights that it leaves open are balanced
            for these pictures.
        folder: gets `cells/` with a picture and a JSON file of each, the sheet, the table and the curves.

    Raises:
        FastNstError: for pictures or weights that do not serve.
    """

    def __init__(self, content: Path, styles: Sequence[Path], base: GatysConfig, folder: Path) -> None:
        self.content = read_pixels(content, max_megapixels=base.max_megapixels)
        self.styles = [read_pixels(style, max_megapixels=base.max_megapixels) for style in styles]
        self.folder = folder
        self.base = settled(base, self.content, self.styles)
        self._sources = [sha256(path) for path in (content, *styles)]
        self._hashes: dict[Path, str] = {}
        paintings = (to_image(fit(style, base.objective.style_size)) for style in self.styles)
        strip_pixels = round(1e6 * base.strip_megapixels)
        self._judge = Objective(self.base.objective, *paintings, strip_pixels=strip_pixels)

    def stored(self, cell: Cell) -> CellResult | None:
        """Return what came of a cell in this sweep or an earlier one; None if it is not there whole."""
        path = self._path(cell)
        try:
            values = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["result"]
            judged, similarity = self._judged(read_pixels(path))
            return CellResult(**values | {"history": tuple(values["history"])}, judged=judged, ssim=similarity)
        except (OSError, ImageError, ValueError, KeyError, TypeError):
            return None

    def is_done(self, cell: Cell) -> bool:
        """Whether a cell is there; its JSON file comes last."""
        path = self._path(cell)
        return path.is_file() and path.with_suffix(".json").is_file()

    def run(self, cell: Cell, on_step: OnStep | None = None) -> CellResult:
        """Repaint a cell and keep what came of it.

        Raises:
            FastNstError: for settings that do not serve, or a loss that is not finite.
        """
        config = settled(cell.config, self.content, self.styles)
        pastiche, history = repaint(self.content, self.styles, config, on_step)
        judged, similarity = self._judged(pastiche)
        last = history[-1]
        weights = {name: getattr(config.objective, name) for name in ("content_weight", "style_weight")}
        totals = tuple(step.losses["total"] for step in history)
        result = CellResult(weights, last.step, last.seconds, last.losses, totals, judged, similarity)
        painted = {name: value for name, value in asdict(result).items() if name not in ("judged", "ssim")}
        path = self._path(cell)
        write_picture(path, Picture(pastiche), overwrite=True)
        facts = {"settings": dict(cell.settings), "config": config.plain(), "result": painted}
        with atomic_path(path.with_suffix(".json")) as temporary:
            temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        return result

    def picture(self, cell: Cell) -> Pixels:
        """Return the pastiche of a cell that is done."""
        return read_pixels(self._path(cell))

    def write(self, grid: Sequence[tuple[Cell, CellResult | None]], axes: Sequence[Axis]) -> list[Path]:
        """Write the sheet, the table and the curves of a grid, some of whose cells are done; return their paths."""
        sheet, table, curves = (self.folder / name for name in (SHEET, TABLE, CURVES))
        done = [(cell, result) for cell, result in grid if result is not None]
        write_picture(sheet, Picture(self._sheet(grid, axes)), quality=92, overwrite=True)
        rows = [self._row(cell, result) for cell, result in done]
        with atomic_path(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        lines = {str(cell): result.history for cell, result in done}
        plot_curves(lines, curves, x="step", y="total loss, each by its own objective", title="Sweep")
        return [sheet, table, curves]

    def _sheet(self, grid: Sequence[tuple[Cell, CellResult | None]], axes: Sequence[Axis]) -> Pixels:
        """Lay out the photograph, the paintings and every cell; the last axis goes across."""
        columns = len(axes[-1].values) if len(axes) > 1 else min(_ROW, len(axes[0].values))
        head: list[tuple[Pixels, Sequence[str]]] = [(fit(self.content, self.base.size), ("the photograph",))]
        head += [(fit(style, self.base.size), ("the painting",)) for style in self.styles]
        blank = np.full_like(fit(self.content, self.base.size), _BLANK)
        drawn: list[tuple[Pixels, Sequence[str]]] = [
            (blank, (str(cell), "not done")) if result is None else (self.picture(cell), _caption(cell, result))
            for cell, result in grid
        ]
        rows: list[Sequence[tuple[Pixels, Sequence[str]]]] = [head]
        rows += [drawn[at : at + columns] for at in range(0, len(drawn), columns)]
        return captioned_sheet(rows, cell_width=_CELL_WIDTH)

    def _row(self, cell: Cell, result: CellResult) -> dict[str, Any]:
        judged = {f"judged_{term}": loss for term, loss in result.judged.items()}
        figures = {"steps_done": result.steps, "seconds": round(result.seconds, 2), **result.losses, **judged}
        picture = self._path(cell).relative_to(self.folder).as_posix()
        return {**cell.settings, **result.weights, **figures, "ssim": result.ssim, "picture": picture}

    @torch.no_grad()
    def _judged(self, pastiche: Pixels) -> tuple[dict[str, float], float]:
        image, content = to_image(pastiche), to_image(resize(self.content, *pastiche.shape[:2]))
        losses = self._judge(image, self._judge.content_targets(content)).floats()
        similarity = float(ssim(image, content)) if min(pastiche.shape[:2]) >= SSIM_WINDOW else math.nan
        return losses, similarity

    def _path(self, cell: Cell) -> Path:
        """Name a cell by all that its pastiche depends on: so no grid repaints what another has done."""
        plain = {name: value for name, value in cell.config.plain().items() if name not in FIXED}
        network = cell.config.objective.loss_network
        if network not in ("vgg16", "vgg19"):  # those are what torchvision says they are
            plain["loss_network"] = self._hash(MINI_WEIGHTS if network == "mini" else Path(network))
        if cell.config.init not in STARTS:
            plain["init"] = self._hash(Path(cell.config.init))
        key = {"format": 1, "settings": plain, "sources": self._sources}
        return self.folder / "cells" / f"{digest(key)}.png"

    def _hash(self, path: Path) -> str:
        if path not in self._hashes:
            self._hashes[path] = sha256(path) if path.is_file() else str(path)
        return self._hashes[path]


def cells(
    axes: Sequence[Axis], base: Mapping[str, Any], build: Callable[[Mapping[str, Any]], GatysConfig]
) -> Iterator[Cell]:
    """Give every cell of the grid, the last axis fastest.

    Args:
        axes: at least one.
        base: options outside the grid, flat; those of the axes win, and over a recipe's those of the other axes.
        build: makes a `GatysConfig` of flat options.

    Raises:
        ConfigError: for settings that make no sense.
    """
    for point in itertools.product(*(axis.values for axis in axes)):
        options = dict(base)
        for _, (_, values) in sorted(zip(axes, point, strict=True), key=lambda pair: pair[0].name != RECIPE):
            options |= values
        settings = {axis.name: label for axis, (label, _) in zip(axes, point, strict=True)}
        yield Cell(settings, build(options))


def _caption(cell: Cell, result: CellResult) -> tuple[str, ...]:
    losses = "  ".join(f"{term} {loss:.3g}" for term, loss in result.losses.items())
    judged = (
        f"judged {result.judged['total']:.3g}  SSIM {result.ssim:.2f}  {result.steps} steps  {result.seconds:.0f} s"
    )
    return (str(cell), losses, judged)
