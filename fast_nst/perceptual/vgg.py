"""The loss network: a frozen VGG-16, VGG-19 or our small copy of the latter, read by the papers' layer names.

Everything VGG-specific lives here and nowhere else: its input range and normalisation, its layer names, its weight
files. Images come in as `(N, 3, H, W)` RGB in [0, 1]; activations leave under names such as `relu3_3` (after the
rectifier) or `conv4_2` (before it).

References:
    [Simonyan2014] Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv:1409.1556.
    [Gatys2016] Image Style Transfer Using Convolutional Neural Networks, CVPR 2016 (average pooling).
    [Wang2020] Collaborative Distillation for Ultra-Resolution Universal Style Transfer, arXiv:2003.08436.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.errors import ConfigError, WeightsError, did_you_mean, first_line

Architecture = Literal["vgg16", "vgg19", "mini"]
InputConvention = Literal["torchvision", "caffe"]
Pooling = Literal["max", "average"]
Arithmetic = Literal["auto", "float32", "bfloat16"]

MINI_WEIGHTS = Path(__file__).with_name("mini.safetensors")
"""VGG-19 to conv5_1 with few channels, made by `scripts/distill.py`; see `mini.md` beside it."""

_BLOCKS: dict[Architecture, tuple[int, ...]] = {  # convolutions
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
    "mini": (2, 2, 4, 4, 1),
}
_MINI_LAYERS = (
    *("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3", "relu3_4"),
    *("relu4_1", "relu5_1"),
)  # those that have a head; conv4_2 to conv4_4 lead to relu5_1 and no further
_CHANNELS = (64, 128, 256, 512, 512)  # of VGG; `mini` has what its file has
_SUFFIXES = (".safetensors", ".pth", ".pt")
_HASHED_NAME = re.compile(r"vgg1[69]-[0-9a-f]{8}\.pth")  # the name torchvision's download gives a file

# Mean and standard deviation of an image in [0, 1] as each family of weights was trained with it.
_NORMALIZATION: dict[InputConvention, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "torchvision": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)),
}


class Weights(NamedTuple):
    """The weights of a loss network, under torchvision's key names, and what they are."""

    architecture: Architecture
    convention: InputConvention
    state: dict[str, Tensor]
    source: str
    """Where they come from, for messages."""


def convolution_names(network: Architecture) -> dict[str, int]:
    """Return each convolution's paper name and its index in torchvision's `features`: `{"conv1_1": 0, ...}`."""
    names, index = {}, 0
    for block, count in enumerate(_BLOCKS[network], start=1):
        for number in range(1, count + 1):
            names[f"conv{block}_{number}"] = index
            index += 2  # the convolution and its rectifier
        index += 1  # the pooling that ends the block
    return names


def layer_names(architecture: Architecture) -> list[str]:
    """Return the names of all activations: those before and after the rectifier; of `mini` those that have a head."""
    if architecture == "mini":
        return list(_MINI_LAYERS)
    convolutions = list(convolution_names(architecture))
    return convolutions + [name.replace("conv", "relu") for name in convolutions]


def check_layers(layers: Iterable[str], architecture: Architecture) -> None:
    """Raise `ConfigError` if a name is none of `architecture`'s."""
    known = layer_names(architecture)
    for layer in layers:
        if layer not in known:
            which = f"; it has {', '.join(known)}" if architecture == "mini" else did_you_mean(layer, known)
            raise ConfigError(f"{architecture} has no layer {layer!r}{which}")


def held_layers(network: str | Path) -> list[str]:
    """Return the activations after a rectifier that a loss network has, from shallow to deep.

    A file may be cut: what comes after its last convolution is left out. (A gap before that is an error where the
    network is built.)

    Raises:
        WeightsError: if the file is missing, or is not a file of tensors.
    """
    if network in get_args(Architecture):
        return [name for name in layer_names(network) if name.startswith("relu")]  # type: ignore[arg-type]
    path = Path(network)
    return list(_held_in(path, path.stat().st_mtime_ns if path.is_file() else 0))


