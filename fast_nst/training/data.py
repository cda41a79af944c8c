"""Photographs to train on: any folder, any number of files, the same crops in the same order for the same seed.

The i-th crop of a run is a pure function of the seed and i. So a run resumed at step s, or spread over several
devices, sees exactly the crops an uninterrupted run on one device sees, and no generator state needs saving.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from fast_nst.errors import ImageError, TrainingError
from fast_nst.images import MAX_MEGAPIXELS, read_pixels
from fast_nst.training.config import TrainConfig

_ATTEMPTS = 20  # photographs tried for one crop before the folder is called unreadable
_LEAST_SHARE = 0.5  # shortest crop side, as a share of the photograph's shorter side


class Crops(NamedTuple):
    """A batch: `images` uint8 `(N, 3, crop, crop)` RGB, and the files that could not be read on the way to it."""

    images: Tensor
    unreadable: tuple[str, ...]


class ContentPhotographs(Dataset[tuple[np.ndarray, tuple[str, ...]]]):
    """An endless sequence of random square crops; index i is a pure function of `seed` and i.

    Each photograph comes once an epoch, in an order drawn anew for each. A crop is a square of half to all of the
    photograph's shorter side, anywhere in it, resized to `crop_size` px and mirrored half the time.
    """

    def __init__(
        self, paths: Sequence[Path], crop_size: int, seed: int, max_megapixels: float = MAX_MEGAPIXELS
    ) -> None:
        self.paths = list(paths)
        self.crop_size = crop_size
        self.seed = seed
        self.max_megapixels = max_megapixels

    def __getitem__(self, index: int) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return a crop, uint8 `(crop, crop, 3)`, and the unreadable files met before a readable one.

        Raises:
            TrainingError: when 20 photographs in a row cannot be read.
        """
        unreadable: list[str] = []
        least_side = math.ceil(self.crop_size / _LEAST_SHARE)  # a JPEG may be decoded smaller, as long as no crop grows
        for attempt in range(_ATTEMPTS):
            path = self.paths[self._photograph(index, attempt)]
            try:
                pixels = read_pixels(path, max_megapixels=self.max_megapixels, min_side=least_side)
            except ImageError as error:
                unreadable.append(str(path))
                last_error = error
                continue
            return self._crop(pixels, np.random.default_rng([self.seed, 1, index])), tuple(unreadable)
        raise TrainingError(f"{_ATTEMPTS} photographs in a row cannot be read; the last: {last_error}")

    def _photograph(self, index: int, attempt: int) -> int:
        if attempt:  # a stand-in for an unreadable file, drawn afresh so that no neighbour is seen twice as often
            return int(np.random.default_rng([self.seed, 2, index, attempt]).integers(len(self.paths)))
        epoch, place = divmod(index, len(self.paths))
        return int(_order(self.seed, epoch, len(self.paths))[place])

    def _crop(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = pixels.shape[:2]
        side = min(height, width) * rng.uniform(_LEAST_SHARE, 1.0)
        top, left = rng.uniform(0, height - side), rng.uniform(0, width - side)
        box = (left, top, left + side, top + side)
        size = (self.crop_size, self.crop_size)
        crop = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, box=box))
        return crop[:, ::-1] if rng.random() < 0.5 else crop


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, 0, epoch]).permutation(count)


class StepSampler(Sampler[list[int]]):
    """Indices of the crops of each step still to be done, one list a step; of each step only this rank's share.

    Args:
        steps_done: tells how many steps are done. It is asked at each start, because Lightning counts a resumed
            epoch from where it was, ends it early, and starts another.
        stop: the step to end at.
        batch_size: crops a step, over all ranks.
        rank: which share of a step's crops to give.
        world_size: number of shares.
    """

    def __init__(self, steps_done: Callable[[], int], stop: int, batch_size: int, rank: int, world_size: int) -> None:
        self.steps_done, self.stop = steps_done, stop
        self.batch_size, self.rank, self.world_size = batch_size, rank, world_size

    def __iter__(self) -> Iterator[list[int]]:
        """Yield one list of indices a step."""
        for step in range(self.steps_done(), self.stop):
            first = step * self.batch_size
            yield list(range(first + self.rank, first + self.batch_size, self.world_size))

    def __len__(self) -> int:
        return max(0, self.stop - self.steps_done())


class StepLoader(DataLoader[tuple[np.ndarray, tuple[str, ...]]]):
    """A loader that tells Lightning it can be resumed: `ContentData` starts it at the step a run goes on from."""

    def state_dict(self) -> dict[str, int]:
        """Nothing to save: the position is the trainer's global step."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing to restore."""


class ContentData(pl.LightningDataModule):
    """Feeds the crops of `config` to a trainer, from the step it stands at."""

    def __init__(self, config: TrainConfig, paths: Sequence[Path]) -> None:
        super().__init__()
        self.config = config
        self.photographs = ContentPhotographs(paths, config.crop_size, config.seed, config.max_megapixels)

    def train_dataloader(self) -> StepLoader:
        """Return the loader of the steps still to be done.

        Raises:
            TrainingError: when the batch does not divide over the devices.
        """
        trainer, config = self.trainer, self.config
        assert trainer is not None
        if config.batch_size % trainer.world_size:
            raise TrainingError(
                f"batch_size {config.batch_size} does not divide over {trainer.world_size} devices; "
                f"try {-(-config.batch_size // trainer.world_size) * trainer.world_size}"
            )
        steps = StepSampler(
            lambda: trainer.global_step, config.max_steps, config.batch_size, trainer.global_rank, trainer.world_size
        )
        return StepLoader(
            self.photographs,
            batch_sampler=steps,
            num_workers=config.workers,
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=config.workers > 0,
        )


def collate(samples: Sequence[tuple[np.ndarray, tuple[str, ...]]]) -> Crops:
    """Stack crops `(crop, crop, 3)` into `Crops`."""
    images = torch.from_numpy(np.stack([crop for crop, _ in samples])).permute(0, 3, 1, 2).contiguous()
    return Crops(images, tuple(path for _, unreadable in samples for path in unreadable))
