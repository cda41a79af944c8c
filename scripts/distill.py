"""Distil VGG-19 into a small file with the same layers, for a loss network that needs no download.

python scripts/distill.py PICTURES... -o fast_nst/perceptual/mini.safetensors --vgg-weights FILE

PICTURES are photographs, paintings and pastiches, or folders of them. Each 3x3 convolution but the first becomes three
thin ones, 3x1, 1x3 and 1x1: its responses are cut to their principal components, and the filters that give those to a
product of a column and a row [Zhang2015]. Then all are tuned together until the activations are VGG's again, on crops
that are jittered in colour, mixed and made noisy: a loss network is shown unfinished pictures as much as photographs.

References:
    [Zhang2015] Accelerating Very Deep Convolutional Networks for Classification and Detection, arXiv:1505.06798.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from fast_nst.images import Pixels, atomic_path, find_pictures, fit, read_pixels
from fast_nst.perceptual.losses import gram_matrix
from fast_nst.perceptual.tensors import to_image
from fast_nst.perceptual.vgg import VggFeatures, convolution_names, factors

RANKS: dict[str, tuple[int, int]] = {  # channels between the column and the row, and after the row
    "conv1_2": (20, 16),
    "conv2_1": (32, 32),
    "conv2_2": (40, 32),
    "conv3_1": (56, 48),
    "conv3_2": (64, 56),
    "conv3_3": (56, 48),
    "conv3_4": (48, 40),
}
LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3", "relu3_4")
LONGER_SIDE = 640  # px, of the pictures held in memory


class Crops:
    """Square crops of pictures held in memory: endless, never the same twice, the same for the same seed."""

    def __init__(self, pictures: Sequence[Pixels], side: int, seed: int) -> None:
        self.pictures, self.side = pictures, side
        self.rng = np.random.default_rng(seed)

    def batch(self, count: int) -> Tensor:
        """Return `(count, 3, side, side)`, about in [0, 1]."""
        return torch.cat([self._one() for _ in range(count)])

    def _one(self) -> Tensor:
        rng, image = self.rng, self._crop()
        if rng.random() < 0.3:  # two pictures on top of each other
            share = rng.random()
            image = share * image + (1 - share) * self._crop()
        if rng.random() < 0.5:  # other light, other colours
            gain = torch.from_numpy(rng.uniform(0.4, 1.4, (1, 3, 1, 1))).float()
            image = (image * gain + rng.uniform(-0.2, 0.2)).clamp(0, 1)
        if rng.random() < 0.3:  # noise, fine or in blots
            noise = torch.from_numpy(rng.normal(size=image.shape)).float()
            if rng.random() < 0.5:
                noise = 4 * F.avg_pool2d(noise, 5, 1, 2)
            image = image + rng.uniform(0, 0.15) * noise
        if rng.random() < 0.15:  # out of focus
            image = F.avg_pool2d(image, 5, 1, 2, count_include_pad=False)
        return image

    def _crop(self) -> Tensor:
        pixels = self.pictures[self.rng.integers(len(self.pictures))]
        height, width = pixels.shape[:2]
        side = min(height, width, int(self.side * self.rng.uniform(1, 2.5)))
        top, left = self.rng.integers(height - side + 1), self.rng.integers(width - side + 1)
        image = to_image(pixels[top : top + side, left : left + side])
        image = F.interpolate(image, (self.side, self.side), mode="bilinear", antialias=True)
        return image.flip(3) if self.rng.random() < 0.5 else image


@torch.no_grad()
def factorize(vgg: VggFeatures, batches: Sequence[Tensor]) -> None:
    """Put three thin convolutions in the place of each of `RANKS`, from the last to the first.

    Args:
        vgg: changed in place.
        batches: images on which the responses are looked at.
    """
    for name in reversed(RANKS):  # so that those before it, whose activations it is fitted to, are still whole
        convolution = vgg.convolutions[name]
        assert isinstance(convolution, nn.Conv2d)
        mean, covariance = _moments([vgg(batch, [name])[name] for batch in batches])
        vgg.convolutions[name] = _thin(convolution, mean, covariance, RANKS[name])


def _moments(responses: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean `(C,)` and covariance `(C, C)` of responses `(N, C, H, W)`, no batch outweighing another."""
    scaled = [r.movedim(1, 3).flatten(0, 2).double() / r.square().mean().sqrt() for r in responses]
    scale = torch.stack([r.square().mean().sqrt() for r in responses]).mean()
    rows = torch.cat(scaled)
    return (rows.mean(0) * scale).float(), torch.cov(rows.T).float()