@lru_cache
def _held_in(path: Path, _changed: int) -> tuple[str, ...]:
    """Return the same for a file, which may be large and is asked for by every objective of a run: read once."""
    return _held(load_weights(path, "torchvision"))  # whatever its convention: nothing is computed


def _held(weights: Weights) -> tuple[str, ...]:
    """Return the activations after a rectifier up to the last convolution of `weights`."""
    indices, known = convolution_names(weights.architecture), layer_names(weights.architecture)
    names = list(indices)
    last = max(
        (place for place, name in enumerate(names) if f"features.{indices[name]}.weight" in weights.state), default=-1
    )
    return tuple(layer for layer in (name.replace("conv", "relu") for name in names[: last + 1]) if layer in known)


def is_cut_off(layer: str, held: Sequence[str]) -> bool:
    """Whether VGG-19 has `layer` after the last one of `held`; their names sort as they follow on each other."""
    return bool(held) and layer > max(held) and layer in held_layers("vgg19")


def is_left_to_mini(layer: str, held: Sequence[str]) -> bool:
    """Whether a file that ends with the last of `held` is cut before `layer`, and `mini` has that."""
    return is_cut_off(layer, held) and layer in _MINI_LAYERS


def check_network(network: str) -> None:
    """Raise `ConfigError` if `network` is neither the name of a loss network nor of a file that could be one."""
    known = get_args(Architecture)
    if network not in known and Path(network).suffix not in _SUFFIXES:
        raise ConfigError(
            f"the loss network is {network!r}, expected auto, {', '.join(known)} or a file of weights "
            f"({', '.join(_SUFFIXES)}){did_you_mean(network, known)}"
        )


