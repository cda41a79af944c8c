"""What happens around the steps: clock and loss table, checkpoints, previews."""

import csv
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from tqdm import tqdm

from fast_nst.errors import TrainingError
from fast_nst.images import Picture, atomic_path, write_picture
from fast_nst.perceptual import Losses
from fast_nst.plots import plot_losses
from fast_nst.training.checkpoint import CHECKPOINT_NAME
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import Crops
from fast_nst.training.module import StyleTransferModule

_TERMS = Losses._fields
_LOGGED = (*_TERMS, "grid")
_RECENT = 100  # steps that "the current loss" is averaged over
LOSSES_NAME = "losses.csv"


class Progress(pl.Callback):
    """Keeps the time, a row of losses a step, and a progress bar; stops a run that is over time or `interrupted`.

    All processes of a run on several devices have one clock, that of the first, and stop at the same step.

    Rows go to `losses.csv` in the run's folder: step, the four losses, the grid term, learning rate, `step_s` (seconds
    of the whole step) and `data_s` (those spent waiting for photographs). TensorBoard gets the same numbers.
    """

    def __init__(self, config: TrainConfig, folder: Path, *, show_bar: bool) -> None:
        self.config = config
        self.path = folder / LOSSES_NAME
        self.show_bar = show_bar
        self.interrupted = threading.Event()
        self.unreadable: set[str] = set()
        self.rows: list[dict[str, float]] = []
        self._step_end = self._step_start = 0.0
        self._bar: tqdm[Any] | None = None

    def recent(self) -> dict[str, float]:
        """Return the four losses averaged over the last 100 steps."""
        rows = self.rows[-_RECENT:]
        return {name: float(np.mean([row[name] for row in rows])) for name in _TERMS} if rows else {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take up the rows of earlier sittings, up to the step this one starts at."""
        self.rows = [row for row in read_losses(self.path) if row["step"] <= trainer.global_step]
        self._step_end = time.monotonic()
        if trainer.is_global_zero:
            self._rewrite()
            self._bar = tqdm(
                total=self.config.max_steps, initial=trainer.global_step, unit="step", disable=not self.show_bar
            )

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Crops, batch_idx: int
    ) -> None:
        """Note when the photographs had come."""
        self._step_start = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Crops, batch_idx: int
    ) -> None:
        """Write the row of this step."""
        assert isinstance(pl_module, StyleTransferModule)
        terms = {name: _mean_over_devices(trainer, term) for name, term in outputs["terms"].items()}
        now = time.monotonic()
        step_s, data_s = now - self._step_end, self._step_start - self._step_end
        self._step_end = now
        pl_module.elapsed_s = trainer.strategy.broadcast(pl_module.elapsed_s + step_s)
        self.unreadable.update(batch.unreadable)
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        row = {"step": trainer.global_step, **terms, "learning_rate": rate, "step_s": step_s, "data_s": data_s}
        self.rows.append(row)
        if trainer.is_global_zero:
            self._append(row)
            if trainer.logger is not None:
                trainer.logger.log_metrics({f"loss/{name}": row[name] for name in _LOGGED}, trainer.global_step)
            self._show()
        minutes = self.config.max_minutes
        is_over = self.interrupted.is_set() or (minutes is not None and pl_module.elapsed_s >= 60 * minutes)
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(is_over, all=False)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the recent losses, for the metadata of an exported file."""
        checkpoint["losses"] = self.recent()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar and draw `losses.png`."""
        if self._bar is not None:
            self._bar.close()
        if trainer.is_global_zero and self.rows:
            title = self.config.title or Path(self.config.style).stem
            plot_losses(_smoothed(self.rows), self.path.with_suffix(".png"), x="step", title=title)

    def _show(self) -> None:
        if self._bar is None:
            return
        recent = self.rows[-_RECENT:]
        seconds = sum(row["step_s"] for row in recent)
        waiting = sum(row["data_s"] for row in recent) / seconds
        losses = {name: f"{value:.3g}" for name, value in self.recent().items()}
        images = f"{self.config.batch_size * len(recent) / seconds:.3g}/s"
        self._bar.set_postfix({**losses, "images": images, "waiting": f"{waiting:.0%}"}, refresh=False)
        self._bar.update()

    def _append(self, row: Mapping[str, float]) -> None:
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, row).writerow(row)

    def _rewrite(self) -> None:
        """Drop the rows of steps that were done after the checkpoint and will be done again."""
        columns = ["step", *_LOGGED, "learning_rate", "step_s", "data_s"]
        with atomic_path(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)


class Checkpoints(pl.Callback):
    """Saves `last.ckpt` every so many steps, never leaving a half-written one."""

    def __init__(self, folder: Path, every: int) -> None:
        self.path = folder / CHECKPOINT_NAME
        self.every = every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Crops, batch_idx: int
    ) -> None:
        """Save when the time has come."""
        if trainer.global_step % self.every == 0:
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the run, however it came."""
        self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Save now; every process of a run on several devices must call it."""
        temporary = self.path.with_suffix(".part")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            temporary.replace(self.path)


class Previews(pl.Callback):
    """Every so many steps, a picture of fixed photographs above their pastiches: `previews/step-000200.png`."""

    def __init__(self, folder: Path, photographs: Tensor, every: int) -> None:
        self.folder = folder / "previews"
        self.photographs = photographs  # (N, 3, crop, crop) uint8
        self.every = every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Crops, batch_idx: int
    ) -> None:
        """Draw when the time has come."""
        if self.every and trainer.is_global_zero and trainer.global_step % self.every == 0:
            self.draw(pl_module, trainer.global_step)

    @torch.no_grad()
    def draw(self, module: pl.LightningModule, step: int) -> None:
        """Write the preview of `step`."""
        content = self.photographs.to(module.device).float() / 255
        pastiches = (module.network(content).clamp(0, 1) * 255).round().byte()  # type: ignore[operator]
        rows = [torch.cat(list(images.cpu()), dim=2) for images in (self.photographs, pastiches)]
        pixels = torch.cat(rows, dim=1).permute(1, 2, 0).numpy()
        write_picture(self.folder / f"step-{step:06d}.png", Picture(pixels), overwrite=True)


def read_losses(path: Path) -> list[dict[str, float]]:
    """Read `losses.csv`; no rows if there is none, and none of a last line that was cut short."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        {k: float(v) for k, v in row.items()} for row in rows if None not in row.values() and "" not in row.values()
    ]


def _smoothed(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Average each loss over the steps before it, for a curve that can be read."""
    window: deque[Mapping[str, float]] = deque(maxlen=max(1, min(_RECENT, len(rows) // 20)))
    smoothed = []
    for row in rows:
        window.append(row)
        smoothed.append({"step": row["step"], **{n: float(np.mean([w[n] for w in window])) for n in _TERMS}})
    return smoothed


def _mean_over_devices(trainer: pl.Trainer, value: Tensor) -> float:
    reduced = trainer.strategy.reduce(value, reduce_op="mean")
    number = float(reduced)
    if not np.isfinite(number):
        raise TrainingError(f"step {trainer.global_step}: a loss is {number}")
    return number
