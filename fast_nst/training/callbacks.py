"""What happens around the steps: clock and loss table, checkpoints, previews."""

import csv
import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from tqdm import tqdm

from fast_nst.images import Picture, atomic_path, write_picture
from fast_nst.perceptual import Losses, to_pixels
from fast_nst.plots import plot_losses
from fast_nst.training.checkpoint import CHECKPOINT_NAME
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import Crops
from fast_nst.training.module import StyleTransferModule, check_finite

_TERMS = Losses._fields
_TOLD = (*_TERMS, "d_real", "d_fake")  # of what is logged, what is shown while a run goes on
_RECENT = 100  # steps that "the current loss" is averaged over
_ODD_GRADIENTS = 5  # not finite, in a row, that end a run; a single one is of an odd crop
LOSSES_NAME = "losses.csv"


class AfterStep(pl.Callback, ABC):
    """Does something after each optimiser step, which may take several batches."""

    def __init__(self) -> None:
        self._seen = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note where the run starts."""
        self._seen = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Crops, batch_idx: int
    ) -> None:
        """Call `after_step` if this batch completed one."""
        if trainer.global_step > self._seen:
            self._seen = trainer.global_step
            assert isinstance(pl_module, StyleTransferModule)
            self.after_step(trainer, pl_module)

    @abstractmethod
    def after_step(self, trainer: pl.Trainer, module: StyleTransferModule) -> None:
        """Do it."""


class _Step(NamedTuple):
    """What is known of a step before the device has been waited for."""

    step: int
    terms: Tensor
    """Of what the module logs, and the norm of the gradient."""
    learning_rate: float
    data_s: float


class Progress(AfterStep):
    """Keeps the time, a row of losses a step, and a progress bar; stops a run that is over time or `interrupted`.

    All processes of a run on several devices have one clock, that of the first, and stop at the same step. Rows are
    written after every step on a CPU, and after every tenth on a GPU, which works on meanwhile.

    Rows go to `losses.csv` in the run's folder: step, what the module logs, the gradient's norm, learning rate,
    `step_s` (seconds of the whole step) and `data_s` (those spent waiting for photographs). TensorBoard gets the same
    numbers, and the photographs a second of all processes and of one.
    """

    def __init__(self, config: TrainConfig, folder: Path, *, show_bar: bool) -> None:
        super().__init__()
        self.config = config
        self.path = folder / LOSSES_NAME
        self.show_bar = show_bar
        self.interrupted = threading.Event()
        self.unreadable: set[str] = set()
        self.rows: list[dict[str, float]] = []
        self._batches: list[Tensor] = []  # the terms of each batch of the step at hand
        self._waiting: list[_Step] = []
        self._last_flush = self._last_end = self._data_s = 0.0
        self._bar: tqdm[Any] | None = None
        self._odd_gradients = 0  # in a row, not finite
        self._logged: tuple[str, ...] = ()

    def recent(self) -> dict[str, float]:
        """Return the terms of the loss, and D where there is a discriminator, averaged over the last 100 steps."""
        rows = self.rows[-_RECENT:]
        return {name: float(np.mean([row[name] for row in rows])) for name in _TOLD if rows and name in rows[0]}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take up the rows of earlier sittings, up to the step this one starts at."""
        super().on_train_start(trainer, pl_module)
        assert isinstance(pl_module, StyleTransferModule)
        self._logged = pl_module.logged
        self.rows = [row for row in read_losses(self.path) if row["step"] <= trainer.global_step]
        self._last_flush = self._last_end = time.monotonic()
        if trainer.is_global_zero:
            self._rewrite()
            self._bar = tqdm(
                total=self.config.max_steps, initial=trainer.global_step, unit="step", disable=not self.show_bar
            )

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Crops, batch_idx: int
    ) -> None:
        """Note when the photographs had come."""
        self._data_s += time.monotonic() - self._last_end

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Crops, batch_idx: int
    ) -> None:
        """Take in the terms of this batch."""
        self._batches.append(torch.stack([outputs["terms"][name] for name in self._logged]))
        self.unreadable.update(batch.unreadable, outputs.get("unreadable", ()))
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self._last_end = time.monotonic()

    def after_step(self, trainer: pl.Trainer, module: StyleTransferModule) -> None:
        """Take in the step, and write its row when the time has come."""
        terms = torch.cat([torch.stack(self._batches).mean(0), module.gradient_norm[None].to(module.device)])
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        self._waiting.append(_Step(trainer.global_step, terms, rate, self._data_s))
        self._batches, self._data_s = [], 0.0
        if (
            trainer.global_step % _rows_at_once(module.device) == 0
            or trainer.global_step % self.config.checkpoint_every == 0
        ):
            self.flush(trainer, module)

    def flush(self, trainer: pl.Trainer, module: StyleTransferModule) -> None:
        """Write the rows that wait, and decide whether the run goes on; every process must call it at the same step.

        Raises:
            TrainingError: when a loss was not finite, or the gradient for some steps in a row.
        """
        if not self._waiting:
            return
        table = trainer.strategy.reduce(torch.stack([step.terms for step in self._waiting]), reduce_op="mean")
        numbers = table.tolist()  # waits for the device
        now = time.monotonic()
        step_s = (now - self._last_flush) / len(self._waiting)
        module.elapsed_s = trainer.strategy.broadcast(module.elapsed_s + now - self._last_flush)
        self._last_flush = now
        for step, values in zip(self._waiting, numbers, strict=True):
            row = dict(zip((*self._logged, "gradient"), values, strict=True))
            self._check(row, step.step - 1)
            row = {"step": step.step, **row, "learning_rate": step.learning_rate}
            self._add(trainer, {**row, "step_s": step_s, "data_s": min(step.data_s, step_s)})
        self._waiting = []
        minutes = self.config.max_minutes
        is_over = self.interrupted.is_set() or (minutes is not None and module.elapsed_s >= 60 * minutes)
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(is_over, all=False)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the recent losses, for the metadata of an exported file."""
        checkpoint["losses"] = self.recent()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar and draw `losses.png`."""
        assert isinstance(pl_module, StyleTransferModule)
        self.flush(trainer, pl_module)
        if self._bar is not None:
            self._bar.close()
        if trainer.is_global_zero and self.rows:
            title = self.config.style_name()
            plot_losses(smoothed(self.rows, _TERMS), self.path.with_suffix(".png"), x="step", title=title)

    def _add(self, trainer: pl.Trainer, row: dict[str, float]) -> None:
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, row).writerow(row)
        if trainer.logger is not None:
            speed = self.config.batch_size / row["step_s"]
            speeds = {"photographs_per_s": speed, "photographs_per_s_of_a_process": speed / trainer.world_size}
            losses = {f"loss/{name}": row[name] for name in self._logged}
            trainer.logger.log_metrics(losses | speeds, int(row["step"]))
        self._show()

    def _check(self, row: Mapping[str, float], step: int) -> None:
        """Raise `TrainingError` for a loss that is not finite, or a gradient that was not for some steps in a row."""
        for name in self._logged:
            check_finite(row[name], f"{name} loss", step)
        self._odd_gradients = 0 if math.isfinite(row["gradient"]) else self._odd_gradients + 1
        if self._odd_gradients == _ODD_GRADIENTS:
            check_finite(row["gradient"], "gradient", step)

    def _show(self) -> None:
        if self._bar is None:
            return
        recent = self.rows[-_RECENT:]
        seconds = sum(row["step_s"] for row in recent)
        waiting = sum(row["data_s"] for row in recent) / seconds
        losses = {name: f"{value:.3g}" for name, value in self.recent().items() if value}
        images = f"{self.config.batch_size * len(recent) / seconds:.3g}/s"
        self._bar.set_postfix({**losses, "images": images, "waiting": f"{waiting:.0%}"}, refresh=False)
        self._bar.update()

    def _rewrite(self) -> None:
        """Drop the rows of steps that were done after the checkpoint and will be done again."""
        columns = ["step", *self._logged, "gradient", "learning_rate", "step_s", "data_s"]
        with atomic_path(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)


