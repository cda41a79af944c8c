"""The discriminator: patches, spectral norms, and what it says of each of several styles."""

import itertools

import pytest
import torch

from fast_nst.perceptual.vgg import VggFeatures
from fast_nst.training.adversarial.discriminator import LAYERS, SMALLEST, PatchDiscriminator


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def features():
    return VggFeatures(LAYERS, network="mini")


@pytest.fixture
def discriminator(features):
    torch.manual_seed(0)
    return PatchDiscriminator(features, noise(2, 3, SMALLEST, SMALLEST), width=8).eval()


def test_the_smallest_picture_gets_an_answer_of_each_head(discriminator):
    said = discriminator(discriminator.activations(noise(2, 3, SMALLEST, SMALLEST)))
    assert [tuple(logits.shape) for logits in said] == [(2, 13 * 13), (2, 5 * 5), (2, 5 * 5), (2, 1)]


def test_an_answer_is_about_its_patch_and_nothing_else(discriminator):
    picture = noise(1, 3, 128, 128)
    changed = picture.clone()
    changed[:, :, :, 100:] = 0.5
    before, after = (discriminator(discriminator.activations(one))[0].view(29, 29) for one in (picture, changed))
    reach = (100 - 24) // 4  # patches of 24 px, every 4 px, that end well before column 100
    assert torch.allclose(before[:, : reach - 1], after[:, : reach - 1], atol=1e-5)
    assert not torch.isclose(before[:, -1], after[:, -1], atol=1e-5).any()


def test_layers_have_a_spectral_norm_of_one(features):
    torch.manual_seed(0)
    trained = PatchDiscriminator(features, noise(2, 3, SMALLEST, SMALLEST), width=8).train()
    activations = trained.activations(noise(1, 3, SMALLEST, SMALLEST))
    for _ in range(60):  # power iterations
        trained(activations)
    for head in trained.heads:
        for layer in (head.layers[0], head.layers[2], head.layers[4]):
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
            assert largest.item() == pytest.approx(1, abs=0.02)


def test_activations_are_brought_to_a_mean_square_of_one(discriminator):
    activations = discriminator.activations(noise(2, 3, SMALLEST, SMALLEST))
    for found, size in zip(activations, discriminator.sizes, strict=True):
        assert (found / size).square().mean().item() == pytest.approx(1, rel=1e-4)


def test_what_it_sees_by_is_neither_trained_nor_saved(discriminator):
    assert all(name.startswith("heads.") for name in discriminator.state_dict())
    assert all(weight.requires_grad for weight in discriminator.parameters())


def test_larger_pictures_are_judged_at_three_scales(features):
    large = PatchDiscriminator(features, noise(1, 3, 96, 96), width=8)
    assert [one.shape[-1] for one in large.activations(noise(1, 3, 96, 96))] == [48, 24, 24, 12, 16, 8]
    assert len(large(large.activations(noise(1, 3, 96, 96)))) == len(large.heads) == 6


def test_logits_are_float32_under_autocast(discriminator):
    with torch.autocast("cpu", torch.bfloat16):
        logits = discriminator(discriminator.activations(noise(1, 3, SMALLEST, SMALLEST)))
    assert {one.dtype for one in logits} == {torch.float32}


def test_of_several_styles_it_says_of_one_what_it_does_not_of_another(features):
    torch.manual_seed(0)
    pictures = noise(2, 3, SMALLEST, SMALLEST)
    several = PatchDiscriminator(features, pictures, styles=3, width=8).eval()
    activations = several.activations(pictures)
    for one, other in zip(several(activations, 0), several(activations, 2), strict=True):
        assert torch.equal(one, other)  # it starts undecided
    for head in several.heads:
        torch.nn.init.normal_(head.of_style.weight)
    said = [several(activations, style) for style in range(3)]
    for one, other in itertools.pairwise(said):
        assert all(not torch.allclose(here, there, atol=1e-3) for here, there in zip(one, other, strict=True))
