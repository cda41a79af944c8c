"""What both parts of `distill.py` share: crops of pictures, what is missed of a layer, which channels are kept."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from fast_nst.images import Pixels, atomic_path, fit, read_pixels
from fast_nst.perceptual import gram_matrix, to_image

GRAM_WEIGHT = 4.0  # of what is missed of a Gram matrix, where what is missed of the activations counts 1
DIFFERENCE_WEIGHT = 1.0  # of what is missed of the difference of two Gram matrices
LONGER_SIDE = 640  # px, of the pictures held in memory
REMEMBERED = 100  # batches

Lesson = tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]
"""What goes in, and of each layer the components `(N, k, H, W)` and the energy `(N,)` of the whole activations."""


class Family(NamedTuple):
    """A painting, and what networks that were trained on it made of photographs."""

    painting: Pixels
    pastiches: list[Pixels]


class Statistics(NamedTuple):
    """Of activations at one layer."""

    mean: Tensor
    """`(C,)`."""
    moments: Tensor
    """`(C, C)`, the mean of products, not centred."""

    @property
    def covariance(self) -> Tensor:
        """`(C, C)`."""
        return self.moments - torch.outer(self.mean, self.mean)


class Course(NamedTuple):
    """How long and how fast something is tuned."""

    steps: int
    rate: float
    repeats: int
    """Times that a batch is gone through, about: a teacher is slow."""
    batch_size: int
    seed: int
    memory: float = 0.999
    """Adam's, of squared gradients: shorter, and it sooner forgets a pair of crops whose difference is next to none."""


class Crops:
    """Square crops of pictures held in memory: endless, never the same twice, the same for the same seed."""

    def __init__(self, pictures: Sequence[Pixels], side: int, seed: int) -> None:
        self.pictures, self.side = pictures, side
        self.families: list[Family] = []
        self.rng = np.random.default_rng(seed)

    def batch(self, count: int) -> Tensor:
        """Return `(count, 3, side, side)`, about in [0, 1]; once there are families, two of them are of one."""
        kin = self._kin() if self.families and count > 2 else []
        return torch.cat([*kin, *(self._one() for _ in range(count - len(kin)))])

    def _kin(self) -> list[Tensor]:
        """Return a crop of a painting and one of a pastiche after it, as they are, at 1, 1/2 or 1/3 of their size."""
        family = self.families[self.rng.integers(len(self.families))]
        pastiche = family.pastiches[self.rng.integers(len(family.pastiches))]
        scale = self.rng.integers(1, 4)
        return [self._cut(pixels, self.side * scale, self.side) for pixels in (family.painting, pastiche)]

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

    def photograph(self, side: int) -> Tensor:
        """Return one crop as it is: `(1, 3, side, side)` in [0, 1], less where the picture is smaller."""
        return self._cut(self.pictures[self.rng.integers(len(self.pictures))], side, side)

    def _crop(self) -> Tensor:
        pixels = self.pictures[self.rng.integers(len(self.pictures))]
        scale = 1.0 if self.rng.random() < 0.5 else self.rng.uniform(1, 2.5)  # half of them pixel for pixel
        image = self._cut(pixels, int(self.side * scale), self.side)
        return image.flip(3) if self.rng.random() < 0.5 else image

    def _cut(self, pixels: Pixels, side: int, shown: int) -> Tensor:
        """Return a square of `side` px, if it has as many, at `shown` px."""
        height, width = pixels.shape[:2]
        side = min(height, width, side)
        top, left = self.rng.integers(height - side + 1), self.rng.integers(width - side + 1)
        image = to_image(pixels[top : top + side, left : left + side])
        return F.interpolate(image, (shown, shown), mode="bilinear", antialias=True)


