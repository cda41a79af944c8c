"""Repaint one picture with a style file: `python stylize.py MODEL IN OUT [STRENGTH [STYLE]]`."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

MIN_SIDE = 64  # px; a style file takes every height and width from here up


def open_style(path: str) -> ort.InferenceSession:
    """Load a style file. Once is enough: the session takes pictures of any size, from several threads at a time."""
    if not Path(path).is_file():
        raise ValueError(f"there is no model file {path}")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    if session.get_modelmeta().custom_metadata_map.get("format") != "fast_nst/1":
        raise ValueError(f"{path} is not a style file: its metadata has no format fast_nst/1")
    return session


def controls(session: ort.InferenceSession, strength: str = "", style: str = "") -> dict[str, np.ndarray]:
    """Return what the file wants to be fed beside a photograph, if anything: its own values, where none are given."""
    metadata = session.get_modelmeta().custom_metadata_map
    inputs, styles = (json.loads(metadata.get(key) or "{}") for key in ("inputs", "styles"))
    fed = {name: np.array(told["default"], np.float32) for name, told in inputs.items()}
    if strength:
        least, most = inputs["strength"]["range"] if "strength" in fed else (1, 1)
        if not least <= float(strength) <= most:
            raise ValueError(f"the strength is {strength}; the file takes {least:g} to {most:g}")
        fed |= {"strength": np.array(strength, np.float32)} if "strength" in fed else {}
    if style:
        names = [told["name"] for told in styles] if "style" in fed else []
        if style not in names:
            raise ValueError(f"the file has no style {style} to choose; there are: {', '.join(names) or 'none'}")
        fed["style"] = np.eye(len(names), dtype=np.float32)[names.index(style)]
    return fed


def stylize(session: ort.InferenceSession, content: np.ndarray, fed: dict[str, np.ndarray]) -> np.ndarray:
    """Repaint uint8 RGB pixels `(H, W, 3)`; the pastiche is of the same size."""
    height, width = content.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"the picture is {width}x{height} px; a style takes {MIN_SIDE} px and more on each side")
    return session.run(["pastiche"], {"content": content[None], **fed})[0][0]


def main(arguments: list[str]) -> int:
    """Repaint one file; say the style's title, or what is wrong in one line."""
    if not 3 <= len(arguments) <= 5:
        print("usage: python stylize.py MODEL IN OUT [STRENGTH [STYLE]]", file=sys.stderr)
        return 2
    model, source, target, *chosen = arguments
    try:
        session = open_style(model)
        with Image.open(source) as file:
            photo = ImageOps.exif_transpose(file)  # upright, as a viewer shows it
        pastiche = Image.fromarray(stylize(session, np.asarray(photo.convert("RGB")), controls(session, *chosen)))
        if photo.has_transparency_data:
            pastiche.putalpha(photo.convert("RGBA").getchannel("A"))  # transparency is no paint: it stays as it was
        pastiche.save(target)
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        print(f"stylize: {error}", file=sys.stderr)
        return 2
    print(session.get_modelmeta().custom_metadata_map.get("title", ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
