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
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from distill_common import (
    Course,
    Crops,
    Family,
    Lesson,
    Statistics,
    bounded,
    errors,
    mean_errors,
    origin,
    practise,
    telling_channels,
    weighed,
    write_small,
)
from distill_deep import deepen
from safetensors import safe_open
from torch import Tensor, nn
from tqdm import tqdm

from fast_nst.images import Pixels, find_pictures, fit, read_pixels
from fast_nst.inference import Stylizer
from fast_nst.networks import build_network
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image, to_pixels
from fast_nst.perceptual.vgg import VggFeatures, convolution_names, layer_names, load_weights
from fast_nst.training.base import load_base_of_one_style

LAYERS = [layer for layer in layer_names("mini") if layer <= "relu3_4"]
NAMES = [layer.replace("relu", "conv") for layer in LAYERS]
JUDGED = ("relu1_1", "relu2_1", "relu3_1", "relu3_3", "relu3_4")  # of the shallow part's painters
OTHERS_WEIGHT = 0.25  # of the layers that they do not look at
REPORTED = 500  # steps of the deep part between two measurements, each of which writes the file
TRAINED_SIDE, PAINTED_SIDE = 192, 384  # px, of the crops that painters are trained on, and of those they paint


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
        covariance = statistics[layer].covariance
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
    style_layers = dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu3_4"), 1.0)
    config = ObjectiveConfig(loss_network=str(file), content_layers={"relu3_3": 1.0}, style_layers=style_layers)
    objective = Objective(config, to_image(painting))
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


@torch.no_grad()
def measure(small: VggFeatures, teacher: Teacher, batches: Sequence[Tensor]) -> dict[str, list[float]]:
    """Return `errors` averaged over batches."""
    return mean_errors([errors(small(batch, LAYERS), teacher.look(batch)) for batch in batches])


def tune(small: VggFeatures, teacher: Teacher, crops: Crops, course: Course, after_step: Callable[[int], None]) -> None:
    """Bring what the heads give to VGG's components."""

    def missed(lesson: Lesson) -> Tensor:
        batch, wanted = lesson
        found = errors(small(batch, LAYERS), wanted).items()
        return torch.stack(
            [(1.0 if layer in JUDGED else OTHERS_WEIGHT) * weighed(shares) for layer, shares in found]
        ).sum()

    practise(small, crops, lambda batch: (batch, teacher.look(batch)), missed, course, after_step)