class VggFeatures(nn.Module):
    """Frozen VGG up to the deepest layer asked for, with its own input normalisation.

    A file may be cut: layers after its last one come from `mini`, in a pass of its own, where that has them.

    Args:
        layers: names of the activations to return, `conv1_1` .. `relu5_4`; of `mini` those that `layer_names` gives.
        network: `vgg16` or `vgg19` (torchvision's ImageNet weights, downloaded once and hash-checked by torchvision),
            `mini` (comes with the package), or a file of weights under torchvision's key names (`features.0.weight`
            ..), `.safetensors` or `.pth`, whole or cut, whose keys tell which VGG it is.
        input_convention: what the weights expect; None reads it from the file (see `load_weights`).
        pooling: `max` as trained, or `average` as [Gatys2016] found to give smoother pictures.
        arithmetic: `bfloat16` runs the convolutions under autocast, `auto` only where the hardware multiplies
            bfloat16 natively. Activations are returned in float32 either way.

    Raises:
        ConfigError: for a layer the network does not have.
        WeightsError: for a missing, foreign or too short file of weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        layers: Iterable[str],
        *,
        network: str | Path = "vgg19",
        input_convention: InputConvention | None = None,
        pooling: Pooling = "max",
        arithmetic: Arithmetic = "float32",
    ) -> None:
        super().__init__()
        self.layers = frozenset(layers)
        if network in get_args(Architecture):
            check_layers(self.layers, network)  # type: ignore[arg-type]  # before anything is downloaded
        weights = load_weights(network, input_convention)
        check_layers(self.layers, weights.architecture)
        self.pooling = pooling
        self.arithmetic = arithmetic
        lacking = frozenset(layer for layer in self.layers if is_left_to_mini(layer, _held(weights)))
        self.own_layers = self.layers - lacking
        self.convolutions = _convolutions(weights, self.own_layers)
        self.heads = _heads(weights, self.own_layers)
        self.mini = VggFeatures(lacking, network="mini", pooling=pooling, arithmetic=arithmetic) if lacking else None
        mean, std = _NORMALIZATION[weights.convention]
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(requires_grad=False).eval().to(memory_format=torch.channels_last)

    def forward(self, image: Tensor, layers: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Return the activations of `layers` (default: all that were asked for), each `(N, C, H / s, W / s)` float32.

        C is VGG's. Of `mini` it is less: the principal components of VGG's activations, whose distances and Gram
        matrices have nearly the norms of the whole ones'.

        Args:
            image: `(N, 3, H, W)` RGB in [0, 1]; never changed in place.
            layers: a subset of the layers given at construction; the pass stops at the deepest of them.
        """
        wanted = self.layers if layers is None else frozenset(layers)
        if not wanted <= self.layers:
            raise ValueError(f"{sorted(wanted - self.layers)} were not asked for at construction")
        if image.ndim != 4 or image.shape[1] != 3:
            raise ValueError(f"image must be (N, 3, H, W), got {tuple(image.shape)}")
        found = self._own(image, wanted & self.own_layers) if wanted & self.own_layers else {}
        if self.mini is not None and wanted - self.own_layers:
            found |= self.mini(image, wanted - self.own_layers)
        return found

    def _own(self, image: Tensor, wanted: frozenset[str]) -> dict[str, Tensor]:
        """Return the activations of layers that these weights have."""
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self._bfloat16_on(image.device)):
            found: dict[str, Tensor] = {}
            hidden = ((image - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
            for name, convolution in self.convolutions.items():
                if name.endswith("_1") and name != "conv1_1":
                    hidden = F.max_pool2d(hidden, 2) if self.pooling == "max" else F.avg_pool2d(hidden, 2)
                before = convolution(hidden)
                hidden = F.relu(before)
                rectified = name.replace("conv", "relu")
                if name in wanted:
                    found[name] = before.float()
                if rectified in wanted:
                    has_head = rectified in self.heads
                    found[rectified] = (self.heads[rectified](hidden) if has_head else hidden).float()
                if len(found) == len(wanted):
                    break
        return found

    def _bfloat16_on(self, device: torch.device) -> bool:
        return self.arithmetic == "bfloat16" or (self.arithmetic == "auto" and multiplies_bfloat16(device))


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether `device` has native bfloat16 products (AVX512-BF16 or AMX on a CPU), so that they save time."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    probes = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return device.type == "cpu" and any(probe is not None and bool(probe()) for probe in probes)


def _convolutions(weights: Weights, layers: frozenset[str]) -> nn.ModuleDict:
    """Build `conv1_1` .. the deepest layer."""
    network, state, source = weights.architecture, weights.state, weights.source
    indices = convolution_names(network)
    known = {f"features.{index}.{part}" for index in indices.values() for part in ("weight", "bias")}
    if foreign := sorted(key for key in state if key.startswith("features.") and key not in known):
        raise WeightsError(f"{source} holds {foreign[0]}, which {network} has not; is it a file of another network?")
    names = list(indices)
    deepest = max((names.index(layer.replace("relu", "conv")) for layer in layers), default=-1)
    parts = {name: [state.get(f"features.{indices[name]}.{part}") for part in ("weight", "bias")] for name in names}
    present = [name for name in names if all(part is not None for part in parts[name])]
    if missing := [name for name in names[: deepest + 1] if name not in present]:
        raise WeightsError(
            f"{source} lacks {', '.join(missing)} of {network}; it holds {', '.join(present) or 'no VGG layer'}. "
            "Ask for shallower layers, or give a whole file, or --loss-network vgg19 to let torchvision download it"
        )
    modules, channels = nn.ModuleDict(), 3
    for name in names[: deepest + 1]:
        weight, bias = parts[name]
        assert weight is not None
        assert bias is not None
        width = len(weight) if network == "mini" else _CHANNELS[int(name[4]) - 1]
        expected, found = (width, channels, 3, 3), tuple(weight.shape)
        if found != expected:
            problem = f"has shape {found}, expected {expected}; is it a file of another network?"
            raise WeightsError(f"{source}: {name} {problem}")
        modules[name] = nn.Conv2d(channels, width, 3, padding=1)
        modules[name].load_state_dict({"weight": weight.float(), "bias": bias.float()})
        channels = width
    return modules


def _heads(weights: Weights, layers: frozenset[str]) -> nn.ModuleDict:
    """Build the linear maps from `mini`'s channels to the principal components of VGG's, where there are any."""
    heads = nn.ModuleDict()
    for layer in sorted(layers):
        if (weight := weights.state.get(f"heads.{layer}.weight")) is not None:
            heads[layer] = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
            heads[layer].load_state_dict(
                {"weight": weight.float(), "bias": weights.state[f"heads.{layer}.bias"].float()}
            )
    return heads


def downloaded(network: Architecture) -> Path | None:
    """Return torchvision's file of `network`'s weights if this machine has it already."""
    name = _torchvision_weights(network).url.rpartition("/")[2]
    path = Path(torch.hub.get_dir(), "checkpoints", name)
    return path if path.is_file() else None


def load_weights(network: str | Path, convention: InputConvention | None = None) -> Weights:
    """Read the weights of a loss network: `vgg16`, `vgg19`, `mini` or a file.

    The input convention of a file is `convention` if given; else the `input` entry of a safetensors file's metadata
    (`torchvision` or `caffe`), or its `preproc` text; else `torchvision` for a file under the name torchvision's
    download gives it.

    Raises:
        WeightsError: if the file is missing, is not a file of tensors, or its convention is not stated anywhere.
    """
    if network in ("vgg16", "vgg19"):
        return Weights(network, "torchvision", _download(network), "torchvision's weights")  # type: ignore[arg-type]
    path = MINI_WEIGHTS if network == "mini" else Path(network)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}; give --loss-network vgg19 to let torchvision download them")
    state, metadata = _read(path)
    stated = convention or _stated_convention(path, metadata)
    if stated is None:
        raise WeightsError(
            f"{path} does not say which input it expects; give --vgg-input torchvision (RGB in [0, 1], ImageNet mean "
            "and standard deviation) or --vgg-input caffe (RGB in 0..255 minus the mean)"
        )
    return Weights(_architecture(state), stated, state, str(path))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    metadata: dict[str, str] = {}
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors and pickle raise a dozen unrelated types
        raise WeightsError(f"cannot read VGG weights from {path}: {first_line(error)}") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path} holds a {type(state).__name__}, expected a dictionary of tensors")
    return state, metadata


