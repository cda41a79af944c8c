"""What a run leaves behind: its configuration, the losses of every step, snapshots and an animation."""

import csv
import shutil
from pathlib import Path

import torch
import yaml
from torch import Tensor

from fast_nst.gatys.config import GatysConfig
from fast_nst.gatys.descent import Step
from fast_nst.images import Picture, Pixels, atomic_path, fit, resize, write_animation, write_picture
from fast_nst.perceptual import to_pixels
from fast_nst.plots import plot_losses

_FRAME_GROWTH = 1.15  # a picture forms quickly at first: each frame comes this many times as late as the one before
_FRAME_SIDE = 512  # longer side of a frame at most, px


class Album:
    """Keeps the latest pastiche of a run, and writes what the run leaves beside it.

    Args:
        folder: gets `config.yaml`, `history.csv`, `history.png`, and snapshots such as `step-0050.png`.
        config: what is run.
        snapshot_every: steps between snapshots, with which the curves are brought up to date; 0 for none.
        animation: a GIF or WebP file that shows the picture forming; None for none.
    """

    def __init__(
        self, folder: Path, config: GatysConfig, snapshot_every: int = 0, animation: Path | None = None
    ) -> None:
        self.folder = folder
        self.config = config
        self.snapshot_every = snapshot_every
        self.animation = animation
        self._is_own = not folder.exists()
        self.history: list[Step] = []
        self.sides: list[int] = []
        self._frames: list[Pixels] = []
        self._next_frame = 0.0
        self.pastiche = torch.empty(0)  # until the first step

    def add(self, step: Step, pastiche: Tensor) -> None:
        """Take in a step; an `OnStep`."""
        self.history.append(step)
        self.sides.append(max(pastiche.shape[2:]))
        self.pastiche = pastiche
        if self.animation is not None and step.step >= self._next_frame:
            self._frames.append(fit(to_pixels(pastiche), min(_FRAME_SIDE, self.config.size)))
            self._next_frame = max(step.step + 1, _FRAME_GROWTH * step.step)
        if step.step == 0:
            self._start()
        elif self.snapshot_every and step.step % self.snapshot_every == 0:
            write_picture(self.folder / f"step-{step.step:04d}.png", Picture(to_pixels(pastiche)), overwrite=True)
            self.write_curves()

    def write_curves(self) -> None:
        """Write `history.csv` and `history.png`."""
        rows = [
            {"step": s.step, **s.losses, "seconds": s.seconds, "evaluations": s.evaluations, "size": side}
            for s, side in zip(self.history, self.sides, strict=True)
        ]
        table = self.folder / "history.csv"
        with atomic_path(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        plot_losses(rows, table.with_suffix(".png"), x="step", title=f"Loss, {self.config.optimizer}")

    def write_animation(self) -> None:
        """Write the animation, if there is to be one, ending with the latest pastiche."""
        if self.animation is not None:
            last = fit(to_pixels(self.pastiche), min(_FRAME_SIDE, self.config.size))
            frames = [resize(frame, *last.shape[:2]) for frame in self._frames]
            write_animation(self.animation, [*frames, last])

    def discard(self) -> None:
        """Remove the folder of a run that came to nothing, unless it was there before."""
        if self._is_own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        """Write the configuration, which also shows that the folder can be written, and drop earlier snapshots."""
        with atomic_path(self.folder / "config.yaml") as temporary:
            temporary.write_text(yaml.safe_dump(self.config.plain(), sort_keys=False), encoding="utf-8")
        for snapshot in self.folder.glob("step-*.png"):
            snapshot.unlink()
