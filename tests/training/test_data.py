"""Crops: the same for the same seed, from every photograph, from memory or not."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from fast_nst.errors import TrainingError
from fast_nst.images import Picture, write_picture
from fast_nst.training import data
from fast_nst.training.data import ContentPhotographs
from fast_nst.training.sources import find_photographs


@pytest.fixture
def dataset(photographs):
    return ContentPhotographs(find_photographs([str(photographs)]), crop_size=64, seed=3)


def test_a_crop_depends_on_nothing_but_seed_and_index(dataset):
    first = dataset.batch([7, 3, 25]).images
    again = torch.cat([ContentPhotographs(dataset.places, 64, seed=3).batch([i]).images for i in (7, 3, 25)])
    other = ContentPhotographs(dataset.places, 64, seed=4).batch([7]).images

    assert torch.equal(first, again)
    assert not torch.equal(first[:1], other)
    assert first.dtype == torch.float32
    assert 0 <= first.min() < first.max() <= 1


def test_every_photograph_comes_once_an_epoch_in_a_new_order(dataset):
    epochs = [[dataset._number(10 * epoch + place, 0) for place in range(10)] for epoch in range(3)]

    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


@pytest.mark.parametrize(("may_enlarge", "least"), [(True, 40), (False, 64)])
def test_a_crop_is_a_square_of_half_to_all_of_the_shorter_side_and_not_enlarged(dataset, may_enlarge, least):
    dataset.may_enlarge = may_enlarge
    rows, columns = torch.meshgrid(torch.arange(80), torch.arange(120), indexing="ij")
    places = torch.stack([rows, columns, rows]).to(torch.uint8)  # each pixel holds its own row and column
    sides = []
    for index in range(50):
        crop = 255 * dataset._crop(places, index)[0]
        spans = [
            float(np.ptp(crop[axis, 8:-8, 8:-8].numpy()) * 64 / 47) for axis in (0, 1)
        ]  # away from the resized border
        assert spans[0] == pytest.approx(spans[1], abs=2.5)
        sides.append(spans[0])

    assert crop.shape == (3, 64, 64)
    assert least - 2 < min(sides) < least + 8
    assert 72 < max(sides) < 82


@pytest.mark.parametrize(("shorter", "sides"), [(200, (100, 200)), (128, (64, 128)), (90, (64, 90)), (50, (50, 50))])
def test_no_crop_has_fewer_pixels_than_it_becomes_unless_the_photograph_has(dataset, monkeypatch, shorter, sides):
    drawn = []
    monkeypatch.setattr(data.F, "interpolate", lambda square, size, **_: drawn.append(square.shape[2:]) or square)
    for index in range(60):
        dataset._crop(torch.zeros(3, shorter, 300, dtype=torch.uint8), index)
    assert all(height == width for height, width in drawn)
    found = [height for height, _ in drawn]
    assert sides[0] <= min(found) <= sides[0] + 8
    assert sides[1] - 8 <= max(found) <= sides[1]


def test_crops_are_of_the_shares_that_are_asked_for(dataset):
    small = ContentPhotographs(dataset.places, 64, seed=3, least_share=0.25, most_share=0.5, may_enlarge=True)
    ramp = torch.arange(128, dtype=torch.uint8).expand(3, 128, 128)
    sides = [float(np.ptp(255 * small._crop(ramp, index)[0, 0, 32, 8:-8].numpy()) * 64 / 47) for index in range(50)]
    assert 31 < min(sides) < 38
    assert 58 < max(sides) < 66


def test_a_picture_of_one_pixel_gives_a_crop(dataset):
    assert dataset._crop(torch.full((3, 1, 1), 51, dtype=torch.uint8), 0).unique().tolist() == pytest.approx([0.2])


def test_a_crop_of_one_colour_keeps_it(dataset):
    grey = torch.full((3, 90, 70), 51, dtype=torch.uint8)
    assert_close(dataset._crop(grey, 0), torch.full((1, 3, 64, 64), 0.2))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_large_photograph_is_held_at_twice_the_size_of_its_crops(tmp_path, suffix):
    sides = {}
    for side in (1040, 100):
        path = tmp_path / f"{side}{suffix}"
        write_picture(path, Picture(np.zeros((side, 2 * side, 3), np.uint8)))
        sides[side] = tuple(ContentPhotographs([str(path)], crop_size=64, seed=0).photograph(0).pixels.shape)

    assert sides == {1040: (3, 128, 256), 100: (3, 100, 200)}


def test_crops_are_mirrored_about_half_the_time(dataset):
    ramp = torch.linspace(0, 255, 100).to(torch.uint8)[None, None].expand(3, 100, 100)
    crops = [dataset._crop(ramp, index)[0] for index in range(200)]
    mirrored = sum(int(crop[0, 0, 0] > crop[0, 0, -1]) for crop in crops)

    assert 70 < mirrored < 130


def test_photographs_are_decoded_once_while_there_is_room(dataset, monkeypatch):
    decoded, read = [], data.read_photograph
    monkeypatch.setattr(
        data, "read_photograph", lambda place, **options: decoded.append(place) or read(place, **options)
    )
    sizes = [dataset.photograph(index).pixels.nbytes for index in range(10)]
    epochs = [range(10 * epoch, 10 * epoch + 10) for epoch in range(3)]
    forgetful = [ContentPhotographs(dataset.places, 64, seed=3).batch(epoch).images for epoch in epochs]
    for room, reads in ((sum(sizes), 10), (0, 30)):
        decoded.clear()
        roomy = ContentPhotographs(dataset.places, 64, seed=3, cache_gib=room / 2**30)
        assert all(
            torch.equal(roomy.batch(epoch).images, crops) for epoch, crops in zip(epochs, forgetful, strict=True)
        )
        assert len(decoded) == reads


def test_an_unreadable_photograph_is_replaced_and_named(dataset, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no picture")
    mixed = ContentPhotographs([str(broken), *dataset.places[:3]], 64, seed=0)
    crops = mixed.batch(range(8))

    assert crops.unreadable.count(str(broken)) >= 2  # once an epoch at least
    assert crops.images.shape == (8, 3, 64, 64)


def test_a_folder_of_unreadable_files_stops_with_the_reason(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")

    with pytest.raises(TrainingError, match=r"20 photographs in a row cannot be read; the last: .*broken\.jpg"):
        ContentPhotographs([str(broken)], 64, seed=0).photograph(0)