def _architecture(state: dict[str, Tensor]) -> Architecture:
    """Tell VGG-16 from VGG-19 by where the convolutions after conv3_3 stand; a file cut before them is either."""
    if any(key.startswith("heads.") for key in state):
        return "mini"
    return "vgg16" if "features.17.weight" in state else "vgg19"


def _stated_convention(path: Path, metadata: dict[str, str]) -> InputConvention | None:
    for known in get_args(InputConvention):
        if metadata.get("input") == known:
            return known  # type: ignore[no-any-return]
    if metadata.get("preproc", "").startswith("RGB, 0..255, minus mean"):
        return "caffe"
    return "torchvision" if _HASHED_NAME.fullmatch(path.name) else None


def _torchvision_weights(network: str) -> Any:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    return VGG16_Weights.IMAGENET1K_V1 if network == "vgg16" else VGG19_Weights.IMAGENET1K_V1


def _download(network: str | Path) -> dict[str, Tensor]:
    weights = _torchvision_weights(str(network))
    try:
        return dict(weights.get_state_dict(progress=True, check_hash=True))
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"cannot download the weights of {network} ({first_line(error)}). Give --loss-network mini, which comes "
            f"with fast_nst; or, on a machine with a network, fetch {weights.url} and give that file as --loss-network"
        ) from error
