"""The discriminator: patches, spectral norms, and what it says of each of several styles."""

import itertools

import pytest
import torch

from fast_nst.perceptual.vgg import VggFeatures
from fast_nst.training.adversarial.discriminator import LAYERS, SMALLEST, PatchDiscriminator


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def eyes():
    return VggFeatures(LAYERS, network="mini")


@pytest.fixture
def discriminator(eyes):
    torch.manual_seed(0)
    return PatchDiscriminator(eyes, noise(2, 3, SMALLEST, SMALLEST), width=8).eval()


def test_the_smallest_picture_gets_an_answer_of_each_head(discriminator):
    said = discriminator(discriminator.look(noise(2, 3, SMALLEST, SMALLEST)))
    assert [tuple(logits.shape) for logits in said] == [(2, 13 * 13), (2, 5 * 5), (2, 5 * 5), (2, 1)]


def test_an_answer_is_about_its_patch_and_nothing_else(discriminator):
    picture = noise(1, 3, 128, 128)
    changed = picture.clone()
    changed[:, :, :, 100:] = 0.5
    before, after = (discriminator(discriminator.look(one))[0].view(29, 29) for one in (picture, changed))
    reach = (100 - 24) // 4  # patches of 24 px, every 4 px, that end well before column 100
    assert torch.allclose(before[:, : reach - 1], after[:, : reach - 1], atol=1e-5)
    assert not torch.isclose(before[:, -1], after[:, -1], atol=1e-5).any()


def test_layers_have_a_spectral_norm_of_one(eyes):
    torch.manual_seed(0)
    trained = PatchDiscriminator(eyes, noise(2, 3, SMALLEST, SMALLEST), width=8).train()
    seen = trained.look(noise(1, 3, SMALLEST, SMALLEST))
    for _ in range(60):  # power iterations
        trained(seen)
    for head in trained.heads:
        for layer in (head.layers[0], head.layers[2], head.layers[4]):
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
            assert largest.item() == pytest.approx(1, abs=0.02)


def test_activations_are_brought_to_a_mean_square_of_one(discriminator):
    seen = discriminator.look(noise(2, 3, SMALLEST, SMALLEST))
    for found, size in zip(seen, discriminator.sizes, strict=True):
        assert (found / size).square().mean().item() == pytest.approx(1, rel=1e-4)


def test_what_it_sees_by_is_neither_trained_nor_saved(discriminator):
    assert all(name.startswith("heads.") for name in discriminator.state_dict())
    assert all(weight.requires_grad for weight in discriminator.parameters())


def test_of_several_styles_it_says_of_one_what_it_does_not_of_another(eyes):
    torch.manual_seed(0)
    pictures = noise(2, 3, SMALLEST, SMALLEST)
    several = PatchDiscriminator(eyes, pictures, styles=3, width=8).eval()
    seen = several.look(pictures)
    said = [several(seen, style) for style in range(3)]
    for one, other in itertools.pairwise(said):
        assert all(not torch.allclose(here, there, atol=1e-3) for here, there in zip(one, other, strict=True))
