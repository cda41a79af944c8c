"""One style as a function from uint8 pixels to uint8 pixels of the same size.

The file holds the whole style: scaling, padding to the network's size multiple, cropping, clamping and rounding
are inside its graph. Left to do here are the checks, the choice of threads and providers, and pictures smaller
than the contract's 64 px, which are mirrored outwards and cropped back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import onnxruntime as ort
from PIL import Image

from fast_nst.errors import ConfigError, ModelError
from fast_nst.images import Pixels
from fast_nst.inference.zoo import find_style

FORMAT = "fast_nst/1"
MIN_SIDE = 64
"""The smallest side that a model file promises to take, in px."""

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


class Stylizer:
    """Repaints pictures in one style: `Stylizer("starry-night")(pixels)`.

    The model file is loaded once. Calls may come from several threads at a time.

    Args:
        style: a shipped style's name or the path of an `.onnx` file.
        threads: how many CPU threads one picture is painted with; by default all physical cores.
        providers: ONNX Runtime providers in order of preference, such as `["cuda"]` or `["CPUExecutionProvider"]`;
            by default CUDA where ONNX Runtime offers it, else the CPU.

    Raises:
        ModelError: if the file is missing, broken, not ours, or of another contract version.
        ConfigError: if a provider asked for by name is not available.
        ValueError: if `threads` is less than 1.
    """

    def __init__(
        self, style: str | Path, *, threads: int | None = None, providers: Sequence[str] | None = None
    ) -> None:
        self.path = find_style(style)
        chosen = choose_providers(providers)
        self._session = open_session(self.path, threads, chosen)
        if providers and self.providers[0] != chosen[0]:
            raise ConfigError(f"{chosen[0]} did not start; its libraries or its device are missing")
        self._run_options = ort.RunOptions()
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        _check_contract(self.path, self._session, self.metadata.get("format"))

    def __repr__(self) -> str:
        return f"Stylizer({str(self.path)!r}, providers={self.providers})"

    @property
    def name(self) -> str:
        """The file's name without its suffix, such as `starry-night`."""
        return self.path.stem

    @property
    def providers(self) -> list[str]:
        """The ONNX Runtime providers in use, in order of preference."""
        return list(self._session.get_providers())

    @property
    def info(self) -> StyleInfo:
        """What the file says about itself."""
        told = {key: self.metadata.get(key, "") for key in ("title", "artist", "year", "licence", "preset")}
        return StyleInfo(name=self.name, size_bytes=self.path.stat().st_size, **told)

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
        pastiche = Image.fromarray(self(np.asarray(rgba)[..., :3]))
        pastiche.putalpha(rgba.getchannel("A"))
        return pastiche

    def _stylize_batch(self, content: Pixels) -> Pixels:
        """Run the model on `(N, H, W, 3)`, mirrored outwards to the contract's smallest size."""
        height, width = content.shape[1:3]
        padded = _pad(content, max(height, MIN_SIDE), max(width, MIN_SIDE))
        try:
            (pastiche,) = self._session.run(["pastiche"], {"content": padded}, self._run_options)
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            reason = "not enough memory; a smaller --size needs less" if _is_allocation(error) else _reason(error)
            raise ModelError(f"{self.path} failed on {width}x{height} px: {reason}") from error
        if pastiche.shape != padded.shape:
            raise ModelError(
                f"{self.path} breaks its contract: pixels {padded.shape} came back as {pastiche.shape}; export it again"
            )
        top, left = (padded.shape[1] - height) // 2, (padded.shape[2] - width) // 2
        return np.ascontiguousarray(pastiche[:, top : top + height, left : left + width])


def _pad(content: Pixels, height: int, width: int) -> Pixels:
    """Mirror `(N, H, W, 3)` outwards on all sides to `(N, height, width, 3)`, again and again where it is tiny."""
    rows, columns = height - content.shape[1], width - content.shape[2]
    if rows == columns == 0:
        return content
    margins = ((0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0))
    return np.pad(content, margins, mode="symmetric")


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
    for role, nodes, name in (
        ("input", session.get_inputs(), "content"),
        ("output", session.get_outputs(), "pastiche"),
    ):
        if [node.name for node in nodes] != [name] or not all(map(_is_free_picture, nodes)):
            seen = ", ".join(f"{node.name} {node.type} {node.shape}" for node in nodes)
            raise ModelError(
                f"{path} breaks contract {FORMAT}: expected {role} {name} uint8 (N, H, W, 3), any size; got {seen}"
            )


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
