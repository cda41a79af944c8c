"""The deep part of the small network: conv4_1 to conv5_1, on a shallow part that stays as it is, bit for bit.

The teacher is VGG-19 where its deep layers are at hand, else the encoder of [Wang2020], which is VGG-19 distilled to a
sixteenth of its weights and comes with linear maps from its relu4_1 and relu5_1 to VGG's normalised activations.

The part starts as a part of the teacher, as `distill.py` says: conv4_1 is first given, by least squares, what the
shallow part's relu3_4 tells of the teacher's. Activations are counted in units of the root mean square of relu3_4, so
that the weights are of a size that Adam and float16 hold well: a rectifier lets a factor pass, so units are changed by
the biases alone.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from distill_common import Course, Crops, Lesson, Statistics, errors, mean_errors, practise, telling_channels, weighed
from safetensors.torch import load_file
from torch import Tensor, nn

from fast_nst.perceptual.vgg import VggFeatures, convolution_names

TRUNK = "relu3_4"
LAYERS = ("relu4_1", "relu5_1")
NAMES = ("conv4_1", "conv4_2", "conv4_3", "conv4_4", "conv5_1")
DIFFERENCE_WEIGHT = 3.0  # of the difference of two Gram matrices: what a style loss sees, and what is hardest here
LAYER_WEIGHTS = {"relu4_1": 1.0, "relu5_1": 1.5}

Look = Callable[[Tensor], dict[str, Tensor]]
"""From a batch `(N, 3, H, W)` to activations after the rectifier, by layer."""


class Affine(NamedTuple):
    """A convolution or a linear map, in double precision."""

    weight: Tensor
    """`(C, from C, ...)`."""
    bias: Tensor
    """`(C,)`."""


class Teacher(NamedTuple):
    """What the deep part learns from."""

    look: Look
    """Gives its own activations, `relu3_4` to `relu5_1`."""
    convolutions: Mapping[str, Affine]
    heads: Mapping[str, Affine]
    """From its own activations to those of VGG-19."""
    source: str
    """What it is, and whose."""


def read_teacher(network: str) -> Teacher:
    """Read the distilled encoder from its file, or VGG-19 from a file or from torchvision."""
    if Path(network).suffix == ".safetensors" and "conv0.weight" in (state := load_file(network)):
        return _encoder(state)
    vgg = VggFeatures([TRUNK, *(name.replace("conv", "relu") for name in NAMES)], network=network)
    convolutions = {name: _affine(vgg.convolutions[name].state_dict(), "") for name in NAMES}
    whole = Affine(torch.eye(512, dtype=torch.double), torch.zeros(512, dtype=torch.double))
    source = "VGG-19, Visual Geometry Group, Oxford (Simonyan and Zisserman 2014), CC BY 4.0"
    return Teacher(vgg, convolutions, dict.fromkeys(LAYERS, whole), source)


def _encoder(state: Mapping[str, Tensor]) -> Teacher:
    """Return the encoder of [Wang2020], whose keys are `conv11.weight` and so on, `conv41_aux.weight` the maps'."""
    own = {name: name.replace("_", "") for name in convolution_names("mini")}

    def look(batch: Tensor) -> dict[str, Tensor]:
        hidden, found = F.conv2d(batch, state["conv0.weight"], state["conv0.bias"]), {}
        for name, key in own.items():
            if name.endswith("_1") and name != "conv1_1":
                hidden = F.max_pool2d(hidden, 2)
            padded = F.pad(hidden, (1, 1, 1, 1), mode="reflect")
            hidden = F.conv2d(padded, state[f"{key}.weight"], state[f"{key}.bias"]).relu()
            found[name.replace("conv", "relu")] = hidden
        return {layer: found[layer] for layer in found if layer >= TRUNK}

    convolutions = {name: _affine(state, f"{own[name]}.") for name in NAMES}
    maps = {layer: _affine(state, f"conv{layer[4]}1_aux.") for layer in LAYERS}
    heads = {layer: Affine(weight[:, :, 0, 0], bias) for layer, (weight, bias) in maps.items()}
    source = "VGG-19 distilled by Wang et al. 2020, github.com/MingSun-Tse/Collaborative-Distillation, MIT"
    return Teacher(look, convolutions, heads, source)


