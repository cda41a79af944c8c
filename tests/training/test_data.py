import numpy as np
import pytest

from fast_nst.errors import TrainingError
from fast_nst.images import Picture, find_pictures, write_picture
from fast_nst.training.data import ContentPhotographs, StepSampler, collate


@pytest.fixture
def dataset(photographs):
    return ContentPhotographs([path for path, _ in find_pictures([photographs])], crop_size=64, seed=3)


def test_a_crop_depends_on_nothing_but_seed_and_index(dataset):
    first = [dataset[index][0] for index in (7, 3, 25)]
    again = [ContentPhotographs(dataset.paths, 64, seed=3)[index][0] for index in (7, 3, 25)]
    other = ContentPhotographs(dataset.paths, 64, seed=4)[7][0]

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], other)


def test_every_photograph_comes_once_an_epoch_in_a_new_order(dataset):
    epochs = [[dataset._photograph(10 * epoch + place, 0) for place in range(10)] for epoch in range(3)]

    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_crop_is_a_square_of_half_to_all_of_the_shorter_side(dataset):
    places = np.mgrid[0:80, 0:120].transpose(1, 2, 0)  # each pixel holds its own row and column
    photograph = np.concatenate([places, np.zeros((80, 120, 1))], 2).astype(np.uint8)
    sides = []
    for seed in range(50):
        crop = dataset._crop(photograph, np.random.default_rng(seed)).astype(float)
        rows, columns = (np.ptp(crop[8:-8, 8:-8, axis]) * 64 / 47 for axis in (0, 1))  # away from the resized border
        assert rows == pytest.approx(columns, abs=2.5)
        sides.append(rows)

    assert crop.shape == (64, 64, 3)
    assert 38 < min(sides) < 48
    assert 72 < max(sides) < 82


def test_a_large_jpeg_is_decoded_smaller_but_never_smaller_than_its_crops(dataset, tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(ContentPhotographs, "_crop", lambda _self, pixels, _rng: sizes.append(pixels.shape[:2]))
    for side in (1040, 200):
        write_picture(tmp_path / f"{side}.jpg", Picture(np.zeros((side, side, 3), np.uint8)))
        ContentPhotographs([tmp_path / f"{side}.jpg"], crop_size=64, seed=0)[0]

    assert sizes == [(130, 130), (200, 200)]


def test_crops_are_mirrored_about_half_the_time(dataset):
    ramp = np.linspace(0, 255, 100).astype(np.uint8)[None, :, None].repeat(100, 0).repeat(3, 2)
    crops = [dataset._crop(ramp, np.random.default_rng(seed)) for seed in range(200)]
    mirrored = sum(int(crop[0, 0, 0]) > int(crop[0, -1, 0]) for crop in crops)

    assert 70 < mirrored < 130


def test_an_unreadable_photograph_is_replaced_and_named(dataset, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no picture")
    mixed = ContentPhotographs([broken, *dataset.paths[:3]], 64, seed=0)
    samples = [mixed[index] for index in range(8)]

    assert collate(samples).unreadable.count(str(broken)) >= 2  # once an epoch at least
    assert collate(samples).images.shape == (8, 3, 64, 64)


def test_a_folder_of_unreadable_files_stops_with_the_reason(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")

    with pytest.raises(TrainingError, match=r"20 photographs in a row cannot be read; the last: .*broken\.jpg"):
        ContentPhotographs([broken], 64, seed=0)[0]


def test_the_sampler_goes_on_where_a_run_stopped():
    whole = list(StepSampler(lambda: 0, 6, batch_size=3, rank=0, world_size=1))
    rest = list(StepSampler(lambda: 4, 6, batch_size=3, rank=0, world_size=1))

    assert whole[0] == [0, 1, 2]
    assert rest == whole[4:]
    assert len(StepSampler(lambda: 6, 6, 3, 0, 1)) == 0


def test_ranks_share_the_crops_of_a_step():
    ranks = [list(StepSampler(lambda: 2, 4, batch_size=4, rank=rank, world_size=2)) for rank in (0, 1)]

    assert ranks[0] == [[8, 10], [12, 14]]
    assert ranks[1] == [[9, 11], [13, 15]]


def test_a_batch_is_channels_first_and_keeps_its_values():
    crop = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3)
    batch = collate([(crop, ()), (crop[::-1], ("x.jpg",))])

    np.testing.assert_array_equal(batch.images[0, 1].numpy(), crop[..., 1])
    assert batch.unreadable == ("x.jpg",)
