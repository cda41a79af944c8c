"""The styles that ship with the package, and how a style is found by name or by path."""

from pathlib import Path

from fast_nst.errors import ModelError, did_you_mean
from fast_nst.shipped import shipped_files

SUFFIX = ".onnx"


def shipped_styles() -> dict[str, Path]:
    """Return the file of every shipped style by its name, such as `starry-night`, sorted by name."""
    return shipped_files("models", f"*{SUFFIX}")


def find_style(name_or_path: str | Path) -> Path:
    """Return the `.onnx` file that a shipped style's name or a path stands for.

    A bare word is looked for among the shipped styles first; anything that ends in `.onnx` or has a folder in it
    is a path.

    Raises:
        ModelError: if there is no such style or file; the message names the nearest style.
    """
    shipped = shipped_styles()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    path = Path(name_or_path)
    if path.is_file():
        return path
    hint = did_you_mean(path.stem if path.suffix == SUFFIX else path.name, shipped)
    if path.is_dir():
        raise ModelError(f"{path} is a folder, expected a shipped style or an {SUFFIX} file{hint}")
    if path.suffix == SUFFIX or path.name != str(name_or_path):
        raise ModelError(f"there is no model file {path}{hint}")
    known = ", ".join(shipped) or "none in this copy"
    raise ModelError(
        f"there is no style {str(name_or_path)!r}{hint} (shipped: {known}; or give the path of an {SUFFIX} file)"
    )