def _thin(convolution: nn.Conv2d, mean: Tensor, covariance: Tensor, ranks: tuple[int, int]) -> nn.Sequential:
    """Return column, row and 1x1 whose responses come nearest to those of `convolution`."""
    inner, outer = ranks
    directions = torch.linalg.eigh(covariance).eigenvectors[:, -outer:]  # (C, outer), orthonormal
    filters = torch.einsum("or,oiyx->riyx", directions, convolution.weight)
    inputs = filters.shape[1]
    left, energies, right = torch.linalg.svd(
        filters.permute(1, 2, 0, 3).reshape(3 * inputs, 3 * outer), full_matrices=False
    )
    share = energies[:inner].sqrt()
    column = (left[:, :inner] * share).T.reshape(inner, inputs, 3, 1)
    row = (right[:inner] * share[:, None]).reshape(inner, outer, 3).permute(1, 0, 2)[:, :, None]
    bias = mean - directions @ (directions.T @ (mean - convolution.bias))
    return factors(column, row, directions[:, :, None, None], bias)


def errors(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return for each layer the share of the energy that is missed: of the activations, of their Gram matrices."""
    result = {}
    for layer, target in wanted.items():
        missed = (found[layer] - target).square().sum((1, 2, 3)) / target.square().sum((1, 2, 3))
        ours, grams = gram_matrix(found[layer]), gram_matrix(target)
        result[layer] = missed.mean(), ((ours - grams).square().sum((1, 2)) / grams.square().sum((1, 2))).mean()
    return result


@torch.no_grad()
def measure(small: VggFeatures, vgg: VggFeatures, batches: Sequence[Tensor]) -> dict[str, tuple[float, float]]:
    """Return `errors` averaged over batches."""
    found = [errors(small(batch, LAYERS), vgg(batch, LAYERS)) for batch in batches]
    pairs = {layer: torch.tensor([one[layer] for one in found]).mean(0).tolist() for layer in found[0]}
    return {layer: (round(features, 4), round(gram, 4)) for layer, (features, gram) in pairs.items()}


def tune(small: VggFeatures, vgg: VggFeatures, crops: Crops, steps: int, batch_size: int, rate: float) -> None:
    """Bring the activations of `small` to those of `vgg`."""
    thin = nn.ModuleDict({name: small.convolutions[name] for name in RANKS}).requires_grad_(requires_grad=True)
    adam = torch.optim.Adam(thin.parameters(), lr=rate)
    for step in tqdm(range(steps), "tuning"):
        share = min(1.0, (step + 1) / 50) * (1.02 + math.cos(math.pi * step / steps)) / 2.02
        adam.param_groups[0]["lr"] = rate * share
        batch = crops.batch(batch_size)
        with torch.no_grad():
            wanted = vgg(batch, LAYERS)
        loss = torch.stack([sum(pair, torch.zeros(())) for pair in errors(small(batch, LAYERS), wanted).values()]).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
    thin.requires_grad_(requires_grad=False)


def save(small: VggFeatures, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the weights, as float16, under torchvision's key names with a number for each factor."""
    indices = convolution_names("vgg19")
    state = {
        f"features.{indices[name]}.{key}": tensor.half().contiguous()
        for name, module in small.convolutions.items()
        for key, tensor in module.state_dict().items()
    }
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata=dict(metadata))


def main() -> None:
    """Read, factorise, tune, write, and say how near it came on pictures that were kept apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--vgg-weights")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--side", type=int, default=128, help="of the crops, px")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    paths = [path for path, _ in find_pictures(args.pictures)]
    pictures = [_bounded(read_pixels(path)) for path in tqdm(paths, "reading")]
    apart = Crops(pictures[::20], args.side, args.seed + 1)
    crops = Crops([p for number, p in enumerate(pictures) if number % 20], args.side, args.seed)
    kept_apart = [apart.batch(8) for _ in range(4)]
    vgg, small = (VggFeatures([*LAYERS, *RANKS], weights=args.vgg_weights) for _ in range(2))
    factorize(small, [crops.batch(8) for _ in range(6)])
    before = measure(small, vgg, kept_apart)
    tqdm.write(f"factorised: {before}")
    tune(small, vgg, crops, args.steps, args.batch_size, args.learning_rate)
    after = measure(small, vgg, kept_apart)
    tqdm.write(f"tuned: {after}")
    metadata = {
        "input": "caffe" if float(vgg.std[0, 0, 0, 0]) < 0.1 else "torchvision",
        "source": "VGG-19, Visual Geometry Group, Oxford (Simonyan and Zisserman 2014), CC BY 4.0",
        "ranks": json.dumps(RANKS),
        "missed": json.dumps(after),
        "missed_before_tuning": json.dumps(before),
        "steps": str(args.steps),
    }
    save(small, args.output, metadata)


def _bounded(pixels: Pixels) -> Pixels:
    return fit(pixels, LONGER_SIDE) if max(pixels.shape) > LONGER_SIDE else pixels


if __name__ == "__main__":
    sys.exit(main())
