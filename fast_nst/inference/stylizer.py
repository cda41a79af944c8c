"""A style, or a mixture of styles, as a function from uint8 pixels to uint8 pixels of the same size.

The file holds the whole style: scaling, padding to the network's size multiple, cropping, clamping and rounding
are inside its graph. Left to do here are the checks, the choice of threads and providers, and pictures smaller
than the contract's 64 px, which are mirrored outwards and cropped back.
"""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import onnxruntime as ort
from PIL import Image

from fast_nst.controls.alpha import fill_transparent
from fast_nst.errors import ConfigError, ModelError, did_you_mean
from fast_nst.images import Picture, Pixels
from fast_nst.images.rows import MemoryRows
from fast_nst.inference.zoo import MANY, find_style, parse_style, shipped_styles

FORMAT = "fast_nst/1"
MIN_SIDE = 64
"""The smallest side that a model file promises to take, in px."""

_CONTROLS = ("style", "strength")
_PIL_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


@dataclass(frozen=True, slots=True)
class StyleInfo:
    """What a model file says about itself; a text is empty where the file says nothing."""

    name: str
    """The file's name without its suffix, such as `starry-night`."""
    title: str
    artist: str
    year: str
    licence: str
    preset: str
    size_bytes: int
    styles: tuple[str, ...] = ()
    """Names of the styles of a network of many; empty for one of one style."""
    has_strength: bool = False


