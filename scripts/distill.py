"""Distil VGG-19 into a small file with the same layers, for a loss network that needs no download.

python scripts/distill.py PICTURES... -o fast_nst/perceptual/mini.safetensors --loss-network VGG19_FILE

PICTURES are photographs, paintings and pastiches, or folders of them. The small network has VGG's convolutions with
fewer channels, and a linear map (a head) from the channels of each layer to the principal components of VGG's
activations there [Wang2020]: distances and Gram matrices of those are nearly the whole ones'.

It starts as a part of VGG. Of each layer the channels are kept from which the others can best be told, and the
convolution after it is given what the missing ones would have contributed, by least squares [He2017]. Then all is tuned
together until the heads give VGG's components, on crops that are jittered in colour, mixed and made noisy: a loss
network is shown unfinished pictures as much as photographs.

With --paintings, image transformation networks are trained on the small network every so often while it is tuned, each
on another painting, and what they paint is shown to it beside that painting: what it does not see is what they would
make use of, and how a pastiche differs from its painting is all that a style loss is about. Networks of another shape
find other things that it does not see, so --painters names several presets.

References:
    [He2017] Channel Pruning for Accelerating Very Deep Neural Networks, arXiv:1707.06168.
    [Wang2020] Collaborative Distillation for Ultra-Resolution Universal Style Transfer, arXiv:2003.08436.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from fast_nst.images import Pixels, atomic_path, find_pictures, fit, read_pixels
from fast_nst.networks import build_network
from fast_nst.perceptual import Objective, ObjectiveConfig, gram_matrix, to_image, to_pixels
from fast_nst.perceptual.vgg import VggFeatures, convolution_names, layer_names
from fast_nst.training.base import load_base_of_one_style

LAYERS = layer_names("mini")
NAMES = [layer.replace("relu", "conv") for layer in LAYERS]
JUDGED = ("relu1_1", "relu2_1", "relu3_1", "relu3_3", "relu3_4")  # of the default objective
OTHERS_WEIGHT = 0.25  # of the layers that the default objective does not look at
GRAM_WEIGHT = 4.0  # of what is missed of a Gram matrix, where what is missed of the activations counts 1
DIFFERENCE_WEIGHT = 1.0  # of what is missed of the difference of two Gram matrices
LONGER_SIDE = 640  # px, of the pictures held in memory
REMEMBERED = 100  # batches
TRAINED_SIDE, PAINTED_SIDE = 192, 384  # px, of the crops that painters are trained on, and of those they paint


class Family(NamedTuple):
    """A painting, and what networks that were trained on it made of photographs."""

    painting: Pixels
    pastiches: list[Pixels]


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


class Statistics(NamedTuple):
    """Of VGG's activations at one layer, no batch outweighing another."""

    mean: Tensor
    """`(C,)`."""
    moments: Tensor
    """`(C, C)`, the mean of products, not centred."""


@torch.no_grad()
def look(vgg: VggFeatures, batches: Sequence[Tensor]) -> dict[str, Statistics]:
    """Gather the statistics of each layer."""
    found: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
    for batch in batches:
        for layer, activations in vgg(batch, LAYERS).items():
            found[layer].append(activations.movedim(1, 3).flatten(0, 2).double())
    statistics = {}
    for layer, batches_of in found.items():
        scales = [rows.square().mean().sqrt() for rows in batches_of]
        scale = torch.stack(scales).mean()
        rows = torch.cat([rows * (scale / own) for rows, own in zip(batches_of, scales, strict=True)])
        statistics[layer] = Statistics(rows.mean(0), rows.T @ rows / len(rows))
    return statistics


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


@torch.no_grad()
def prune(vgg: VggFeatures, statistics: Mapping[str, Statistics], widths: Sequence[int]) -> dict[str, Tensor]:
    """Return the small network that comes nearest to VGG without training, under the key names of its file."""
    indices, state = convolution_names("mini"), {}
    from_kept, constant = torch.eye(3, dtype=torch.double), torch.zeros(3, dtype=torch.double)
    for name, layer in zip(NAMES, LAYERS, strict=True):
        convolution, (mean, moments) = vgg.convolutions[name], statistics[layer]
        assert isinstance(convolution, nn.Conv2d)
        assert convolution.bias is not None
        # What the kept channels of the layer before stand for, and what is constant about it.
        weight = torch.einsum("oiyx,ij->ojyx", convolution.weight.double(), from_kept)
        bias = convolution.bias.double() + torch.einsum("oiyx,i->o", convolution.weight.double(), constant)
        width = widths[int(name[4]) - 1]
        covariance = moments - torch.outer(mean, mean)
        kept = telling_channels(covariance, width)
        state[f"features.{indices[name]}.weight"] = weight[kept]
        state[f"features.{indices[name]}.bias"] = bias[kept]
        ridge = 1e-6 * covariance.diagonal().mean() * torch.eye(width)
        from_kept = torch.linalg.solve(covariance[kept][:, kept] + ridge, covariance[kept]).T
        constant = mean - from_kept @ mean[kept]
        components = torch.linalg.eigh(moments).eigenvectors[:, -width:]
        state[f"heads.{layer}.weight"] = (components.T @ from_kept)[:, :, None, None]
        state[f"heads.{layer}.bias"] = components.T @ constant
    return {key: tensor.float() for key, tensor in state.items()}


