"""The Fréchet distance of two collections."""

import pytest
import torch

from fast_nst.compare.frechet import crop_features, frechet_distance, frechet_share, place_features
from fast_nst.errors import ConfigError
from fast_nst.perceptual import VggFeatures


def points(count=4000, channels=3, seed=0):
    return torch.randn(count, channels, generator=torch.Generator().manual_seed(seed)).double()


def test_equal_collections_are_at_no_distance():
    assert frechet_distance(points(), points()) == pytest.approx(0, abs=1e-10)


def test_a_collection_moved_is_at_the_square_of_the_way():
    assert frechet_distance(points(), points() + torch.tensor([3.0, 0, 4.0])) == pytest.approx(25)


def test_along_one_axis_it_is_the_difference_of_means_and_of_spreads():
    ours, theirs = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [7.0]])  # means 1 and 4, spreads √2 and √18
    assert frechet_distance(ours, theirs) == pytest.approx(9 + (18**0.5 - 2**0.5) ** 2)


def test_spreads_along_other_axes_count_by_the_root_of_the_product_of_covariances():
    turn = torch.linalg.qr(points(2, 2)).Q
    ours, theirs = points(channels=2) * torch.tensor([1.0, 3.0]), points(channels=2) * torch.tensor([2.0, 0.5]) @ turn
    one, other = torch.cov(ours.T), torch.cov(theirs.T)
    means = (ours.mean(0) - theirs.mean(0)).square().sum()
    shared = torch.linalg.eigvals(one @ other).real.sqrt().sum()
    expected = float(means + one.trace() + other.trace() - 2 * shared)
    assert frechet_distance(ours, theirs) == pytest.approx(expected)
    assert frechet_distance(theirs, ours) == pytest.approx(expected)


def test_fewer_points_than_channels_are_no_trouble():
    ours, theirs = points(5, 20), points(5, 20, seed=1)
    assert frechet_distance(ours, theirs) > 0
    assert frechet_distance(ours, ours) == pytest.approx(0, abs=1e-6)


def test_one_crop_is_no_collection():
    with pytest.raises(ConfigError, match="1 and 4000 crops, expected at least 2"):
        frechet_distance(points(1), points())


def test_a_crop_is_the_mean_of_its_activations():
    network = VggFeatures(["relu2_1", "relu1_1"], network="mini")
    crops = torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    found = crop_features([crops[:2], crops[2:]], network)
    assert list(found) == ["relu1_1", "relu2_1"]
    for layer, points_ in found.items():
        assert torch.allclose(points_[2], network(crops[2:])[layer][0].flatten(1).mean(1).double())
        assert len(points_) == 3


def test_a_share_is_of_the_others_variance_and_knows_no_scale():
    ours, theirs = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [7.0]])  # variance of theirs 18
    expected = (9 + (18**0.5 - 2**0.5) ** 2) / 18
    assert frechet_share(ours, theirs) == pytest.approx(expected)
    assert frechet_share(10 * ours, 10 * theirs) == pytest.approx(expected)


def test_every_place_of_a_picture_is_a_point():
    image = torch.arange(24.0).reshape(1, 3, 2, 4)
    found = place_features(image, lambda image: image[..., ::2])
    assert found.tolist() == [[0, 8, 16], [2, 10, 18], [4, 12, 20], [6, 14, 22]]