class Checkpoints(AfterStep):
    """Saves `last.ckpt` every so many steps, never leaving a half-written one."""

    def __init__(self, folder: Path, every: int) -> None:
        super().__init__()
        self.path = folder / CHECKPOINT_NAME
        self.every = every

    def after_step(self, trainer: pl.Trainer, module: StyleTransferModule) -> None:
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


class Previews(AfterStep):
    """Every so many steps, a picture of photographs above pastiches, a row a style: `previews/step-000200.png`."""

    def __init__(self, folder: Path, photographs: Tensor, every: int) -> None:
        super().__init__()
        self.folder = folder / "previews"
        self.photographs = photographs  # (N, 3, crop, crop) in [0, 1]
        self.every = every

    def after_step(self, trainer: pl.Trainer, module: StyleTransferModule) -> None:
        """Draw when the time has come."""
        if self.every and trainer.is_global_zero and trainer.global_step % self.every == 0:
            self.draw(module, trainer.global_step)

    @torch.no_grad()
    def draw(self, module: StyleTransferModule, step: int) -> None:
        """Write the preview of `step`."""
        content, network = self.photographs.to(module.device), module.painter
        styles = torch.eye(network.style_count, device=module.device)
        pastiches = [network(content, style).float() for style in styles]
        rows = [torch.cat(list(images), dim=2) for images in (content, *pastiches)]
        write_picture(
            self.folder / f"step-{step:06d}.png", Picture(to_pixels(torch.cat(rows, dim=1)[None])), overwrite=True
        )


def _rows_at_once(device: torch.device) -> int:
    """Return for how many steps `device` is left alone before its results are asked for."""
    return 1 if device.type == "cpu" else 10


def read_losses(path: Path) -> list[dict[str, float]]:
    """Read `losses.csv`; no rows if there is none, and none of a last line that was cut short."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        {k: float(v) for k, v in row.items()} for row in rows if None not in row.values() and "" not in row.values()
    ]


def smoothed(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> list[dict[str, float]]:
    """Average what is called `names` over the steps before each, for curves that can be read."""
    window: deque[Mapping[str, float]] = deque(maxlen=max(1, min(_RECENT, len(rows) // 20)))
    averaged = []
    for row in rows:
        window.append(row)
        averaged.append({"step": row["step"], **{n: float(np.mean([w[n] for w in window])) for n in names}})
    return averaged