class Teacher:
    """VGG's activations, less what their principal components do not hold."""

    def __init__(self, vgg: VggFeatures, statistics: Mapping[str, Statistics], widths: Sequence[int]) -> None:
        self.vgg = vgg
        self.components = {
            layer: torch.linalg.eigh(statistics[layer].moments).eigenvectors[:, -widths[int(layer[4]) - 1] :].float()
            for layer in LAYERS
        }

    @torch.no_grad()
    def look(self, batch: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Return for each layer the components `(N, k, H, W)` and the energy `(N,)` of the whole activations."""
        return {
            layer: (
                torch.einsum("ck,nchw->nkhw", self.components[layer], activations),
                activations.square().sum((1, 2, 3)),
            )
            for layer, activations in self.vgg(batch, LAYERS).items()
        }


def young_pastiches(
    preset: str, file: Path, painting: Pixels, photographs: Crops, steps: int, *, is_warm: bool
) -> list[Pixels]:
    """Train a network on the loss network `file`, and return what it paints on the way."""
    objective = Objective(ObjectiveConfig(loss_network=str(file)), to_image(painting))
    network, pastiches = build_network(preset), []
    if is_warm:
        network.load_state_dict(load_base_of_one_style(preset))
    adam = torch.optim.Adam(network.parameters(), lr=5e-4 if is_warm else 1e-3)
    for step in range(1, steps + 1):
        content = photographs.photograph(TRAINED_SIDE)
        pastiche = network(content)
        losses = objective(pastiche, objective.content_targets(content)).mean()
        adam.zero_grad()
        losses.total.backward()
        adam.step()
        if step % max(1, steps // 16) == 0:
            with torch.no_grad():
                pastiches.append(to_pixels(network(photographs.photograph(PAINTED_SIDE)).clamp(0, 1)))
    return pastiches


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


@torch.no_grad()
def measure(small: VggFeatures, teacher: Teacher, batches: Sequence[Tensor]) -> dict[str, list[float]]:
    """Return `errors` averaged over batches."""
    found = [errors(small(batch, LAYERS), teacher.look(batch)) for batch in batches]
    means = {layer: torch.tensor([one[layer] for one in found]).mean(0).tolist() for layer in LAYERS}
    return {layer: [round(share, 4) for share in shares] for layer, shares in means.items()}


def tune(
    small: VggFeatures,
    teacher: Teacher,
    crops: Crops,
    args: argparse.Namespace,
    after_step: Callable[[int], None],
) -> None:
    """Bring what the heads give to VGG's components."""
    steps, rate = args.steps, args.learning_rate
    rng, lessons = np.random.default_rng(args.seed + 3), []
    small.requires_grad_(requires_grad=True)
    adam = torch.optim.Adam(small.parameters(), lr=rate)
    bar = tqdm(range(steps), "tuning")
    for step in bar:
        share = min(1.0, (step + 1) / 50) * (1.01 + math.cos(math.pi * step / steps)) / 2.01
        adam.param_groups[0]["lr"] = rate * share
        if step % args.repeats == 0:  # the teacher is slow: what it said is gone through several times
            batch = crops.batch(args.batch_size)
            lessons = [*lessons[-REMEMBERED:], (batch, teacher.look(batch))]
        batch, wanted = lessons[-1 if step % args.repeats == 0 else rng.integers(len(lessons))]
        loss = torch.stack(
            [
                (1.0 if layer in JUDGED else OTHERS_WEIGHT)
                * (activations + GRAM_WEIGHT * gram + DIFFERENCE_WEIGHT * difference)
                for layer, (activations, gram, difference) in errors(small(batch, LAYERS), wanted).items()
            ]
        ).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        bar.set_postfix_str(f"{float(loss.detach()):.3f}", refresh=False)
        after_step(step + 1)
    small.requires_grad_(requires_grad=False)


def small_state(small: VggFeatures) -> dict[str, Tensor]:
    """Return the weights under the key names of the file, as float16."""
    indices = convolution_names("mini")
    state = {}
    for name, module in small.convolutions.items():
        state |= {f"features.{indices[name]}.{key}": tensor for key, tensor in module.state_dict().items()}
    state |= {f"heads.{key}": tensor for key, tensor in small.heads.state_dict().items()}
    return {key: tensor.half().contiguous() for key, tensor in state.items()}


def painters(small: VggFeatures, crops: Crops, args: argparse.Namespace) -> Callable[[int], None]:
    """Return what is to be done after a step: now and then train a network, and show what it paints."""
    size = ObjectiveConfig().style_size
    paintings = [fit(read_pixels(path), size) for path, _ in find_pictures(args.paintings or [])]
    photographs = Crops(crops.pictures, args.side, args.seed + 2)

    def after_step(step: int) -> None:
        if not paintings or step % args.painter_every or step >= args.steps:
            return
        number = step // args.painter_every - 1
        painting = paintings[number % len(paintings)]
        _write(small_state(small), args.output, {"input": _convention(small)})
        preset, is_warm = args.painters[number // 2 % len(args.painters)], number % 2 == 1
        found = young_pastiches(preset, args.output, painting, photographs, args.painter_steps, is_warm=is_warm)
        crops.pictures = [*crops.pictures, *found]
        crops.families.append(Family(painting, found))

    return after_step


def main() -> None:
    """Read, prune, tune, write, and say how near it came on pictures that were kept apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--loss-network", default="vgg19", help="the teacher: vgg19, or a file of its weights")
    parser.add_argument("--start-from", type=Path, help="a small network made of the same PICTURES, to tune further")
    parser.add_argument("--more", nargs="*", help="pictures to tune on, beside those that VGG's components are of")
    parser.add_argument("--widths", type=int, nargs=3, default=[16, 48, 96], help="channels of the three blocks")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=4, help="of crops, an even number")
    parser.add_argument("--repeats", type=int, default=3, help="times that a batch is gone through, about")
    parser.add_argument("--side", type=int, default=128, help="of the crops, px")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--paintings", nargs="*", help="paintings, or folders of them, that networks are trained on")
    parser.add_argument("--painters", nargs="+", default=["johnson-half", "quality"], help="their presets, in turn")
    parser.add_argument("--painter-every", type=int, default=100, help="steps between two such networks")
    parser.add_argument("--painter-steps", type=int, default=100, help="their steps")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    if args.batch_size % 2:
        parser.error(f"--batch-size is {args.batch_size}, expected an even number: crops are compared in pairs")
    paths = [path for path, _ in find_pictures(args.pictures)]
    pictures = [_bounded(read_pixels(path)) for path in tqdm(paths, "reading")]
    apart = Crops(pictures[::20], args.side, args.seed + 1)
    crops = Crops([p for number, p in enumerate(pictures) if number % 20], args.side, args.seed)
    kept_apart = [apart.batch(8) for _ in range(4)]
    vgg = VggFeatures([*LAYERS, *NAMES], network=args.loss_network)
    statistics = look(vgg, [crops.batch(4) for _ in range(24)])
    teacher = Teacher(vgg, statistics, args.widths)
    crops.pictures = [*crops.pictures, *(_bounded(read_pixels(path)) for path, _ in find_pictures(args.more or []))]
    convention = _convention(vgg)
    if args.start_from is None:
        _write(prune(vgg, statistics, args.widths), args.output, {"input": convention})
    small = VggFeatures(LAYERS, network=args.start_from or args.output)
    before = measure(small, teacher, kept_apart)
    tqdm.write(f"before tuning: {before}")
    tune(small, teacher, crops, args, painters(small, crops, args))
    after = measure(small, teacher, kept_apart)
    tqdm.write(f"tuned: {after}")
    facts = {
        "input": convention,
        "source": "VGG-19, Visual Geometry Group, Oxford (Simonyan and Zisserman 2014), CC BY 4.0",
        "widths": json.dumps(args.widths),
        "missed": json.dumps(after),
        "missed_before_tuning": json.dumps(before),
        "steps": str(args.steps),
    }
    _write(small_state(small), args.output, facts)


def _write(state: Mapping[str, Tensor], path: Path, facts: Mapping[str, str]) -> None:
    with atomic_path(path) as temporary:
        save_file({key: tensor.contiguous() for key, tensor in state.items()}, temporary, metadata=dict(facts))


def _convention(network: VggFeatures) -> str:
    return "caffe" if float(network.std[0, 0, 0, 0]) < 0.1 else "torchvision"


def _bounded(pixels: Pixels) -> Pixels:
    return fit(pixels, LONGER_SIDE) if max(pixels.shape) > LONGER_SIDE else pixels


if __name__ == "__main__":
    sys.exit(main())
