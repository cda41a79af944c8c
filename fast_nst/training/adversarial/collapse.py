"""What goes wrong with two sides that train against each other, found while it happens, and said.

* The discriminator has won: it tells every pastiche, and the painter learns nothing from it. D(real) is near 1 and
  D(fake) near 0 for long.
* It has lost: it says the same of both. D(real) and D(fake) are alike for long.
* The painter has collapsed: it paints the same whatever the photograph. Pastiches of different photographs differ far
  less than these do.
* It has lost sight of the photographs: what it paints is no longer theirs. Edges are not where they were.
"""

from collections import deque
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 200
"""Steps over which D is averaged, and the least between one trouble with D and the next."""
_SURE = 0.85  # of six paintings and photographs left as they are, D(real) is about 0.9 and D(fake) 0.11 after 400 steps
_ALIKE = 0.02
_LEAST_VARIETY = 0.25
_LEAST_LIKENESS = 0.55  # of good networks 0.66 to 0.94; of two that painted blobs, 0.35 to 0.57
_EPS = 1e-6
_COARSE = 16  # px to a side, at which pictures are compared: what is where, not how it is painted

WON = (
    "the discriminator tells nearly all pastiches from the artist's pictures (D(real) {real:.2f}, D(fake) {fake:.2f}); "
    "a lower --discriminator-rate, a larger --adversarial-weight or more pictures may help"
)
LOST = (
    "the discriminator says the same of pastiches and of the artist's pictures (D(real) {real:.2f}, D(fake) "
    "{fake:.2f}); a higher --discriminator-rate may help"
)
COLLAPSED = (
    "pastiches of different photographs are nearly the same ({variety:.0%} of the photographs' differences are left); "
    "a smaller --adversarial-weight or a larger --content-weight may help"
)
LOST_SIGHT = (
    "pastiches hardly show their photographs (edges correlate by {likeness:.2f}); a smaller --adversarial-weight or a "
    "larger --content-weight may help"
)


class Lookout:
    """Looks at D over some steps, of all styles; each kind of trouble is told once, and again after it was over."""

    def __init__(self) -> None:
        self._said: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._told: set[str] = set()

    def see(self, real: float, fake: float) -> list[str]:
        """Take in D(real) and D(fake) of a step; return what is wrong since then."""
        self._said.append((real, fake))
        if len(self._said) < WINDOW:
            return []
        real, fake = (sum(column) / WINDOW for column in zip(*self._said, strict=True))
        troubles = {WON: real > _SURE and fake < 1 - _SURE, LOST: abs(real - fake) < _ALIKE}
        news = self._news(troubles, real=real, fake=fake)
        if news:
            self._said.clear()  # what comes and goes at the threshold is told once in so many steps
        return news

    def compare(self, photographs: Tensor, *pastiches: Tensor) -> list[str]:
        """Look at pastiches of different photographs, all `(N, 3, H, W)`; return what is wrong since.

        Args:
            photographs: N of at least 2.
            *pastiches: of all of these, for each style and strength that is looked at.
        """
        left = min(map(variety, pastiches)) / max(variety(photographs), _EPS)
        shown = min(likeness(photographs, one) for one in pastiches)
        has_collapsed = left < _LEAST_VARIETY
        troubles = {COLLAPSED: has_collapsed, LOST_SIGHT: shown < _LEAST_LIKENESS and not has_collapsed}
        return self._news(troubles, variety=left, likeness=shown)

    def _news(self, troubles: Mapping[str, bool], **figures: float) -> list[str]:
        there = {trouble for trouble, is_there in troubles.items() if is_there}
        news = [trouble.format(**figures) for trouble in sorted(there - self._told)]
        self._told = (self._told - set(troubles)) | there
        return news


def variety(pictures: Tensor) -> float:
    """Return how much pictures `(N, 3, H, W)`, N at least 2, differ: the mean distance of two, small and grey.

    Each is brought to a mean of 0 and a spread of 1, for a style changes colours and contrasts of all alike.
    """
    return float(torch.pdist(_plain(pictures.mean(1))).mean())


def likeness(photographs: Tensor, pastiches: Tensor) -> float:
    """Return how much each pastiche shows its photograph, both `(N, 3, H, W)`: 1 for the same, 0 for nothing.

    The mean correlation of how strong edges are, place by place, at a coarse size: a style changes colours, may turn
    light into dark, and adds strokes, but leaves what is there where it is.
    """
    return float((_plain(_edges(photographs)) * _plain(_edges(pastiches))).mean(1).mean())


def _edges(pictures: Tensor) -> Tensor:
    """Return how much each pixel differs from the next ones, `(N, H - 1, W - 1)`."""
    grey = pictures.float().mean(1)
    down, right = grey[:, 1:, 1:] - grey[:, :-1, 1:], grey[:, 1:, 1:] - grey[:, 1:, :-1]
    return down.abs() + right.abs()


def _plain(maps: Tensor) -> Tensor:
    """Bring maps `(N, H, W)` to a coarse size, a mean of 0 and a spread of 1, in a row each."""
    small = F.adaptive_avg_pool2d(maps.float(), _COARSE).flatten(1)
    return (small - small.mean(1, keepdim=True)) / small.std(1, keepdim=True).clamp_min(1e-3)
