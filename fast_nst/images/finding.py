"""Finding: the pictures that files, folders and patterns such as `photos/*.jpg` stand for."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from fast_nst.errors import ImageError
from fast_nst.images.picture import StrPath
from fast_nst.images.writing import WRITERS

SUFFIXES = frozenset(WRITERS) | {".jfif", ".gif", ".heic", ".heif", ".hif", ".avif"}
"""Suffixes taken for pictures when a folder is searched, in lower case."""


def find_pictures(
    paths: Iterable[StrPath], *, on_error: Callable[[ImageError], None] | None = None
) -> list[tuple[Path, Path]]:
    """List the pictures that files, folders and patterns such as `photos/*.jpg` stand for.

    Folders are searched to the bottom in sorted order, without hidden files and folders and without following links to
    folders.  A file named outright is listed whatever its suffix.  No file is listed twice.

    Args:
        paths: files, folders, and patterns that the shell left alone.
        on_error: called with each failure, after which the search goes on.  Without it, the first failure is raised.

    Returns:
        Pairs of a picture's path and its relative path: below its folder, or its bare name.  Relative paths are unique:
        where two would be the same, they get as many leading folders as tell them apart.

    Raises:
        ImageError: when a path does not exist, a folder holds no picture, or a pattern matches none.
    """
    report = on_error or _raise
    found: dict[Path, tuple[Path, Path]] = {}  # by true path
    for given in map(Path, paths):
        for top in _expand(given, report):
            folder, names = (top, _names_below(top, report)) if top.is_dir() else (top.parent, [Path(top.name)])
            true_folder = folder.resolve()
            for name in names:
                found.setdefault(true_folder / name, (folder / name, name))
    return _with_unique_names(found)


def _raise(error: ImageError) -> NoReturn:
    raise error


def _expand(given: Path, report: Callable[[ImageError], None]) -> list[Path]:
    if os.path.exists(given):  # noqa: PTH110 (Path.exists raises on an overlong name)
        return [given]
    if not any(wildcard in str(given) for wildcard in "*?["):
        report(ImageError(f"{given}: no such file or folder; check the spelling"))
        return []
    matches = map(Path, sorted(glob.glob(str(given), recursive=True)))  # noqa: PTH207 (takes absolute patterns too)
    pictures = [match for match in matches if match.is_dir() or match.suffix.lower() in SUFFIXES]
    if not pictures:
        report(ImageError(f"{given}: no picture matches this pattern; check the folder and the suffix"))
    return pictures


def _names_below(folder: Path, report: Callable[[ImageError], None]) -> list[Path]:
    def unlistable(error: OSError) -> None:
        report(ImageError(f"{error.filename}: cannot be listed ({error.strerror}); check its permissions"))

    names: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=unlistable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(parent).relative_to(folder)
        visible = sorted(name for name in files if not name.startswith("."))  # our temporary files are hidden too
        names += [below / name for name in visible if Path(name).suffix.lower() in SUFFIXES]
    if not names:
        report(ImageError(f"{folder}: no pictures in this folder; expected {' '.join(sorted(SUFFIXES))}"))
    return names


def _with_unique_names(found: dict[Path, tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    while True:
        count = Counter(name for _, name in found.values())
        if len(count) == len(found):
            return list(found.values())
        for true_path, (path, name) in found.items():
            if count[name] > 1:
                parts = (true_path.anchor.strip("/\\:"), *true_path.parts[1:])
                found[true_path] = path, Path(*parts[-len(name.parts) - 1 :])
