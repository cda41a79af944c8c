"""Large images in strips of rows: the same losses and gradients, in memory that hardly grows with the image.

In one piece, the gradient needs the activations of every layer, those of the first ones at the image's full size. But
what the losses need of a layer are sums over its places: Gram matrices, squared errors. Those are added up strip by
strip, and computed once more, a strip at a time, for the gradient; that takes half as long again. Strips overlap by
what the deepest layer sees, and lie on the poolings' grid.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

Look = Callable[[Tensor, Collection[str]], dict[str, Tensor]]
"""From an image `(N, 3, H, W)` and names of layers to their activations."""


class Strip(NamedTuple):
    """Rows `top` to `bottom` of an image, computed from the rows `first` to `last`."""

    top: int
    bottom: int
    first: int
    last: int

    def rows(self, layer: str) -> slice:
        """Return the strip's own rows in the activations of `layer` of the whole image."""
        scale = _scale(layer)
        return slice(self.top // scale, self.bottom // scale)

    def own(self, layer: str, activations: Tensor, *, more: int = 0) -> Tensor:
        """Return the strip's own rows, and `more` that follow where there are any, of what was computed."""
        rows, first = self.rows(layer), self.first // _scale(layer)
        return activations[:, :, rows.start - first : rows.stop - first + more]


Summands = Callable[[Tensor, Strip], Sequence[Tensor]]
"""From the rows `first` to `last` of an image to tensors that are to be added up over the strips."""


def sums_in_strips(image: Tensor, cut: Sequence[Strip], summands: Summands) -> tuple[Tensor, ...]:
    """Return the sums of what `summands` gives for each strip of `image` `(N, 3, H, W)`, with their gradient."""
    sums: tuple[Tensor, ...] = _Summed.apply(image, cut, summands)
    return sums


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, cut: Sequence[Strip], summands: Summands) -> tuple[Tensor, ...]:
        ctx.save_for_backward(image)
        ctx.cut, ctx.summands = cut, summands
        sums: list[Tensor] = []
        for strip in cut:
            found = summands(image[:, :, strip.first : strip.last], strip)
            sums = [total + part for total, part in zip(sums, found, strict=True)] if sums else list(found)
        return tuple(sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (image,) = ctx.saved_tensors
        total = torch.zeros_like(image)
        for strip in ctx.cut:
            with torch.enable_grad():
                part = image[:, :, strip.first : strip.last].detach().requires_grad_()
                found = ctx.summands(part, strip)
            (gradient,) = torch.autograd.grad(found, part, gradients)
            total[:, :, strip.first : strip.last] += gradient
        return total, None, None


@torch.no_grad()
def features_in_strips(look: Look, image: Tensor, layers: Collection[str], cut: Sequence[Strip]) -> dict[str, Tensor]:
    """Return `look(image, layers)`, computed in strips, without a gradient."""
    whole: dict[str, Tensor] = {}
    for strip in cut:
        for layer, part in look(image[:, :, strip.first : strip.last], layers).items():
            if layer not in whole:
                height, width = (side // _scale(layer) for side in image.shape[2:])
                whole[layer] = part.new_empty((len(image), part.shape[1], height, width))
            whole[layer][:, :, strip.rows(layer)] = strip.own(layer, part)
    return whole


def strips(image: Tensor, layers: Collection[str], strip_pixels: int) -> Iterator[Strip]:
    """Cut an image `(N, 3, H, W)` into strips whose borders lie on the grid of the poolings before `layers`."""
    height, width = image.shape[2:]
    grid = max(map(_scale, layers))
    rows = max(1, strip_pixels // (len(image) * width * grid)) * grid
    halo = (_radius(layers) // grid + 1) * grid  # and a row more, for differences across a border
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        if bottom // grid == top // grid:  # the deepest layer has no row here: its pooling leaves them out
            continue
        if height - bottom < grid:
            bottom = height
        yield Strip(top, bottom, max(0, top - halo), min(height, bottom + halo))


def _scale(layer: str) -> int:
    """Return by how much the poolings before a layer shrink an image."""
    return 1 << (int(layer[4]) - 1)


def _radius(layers: Collection[str]) -> int:
    """Return how far a layer's activations see at most, px to each side."""
    block, number = max((int(layer[4]), int(layer.partition("_")[2])) for layer in layers)
    earlier = {1: 2, 2: 2, 3: 4, 4: 4}  # convolutions of VGG-19, which has no fewer than VGG-16
    convolutions = sum(earlier[before] << (before - 1) for before in range(1, block)) + (number << (block - 1))
    poolings = (1 << (block - 1)) - 1
    return convolutions + poolings