def _affine(state: Mapping[str, Tensor], prefix: str) -> Affine:
    return Affine(state[f"{prefix}weight"].double(), state[f"{prefix}bias"].double())


class DeepPart(nn.Module):
    """conv4_1 to conv5_1 and the heads of relu4_1 and relu5_1, from relu3_4 in units of its root mean square."""

    def __init__(self, convolutions: Mapping[str, Affine], heads: Mapping[str, Affine]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleDict({name: _module(affine, 1) for name, affine in convolutions.items()})
        self.heads = nn.ModuleDict({layer: _module(affine, 0) for layer, affine in heads.items()})

    def forward(self, hidden: Tensor) -> dict[str, Tensor]:
        """Return the components of relu4_1 and relu5_1."""
        found = {}
        for name, convolution in self.convolutions.items():
            hidden = F.max_pool2d(hidden, 2) if name.endswith("_1") else hidden
            hidden = convolution(hidden).relu()
            if (layer := name.replace("conv", "relu")) in self.heads:
                found[layer] = self.heads[layer](hidden)
        return found

    def state(self, unit: float) -> dict[str, Tensor]:
        """Return the weights under the key names of the file, for a relu3_4 that is counted in ones."""
        indices, state = convolution_names("mini"), {}
        for name, module in self.convolutions.items():
            state |= {f"features.{indices[name]}.{key}": tensor for key, tensor in module.state_dict().items()}
        state |= {f"heads.{key}": tensor for key, tensor in self.heads.state_dict().items()}
        return {key: tensor * unit if key.endswith("bias") else tensor for key, tensor in state.items()}


def _module(affine: Affine, padding: int) -> nn.Conv2d:
    weight = affine.weight if affine.weight.ndim == 4 else affine.weight[:, :, None, None]
    module = nn.Conv2d(weight.shape[1], len(weight), weight.shape[2], padding=padding)
    module.load_state_dict({"weight": weight, "bias": affine.bias})
    return module


def read_trunk(file: Path) -> VggFeatures:
    """Return the shallow part, which gives its own relu3_4 in place of VGG's components."""
    trunk = VggFeatures([TRUNK], network=file)
    trunk.heads = nn.ModuleDict()
    return trunk


class Seen(NamedTuple):
    """What is known of the activations that the deep part starts from."""

    unit: float
    """Root mean square of the shallow part's relu3_4."""
    teacher_unit: float
    """That of the teacher's."""
    bridge: Affine
    """From the one to the other, each in its unit."""
    statistics: Mapping[str, Statistics]
    """Of the teacher's activations, in its unit."""


@torch.no_grad()
def look(trunk: VggFeatures, teacher: Teacher, batches: Sequence[Tensor]) -> Seen:
    """Gather the statistics of the teacher's layers, and tell its relu3_4 from the shallow part's."""
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        for layer, activations in {**teacher.look(batch), "trunk": trunk(batch)[TRUNK]}.items():
            found.setdefault(layer, []).append(activations.movedim(1, 3).flatten(0, 2))
    rows = {layer: torch.cat(parts).double() for layer, parts in found.items()}
    unit, teacher_unit = (float(rows[layer].square().mean().sqrt()) for layer in ("trunk", TRUNK))
    told = F.pad(rows["trunk"] / unit, (0, 1), value=1.0)
    ridge = 1e-6 * len(told) * torch.eye(told.shape[1], dtype=torch.double)
    bridge = torch.linalg.solve(told.T @ told + ridge, told.T @ (rows[TRUNK] / teacher_unit)).T
    statistics = {
        layer: Statistics(own.mean(0) / teacher_unit, own.T @ own / len(own) / teacher_unit**2)
        for layer, own in rows.items()
        if layer != "trunk"
    }
    return Seen(unit, teacher_unit, Affine(bridge[:, :-1], bridge[:, -1]), statistics)


def components(teacher: Teacher, seen: Seen, widths: Sequence[int]) -> dict[str, Tensor]:
    """Return the principal components `(C, k)` of VGG's activations at relu4_1 and relu5_1."""
    found = {}
    for layer, width in zip(LAYERS, widths, strict=True):
        (weight, bias), (mean, moments) = teacher.heads[layer], seen.statistics[layer]
        bias = bias / seen.teacher_unit
        crossed = torch.outer(weight @ mean, bias)
        whole = weight @ moments @ weight.T + crossed + crossed.T + torch.outer(bias, bias)
        found[layer] = torch.linalg.eigh(whole).eigenvectors[:, -width:]
    return found


def prune(teacher: Teacher, seen: Seen, axes: Mapping[str, Tensor]) -> DeepPart:
    """Return the deep part that comes nearest to the teacher without training."""
    convolutions, heads, before = {}, {}, seen.bridge
    for name in NAMES:
        layer, (weight, bias) = name.replace("conv", "relu"), teacher.convolutions[name]
        width = axes[f"relu{name[4]}_1"].shape[1]
        covariance, mean = seen.statistics[layer].covariance, seen.statistics[layer].mean
        kept = telling_channels(covariance, width)
        whole = Affine(
            torch.einsum("oiyx,ij->ojyx", weight, before.weight),
            bias / seen.teacher_unit + torch.einsum("oiyx,i->o", weight, before.bias),
        )
        convolutions[name] = Affine(whole.weight[kept], whole.bias[kept])
        ridge = 1e-6 * covariance.diagonal().mean() * torch.eye(width, dtype=torch.double)
        from_kept = torch.linalg.solve(covariance[kept][:, kept] + ridge, covariance[kept]).T
        before = Affine(from_kept, mean - from_kept @ mean[kept])
        if layer in axes:
            weight, bias = teacher.heads[layer]
            to_components = axes[layer].T @ weight
            constant = to_components @ before.bias + axes[layer].T @ bias / seen.teacher_unit
            heads[layer] = Affine(to_components @ before.weight, constant)
    return DeepPart(convolutions, heads)


@torch.no_grad()
def deepen(shallow: Path, network: str, crops: Crops, widths: Sequence[int]) -> "Deepening":
    """Return a deep part for the small network `shallow`, not tuned yet."""
    teacher, trunk = read_teacher(network), read_trunk(shallow)
    seen = look(trunk, teacher, [crops.batch(4) for _ in range(24)])
    axes = components(teacher, seen, widths)
    return Deepening(prune(teacher, seen, axes), trunk, teacher, seen, axes)


class Deepening:
    """A deep part, and all that it takes to judge and to tune it."""

    def __init__(
        self, part: DeepPart, trunk: VggFeatures, teacher: Teacher, seen: Seen, axes: Mapping[str, Tensor]
    ) -> None:
        self.part, self.trunk, self.teacher, self.seen = part, trunk, teacher, seen
        self.axes = {layer: axis.float() for layer, axis in axes.items()}

    @property
    def source(self) -> str:
        """What the part is made from, for the file."""
        return self.teacher.source

    def state(self) -> dict[str, Tensor]:
        """Return the weights under the key names of the file."""
        return self.part.state(self.seen.unit)

    @torch.no_grad()
    def lesson(self, batch: Tensor) -> Lesson:
        """Return relu3_4, and for each layer the components `(N, k, H, W)` and the energy `(N,)` of the whole."""
        wanted, found = {}, self.teacher.look(batch)
        for layer, (weight, bias) in self.teacher.heads.items():
            flat = torch.einsum("vc,nchw->nvhw", weight.float(), found[layer]) + bias.float().view(1, -1, 1, 1)
            flat = flat / self.seen.teacher_unit
            wanted[layer] = torch.einsum("vk,nvhw->nkhw", self.axes[layer], flat), flat.square().sum((1, 2, 3))
        return self.trunk(batch)[TRUNK] / self.seen.unit, wanted

    @torch.no_grad()
    def measure(self, tests: Mapping[str, Sequence[Tensor]]) -> dict[str, dict[str, list[float]]]:
        """Return `errors` of each kind of batches, averaged over them."""
        lessons = {kind: map(self.lesson, batches) for kind, batches in tests.items()}
        return {
            kind: mean_errors([errors(self.part(hidden), wanted) for hidden, wanted in some])
            for kind, some in lessons.items()
        }

    def tune(self, crops: Crops, course: Course, after_step: Callable[[int], None]) -> None:
        """Bring what the heads give to VGG's components."""

        def missed(lesson: Lesson) -> Tensor:
            hidden, wanted = lesson
            found = errors(self.part(hidden), wanted).items()
            return torch.stack([LAYER_WEIGHTS[of] * weighed(shares, DIFFERENCE_WEIGHT) for of, shares in found]).sum()

        practise(self.part, crops, self.lesson, missed, course, after_step)
