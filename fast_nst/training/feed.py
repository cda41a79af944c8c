"""Batches for a trainer, in the order of a run's steps, decoded by threads ahead of their turn."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytorch_lightning as pl

from fast_nst.errors import TrainingError
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import ContentPhotographs, Crops, Photograph


class StepSampler:
    """Indices of the crops of each batch still to be done; of each only this rank's share.

    Args:
        steps_done: tells how many steps are done. It is asked at each start, because Lightning counts a resumed
            epoch from where it was, ends it early, and starts another.
        stop: the step to end at.
        batch_size: crops a step, over all ranks.
        rank: which share of a step's crops to give.
        world_size: number of shares.
        accumulate: batches that a step is split into, one after the other.
    """

    def __init__(
        self, steps_done: Callable[[], int], stop: int, batch_size: int, rank: int, world_size: int, accumulate: int = 1
    ) -> None:
        self.steps_done, self.stop = steps_done, stop
        self.batch_size, self.rank, self.world_size, self.accumulate = batch_size, rank, world_size, accumulate

    def __iter__(self) -> Iterator[list[int]]:
        """Yield one list of indices a batch."""
        share = self.batch_size // self.accumulate
        for first in range(self.steps_done() * self.batch_size, self.stop * self.batch_size, share):
            yield list(range(first + self.rank, first + share, self.world_size))

    def __len__(self) -> int:
        return max(0, self.stop - self.steps_done()) * self.accumulate


class Feed:
    """Batches for a trainer, whose photographs were decoded by threads while the batches before were trained on.

    Args:
        photographs: what crops are cut from.
        indices: which crops, batch after batch.
        workers: threads; with 0, photographs are decoded when their turn comes.
    """

    def __init__(self, photographs: ContentPhotographs, indices: StepSampler, workers: int) -> None:
        self.photographs, self.indices, self.workers = photographs, indices, workers

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[Crops]:
        """Yield batches, in order."""
        if not self.workers:
            yield from map(self.photographs.batch, self.indices)
            return
        pool = ThreadPoolExecutor(self.workers, "decoder")
        try:
            for indices, photographs in self._decoded(pool):
                yield self.photographs.cut(indices, [photograph.result() for photograph in photographs])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _decoded(self, pool: ThreadPoolExecutor) -> Iterator[tuple[list[int], list[Future[Photograph]]]]:
        """Yield the photographs of each batch, having sent for those of the next ones."""
        ahead: deque[tuple[list[int], list[Future[Photograph]]]] = deque()
        for indices in self.indices:
            ahead.append((indices, [pool.submit(self.photographs.photograph, index) for index in indices]))
            if len(ahead) * len(indices) > 2 * self.workers and len(ahead) > 2:
                yield ahead.popleft()
        yield from ahead

    def state_dict(self) -> dict[str, int]:
        """Tell Lightning that this can be resumed; there is nothing to save: the trainer's step is the position."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing to restore."""


class ContentData(pl.LightningDataModule):
    """Feeds the crops of `config` to a trainer, from the step it stands at."""

    def __init__(self, config: TrainConfig, places: Sequence[str]) -> None:
        super().__init__()
        self.config = config
        self.photographs = ContentPhotographs(
            places, config.crop_size, config.seed, config.max_megapixels, config.cache_gib
        )

    def train_dataloader(self) -> Feed:
        """Return the batches still to be done.

        Raises:
            TrainingError: when a step's photographs do not divide over the devices.
        """
        trainer, config = self.trainer, self.config
        assert trainer is not None
        shares = trainer.world_size * config.accumulate
        if config.batch_size % shares:
            devices = f"{trainer.world_size} device{'s' if trainer.world_size > 1 else ''}"
            batches = f" in {config.accumulate} batches" if config.accumulate > 1 else ""
            raise TrainingError(
                f"batch_size {config.batch_size} does not divide over {devices}{batches}; "
                f"try {-(-config.batch_size // shares) * shares}"
            )
        self.photographs.device = trainer.strategy.root_device
        indices = StepSampler(
            lambda: trainer.global_step,
            config.max_steps,
            config.batch_size,
            trainer.global_rank,
            trainer.world_size,
            config.accumulate,
        )
        return Feed(self.photographs, indices, config.workers)
