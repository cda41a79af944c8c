"""The discriminator: patches, spectral norms, and what it says of each of several styles."""

import pytest
import torch

from fast_nst.networks.discriminator import SMALLEST, PatchDiscriminator


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def discriminator():
    torch.manual_seed(0)
    return PatchDiscriminator(width=8).eval()


def test_the_smallest_picture_gets_an_answer_of_each_size(discriminator):
    said = discriminator(noise(2, 3, SMALLEST, SMALLEST))
    assert said.shape == (2, 6 * 6 + 1)  # patches of 46 px every 8 px, and one of 92
    assert discriminator(noise(1, 3, SMALLEST + 16, SMALLEST)).shape == (1, 8 * 6 + 2)


def test_an_answer_is_about_its_patch_and_nothing_else(discriminator):
    picture = noise(1, 3, 128, 128)
    changed = picture.clone()
    changed[:, :, :, 64:] = 0.5
    before, after = (discriminator.fine(2 * one - 1, 0).view(11, 11) for one in (picture, changed))
    reach = (64 - 46) // 8 + 1  # patches that end before column 64
    assert torch.equal(before[:, :reach], after[:, :reach])
    assert (before[:, reach:] != after[:, reach:]).all()


def test_layers_have_a_spectral_norm_of_one():
    torch.manual_seed(0)
    trained = PatchDiscriminator(width=8).train()
    for _ in range(60):  # power iterations
        trained(noise(1, 3, SMALLEST, SMALLEST))
    for layer in (trained.fine.layers[0], trained.coarse.layers[4], trained.fine.answer):
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert largest.item() == pytest.approx(1, abs=0.02)


def test_of_several_styles_it_says_of_one_what_it_does_not_of_another():
    torch.manual_seed(0)
    several = PatchDiscriminator(styles=3, width=8).eval()
    picture = noise(1, 3, SMALLEST, SMALLEST)
    said = [several(picture, style) for style in range(3)]
    assert not torch.allclose(said[0], said[1], atol=1e-3)
    assert not torch.allclose(said[1], said[2], atol=1e-3)
