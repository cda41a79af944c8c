"""The loss network: a frozen VGG-16, VGG-19 or our small copy of the latter, read by the papers' layer names.

Everything VGG-specific lives here and nowhere else: its input range and normalisation, its layer names, its weight
files. Images come in as `(N, 3, H, W)` RGB in [0, 1]; activations leave under names such as `relu3_3` (after the
rectifier) or `conv4_2` (before it).

References:
    [Simonyan2014] Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv:1409.1556.
    [Gatys2016] Image Style Transfer Using Convolutional Neural Networks, CVPR 2016 (average pooling).
    [Zhang2015] Accelerating Very Deep Convolutional Networks for Classification and Detection, arXiv:1505.06798.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast_nst.errors import ConfigError, WeightsError, did_you_mean, first_line

LossNetwork = Literal["vgg16", "vgg19", "mini"]
InputConvention = Literal["torchvision", "caffe"]
Pooling = Literal["max", "average"]
Arithmetic = Literal["auto", "float32", "bfloat16"]

MINI_WEIGHTS = Path(__file__).with_name("mini.safetensors")
"""VGG-19 to conv3_4 with thin convolutions, made by `scripts/distill.py`; see `mini.md` beside it."""

_BLOCKS: dict[LossNetwork, tuple[int, ...]] = {  # convolutions
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
    "mini": (2, 2, 4),
}
_CHANNELS = (64, 128, 256, 512, 512)
_WHOLE = ("weight", "bias")
_FACTORS = ("0.weight", "1.weight", "2.weight", "2.bias")  # of a convolution that is a product of three thin ones
_HASHED_NAME = re.compile(r"vgg1[69]-[0-9a-f]{8}\.pth")  # the name torchvision's download gives a file

# Mean and standard deviation of an image in [0, 1] as each family of weights was trained with it.
_NORMALIZATION: dict[InputConvention, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "torchvision": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)),
}


def convolution_names(network: LossNetwork) -> dict[str, int]:
    """Return each convolution's paper name and its index in torchvision's `features`: `{"conv1_1": 0, ...}`."""
    names, index = {}, 0
    for block, count in enumerate(_BLOCKS[network], start=1):
        for number in range(1, count + 1):
            names[f"conv{block}_{number}"] = index
            index += 2  # the convolution and its rectifier
        index += 1  # the pooling that ends the block
    return names


def check_layers(layers: Iterable[str], network: LossNetwork) -> None:
    """Raise `ConfigError` if a name is not a `convB_I` or `reluB_I` of `network`."""
    convolutions = convolution_names(network)
    known = [*convolutions, *(name.replace("conv", "relu") for name in convolutions)]
    for layer in layers:
        if layer not in known:
            raise ConfigError(f"{network} has no layer {layer!r}{did_you_mean(layer, known)}")


class VggFeatures(nn.Module):
    """Frozen VGG up to the deepest layer asked for, with its own input normalisation.

    Args:
        layers: names of the activations to return, `conv1_1` .. `relu5_4`.
        network: which VGG.
        weights: file of weights under torchvision's key names (`features.0.weight` ..), `.safetensors` or `.pth`,
            whole or cut; None takes torchvision's ImageNet weights, downloaded once and hash-checked by torchvision.
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
        network: LossNetwork = "vgg19",
        weights: str | Path | None = None,
        input_convention: InputConvention | None = None,
        pooling: Pooling = "max",
        arithmetic: Arithmetic = "float32",
    ) -> None:
        super().__init__()
        layers = list(layers)
        check_layers(layers, network)
        self.layers = frozenset(layers)
        self.pooling = pooling
        self.arithmetic = arithmetic
        state, convention = _weights(network, weights, input_convention)
        self.convolutions = _convolutions(network, self.layers, state, source=weights or "torchvision's weights")
        mean, std = _NORMALIZATION[convention]
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(requires_grad=False).eval().to(memory_format=torch.channels_last)

    def forward(self, image: Tensor, layers: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Return the activations of `layers` (default: all that were asked for), each `(N, C, H / s, W / s)` float32.

        Args:
            image: `(N, 3, H, W)` RGB in [0, 1]; never changed in place.
            layers: a subset of the layers given at construction; the pass stops at the deepest of them.
        """
        wanted = self.layers if layers is None else frozenset(layers)
        if not wanted <= self.layers:
            raise ValueError(f"{sorted(wanted - self.layers)} were not asked for at construction")
        if image.ndim != 4 or image.shape[1] != 3:
            raise ValueError(f"image must be (N, 3, H, W), got {tuple(image.shape)}")
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self._bfloat16_on(image.device)):
            found: dict[str, Tensor] = {}
            hidden = ((image - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
            for name, convolution in self.convolutions.items():
                if name.endswith("_1") and name != "conv1_1":
                    hidden = F.max_pool2d(hidden, 2) if self.pooling == "max" else F.avg_pool2d(hidden, 2)
                before = convolution(hidden)
                hidden = F.relu(before)
                rectified = name.replace("conv", "relu")
                found |= {key: act.float() for key, act in ((name, before), (rectified, hidden)) if key in wanted}
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


def factors(column: Tensor, row: Tensor, point: Tensor, bias: Tensor) -> nn.Sequential:
    """Return a 3x3 convolution that is a product of three thin ones, as `mini` has them [Zhang2015].

    Args:
        column: `(d, I, 3, 1)`.
        row: `(r, d, 1, 3)`.
        point: `(O, r, 1, 1)`.
        bias: `(O,)`.
    """
    modules = nn.Sequential(
        nn.Conv2d(column.shape[1], column.shape[0], (3, 1), padding=(1, 0), bias=False),
        nn.Conv2d(row.shape[1], row.shape[0], (1, 3), padding=(0, 1), bias=False),
        nn.Conv2d(point.shape[1], point.shape[0], 1),
    )
    weights = {"0.weight": column, "1.weight": row, "2.weight": point, "2.bias": bias}
    modules.load_state_dict({name: weight.float() for name, weight in weights.items()})
    return modules


def _convolutions(
    network: LossNetwork, layers: frozenset[str], state: dict[str, Tensor], source: str | Path
) -> nn.ModuleDict:
    """Build `conv1_1` .. the deepest layer, filled from `state`."""
    indices = convolution_names(network)
    known = {f"features.{index}.{part}" for index in indices.values() for part in (*_WHOLE, *_FACTORS)}
    if foreign := sorted(key for key in state if key.startswith("features.") and key not in known):
        advice = "give --loss-network vgg19" if network == "mini" else "is it a file of another network?"
        raise WeightsError(f"{source} holds {foreign[0]}, which {network} has not; {advice}")
    names = list(indices)
    deepest = max((names.index(layer.replace("relu", "conv")) for layer in layers), default=-1)
    parts = {name: _parts(state, indices[name]) for name in names}
    if missing := [name for name in names[: deepest + 1] if not parts[name]]:
        present = [name for name in names if parts[name]]
        raise WeightsError(
            f"{source} lacks {', '.join(missing)} of {network}; it holds {', '.join(present) or 'no VGG layer'}. "
            "Ask for shallower layers, give a whole file with --vgg-weights, "
            "or leave --vgg-weights out to let torchvision download it"
        )
    modules, in_channels = nn.ModuleDict(), 3
    for name in names[: deepest + 1]:
        out_channels = _CHANNELS[int(name[4]) - 1]
        modules[name] = _convolution(parts[name], in_channels, out_channels, f"{source}: {name}")
        in_channels = out_channels
    return modules


def _parts(state: dict[str, Tensor], index: int) -> tuple[Tensor, ...]:
    """Return weight and bias of a convolution, or its factors and bias; nothing where the file lacks it."""
    for parts in (_WHOLE, _FACTORS):
        keys = [f"features.{index}.{part}" for part in parts]
        if state.keys() >= set(keys):
            return tuple(state[key] for key in keys)
    return ()


def _convolution(parts: tuple[Tensor, ...], in_channels: int, out_channels: int, source: str) -> nn.Module:
    expected, is_thin = (out_channels, in_channels, 3, 3), len(parts) == len(_FACTORS)
    found = tuple(parts[0].shape)
    if is_thin:
        column, row, point, _ = parts
        found = (point.shape[0], column.shape[1], *column.shape[2:3], *row.shape[3:])
    if found != expected:
        raise WeightsError(f"{source} has shape {found}, expected {expected}; is it a file of another network?")
    if is_thin:
        return factors(*parts)
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    weight, bias = parts
    convolution.load_state_dict({"weight": weight.float(), "bias": bias.float()})
    return convolution


def _weights(
    network: LossNetwork, path: str | Path | None, convention: InputConvention | None
) -> tuple[dict[str, Tensor], InputConvention]:
    if path is None and network != "mini":
        return _download(network), "torchvision"
    return load_weights(Path(path or MINI_WEIGHTS), convention)


def load_weights(path: Path, convention: InputConvention | None = None) -> tuple[dict[str, Tensor], InputConvention]:
    """Read VGG weights and the input convention they were trained with.

    The convention is `convention` if given; else the `input` entry of a safetensors file's metadata (`torchvision` or
    `caffe`), or its `preproc` text; else `torchvision` for a file under the name torchvision's download gives it.

    Raises:
        WeightsError: if the file is missing, is not a file of tensors, or its convention is not stated anywhere.
    """
    if not path.is_file():
        raise WeightsError(f"no VGG weights at {path}; leave --vgg-weights out to let torchvision download them")
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
    stated = convention or _stated_convention(path, metadata)
    if stated is None:
        raise WeightsError(
            f"{path} does not say which input it expects; give --vgg-input torchvision (RGB in [0, 1], ImageNet mean "
            "and standard deviation) or --vgg-input caffe (RGB in 0..255 minus the mean)"
        )
    return state, stated


def _stated_convention(path: Path, metadata: dict[str, str]) -> InputConvention | None:
    for known in get_args(InputConvention):
        if metadata.get("input") == known:
            return known  # type: ignore[no-any-return]
    if metadata.get("preproc", "").startswith("RGB, 0..255, minus mean"):
        return "caffe"
    return "torchvision" if _HASHED_NAME.fullmatch(path.name) else None


def _download(network: LossNetwork) -> dict[str, Tensor]:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    weights = VGG16_Weights.IMAGENET1K_V1 if network == "vgg16" else VGG19_Weights.IMAGENET1K_V1
    try:
        return dict(weights.get_state_dict(progress=True, check_hash=True))
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"cannot download the weights of {network} ({first_line(error)}). On a machine with a network, "
            f"fetch {weights.url} and give it with --vgg-weights FILE; any torchvision-keyed .pth or .safetensors works"
        ) from error