def small_state(small: VggFeatures) -> dict[str, Tensor]:
    """Return the weights under the key names of the file."""
    indices = convolution_names("mini")
    state = {}
    for name, module in small.convolutions.items():
        state |= {f"features.{indices[name]}.{key}": tensor for key, tensor in module.state_dict().items()}
    state |= {f"heads.{key}": tensor for key, tensor in small.heads.state_dict().items()}
    return state


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
        write_small(small_state(small), args.output, {"input": _convention(small)})
        preset, is_warm = args.painters[number // 2 % len(args.painters)], number % 2 == 1
        found = young_pastiches(preset, args.output, painting, photographs, args.painter_steps, is_warm=is_warm)
        crops.pictures = [*crops.pictures, *found]
        crops.families.append(Family(painting, found))

    return after_step


def relatives(pairs: Sequence[Sequence[str]], photographs: Sequence[Pixels], args: argparse.Namespace) -> list[Family]:
    """Return paintings, and what finished networks make of the photographs, each by one of them, at a strength."""
    families = []
    for number, (painting, style) in enumerate(pairs):
        stylizer, found = Stylizer(style, threads=1), []
        for place, photograph in enumerate(photographs[number :: len(pairs)]):
            stylizer = stylizer.choose(strength=args.strengths[place % len(args.strengths)])
            found.append(stylizer(photograph))
        families.append(Family(bounded(Path(painting)), found))
    return families


class Pictures(NamedTuple):
    """What there is to learn from, and what is kept apart."""

    own: list[Pixels]
    """Of PICTURES; the components are theirs."""
    more: list[Pixels]
    apart: list[Pixels]
    """Every 20th of PICTURES."""


def read_pictures(args: argparse.Namespace) -> Pictures:
    """Read all pictures; none that is of one photograph with one that is kept apart is learnt from."""
    paths = [path for path, _ in find_pictures(args.pictures)]
    unseen = {origin(path) for path in [*paths[::20], *map(Path, args.apart)]}
    more = [path for path, _ in find_pictures(args.more or [])]
    own, more = ([path for path in some if origin(path) not in unseen] for some in (paths, more))
    return Pictures(*([bounded(path) for path in tqdm(some, "reading")] for some in (own, more, paths[::20])))


def make_shallow(args: argparse.Namespace, pictures: Pictures) -> None:
    """Make the part to relu3_4, or tune it further."""
    apart = Crops(pictures.apart, args.side, args.seed + 1)
    crops = Crops(pictures.own, args.side, args.seed)
    kept_apart = [apart.batch(8) for _ in range(4)]
    vgg = VggFeatures([*LAYERS, *NAMES], network=args.loss_network)
    statistics = look(vgg, [crops.batch(4) for _ in range(24)])
    teacher = Teacher(vgg, statistics, args.widths)
    crops.pictures = [*pictures.own, *pictures.more]
    convention = _convention(vgg)
    if args.start_from is None:
        write_small(prune(vgg, statistics, args.widths), args.output, {"input": convention})
    small = VggFeatures(LAYERS, network=args.start_from or args.output)
    before = measure(small, teacher, kept_apart)
    tqdm.write(f"before tuning: {before}")
    course = Course(args.steps, args.learning_rate, args.repeats, args.batch_size, args.seed)
    tune(small, teacher, crops, course, painters(small, crops, args))
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
    write_small(small_state(small), args.output, facts)


def make_deep(args: argparse.Namespace, pictures: Pictures, shallow: Path) -> None:
    """Make the part from conv4_1 to conv5_1, and write it with the shallow part, which stays as it is."""
    weights, facts = load_weights(shallow).state, _facts(shallow)
    crops = Crops([*pictures.own, *pictures.more], args.deep_side, args.seed)
    crops.families = relatives(args.family, pictures.own, args)
    for family in crops.families:  # paintings as often as all pastiches after them: each gives other crops
        crops.pictures += [*family.pastiches, *[family.painting] * len(family.pastiches)]
    tests = kept_apart(args, pictures)
    deep = deepen(shallow, args.deep_teacher, crops, args.deep_widths)
    before = deep.measure(tests)

    def report(step: int) -> None:
        if step % REPORTED and step != args.deep_steps:
            return
        after = deep.measure(tests)
        tqdm.write(f"the deep part after {step} steps: {after}")
        told = {"widths": args.deep_widths, "missed": after, "missed_before_tuning": before, "steps": step}
        told = {f"deep_{key}": json.dumps(value) for key, value in told.items()}
        write_small({**weights, **deep.state()}, args.output, {**facts, "deep_source": deep.source, **told})

    tqdm.write(f"the deep part before tuning: {before}")
    course = Course(args.deep_steps, args.deep_learning_rate, args.repeats, args.batch_size, args.seed, memory=0.99)
    deep.tune(crops, course, report)


def kept_apart(args: argparse.Namespace, pictures: Pictures) -> dict[str, list[Tensor]]:
    """Return crops of the photographs, and of the paintings, that the deep part never sees."""
    kinds = {"photographs": pictures.apart, "paintings": [bounded(Path(path)) for path in args.apart]}
    crops = {kind: Crops(some, args.deep_side, args.seed + 1) for kind, some in kinds.items() if some}
    return {kind: [some.batch(8) for _ in range(6)] for kind, some in crops.items()}


def read_arguments() -> argparse.Namespace:
    """Read what the command is told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--loss-network", default="vgg19", help="the teacher: vgg19, or a file of its weights")
    parser.add_argument(
        "--start-from",
        type=Path,
        help="a small network made of the same PICTURES, to tune further; with --deep-teacher it stays as it is, and "
        "only the deep part is made",
    )
    parser.add_argument("--more", nargs="*", help="pictures to tune on, beside those that VGG's components are of")
    parser.add_argument("--widths", type=int, nargs=3, default=[16, 48, 96], help="channels of the first three blocks")
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
    deep = parser.add_argument_group("the deep part, to relu5_1")
    deep.add_argument(
        "--deep-teacher",
        help="vgg19, a file of its weights to conv5_1, or the encoder of Wang et al.; default: no deep part",
    )
    deep.add_argument("--deep-widths", type=int, nargs=2, default=[88, 92], help="channels of blocks 4 and 5")
    deep.add_argument("--deep-steps", type=int, default=3000)
    deep.add_argument("--deep-side", type=int, default=192, help="of the crops, px")
    deep.add_argument("--deep-learning-rate", type=float, default=3e-4)
    deep.add_argument("--apart", nargs="*", default=[], help="paintings that the deep part is judged on and never sees")
    deep.add_argument(
        "--family",
        nargs=2,
        action="append",
        default=[],
        metavar=("PAINTING", "STYLE"),
        help="a painting, and a style or .onnx file that paints after it; may be given many times",
    )
    deep.add_argument("--strengths", type=float, nargs="+", default=[0.7, 1.0, 1.5], help="of those styles, in turn")
    args = parser.parse_args()
    if args.batch_size % 2:
        parser.error(f"--batch-size is {args.batch_size}, expected an even number: crops are compared in pairs")
    return args


def main() -> None:
    """Read, prune, tune, write, and say how near it came on pictures that were kept apart."""
    args = read_arguments()
    pictures = read_pictures(args)
    if args.deep_teacher is None or args.start_from is None:
        make_shallow(args, pictures)
    if args.deep_teacher is not None:
        make_deep(args, pictures, args.start_from or args.output)


def _facts(file: Path) -> dict[str, str]:
    with safe_open(file, framework="pt") as small:
        return dict(small.metadata())


def _convention(network: VggFeatures) -> str:
    return "caffe" if float(network.std[0, 0, 0, 0]) < 0.1 else "torchvision"


if __name__ == "__main__":
    sys.exit(main())