class Stylizer:
    """Repaints pictures in one style: `Stylizer("starry-night")(pixels)`; or in a mixture, by a network of many styles.

    The model file is loaded once. Calls may come from several threads at a time.

    Args:
        style: a shipped style's name or the path of an `.onnx` file; or one such, a slash, and which of its styles to
            mix, such as `my.onnx/hill:0.3,wave:0.7`. See `zoo.parse_style`.
        styles: names of the styles to mix, instead of those in `style`; without `style`, of the shipped `many`.
        weights: of those, in any unit; None: all alike.
        strength: how much of the style: 0 is the photograph, 1 what the style was judged at, up to `most_strength`.
        threads: how many CPU threads one picture is painted with; by default all physical cores.
        providers: ONNX Runtime providers in order of preference, such as `["cuda"]` or `["CPUExecutionProvider"]`;
            by default CUDA where ONNX Runtime offers it, else the CPU.

    Raises:
        ModelError: if the file is missing, broken, not ours, or of another contract version; or has no such style.
        ConfigError: if a provider asked for by name is not available; or the network has no strengths, or less.
        ValueError: if `threads` is less than 1.
    """

    def __init__(
        self,
        style: str | Path = MANY,
        *,
        styles: Sequence[str] | None = None,
        weights: Sequence[float] | None = None,
        strength: float = 1.0,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        choice = parse_style(style)
        self.path = find_style(choice.model)
        chosen = choose_providers(providers)
        self._session = open_session(self.path, threads, chosen)
        if providers and self.providers[0] != chosen[0]:
            raise ConfigError(f"{chosen[0]} did not start; its libraries or its device are missing")
        self._run_options = ort.RunOptions()
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        _check_contract(self.path, self._session, self.metadata.get("format"))
        self._inputs: dict[str, dict[str, Any]] = json.loads(self.metadata.get("inputs", "{}"))
        self._weights: Mapping[str, float] | None = None
        self._strength = 1.0
        self._choose(choice.weights if styles is None else _paired(styles, weights), strength)

    def __repr__(self) -> str:
        return f"Stylizer({self.spec!r}, providers={self.providers})"

    def choose(
        self,
        styles: Sequence[str] | None = None,
        weights: Sequence[float] | None = None,
        strength: float | None = None,
    ) -> Self:
        """Return one of the same network, already loaded, in another mixture or strength; None leaves what there is."""
        other = copy.copy(self)
        weighed = self._weights if styles is None else _paired(styles, weights)
        other._choose(weighed, self._strength if strength is None else strength)
        return other

    @property
    def spec(self) -> str:
        """The text that stands for this file and mixture: `Stylizer(spec)` is the same again, at strength 1."""
        if self._weights is None:
            return str(self.path)
        return f"{self.path}/{','.join(f'{name}:{weight:g}' for name, weight in self._weights.items())}"

    @property
    def name(self) -> str:
        """The file's name without its suffix, such as `starry-night`; of a network of many, those of the styles."""
        return "-".join(self._weights) if self._weights else self.path.stem

    @property
    def providers(self) -> list[str]:
        """The ONNX Runtime providers in use, in order of preference."""
        return list(self._session.get_providers())

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the styles of a network of many; empty for one of one style."""
        return self._told_styles() if "style" in self._inputs else ()

    @property
    def most_strength(self) -> float | None:
        """The greatest strength; None if there is but one."""
        return float(self._inputs["strength"]["range"][1]) if "strength" in self._inputs else None

    @property
    def info(self) -> StyleInfo:
        """What the file says about itself."""
        told = {key: self.metadata.get(key, "") for key in ("title", "artist", "year", "licence", "preset")}
        size, has_strength = self.path.stat().st_size, self.most_strength is not None
        return StyleInfo(name=self.path.stem, size_bytes=size, styles=self.styles, has_strength=has_strength, **told)

    @property
    def controls(self) -> dict[str, np.ndarray]:
        """What the network is fed beside pictures: `style` and `strength`, where it has them.

        Raises:
            ConfigError: if it is a network of many styles, and none is chosen.
        """
        fed = {}
        if "style" in self._inputs:
            if self._weights is None:
                model = self.path.stem if self.path in shipped_styles().values() else self.path
                raise ConfigError(
                    f"{self.path} has the styles {', '.join(self.styles)}; name one, as {model}/{self.styles[0]}, or "
                    f"several, as {model}/{':0.3,'.join(self.styles[:2])}:0.7"
                )
            total = sum(self._weights.values())
            fed["style"] = np.array([self._weights.get(name, 0) / total for name in self.styles], np.float32)
        if "strength" in self._inputs:
            fed["strength"] = np.array(self._strength, np.float32)
        return fed

    def _choose(self, weights: Mapping[str, float] | None, strength: float) -> None:
        if not self.styles and tuple(weights or ()) == self._told_styles():
            weights = None  # a network of one style, called by its name
        for name, weight in (weights or {}).items():
            if name not in self.styles:
                has = f"has the styles {', '.join(self.styles)}" if self.styles else "has but one style"
                raise ModelError(f"{self.path} {has}, not {name!r}{did_you_mean(name, self.styles)}")
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"the weight of {name} is {weight}, expected a number >= 0")
        if weights is not None and not any(weights.values()):
            raise ConfigError("no style has a weight above 0")
        most = self.most_strength
        if most is None and strength != 1:
            raise ConfigError(
                f"{self.path} knows strength 1 only, not {strength:g}; `fast-nst train` without --fixed-strength "
                "teaches a network others"
            )
        if most is not None and not 0 <= strength <= most:
            raise ConfigError(f"the strength is {strength:g}, expected 0 to {most:g}")
        self._weights, self._strength = weights, strength

    def _told_styles(self) -> tuple[str, ...]:
        """Return the names of the styles that the file knows, be it one."""
        return tuple(style["name"] for style in json.loads(self.metadata.get("styles", "[]")))

    @overload
    def __call__(self, image: Pixels) -> Pixels: ...
    @overload
    def __call__(self, image: Image.Image) -> Image.Image: ...
    def __call__(self, image: Pixels | Image.Image) -> Pixels | Image.Image:
        """Repaint one picture or a batch.

        Args:
            image: uint8 RGB `(H, W, 3)`, a batch `(N, H, W, 3)`, or a PIL image; any size from 1x1 px.

        Returns:
            The pastiche, of the same kind and size. A PIL image comes back as RGB, or as RGBA with its transparency
            unstyled if it had any.

        Raises:
            TypeError: if `image` is not a uint8 array or a PIL image.
            ValueError: if its shape or PIL mode is another.
            ModelError: if the model fails on it.
        """
        if isinstance(image, Image.Image):
            return self._stylize_pil(image)
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
            found = f"{image.dtype} array" if isinstance(image, np.ndarray) else type(image).__name__
            raise TypeError(f"expected a uint8 array or a PIL image, got a {found}")
        if image.ndim not in (3, 4) or image.shape[-1] != 3 or 0 in image.shape:
            raise ValueError(f"expected RGB pixels (H, W, 3) or (N, H, W, 3), got shape {image.shape}")
        return self._stylize_batch(image) if image.ndim == 4 else self._stylize_batch(image[None])[0]

    def paint(self, content: Picture, _source: Path | None = None) -> Pixels:
        """Return the pastiche of a picture that was read from a file."""
        return self(content.pixels)

    def cancel(self) -> None:
        """Abandon the calls now running, from any thread: each raises `ModelError` soon. Later calls run."""
        running, self._run_options = self._run_options, ort.RunOptions()
        running.terminate = True

    def _stylize_pil(self, image: Image.Image) -> Image.Image:
        if image.mode not in _PIL_MODES:
            raise ValueError(f"expected a PIL image of 8 bits a channel, got mode {image.mode!r}")
        if not image.has_transparency_data:
            return Image.fromarray(self(np.asarray(image.convert("RGB"))))
        rgba = image.convert("RGBA")
        pixels, alpha = np.array(rgba)[..., :3], np.asarray(rgba)[..., 3]
        fill_transparent(MemoryRows(pixels), MemoryRows(alpha), len(pixels))
        pastiche = Image.fromarray(self(pixels))
        pastiche.putalpha(rgba.getchannel("A"))
        return pastiche

    def _stylize_batch(self, content: Pixels) -> Pixels:
        """Run the model on `(N, H, W, 3)`, mirrored outwards to the contract's smallest size."""
        height, width = content.shape[1:3]
        padded, (top, left) = mirrored(content, max(height, MIN_SIDE), max(width, MIN_SIDE))
        feeds = {"content": padded, **self.controls}
        try:
            (pastiche,) = self._session.run(["pastiche"], feeds, self._run_options)
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            reason = "not enough memory; a smaller --size needs less" if _is_allocation(error) else _reason(error)
            raise ModelError(f"{self.path} failed on {width}x{height} px: {reason}") from error
        if pastiche.shape != padded.shape:
            raise ModelError(
                f"{self.path} breaks its contract: pixels {padded.shape} came back as {pastiche.shape}; export it again"
            )
        return np.ascontiguousarray(pastiche[:, top : top + height, left : left + width])


def _paired(styles: Sequence[str], weights: Sequence[float] | None) -> dict[str, float]:
    """Return the weight of each style, by name."""
    shares = (1.0,) * len(styles) if weights is None else weights
    if len(shares) != len(styles):
        raise ConfigError(f"{len(styles)} styles and {len(shares)} weights; expected as many of each")
    if not styles:
        raise ConfigError("no style is named")
    return dict(zip(styles, map(float, shares), strict=True))


def mirrored(pictures: np.ndarray, height: int, width: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Mirror `(N, H, W, C)` outwards on all sides to `(N, height, width, C)`, again and again where it is tiny.

    Returns:
        What it is then, and the row and column at which it begins in there.
    """
    rows, columns = height - pictures.shape[1], width - pictures.shape[2]
    if rows == columns == 0:
        return pictures, (0, 0)
    margins = ((0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0))
    return np.pad(pictures, margins, mode="symmetric"), (rows // 2, columns // 2)


def choose_providers(names: Sequence[str] | None) -> list[str]:
    """Return the full names of the providers asked for, or CUDA where it is available and the CPU after it."""
    available = ort.get_available_providers()
    if names is None:
        return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
    by_short_name = {name.lower().removesuffix("executionprovider"): name for name in available}
    chosen = [by_short_name.get(name.lower().removesuffix("executionprovider"), "") for name in names]
    if not chosen or "" in chosen:
        wanted = ", ".join(names) or "none"
        raise ConfigError(f"provider {wanted} is not available; this ONNX Runtime offers {', '.join(by_short_name)}")
    return chosen


def open_session(model: Path | bytes, threads: int | None, providers: Sequence[str]) -> ort.InferenceSession:
    """Load a model.

    Args:
        model: an `.onnx` file, under the contract or not, or what stands in one.
        threads: CPU threads; None for all physical cores.
        providers: full names, in order of preference.

    Raises:
        ModelError: if ONNX Runtime cannot load it.
        ValueError: if `threads` is less than 1.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    options = ort.SessionOptions()
    options.log_severity_level = 4  # its errors reach the caller as exceptions
    options.intra_op_num_threads = threads or 0
    options.enable_mem_pattern = False  # at a second run it would hold all its memory twice
    options.add_session_config_entry("session.force_spinning_stop", "1")  # leave the cores to decoders and encoders
    try:
        given = model if isinstance(model, bytes) else str(model)
        return ort.InferenceSession(given, options, providers=list(providers))
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        reason = f"ONNX Runtime says: {_reason(error)}"
        name = "a part of the style" if isinstance(model, bytes) else model
        raise ModelError(f"{name} is not an ONNX model, or damaged ({reason}); copy or export it again") from error


def _check_contract(path: Path, session: ort.InferenceSession, found: str | None) -> None:
    """Raise `ModelError` unless the file is a style, of this version of the contract, and shaped as it promises."""
    if not found or not found.startswith("fast_nst/"):
        raise ModelError(
            f"{path} is an ONNX model but not a style: its metadata has no format {FORMAT}; `fast-nst export` writes it"
        )
    if found != FORMAT:
        raise ModelError(
            f"{path} is of format {found}, this version reads {FORMAT}; export it again, or upgrade fast-nst"
        )
    given, made = session.get_inputs(), session.get_outputs()
    controls = [node for node in given if node.name in _CONTROLS]
    pictures = [node for node in given if node.name not in _CONTROLS]
    for role, nodes, name in (("input", pictures, "content"), ("output", made, "pastiche")):
        if [node.name for node in nodes] != [name] or not all(map(_is_free_picture, nodes)):
            seen = ", ".join(f"{node.name} {node.type} {node.shape}" for node in nodes)
            raise ModelError(
                f"{path} breaks contract {FORMAT}: expected {role} {name} uint8 (N, H, W, 3), any size; got {seen}"
            )
    told = session.get_modelmeta().custom_metadata_map.get("inputs", "{}")
    if any(node.type != "tensor(float)" or f'"{node.name}"' not in told for node in controls):
        seen = ", ".join(f"{node.name} {node.type} {node.shape}" for node in controls)
        raise ModelError(f"{path} breaks contract {FORMAT}: its metadata does not describe its inputs {seen}")


def _is_free_picture(node: ort.NodeArg) -> bool:
    """Whether an input or output is uint8 `(N, H, W, 3)` with N, H and W left free."""
    return (
        node.type == "tensor(uint8)"
        and len(node.shape) == 4
        and node.shape[3] in (3, "3")
        and not any(isinstance(side, int) for side in node.shape[:3])
    )


def _is_allocation(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "alloc" in str(error)  # "Failed to allocate memory", "std::bad_alloc"


def _reason(error: Exception) -> str:
    """Return what an ONNX Runtime error says, on one line, without its code and the file's name."""
    message = " ".join(str(error).split()).split(" : ", 3)[-1]
    return message.rpartition("failed:")[2].rstrip(".")