def telling_channels(covariance: Tensor, count: int) -> list[int]:
    """Return the channels from which the others are best told, one after the other, by what is still unexplained."""
    left, chosen = covariance.clone(), []
    for _ in range(count):
        explained = left.square().sum(0) / left.diagonal().clamp_min(1e-9)
        explained[chosen] = -1
        best = int(explained.argmax())
        chosen.append(best)
        direction = left[:, best] / left[best, best].sqrt()
        left = left - torch.outer(direction, direction)
    return chosen


def errors(found: Mapping[str, Tensor], wanted: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, list[Tensor]]:
    """Return what is missed at each layer, as a share of the energy.

    Three shares: of the activations, of their Gram matrices, of the differences between neighbours' Gram matrices.
    """
    result = {}
    for layer, (components, energy) in wanted.items():
        cut_off = energy - components.square().sum((1, 2, 3))
        missed = ((found[layer] - components).square().sum((1, 2, 3)) + cut_off) / energy
        ours, grams = gram_matrix(found[layer]), gram_matrix(components)
        off, between = ours - grams, grams[::2] - grams[1::2]
        result[layer] = [
            missed.mean(),
            (off.square().sum((1, 2)) / grams.square().sum((1, 2))).mean(),
            ((off[::2] - off[1::2]).square().sum((1, 2)) / between.square().sum((1, 2))).mean(),
        ]
    return result


def weighed(shares: Sequence[Tensor], difference_weight: float = DIFFERENCE_WEIGHT) -> Tensor:
    """Return what is missed at a layer as one number."""
    activations, gram, difference = shares
    return activations + GRAM_WEIGHT * gram + difference_weight * difference


def mean_errors(found: Sequence[Mapping[str, Sequence[Tensor]]]) -> dict[str, list[float]]:
    """Return `errors` averaged over batches."""
    means = {layer: torch.tensor([one[layer] for one in found]).mean(0).tolist() for layer in found[0]}
    return {layer: [round(share, 4) for share in shares] for layer, shares in means.items()}


def practise(
    module: nn.Module,
    crops: Crops,
    teach: Callable[[Tensor], Lesson],
    missed: Callable[[Lesson], Tensor],
    course: Course,
    after_step: Callable[[int], None] = lambda step: None,
) -> None:
    """Tune `module` until little is `missed` of what `teach` says of `crops`."""
    rng, lessons = np.random.default_rng(course.seed + 3), []
    module.requires_grad_(requires_grad=True)
    adam = torch.optim.Adam(module.parameters(), lr=course.rate, betas=(0.9, course.memory))
    bar = tqdm(range(course.steps), "tuning", mininterval=10)
    for step in bar:
        share = min(1.0, (step + 1) / 50) * (1.01 + math.cos(math.pi * step / course.steps)) / 2.01
        adam.param_groups[0]["lr"] = course.rate * share
        if step % course.repeats == 0:
            lessons = [*lessons[-REMEMBERED:], teach(crops.batch(course.batch_size))]
        loss = missed(lessons[-1 if step % course.repeats == 0 else rng.integers(len(lessons))])
        adam.zero_grad()
        loss.backward()
        adam.step()
        bar.set_postfix_str(f"{float(loss.detach()):.3f}", refresh=False)
        after_step(step + 1)
    module.requires_grad_(requires_grad=False)


def write_small(state: Mapping[str, Tensor], path: Path, facts: Mapping[str, str]) -> None:
    """Write a small network as float16."""
    halves = {key: tensor.half().contiguous() for key, tensor in state.items()}
    with atomic_path(path) as temporary:
        save_file(halves, temporary, metadata=dict(facts))


def bounded(path: Path) -> Pixels:
    """Read a picture, no larger than is held in memory."""
    pixels = read_pixels(path)
    return fit(pixels, LONGER_SIDE) if max(pixels.shape) > LONGER_SIDE else pixels


def origin(path: Path) -> str:
    """Return what a picture and crops of it have in common: the name without the numbers at its end."""
    return re.sub(r"(_\d+)+$", "", path.stem)
