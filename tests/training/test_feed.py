"""Batches: in order however many threads decode, shared out to devices, taken up where a run stopped."""

import threading
import time

import pytest
import torch

from fast_nst.errors import ImageError, TrainingError
from fast_nst.training import data
from fast_nst.training.data import ContentPhotographs
from fast_nst.training.feed import Feed, StepSampler
from fast_nst.training.sources import find_photographs


@pytest.fixture
def dataset(photographs):
    return ContentPhotographs(find_photographs([str(photographs)]), crop_size=64, seed=3)


def steps(done: int, stop: int, batch_size: int, **shares: int) -> StepSampler:
    return StepSampler(lambda: done, stop, batch_size, **{"rank": 0, "world_size": 1} | shares)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order_however_many_threads_decode(dataset, monkeypatch, workers):
    whole = ContentPhotographs.photograph
    monkeypatch.setattr(
        ContentPhotographs, "photograph", lambda self, index: time.sleep(0.01 * (-index % 3)) or whole(self, index)
    )
    batches = list(Feed(dataset, steps(1, 6, 2), workers))

    assert len(batches) == 5
    assert all(
        torch.equal(batch.images, dataset.batch([2 * step, 2 * step + 1]).images)
        for step, batch in enumerate(batches, start=1)
    )


def test_a_feed_that_is_left_early_leaves_no_work_behind(dataset):
    feed = iter(Feed(dataset, steps(0, 1000, 2), workers=2))
    next(feed)
    feed.close()
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("decoder") for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert not any(thread.name.startswith("decoder") for thread in threading.enumerate())


def test_what_a_thread_meets_is_raised_where_the_batch_is_wanted(dataset, monkeypatch):
    def unreadable(place: str, **_: object) -> None:
        raise ImageError(f"{place}: no")

    monkeypatch.setattr(data, "read_photograph", unreadable)
    with pytest.raises(TrainingError, match="20 photographs in a row"):
        next(iter(Feed(dataset, steps(0, 4, 2), workers=2)))


def test_the_sampler_goes_on_where_a_run_stopped():
    whole, rest = list(steps(0, 6, 3)), list(steps(4, 6, 3))

    assert whole[0] == [0, 1, 2]
    assert rest == whole[4:]
    assert len(steps(6, 6, 3)) == 0


def test_ranks_share_the_crops_of_a_step():
    ranks = [list(steps(2, 4, 4, rank=rank, world_size=2)) for rank in (0, 1)]

    assert ranks[0] == [[8, 10], [12, 14]]
    assert ranks[1] == [[9, 11], [13, 15]]


def test_a_step_in_two_batches_has_the_crops_of_a_step_in_one():
    ranks = [list(steps(1, 3, 8, rank=rank, world_size=2, accumulate=2)) for rank in (0, 1)]

    assert ranks[0] == [[8, 10], [12, 14], [16, 18], [20, 22]]
    assert ranks[1] == [[9, 11], [13, 15], [17, 19], [21, 23]]
    assert len(steps(1, 3, 8, accumulate=2)) == 4
