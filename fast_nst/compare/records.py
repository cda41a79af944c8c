"""What is stored of each result, and the key it is stored under.

A result lies in `results/` as one JSON file and its pictures as PNG. Its file name ends in a hash of everything the
result depends on, so that a comparison that is run again finds what it has measured, and nothing else.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from fast_nst.images import Picture, Pixels, atomic_path, write_picture
from fast_nst.perceptual import Losses
from fast_nst.perceptual.vgg import MINI_WEIGHTS

Start = Literal["content", "noise"]
Method = Literal["photo", "network", "content", "noise"]
STARTS: tuple[Start, ...] = get_args(Start)
METHODS: tuple[Method, ...] = get_args(Method)
TERMS = Losses._fields


@dataclass(frozen=True)
class Point:
    """One picture, judged: the photograph itself, the network's, or the optimiser's after some steps.

    Attributes:
        step: optimiser steps; None where there are none.
        losses: the weighted terms `content`, `style`, `tone`, `tv` and their sum `total`.
        ssim: structural similarity to the photograph, -1 to 1.
        seconds: wall time to get there; None for the photograph.
        memory_mib: peak memory on the way there, see `methods`; None for the photograph or where it is not known.
        picture: name of the PNG file in `results/`.
        appearance: how it looks beside photograph and painting, by the names of `figures.FIGURES`; None where a figure
            cannot be had.
    """

    step: int | None
    losses: dict[str, float]
    ssim: float
    seconds: float | None
    memory_mib: float | None
    picture: str
    appearance: dict[str, float | None]


@dataclass(frozen=True)
class Result:
    """One method on one photograph at one size.

    Attributes:
        photo: the photograph's relative path.
        size: longer side asked for, px; `height` and `width` are what came of it.
        method: `photo`, `network`, or the start of the optimisation: `content` or `noise`.
        points: one, or one for each checkpoint of the optimisation.
        history: of an optimisation, its losses and seconds at the start and after each step, one list a term.
        runs_seconds: of a network, each timed run, the warm-up left out.
    """

    photo: str
    size: int
    height: int
    width: int
    method: Method
    points: tuple[Point, ...]
    history: dict[str, list[float]]
    runs_seconds: tuple[float, ...] = ()

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build from `asdict`'s dictionary after a trip through JSON."""
        points = tuple(Point(**point) for point in values["points"])
        return cls(**{**values, "points": points, "runs_seconds": tuple(values["runs_seconds"])})


class Store:
    """The results of a report folder, by file stem."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "results"

    def load(self, stem: str) -> Result | None:
        """Return a result that is there whole, with its pictures; None for any other."""
        try:
            result = Result.from_json(json.loads((self.folder / f"{stem}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return result if all((self.folder / point.picture).is_file() for point in result.points) else None

    def save(self, stem: str, result: Result, pictures: Sequence[Pixels]) -> None:
        """Write the pictures of `result.points`, then the result itself: what has a JSON file is whole."""
        for point, pixels in zip(result.points, pictures, strict=True):
            write_picture(self.folder / point.picture, Picture(pixels), overwrite=True)
        with atomic_path(self.folder / f"{stem}.json") as temporary:
            temporary.write_text(json.dumps(asdict(result)), encoding="utf-8")


def digest(values: Mapping[str, Any]) -> str:
    """Return a short hash of plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_facts(network: str | None, name: str) -> dict[str, Any]:
    """Return what to say of a loss network under a name: with a checksum, but of torchvision's, which is checked."""
    if network is None or network in ("vgg16", "vgg19"):
        return {name: network}
    file = MINI_WEIGHTS if network == "mini" else Path(network)
    return {name: "mini" if network == "mini" else file.name, "weights_sha256": sha256(file)}
