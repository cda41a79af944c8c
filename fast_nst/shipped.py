"""What comes with the package beside its code: models and configurations."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_files(folder: str, pattern: str) -> dict[str, Path]:
    """Return the files of `folder` that match `pattern` by stem, such as `starry-night`, sorted.

    They lie inside the package once it is installed, and at the top of a clone before that.
    """
    clone = _PACKAGE.parent
    folders = [_PACKAGE / folder, *([clone / folder] if (clone / "pyproject.toml").is_file() else [])]
    files = (path for place in folders for path in place.glob(pattern))
    return {path.stem: path for path in sorted(files, key=lambda path: path.stem)}
