"""The paintings of a run, one for each style: their files, what is said of them, and how hard they pull."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from fast_nst.errors import ConfigError, did_you_mean
from fast_nst.images import find_pictures

FACTS = ("title", "artist", "year", "licence")
"""What a model's metadata says of a painting."""
WEIGHTS = ("content_weight", "style_weight")
"""What of the objective may differ from painting to painting."""


@dataclass(frozen=True)
class Painting:
    """One style: its name, such as `starry-night`, the pictures it is learnt from, and what is said of them."""

    name: str
    style: tuple[str, ...]
    """Files; several give one style between them."""
    content_weight: float | None = None
    """None: the run's."""
    style_weight: float | None = None
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""

    @classmethod
    def from_plain(cls, name: str, told: Mapping[str, Any]) -> Self:
        """Build from what stands under a style's name in a configuration; raises `ConfigError` where it is wrong."""
        known = {f.name for f in fields(cls)} - {"name"}
        if set(name) & set(",:=/"):
            raise ConfigError(f"paintings: {name}: a style's name has no comma, colon, equals sign or slash; rename it")
        if not isinstance(told, Mapping):
            raise ConfigError(f"paintings: {name}: expected options such as `style: {name}.jpg`, got {told!r}")
        for option in told:
            if option not in known:
                raise ConfigError(f"paintings: {name}: no option {option!r}{did_you_mean(str(option), known)}")
        style = told.get("style", ())
        files = (style,) if isinstance(style, str) else tuple(style)
        if not files:
            raise ConfigError(f"paintings: {name}: style names no painting")
        return cls(name, files, **{key: value for key, value in told.items() if key != "style"})

    def facts(self) -> dict[str, str]:
        """Return what a model's metadata says of the painting."""
        return {"name": self.name, **{fact: getattr(self, fact) for fact in FACTS}}


def paintings_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what `TrainConfig.paintings` says for a folder with a painting for each style.

    A style's name is its file's, in small letters and with hyphens.

    Raises:
        ImageError: if there is no such folder, or no picture in it.
        ConfigError: if two files would have one name.
    """
    found: dict[str, dict[str, Any]] = {}
    for path, _ in find_pictures([folder]):
        name = style_name(path)
        if name in found:
            raise ConfigError(f"{path} and {found[name]['style']} would both be the style {name}; rename one of them")
        found[name] = {"style": str(path)}
    return dict(sorted(found.items()))


def collections_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what `TrainConfig.paintings` says for one artist's folder of pictures, or a folder of such folders.

    It is a folder of artists' if there are two folders of pictures in it and no pictures beside them; else all that is
    in it, at any depth, is one artist's.

    Raises:
        ImageError: if there is no such folder, or no picture in it.
        ConfigError: if two folders would have one name.
    """
    pictures = [path for path, _ in find_pictures([folder])]
    inside = {path.relative_to(folder).parts[0] for path in pictures} if folder.is_dir() else set()
    artists = [folder / name for name in sorted(inside) if (folder / name).is_dir()]
    if len(artists) < len(inside) or len(artists) < 2:
        return {collection_name(folder): {"style": [str(path) for path in pictures]}}
    found: dict[str, dict[str, Any]] = {}
    for artist in artists:
        name = collection_name(artist)
        if name in found:
            raise ConfigError(f"{artist} and another folder would both be the style {name}; rename one of them")
        found[name] = {"style": [str(path) for path in pictures if path.is_relative_to(artist)]}
    return found


def style_name(path: Path) -> str:
    """Return what a style is called after its painting's file: its words, in small letters, with hyphens."""
    return _words(path.stem)


def collection_name(folder: Path) -> str:
    """Return what a style is called after a folder, likewise; one such as `..` is called by its own name."""
    return _words(os.path.basename(os.path.abspath(folder)))  # noqa: PTH100, PTH119 - resolve() would follow links


def _words(name: str) -> str:
    return "-".join(re.findall(r"[^\W_]+", name.lower())) or "style"
