"""Photographs to train on: any number, from anywhere, the same crops in the same order for the same seed.

The i-th crop of a run is a pure function of the seed and i. So a run resumed at step s, or spread over several
devices, sees exactly the crops an uninterrupted run on one device sees, and no generator state needs saving.

A photograph is decoded once and kept in memory, on the training device, while there is room; crops are cut, resized and
mirrored there.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fast_nst.errors import ImageError, TrainingError
from fast_nst.images import MAX_MEGAPIXELS, Pixels, resize
from fast_nst.training.sources import read_photograph

_ATTEMPTS = 20  # photographs tried for one crop before the folder is called unreadable
LEAST_SHARE = 0.5
"""Shortest crop side, as a share of the photograph's shorter side."""
_GIB = 2**30


class Crops(NamedTuple):
    """A batch: `images` float32 `(N, 3, crop, crop)` RGB in [0, 1], and the files that could not be read for it."""

    images: Tensor
    unreadable: tuple[str, ...]
    indices: tuple[int, ...]
    """Of the crops, among all of the run."""


class Photograph(NamedTuple):
    """A decoded photograph, uint8 `(3, H, W)`, and the files that could not be read before it."""

    pixels: Tensor
    unreadable: tuple[str, ...]


class ContentPhotographs:
    """An endless sequence of random square crops; crop i is a pure function of `seed` and i.

    Each photograph comes once an epoch, in an order drawn anew for each. A crop is a square of half (`least_share`) to
    all (`most_share`) of the photograph's shorter side, anywhere in it, resized to `crop_size` px and mirrored half the
    time. Where a photograph is larger, it is first made so small that the least crop need not shrink: more fit into
    memory. Where it is small, its crops are of `crop_size` px and more if it has as many: an enlarged one is blurred,
    and has edges that no photograph has.

    Args:
        places: paths and URLs.
        crop_size: side of a crop, px.
        seed: of order, places, sizes, mirrorings.
        max_megapixels: larger photographs count as unreadable.
        cache_gib: memory for decoded photographs.
        device: where they are kept and cropped.
        least_share: shortest crop side, as a share of the photograph's shorter side.
        most_share: longest crop side, likewise.
        may_enlarge: crops may be shorter than `crop_size` also where the photograph has more.
    """

    def __init__(
        self,
        places: Sequence[str],
        crop_size: int,
        seed: int,
        max_megapixels: float = MAX_MEGAPIXELS,
        cache_gib: float = 0.0,
        device: torch.device | None = None,
        least_share: float = LEAST_SHARE,
        most_share: float = 1.0,
        *,
        may_enlarge: bool = False,
    ) -> None:
        self.places = list(places)
        self.crop_size = crop_size
        self.seed = seed
        self.max_megapixels = max_megapixels
        self.device = device or torch.device("cpu")
        self.least_share = least_share
        self.most_share = most_share
        self.may_enlarge = may_enlarge
        self._room = int(cache_gib * _GIB)
        self._kept: dict[int, Tensor] = {}

    def batch(self, indices: Sequence[int]) -> Crops:
        """Return the crops of `indices`."""
        return self.cut(indices, [self.photograph(index) for index in indices])

    def cut(self, indices: Sequence[int], photographs: Sequence[Photograph]) -> Crops:
        """Return the crops of `indices`, given the photographs they are cut from."""
        images = [self._crop(photo.pixels, i) for i, photo in zip(indices, photographs, strict=True)]
        unreadable = tuple(path for photo in photographs for path in photo.unreadable)
        return Crops(torch.cat(images), unreadable, tuple(indices))

    def photograph(self, index: int) -> Photograph:
        """Return the photograph that crop `index` is cut from; threads may call it at once.

        Raises:
            TrainingError: when 20 photographs in a row cannot be read.
        """
        unreadable: list[str] = []
        for attempt in range(_ATTEMPTS):
            number = self._number(index, attempt)
            try:
                return Photograph(self._pixels(number), tuple(unreadable))
            except ImageError as error:
                unreadable.append(self.places[number])
                last_error = error
        raise TrainingError(f"{_ATTEMPTS} photographs in a row cannot be read; the last: {last_error}")

    def _number(self, index: int, attempt: int) -> int:
        if attempt:  # a stand-in for an unreadable file, drawn afresh so that no neighbour is seen twice as often
            return int(np.random.default_rng([self.seed, 2, index, attempt]).integers(len(self.places)))
        epoch, place = divmod(index, len(self.places))
        return int(_order(self.seed, epoch, len(self.places))[place])

    def _pixels(self, number: int) -> Tensor:
        kept = self._kept.get(number)
        if kept is not None:
            return kept.to(self.device)
        least_side = math.ceil(self.crop_size / self.least_share)
        pixels = read_photograph(self.places[number], max_megapixels=self.max_megapixels, min_side=least_side)
        # NumPy puts them in order: an operation of PyTorch would give this thread a pool of OpenMP threads of its own,
        # and then all operations of the training wait longer for theirs.
        planes = np.ascontiguousarray(_bounded(pixels, least_side).transpose(2, 0, 1))
        decoded = torch.from_numpy(planes).to(self.device)
        if decoded.nbytes <= self._room:  # two threads may overdraw it by a photograph, which does no harm
            self._room -= decoded.nbytes
            self._kept[number] = decoded
        return decoded

    def _crop(self, pixels: Tensor, index: int) -> Tensor:
        """Return crop `index` of a photograph: `(1, 3, crop, crop)` in [0, 1]."""
        rng = np.random.default_rng([self.seed, 1, index])
        height, width = pixels.shape[1:]
        least, most = (min(height, width) * share for share in (self.least_share, self.most_share))
        if not self.may_enlarge:
            least = max(least, min(self.crop_size, most))
        side = max(1, round(rng.uniform(least, most)))
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        square = pixels[None, :, top : top + side, left : left + side].float() / 255
        size = (self.crop_size, self.crop_size)
        crop = F.interpolate(square, size, mode="bicubic", antialias=True).clamp(0, 1)
        return crop.flip(3) if rng.random() < 0.5 else crop


def _bounded(pixels: Pixels, shorter_side: int) -> Pixels:
    height, width = pixels.shape[:2]
    if min(height, width) <= shorter_side:
        return pixels
    scale = shorter_side / min(height, width)
    return resize(pixels, round(height * scale), round(width * scale))


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, 0, epoch]).permutation(count)
