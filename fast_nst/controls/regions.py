"""Which mask belongs to which picture, and to which style."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fast_nst.controls.mask import Mask, Regions, check_labels, read_labels
from fast_nst.errors import ConfigError, ImageError
from fast_nst.images import MAX_MEGAPIXELS, SUFFIXES

_NOWHERE = Mask(np.zeros((1, 1), np.uint8))


@dataclass(frozen=True)
class RegionFiles:
    """The masks of a run: files, or folders with a mask for each picture, called as it is."""

    masks: Sequence[tuple[str, Path]] = ()
    """A style and its mask; the style is empty where there is one style only."""
    label_map: Path | None = None
    labels: Mapping[int, str] = field(default_factory=dict)
    """Which style each value of the label map stands for."""
    ground: str = ""
    """The style of all the rest; empty: the photograph."""
    is_inverted: bool = False
    """Whether what is black in masks is inside."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Larger masks are refused."""

    def __post_init__(self) -> None:
        """Raise `ConfigError` where it makes no sense."""
        if self.masks and self.label_map:
            raise ConfigError("masks and a label map say the same thing; give one of them")
        if bool(self.label_map) != bool(self.labels):
            raise ConfigError(
                "a label map (--label-map FILE) and what its labels stand for (--label 1=STYLE) go together"
            )
        names = [name for name, _ in self.masks]
        if "" in names and len(names) > 1:
            raise ConfigError("of several masks each needs a style, as in --mask STYLE=FILE")

    @property
    def styles(self) -> list[str]:
        """The style of each region, in the order of the masks; none where there is one style only."""
        names = [*self.labels.values(), *(name for name, _ in self.masks if name)]
        return [*dict.fromkeys(names), *([self.ground] if self.ground and names else [])]

    @functools.lru_cache(maxsize=4)  # noqa: B019 (few are made; the network asks, and then the finish)
    def of(self, source: Path | None) -> Regions:
        """Return the regions of a picture.

        Raises:
            ImageError: if its mask is missing or cannot be read.
            ConfigError: if its label map lacks a label.
        """
        if self.label_map is not None:
            path = _belonging(self.label_map, source)
            known = read_labels(path, self.max_megapixels)
            if path == self.label_map:  # in a folder, not every picture has every label
                check_labels(path, known, list(self.labels))
            named = [(style, known.get(value, _NOWHERE)) for value, style in self.labels.items()]
        else:
            named = [(style, self._read(_belonging(path, source))) for style, path in self.masks]
        by_style: dict[str, list[Mask]] = {}
        for style, mask in named:
            by_style.setdefault(style, []).append(mask)
        return Regions(list(by_style.values()), has_ground=bool(self.ground))

    def _read(self, path: Path) -> Mask:
        mask = Mask.read(path, self.max_megapixels)
        return mask.inverted() if self.is_inverted else mask

    def __hash__(self) -> int:
        return id(self)


def _belonging(place: Path, source: Path | None) -> Path:
    """Return a picture's mask: the file itself, or of a folder that of the picture's name, with any suffix.

    Of folders that lie in it, the one with as many of the picture's own folders as there are: of `photos/2020/sea.jpg`
    `masks/2020/sea.png` rather than `masks/sea.png`.
    """
    if source is None or not place.is_dir():
        return place
    folders = source.absolute().parent.parts[1:]
    for number in range(len(folders) + 1):
        inside = place.joinpath(*folders[number:])
        pattern = f"{_escaped(source.stem)}.*"
        found = [path for path in sorted(inside.glob(pattern)) if path.suffix.lower() in SUFFIXES]
        if len(found) > 1:
            names = " and ".join(path.name for path in found[:2])
            raise ImageError(f"{source}: both {names} in {inside} may be its mask; leave one of them")
        if found and found[0].absolute() == source.absolute():
            raise ImageError(f"{source}: its mask would be the picture itself; {place} is no folder of masks")
        if found:
            return found[0]
    raise ImageError(f"{source}: there is no mask {source.stem}.png, or of another suffix, in {place}")


def _escaped(name: str) -> str:
    """Return a name in which nothing is special to a glob."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
